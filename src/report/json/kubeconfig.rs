//! A kubeconfig in JSON. Tokens are known by their expiry, passwords not at all.

use super::values::Instant;
use crate::model::{self, Login, Material};
use schemars::JsonSchema;
use serde::Serialize;

/// A kubeconfig. Its certificates and keys name it as their origin's `source`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kubeconfig<'r> {
    /// The document: a path, or `namespace/name` of the object that holds it.
    source: &'r str,
    /// The file that it was read from, where that is not `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'r str>,
    /// The field that holds it, where it is the value of something larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'r str>,
    /// Whose it is, where a layout tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// The host that it belongs to, where several were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'r str>,
    /// `current-context`.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_context: Option<&'r str>,
    /// `contexts`, in order.
    contexts: Vec<Context<'r>>,
    /// `clusters`, in order.
    clusters: Vec<Cluster<'r>>,
    /// `users`, in order.
    users: Vec<User<'r>>,
}

impl<'r> Kubeconfig<'r> {
    pub(super) fn new(kubeconfig: &'r model::Kubeconfig) -> Self {
        let document = &*kubeconfig.document;
        Self {
            source: &document.source,
            file: document.file.as_deref().filter(|file| *file != &*document.source),
            field: Some(&*kubeconfig.within).filter(|field| !field.is_empty()),
            role: kubeconfig.role.map(model::Role::as_str),
            host: document.host.as_deref(),
            current_context: kubeconfig.current_context.as_deref().filter(|name| !name.is_empty()),
            contexts: kubeconfig.contexts.iter().map(Context::new).collect(),
            clusters: kubeconfig.clusters.iter().map(Cluster::new).collect(),
            users: kubeconfig.users.iter().map(User::new).collect(),
        }
    }
}

/// A user at a cluster.
#[derive(Serialize, JsonSchema)]
struct Context<'r> {
    /// Its name.
    name: &'r str,
    /// The name of the cluster.
    cluster: &'r str,
    /// The name of the user.
    user: &'r str,
    /// The default namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'r str>,
}

impl<'r> Context<'r> {
    fn new(context: &'r model::Context) -> Self {
        let model::Context { name, cluster, user, namespace } = context;
        Self { name, cluster, user, namespace: namespace.as_deref() }
    }
}

/// A cluster.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Cluster<'r> {
    /// Its name.
    name: &'r str,
    /// `server`, without credentials.
    server: &'r str,
    /// `tls-server-name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<&'r str>,
    /// `insecure-skip-tls-verify`.
    insecure_skip_tls_verify: bool,
    /// `proxy-url`, without credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<&'r str>,
    /// Where the CA bundle is; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<Bytes<'r>>,
}

impl<'r> Cluster<'r> {
    fn new(cluster: &'r model::Cluster) -> Self {
        Self {
            name: &cluster.name,
            server: &cluster.server,
            tls_server_name: cluster.tls_server_name.as_deref(),
            insecure_skip_tls_verify: cluster.insecure_skip_tls_verify,
            proxy_url: cluster.proxy_url.as_deref(),
            certificate_authority: Bytes::new(&cluster.certificate_authority),
        }
    }
}

/// A user.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct User<'r> {
    /// Its name.
    name: &'r str,
    /// Where the client certificate is; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<Bytes<'r>>,
    /// Where its key is; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key: Option<Bytes<'r>>,
    /// The other ways in which it logs in.
    logins: Vec<LoginEntry<'r>>,
}

impl<'r> User<'r> {
    fn new(user: &'r model::User) -> Self {
        Self {
            name: &user.name,
            client_certificate: Bytes::new(&user.client_certificate),
            client_key: Bytes::new(&user.client_key),
            logins: user.logins.iter().map(LoginEntry::new).collect(),
        }
    }
}

/// How bytes are given: in the `…-data` field, or in a file.
#[derive(Serialize, JsonSchema)]
struct Bytes<'r> {
    /// Whether they are in the kubeconfig itself.
    embedded: bool,
    /// The path as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'r str>,
}

impl<'r> Bytes<'r> {
    fn new(material: &'r Material) -> Option<Self> {
        match material {
            Material::Absent => None,
            Material::Embedded => Some(Self { embedded: true, path: None }),
            Material::Path(path) => Some(Self { embedded: false, path: Some(path) }),
        }
    }
}

/// A way to log in without a client certificate.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Login")]
struct LoginEntry<'r> {
    /// Which way.
    #[schemars(extend("enum" = ["token", "tokenFile", "basic", "exec", "authProvider"]))]
    kind: &'static str,
    /// The path of a token file, the user name of a password, the command of a plugin, the name of a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    /// Whose token it is (`sub` of a JSON Web Token).
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'r str>,
    /// When the token ends (`exp` of a JSON Web Token).
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Instant>,
}

impl<'r> LoginEntry<'r> {
    fn new(login: &'r Login) -> Self {
        let named = |kind, name| Self { kind, name: Some(name), subject: None, expires: None };
        match login {
            Login::Token { expires, subject } => {
                Self { kind: "token", name: None, subject: subject.as_deref(), expires: expires.map(Instant) }
            }
            Login::TokenFile(path) => named("tokenFile", path),
            Login::Basic(name) => named("basic", name),
            Login::Exec(command) => named("exec", command),
            Login::AuthProvider(name) => named("authProvider", name),
        }
    }
}
