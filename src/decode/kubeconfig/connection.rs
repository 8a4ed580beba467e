//! How to talk to the cluster of a context: what `kubectl` would use, secrets included. For `gather::connection` alone, which reads the
//! files that it names.

use super::{clean, text};
use crate::decode::Secret;
use crate::decode::node::Node;
use crate::decode::sniff::from_base64;
use crate::model::peer::LoginUsed;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a context leads to.
#[derive(Debug)]
pub struct Connection {
    /// The names of context, cluster and user.
    pub names: Names,
    /// `server`, without credentials in the URL.
    pub server: String,
    /// `tls-server-name`.
    pub tls_server_name: Option<String>,
    /// What is to be held against the server.
    pub trust: Trust,
    /// `proxy-url` with its credentials.
    pub proxy_url: Option<Secret>,
    /// `client-certificate`.
    pub certificate: Given,
    /// `client-key`.
    pub key: Given,
    /// `tokenFile`, `token`, user name and password, each as a value of `Authorization`: the first that can be read counts.
    pub authorization: Vec<(Given, LoginUsed)>,
}

/// The entries of a kubeconfig that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The context.
    pub context: String,
    /// Its cluster.
    pub cluster: String,
    /// Its user.
    pub user: String,
}

/// What is to be held against a server.
#[derive(Debug)]
pub enum Trust {
    /// `certificate-authority`.
    Bundle(Given),
    /// `insecure-skip-tls-verify`.
    Skip,
}

/// Bytes of a kubeconfig.
#[derive(Clone, Debug)]
pub enum Given {
    /// None.
    Absent,
    /// These.
    Bytes(Secret),
    /// Those of a file, relative to the kubeconfig's directory.
    Path(PathBuf),
}

/// Why a kubeconfig leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoConnection {
    /// No context was named, and `current-context` is empty.
    NoContext,
    /// A name that no entry has: which kind of entry, which name.
    Missing(&'static str, String),
    /// The cluster has no `server`.
    NoServer(String),
    /// A field that is not base64.
    Base64(String),
}

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContext => f.write_str("the kubeconfig has no current context"),
            Self::Missing(kind, name) => write!(f, "the kubeconfig has no {kind} {name:?}"),
            Self::NoServer(cluster) => write!(f, "cluster {cluster:?} of the kubeconfig has no server"),
            Self::Base64(field) => write!(f, "{field} of the kubeconfig is not base64"),
        }
    }
}

impl std::error::Error for NoConnection {}

/// Finds what a context leads to in the documents of a merge list, each with the directory that its paths are relative to: of entries
/// of one name the first counts, and so does the first `current-context` (client-go tools/clientcmd/loader.go).
///
/// # Errors
/// Names that lead nowhere.
pub fn connection(documents: &[(&Path, Node<'_>)], context: Option<&str>) -> Result<Connection, NoConnection> {
    let current = || documents.iter().find_map(|(_, node)| text(node, "current-context"));
    let context = context.map(Box::from).or_else(current).ok_or(NoConnection::NoContext)?;
    let (_, entry) = find(documents, "contexts", "context", &context)?;
    let name_in = |field| text(entry, field).map(String::from).unwrap_or_default();
    let names = Names { context: context.into(), cluster: name_in("cluster"), user: name_in("user") };
    let (directory, cluster) = find(documents, "clusters", "cluster", &names.cluster)?;
    let server = text(cluster, "server").ok_or_else(|| NoConnection::NoServer(names.cluster.clone()))?;
    let skip = cluster.field("insecure-skip-tls-verify").and_then(Node::bool).unwrap_or(false);
    let trust = if skip { Trust::Skip } else { Trust::Bundle(given(directory, cluster, "certificate-authority")?) };
    // A context without a user is one that asks anonymously.
    let nobody = Node::Map(Vec::new());
    let (home, user) = if names.user.is_empty() { (directory, &nobody) } else { find(documents, "users", "user", &names.user)? };
    Ok(Connection {
        server: clean::url(&server),
        tls_server_name: text(cluster, "tls-server-name").map(String::from),
        trust,
        proxy_url: text(cluster, "proxy-url").map(|url| secret(url.as_bytes())),
        certificate: given(home, user, "client-certificate")?,
        key: given(home, user, "client-key")?,
        authorization: authorization(home, user),
        names,
    })
}

/// The body of an entry, and the directory of its document.
fn find<'d, 'n>(
    documents: &'d [(&'d Path, Node<'n>)],
    list: &'static str,
    kind: &'static str,
    name: &str,
) -> Result<(&'d Path, &'d Node<'n>), NoConnection> {
    let in_one = |(directory, node): &'d (&'d Path, Node<'n>)| {
        let entries = node.field(list).map_or(&[][..], Node::items);
        let entry = entries.iter().find(|entry| entry.text(&["name"]) == Some(name))?;
        entry.field(kind).map(|body| (*directory, body))
    };
    documents.iter().find_map(in_one).ok_or_else(|| NoConnection::Missing(kind, name.to_owned()))
}

/// `FIELD-data` wins over `FIELD`.
fn given(directory: &Path, body: &Node<'_>, field: &str) -> Result<Given, NoConnection> {
    let data_field = format!("{field}-data");
    if let Some(data) = body.text(&[&data_field]).filter(|data| !data.is_empty()) {
        let bytes = from_base64(data.as_bytes()).ok_or(NoConnection::Base64(data_field))?;
        return Ok(Given::Bytes(secret(&bytes)));
    }
    Ok(path(directory, body, field))
}

fn path(directory: &Path, body: &Node<'_>, field: &str) -> Given {
    text(body, field).map_or(Given::Absent, |file| Given::Path(directory.join(&*file)))
}

/// The ways to say who asks, in client-go's order: a token file that can be read beats a token, and both beat a password (tools/clientcmd/api
/// types.go, `TokenFile`; transport/config.go).
fn authorization(directory: &Path, user: &Node<'_>) -> Vec<(Given, LoginUsed)> {
    let given = |field: &str| user.text(&[field]).filter(|text| !text.is_empty());
    let file = match path(directory, user, "tokenFile") {
        file @ Given::Path(_) => Some((file, LoginUsed::Token)),
        _ => None,
    };
    let token = given("token").map(|token| (Given::Bytes(Secret::bearer(token.as_bytes())), LoginUsed::Token));
    let password = given("username").map(|name| {
        let both = Zeroizing::new(format!("{name}:{}", given("password").unwrap_or_default()));
        (Given::Bytes(Secret::basic(both.as_bytes())), LoginUsed::Password)
    });
    [file, token, password].into_iter().flatten().collect()
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::new(Zeroizing::new(bytes.to_vec()))
}

impl Given {
    /// The bytes, if they are here.
    #[must_use]
    pub fn bytes(&self) -> Option<&Secret> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Limits;

    const FIRST: &str = "current-context: ''\nclusters:\n- name: c\n  cluster: {server: 'https://u:SECRET@h:6443/x', certificate-authority: pki/ca.crt, tls-server-name: api, proxy-url: 'http://me:SECRET@p:1'}\n";
    const SECOND: &str = "current-context: a@c\ncontexts:\n- name: a@c\n  context: {cluster: c, user: a}\n- name: t@c\n  context: {cluster: c, user: t}\n- name: nobody@c\n  context: {cluster: c}\n- name: lost\n  context: {cluster: d, user: a}\nclusters:\n- name: c\n  cluster: {server: 'https://second'}\nusers:\n- name: a\n  user: {client-certificate-data: QQ==, client-certificate: x, client-key: /k, username: joe, password: SECRET}\n- name: t\n  user: {token: SECRET, tokenFile: f, exec: {command: aws}}\n";

    fn lead(context: Option<&str>) -> Result<Connection, NoConnection> {
        let limits = Limits::default();
        let documents = [("/one", FIRST), ("/two", SECOND)]
            .map(|(directory, text)| (Path::new(directory), Node::yaml(text.as_bytes(), &limits).unwrap()));
        connection(&documents, context)
    }

    #[test]
    fn the_first_entry_of_a_name_counts() {
        let found = lead(None).unwrap();
        assert_eq!(found.names, Names { context: "a@c".into(), cluster: "c".into(), user: "a".into() });
        assert_eq!((found.server.as_str(), found.tls_server_name.as_deref()), ("https://h:6443/x", Some("api")));
        assert!(matches!(&found.trust, Trust::Bundle(Given::Path(path)) if path == Path::new("/one/pki/ca.crt")));
        assert_eq!(found.certificate.bytes().map(Secret::bytes), Some(&b"A"[..]));
        assert!(matches!(&found.key, Given::Path(path) if path == Path::new("/k")));
        let [(Given::Bytes(basic), LoginUsed::Password)] = &found.authorization[..] else { panic!() };
        assert_eq!(basic.bytes(), b"Basic am9lOlNFQ1JFVA==");
        assert!(!format!("{found:?}").contains("SECRET"));
    }

    #[test]
    fn logins_have_their_order() {
        let found = lead(Some("t@c")).unwrap();
        let [(Given::Path(file), LoginUsed::Token), (Given::Bytes(bearer), LoginUsed::Token)] = &found.authorization[..] else {
            panic!()
        };
        assert_eq!(file, Path::new("/two/f"));
        assert_eq!(bearer.bytes(), b"Bearer SECRET");
        assert!(lead(Some("nobody@c")).unwrap().authorization.is_empty());
    }

    #[test]
    fn names_that_lead_nowhere_are_said() {
        assert_eq!(lead(Some("x")).unwrap_err(), NoConnection::Missing("context", "x".into()));
        assert_eq!(lead(Some("lost")).unwrap_err(), NoConnection::Missing("cluster", "d".into()));
    }
}
