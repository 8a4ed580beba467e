//! A kubeconfig (`kind: Config`, client-go tools/clientcmd/api/v1): who talks to which cluster as whom.
//!
//! Secrets are not here: a token is only known by its expiry, a password not at all.

use super::{Document, Role};
use std::sync::Arc;
use time::OffsetDateTime;

/// One kubeconfig document.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    /// Where it stands. Its certificates and keys are holdings of the same document, with fields `clusters[NAME].…`, `users[NAME].…`.
    pub document: Arc<Document>,
    /// Where in the document it stands, when it is a value of something larger (`data[kubeconfig]`); else empty.
    pub within: Arc<str>,
    /// Whose it is, if a layout tells.
    pub role: Option<Role>,
    /// `current-context`; empty is the same as absent.
    pub current_context: Option<Box<str>>,
    /// `contexts`, in order.
    pub contexts: Vec<Context>,
    /// `clusters`, in order.
    pub clusters: Vec<Cluster>,
    /// `users`, in order.
    pub users: Vec<User>,
}

/// A context: a user at a cluster.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its name.
    pub name: Box<str>,
    /// The name of the cluster.
    pub cluster: Box<str>,
    /// The name of the user.
    pub user: Box<str>,
    /// The default namespace.
    pub namespace: Option<Box<str>>,
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: Box<str>,
    /// `server`, without credentials in the URL.
    pub server: Box<str>,
    /// `tls-server-name`: the name to verify instead of the host in `server`.
    pub tls_server_name: Option<Box<str>>,
    /// `insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `proxy-url`, without credentials.
    pub proxy_url: Option<Box<str>>,
    /// Where the CA bundle is: `certificate-authority-data` wins over `certificate-authority`.
    pub certificate_authority: Material,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name.
    pub name: Box<str>,
    /// Where the client certificate is.
    pub client_certificate: Material,
    /// Where its key is.
    pub client_key: Material,
    /// The other ways in which it logs in.
    pub logins: Vec<Login>,
}

/// How a kubeconfig gives bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// Not at all.
    Absent,
    /// In the `…-data` field, base64.
    Embedded,
    /// In a file, the path as written; relative to the kubeconfig's directory.
    Path(Box<str>),
}

/// A way to log in without a client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A bearer token (`token`), with what a JWT says in clear.
    Token {
        /// `exp` of a JWT; `None` for opaque tokens and for JWTs that do not end.
        expires: Option<OffsetDateTime>,
        /// `sub` of a JWT.
        subject: Option<Box<str>>,
    },
    /// A bearer token in a file (`tokenFile`).
    TokenFile(Box<str>),
    /// User name and password; the name is kept.
    Basic(Box<str>),
    /// A credential plugin: the command and those of its words that are known to be sub-commands.
    Exec(Box<str>),
    /// A provider compiled into old clients (`auth-provider`), by name.
    AuthProvider(Box<str>),
}
