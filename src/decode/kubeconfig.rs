//! Kubeconfigs: `kind: Config`, or what has clusters, users or contexts at the top (client-go tools/clientcmd reads both).
//!
//! Every entry stands for itself: one that is malformed becomes a defect at its path, and the others are decoded. Secrets stay
//! behind: of tokens only what a JWT says in clear, of passwords nothing, of plugin commands only known words.

mod clean;
pub mod connection;

use super::Reference;
use super::blob::Decoded;
use super::node::Node;
use super::scribe::{Aim, Need, Rule, Scribe, Site, Value};
use crate::model::{
    Cluster, Content, Context, Credential, DefectKind, Document, Kubeconfig, Login, Material, Origin, OriginKind, Role, Slot,
    User,
};
use std::sync::Arc;

/// Whether a document is a kubeconfig.
pub(super) fn is_one(node: &Node<'_>) -> bool {
    match node.text(&["kind"]) {
        Some(kind) => kind == "Config" && node.text(&["apiVersion"]).is_none_or(|version| version == "v1"),
        None => node.entries().iter().any(|(key, value)| {
            matches!(&**key, "clusters" | "users" | "contexts") && matches!(value, Node::Seq(_) | Node::Null)
        }),
    }
}

/// Decodes a kubeconfig: first what it holds, then what it says.
pub(super) fn decode(scribe: &mut Scribe<'_>, node: &Node<'_>, within: Option<&Site>) {
    scribe.found.recognised = true;
    let site = within.cloned().unwrap_or_else(|| {
        let plain = scribe.place.document.clone();
        Site::outermost(Arc::new(Document { kind: OriginKind::Kubeconfig, ..plain }))
    });
    let role = scribe.place.role.filter(|_| site.is_outermost());
    let mut reader = Reader { scribe, site: &site, role };
    let clusters = reader.entries(node, "clusters", "cluster", Reader::cluster);
    let users = reader.entries(node, "users", "user", Reader::user);
    let contexts = reader.entries(node, "contexts", "context", Reader::context);
    scribe.found.inventory.kubeconfigs.push(Kubeconfig {
        document: Arc::clone(&site.document),
        within: site.within.into(),
        role,
        current_context: text(node, "current-context"),
        contexts,
        clusters,
        users,
    });
}

/// The text of a field; empty is the same as absent, as in client-go.
fn text(node: &Node<'_>, field: &str) -> Option<Box<str>> {
    node.text(&[field]).filter(|text| !text.is_empty()).map(Box::from)
}

/// An entry of one of the lists.
struct Entry<'n> {
    name: &'n str,
    /// `clusters[NAME]`.
    path: String,
    body: &'n Node<'n>,
}

struct Reader<'r, 'a> {
    scribe: &'r mut Scribe<'a>,
    site: &'r Site,
    role: Option<Role>,
}

impl Reader<'_, '_> {
    /// Reads every entry of a list: a name, and a body under this key.
    fn entries<T>(&mut self, node: &Node<'_>, list: &str, key: &str, read: fn(&mut Self, &Entry<'_>) -> T) -> Vec<T> {
        let entries = match node.field(list) {
            Some(Node::Seq(entries)) => entries,
            Some(_) => {
                self.malformed(list, "a list");
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let empty = Node::Map(Vec::new());
        let read_one = |(number, entry): (usize, &Node<'_>)| {
            let name = entry.text(&["name"]);
            let path = name.map_or_else(|| format!("{list}[#{number}]"), |name| format!("{list}[{name}]"));
            let body = match entry.field(key) {
                Some(body @ Node::Map(_)) => body,
                None if matches!(entry, Node::Map(_)) => &empty,
                _ => {
                    self.malformed(&path, "a name and an object");
                    &empty
                }
            };
            read(self, &Entry { name: name.unwrap_or_default(), path, body })
        };
        entries.iter().enumerate().map(read_one).collect()
    }

    fn cluster(&mut self, entry: &Entry<'_>) -> Cluster {
        let url = |field| text(entry.body, field).map(|url| clean::url(&url).into());
        Cluster {
            name: entry.name.into(),
            server: url("server").unwrap_or_default(),
            tls_server_name: text(entry.body, "tls-server-name"),
            insecure_skip_tls_verify: entry.body.field("insecure-skip-tls-verify").and_then(Node::bool).unwrap_or(false),
            proxy_url: url("proxy-url"),
            certificate_authority: self.material(entry, "certificate-authority", Slot::Trust, None),
        }
    }

    fn user(&mut self, entry: &Entry<'_>) -> User {
        User {
            name: entry.name.into(),
            client_certificate: self.material(entry, "client-certificate", Slot::Credential, self.role),
            client_key: self.material(entry, "client-key", Slot::Key, self.role),
            logins: self.logins(entry.body),
        }
    }

    #[expect(clippy::unused_self, reason = "the three kinds of entry are read through one signature")]
    fn context(&mut self, entry: &Entry<'_>) -> Context {
        Context {
            name: entry.name.into(),
            cluster: text(entry.body, "cluster").unwrap_or_default(),
            user: text(entry.body, "user").unwrap_or_default(),
            namespace: text(entry.body, "namespace"),
        }
    }

    /// Bytes that are given as `FIELD-data` or by path as `FIELD`: data wins.
    fn material(&mut self, entry: &Entry<'_>, field: &str, slot: Slot, role: Option<Role>) -> Material {
        let data_field = format!("{field}-data");
        let path = format!("{}.{data_field}", entry.path);
        match entry.body.field(&data_field) {
            Some(Node::Str(data)) if !data.is_empty() => {
                let need = if slot == Slot::Key { Need::Encoding } else { Need::Pem };
                self.scribe.value(self.site, &path, Value::Base64(data), Rule { aim: Aim::Is(slot), role, need });
                return Material::Embedded;
            }
            None | Some(Node::Str(_)) => {}
            Some(_) => self.malformed(&path, "base64 text"),
        }
        let Some(file) = text(entry.body, field) else { return Material::Absent };
        if clean::path(&file).is_none() {
            self.malformed(
                &format!("{}.{field}", entry.path),
                "the path of a file (its contents belong in the field of the same name with -data)",
            );
            return Material::Absent;
        }
        // A path in a value of an object is one on the machine that the object is for.
        if self.site.is_outermost() {
            let field = self.scribe.name(&format!("{}.{field}", entry.path));
            let origin = Origin { document: Arc::clone(&self.site.document), field, role, slot };
            self.scribe.found.references.push(Reference { origin, path: file.clone() });
        }
        Material::Path(file)
    }

    fn logins(&self, user: &Node<'_>) -> Vec<Login> {
        let token = text(user, "token").map(|token| self.token(&token));
        let token_file = text(user, "tokenFile").map(|file| Login::TokenFile(clean::path(&file).unwrap_or("(no path)").into()));
        let basic = text(user, "username").map(Login::Basic);
        let exec = user.field("exec").map(|exec| {
            let arguments = exec.field("args").map_or(&[][..], Node::items);
            let words = arguments.iter().filter_map(Node::str);
            Login::Exec(clean::command(exec.text(&["command"]).unwrap_or_default(), words).into())
        });
        let provider =
            user.field("auth-provider").map(|provider| Login::AuthProvider(text(provider, "name").unwrap_or_default()));
        [token, token_file, basic, exec, provider].into_iter().flatten().collect()
    }

    fn token(&self, token: &str) -> Login {
        let opaque = Login::Token { expires: None, subject: None };
        let Decoded::Contents(contents) = self.scribe.decoder.bytes(token.as_bytes()) else { return opaque };
        let jwt = contents.iter().find_map(|content| match content {
            Content::Credential(credential) => match &**credential {
                Credential::Token { expires, subject } => Some(Login::Token { expires: *expires, subject: subject.clone() }),
                Credential::BootstrapToken { .. } => None,
            },
            _ => None,
        });
        jwt.unwrap_or(opaque)
    }

    fn malformed(&mut self, path: &str, expected: &'static str) {
        let kind = DefectKind::Field { path: path.into(), expected };
        self.scribe.defect(self.site, path, Rule::optional(Slot::Unknown), kind);
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::{CERTIFICATE, KEY, base64, der, named, place, read};
    use crate::decode::{Expectation, Limits};
    use crate::model::{Login, Material, Role};

    fn config() -> String {
        let (certificate, key) = (base64(CERTIFICATE), base64(KEY));
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a@c\nclusters:\n- name: c\n  cluster:\n    server: https://u:SECRET@10.0.0.1:6443\n    \
             certificate-authority: ignored\n    certificate-authority-data: {certificate}\n- name: skip\n  cluster: {{server: 'https://x', insecure-skip-tls-verify: true, proxy-url: 'http://p:SECRET@q'}}\n\
             contexts:\n- name: a@c\n  context: {{cluster: c, user: a, namespace: n}}\n- name: a@c\n  context: {{cluster: dangling, user: a}}\n\
             users:\n- name: a\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n\
             - name: paths\n  user: {{client-certificate: a.crt, client-key: a.key, client-certificate-data: ''}}\n\
             - name: other\n  user:\n    token: SECRET\n    tokenFile: /t\n    username: joe\n    password: SECRET\n    exec: {{command: aws, args: [eks, get-token, SECRET]}}\n    auth-provider: {{name: oidc, config: {{x: SECRET}}}}\n"
        )
    }

    #[test]
    fn a_kubeconfig_says_who_talks_to_whom() {
        let finds = named(config());
        assert_eq!(
            finds.lines(),
            [
                "kubeconfig F clusters[c].certificate-authority-data Trust: certificate",
                "kubeconfig F users[a].client-certificate-data Credential: certificate",
                "kubeconfig F users[a].client-key-data Key: key",
            ]
        );
        let config = &finds.inventory.kubeconfigs[0];
        assert_eq!(config.current_context.as_deref(), Some("a@c"));
        assert_eq!(config.contexts.len(), 2);
        assert_eq!(&*config.clusters[0].server, "https://10.0.0.1:6443");
        assert_eq!(config.clusters[0].certificate_authority, Material::Embedded);
        assert!(config.clusters[1].insecure_skip_tls_verify);
        assert_eq!(config.clusters[1].proxy_url.as_deref(), Some("http://q"));
        assert_eq!(config.users[1].client_certificate, Material::Path("a.crt".into()));
        let logins = [
            Login::Token { expires: None, subject: None },
            Login::TokenFile("/t".into()),
            Login::Basic("joe".into()),
            Login::Exec("aws eks get-token".into()),
            Login::AuthProvider("oidc".into()),
        ];
        assert_eq!(config.users[2].logins, logins);
        assert!(!format!("{config:?}").contains("SECRET"));
        let references: Vec<_> = finds.references.iter().map(|named| (named.origin.to_string(), &*named.path)).collect();
        let expected =
            [("F users[paths].client-certificate".to_owned(), "a.crt"), ("F users[paths].client-key".to_owned(), "a.key")];
        assert_eq!(references, expected);
    }

    #[test]
    fn the_role_is_the_users() {
        let place = crate::decode::Place { role: Some(Role::Admin), ..place(Expectation::Named) };
        let finds = read(config().as_bytes(), &place, Limits::default());
        let roles: Vec<_> = finds.inventory.holdings.iter().map(|holding| holding.origin.role).collect();
        assert_eq!(roles, [None, Some(Role::Admin), Some(Role::Admin)]);
        assert!(finds.references.iter().all(|reference| reference.origin.role == Some(Role::Admin)));
        assert_eq!(finds.inventory.kubeconfigs[0].role, Some(Role::Admin));
    }

    #[test]
    fn one_bad_entry_hides_no_other() {
        let data = base64(CERTIFICATE);
        let finds = named(format!(
            "clusters: null\ncontexts: 7\nusers:\n- text\n- name: a\n  user: [1]\n- name: b\n  user: {{client-certificate-data: 5}}\n- user: {{client-certificate-data: '!'}}\n- name: d\n  user: {{client-certificate-data: {data}}}\n"
        ));
        assert_eq!(
            finds.lines(),
            [
                "kubeconfig F users[#0] Unknown: (users[#0] should be a name and an object)",
                "kubeconfig F users[a] Unknown: (users[a] should be a name and an object)",
                "kubeconfig F users[b].client-certificate-data Unknown: (users[b].client-certificate-data should be base64 text)",
                "kubeconfig F users[#3].client-certificate-data Credential: (is not base64)",
                "kubeconfig F users[d].client-certificate-data Credential: certificate",
                "kubeconfig F contexts Unknown: (contexts should be a list)",
            ]
        );
        assert_eq!(finds.inventory.kubeconfigs[0].users.len(), 5);
    }

    #[test]
    fn der_is_shown_and_malformed() {
        let user = |data: String| {
            named(format!(r#"{{"users":[{{"name":"a","user":{{"client-certificate-data":"{data}"}}}}]}}"#)).lines()
        };
        assert_eq!(
            user(base64(der())),
            ["kubeconfig F users[a].client-certificate-data Credential: certificate (is DER where PEM belongs)"]
        );
        assert_eq!(
            user(base64("nothing")),
            ["kubeconfig F users[a].client-certificate-data Credential: (holds no certificate, key, request or kubeconfig)"]
        );
    }

    #[test]
    fn other_configs_are_not_kubeconfigs() {
        assert_eq!(named("apiVersion: config.gatekeeper.sh/v1\nkind: Config\n").inventory.kubeconfigs.len(), 0);
        assert_eq!(named("kind: Config\n").inventory.kubeconfigs.len(), 1);
    }
}
