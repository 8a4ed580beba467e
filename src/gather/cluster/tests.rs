//! Lists from servers that are made up: what is asked, what is found, what is said.

mod called;

use super::*;
use crate::decode::Limits;
use crate::model::defect::Phase;
use crate::model::{Content, Inventory};
use list::{Answer, Question};
use std::collections::VecDeque;
use std::io::{self, Read};

const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBTzCB9qADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB2ZpeHR1cmUw\n\
-----END CERTIFICATE-----\n";

/// What a server does with a question: status, headers, body.
#[derive(Clone)]
enum Reply {
    Is(u16, Option<u64>, &'static str, String),
    /// The body breaks off.
    BreaksOff(String),
    Nothing(DefectKind),
}

/// A server that answers by path, each question to a path with the next reply, the last one for ever.
#[derive(Default)]
struct Server {
    replies: Vec<(&'static str, VecDeque<Reply>)>,
    asked: Vec<String>,
    waited: Duration,
}

struct BrokenOff(io::Cursor<Vec<u8>>);

impl Read for BrokenOff {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended early")),
            count => Ok(count),
        }
    }
}

impl Ask for Server {
    fn get(&mut self, question: &Question<'_>) -> Result<Answer<'_>, DefectKind> {
        let next = question.next.map(|next| format!("@{next}")).unwrap_or_default();
        self.asked.push(format!("{}{next}", question.path));
        let known = self.replies.iter_mut().find(|(path, _)| *path == question.path);
        let reply = match known {
            Some((_, replies)) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some((_, replies)) => replies[0].clone(),
            None => status(404, None, "the server could not find the requested resource"),
        };
        let (status, wait, media_type, body): (_, _, _, Box<dyn Read + Send>) = match reply {
            Reply::Is(status, wait, media_type, body) => (status, wait, media_type, Box::new(io::Cursor::new(body.into_bytes()))),
            Reply::BreaksOff(body) => (200, None, JSON, Box::new(BrokenOff(io::Cursor::new(body.into_bytes())))),
            Reply::Nothing(defect) => return Err(defect),
        };
        Ok(Answer { status, retry_after: wait.map(Duration::from_secs), media_type: media_type.into(), body })
    }

    fn wait(&mut self, time: Duration) {
        self.waited += time;
    }
}

const JSON: &str = "application/json";
const SECRETS: &str = "/api/v1/secrets";
const CONFIG_MAPS: &str = "/api/v1/configmaps";

fn status(code: u16, wait: Option<u64>, message: &str) -> Reply {
    let body = serde_json::json!({"kind": "Status", "message": message, "code": code});
    Reply::Is(code, wait, JSON, body.to_string())
}

/// A page of Secrets by their names, each with something under `ca.crt`, and the token of the next one.
fn page(names: &[&str], next: &str) -> Reply {
    Reply::Is(200, None, JSON, text(names, next))
}

fn text(names: &[&str], next: &str) -> String {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(CERTIFICATE);
    let secret = |name: &&str| serde_json::json!({"metadata": {"namespace": "ns", "name": name}, "data": {"ca.crt": data}});
    let items: Vec<_> = names.iter().map(secret).collect();
    let list = serde_json::json!({"apiVersion": "v1", "items": items, "kind": "SecretList", "metadata": {"continue": next}});
    // As Go writes it: the kind before the items.
    format!(r#"{{"kind":"SecretList",{}"#, list.to_string().trim_start_matches('{').replace(r#","kind":"SecretList""#, ""))
}

fn empty(kind: &str) -> Reply {
    Reply::Is(200, None, JSON, format!(r#"{{"kind":"{kind}","apiVersion":"v1","metadata":{{}},"items":[]}}"#))
}

/// A server with these Secrets and no ConfigMap.
fn with_secrets(replies: impl IntoIterator<Item = Reply>) -> Server {
    Server {
        replies: vec![(SECRETS, replies.into_iter().collect()), (CONFIG_MAPS, [empty("ConfigMapList")].into())],
        ..Server::default()
    }
}

/// Everything found, in lines: names of objects, and defects at their places.
fn read_scope(server: &mut Server, scope: Scope) -> (Vec<String>, u64) {
    let mut found = Inventory::default();
    let decoder = Decoder::new(Limits::default());
    let document = Document::new(OriginKind::Peer, "https://h:1");
    let (timeout, out, step) = (Duration::from_secs(10), &mut found, &mut |_: &Progress<'_>| {});
    Reading { context: "c", server: &document, timeout, decoder: &decoder, out, step }
        .run(&Selection { scope, labels: None }, server);
    let line = |holding: &Holding| match &holding.contents[0] {
        Content::Defect(defect) if holding.origin.document.kind == OriginKind::Peer => {
            format!("{} {}", holding.origin, defect.kind)
        }
        _ => holding.origin.document.source.to_string(),
    };
    (found.holdings.iter().map(line).collect(), found.examined)
}

fn read(server: &mut Server) -> Vec<String> {
    read_scope(server, Scope::Everything).0
}

#[test]
fn pages_follow_each_other() {
    let mut server = with_secrets([page(&["a", "b"], "T1"), page(&["c"], "T2"), page(&["d"], "")]);
    assert_eq!(read_scope(&mut server, Scope::Everything), (["ns/a", "ns/b", "ns/c", "ns/d"].map(str::to_owned).into(), 4));
    assert_eq!(server.asked[1..4], ["/api/v1/secrets", "/api/v1/secrets@T1", "/api/v1/secrets@T2"]);
}

const CERTIFICATES: &str = "/apis/cert-manager.io/v1/certificates";

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A page of any objects.
fn objects(kind: &str, items: &[serde_json::Value], next: &str) -> Reply {
    let list = serde_json::json!({"apiVersion": "v1", "items": items, "metadata": {"continue": next}}).to_string();
    Reply::Is(200, None, JSON, format!(r#"{{"kind":"{kind}",{}"#, list.trim_start_matches('{')))
}

/// A Secret of the namespace `ns`, without a kind, as typed lists have them.
fn element(name: &str, key: &str, value: &[u8]) -> serde_json::Value {
    serde_json::json!({"metadata": {"namespace": "ns", "name": name}, "type": "Opaque", "data": {key: base64(value)}})
}

fn keystore() -> serde_json::Value {
    element("web", "keystore.p12", include_bytes!("../../../certs-fixtures/keystores/keytool-legacy.p12"))
}

/// What is found on a server, by a decoder that others use too: fields, or that the keystore stays closed.
fn fields(server: &mut Server, decoder: &Decoder) -> Vec<String> {
    let mut found = Inventory::default();
    let document = Document::new(OriginKind::Peer, "https://h:1");
    let (timeout, out, step) = (Duration::from_secs(10), &mut found, &mut |_: &Progress<'_>| {});
    Reading { context: "c", server: &document, timeout, decoder, out, step }
        .run(&Selection { scope: Scope::Everything, labels: None }, server);
    let line = |holding: &Holding| match holding.defects().next() {
        Some((_, defect)) => defect.kind.to_string(),
        None => holding.origin.field.to_string(),
    };
    found.holdings.iter().map(line).collect()
}

const OPENED: &str = "data[keystore.p12].entries[web]";
const CLOSED: &str = "is a PKCS#12 keystore, and every password tried is wrong";

#[test]
fn a_password_on_another_page_opens_a_keystore_and_none_of_another_cluster_does() {
    let decoder = Decoder::new(Limits::default());
    let password = || element("access", "password", b"geheim");
    let pages = |first: serde_json::Value, second: serde_json::Value| {
        with_secrets([objects("SecretList", &[first], "T"), objects("SecretList", &[second], "")])
    };
    assert_eq!(fields(&mut pages(keystore(), password()), &decoder), [OPENED]);
    assert_eq!(fields(&mut pages(password(), keystore()), &decoder), [OPENED]);
    let mut without = with_secrets([objects("SecretList", &[keystore()], "")]);
    assert_eq!(fields(&mut without, &decoder)[0], CLOSED, "the namespace of the other cluster is another one");
    let page = |item: serde_json::Value| with_secrets([objects("SecretList", &[item], "")]);
    let (mut has_keystore, mut has_password) = (page(keystore()), page(password()));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| fields(&mut has_password, &decoder));
        assert_eq!(fields(&mut has_keystore, &decoder)[0], CLOSED);
        assert_eq!(other.join().unwrap(), [""; 0]);
    });
}

#[test]
fn a_list_that_breaks_off_lets_no_keystore_wait_for_ever() {
    let mut server = with_secrets([objects("SecretList", &[keystore()], "T"), status(401, None, "Unauthorized")]);
    assert!(fields(&mut server, &Decoder::new(Limits::default())).iter().any(|line| line == CLOSED));
}

#[test]
fn certificates_are_asked_for_first_and_name_any_key() {
    let certificate = serde_json::json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"namespace": "ns", "name": "web"},
        "spec": {"secretName": "web", "keystores": {"pkcs12": {"create": true, "passwordSecretRef": {"name": "any", "key": "thing"}}}},
    });
    let with = |certificates: Option<Reply>| {
        let secrets =
            [objects("SecretList", &[keystore()], "T"), objects("SecretList", &[element("any", "thing", b"geheim")], "")];
        let mut server = with_secrets(secrets);
        server.replies.extend(certificates.map(|reply| (CERTIFICATES, [reply].into())));
        server
    };
    let mut server = with(Some(objects("CertificateList", &[certificate], "")));
    assert_eq!(fields(&mut server, &Decoder::new(Limits::default())), [OPENED]);
    assert_eq!(server.asked[..2], [CERTIFICATES, SECRETS]);
    assert_eq!(fields(&mut with(None), &Decoder::new(Limits::default()))[0], CLOSED, "without cert-manager, and no word of it");
    let mut server = with(Some(status(403, None, "no")));
    server.replies.push((
        "/apis/cert-manager.io/v1",
        [Reply::Is(200, None, JSON, r#"{"resources":[{"name":"certificates"}]}"#.to_owned())].into(),
    ));
    let said = "may not be read: certificates.cert-manager.io in all namespaces: no";
    assert_eq!(fields(&mut server, &Decoder::new(Limits::default()))[0], said);
}

#[test]
fn the_server_tells_its_version_or_does_not() {
    let version_of = |reply: Option<Reply>| {
        let mut server = with_secrets([empty("SecretList")]);
        server.replies.extend(reply.map(|reply| ("/version", [reply].into())));
        let mut found = Inventory::default();
        let document = Document::new(OriginKind::Peer, "https://h:1");
        let decoder = Decoder::new(Limits::default());
        let (out, step) = (&mut found, &mut |_: &Progress<'_>| {});
        Reading { context: "c", server: &document, timeout: Duration::ZERO, decoder: &decoder, out, step }
            .run(&Selection { scope: Scope::Everything, labels: None }, &mut server);
        assert!(found.holdings.is_empty(), "{:?}", found.holdings);
        found.facts.versions.first().map(|version| version.git_version.to_string())
    };
    let told = r#"{"major":"1","gitVersion":"v1.32.4","goVersion":"go1.23.8"}"#.to_owned();
    assert_eq!(version_of(Some(Reply::Is(200, None, JSON, told))).as_deref(), Some("v1.32.4"));
    for reply in [None, Some(status(403, None, "no")), Some(Reply::Is(200, None, JSON, "{}".to_owned()))] {
        assert_eq!(version_of(reply), None);
    }
}

#[test]
fn a_list_that_has_no_end_ends() {
    let mut server = with_secrets([page(&["a"], "T")]);
    assert_eq!(read(&mut server), ["ns/a", "ns/a", "https://h:1 secrets unexpected reply: the list has no end"]);
}

#[test]
fn older_versions_of_a_group_are_asked_and_what_is_missing_is_not_missed() {
    let mut server = with_secrets([empty("SecretList")]);
    server.replies.push(("/apis/admissionregistration.k8s.io/v1beta1/validatingwebhookconfigurations", [empty("XList")].into()));
    assert_eq!(read(&mut server), [""; 0]);
    let asked = |path: &str| server.asked.iter().filter(|asked| asked.ends_with(path)).count();
    assert_eq!((asked("/validatingwebhookconfigurations"), asked("/clustertrustbundles"), asked("/secrets")), (2, 3, 1));
}

#[test]
fn what_has_no_secrets_is_no_kubernetes() {
    let lines = read(&mut Server::default());
    assert!(lines[0].contains("secrets unexpected reply: 404 Not Found for secrets: this is no Kubernetes API"), "{lines:?}");
}

#[test]
fn what_may_not_be_listed_is_said_once_and_the_rest_goes_on() {
    let mut server =
        with_secrets([status(403, None, "secrets is forbidden: User \"x\" cannot list resource \"secrets\" in API group \"\"")]);
    server.replies[1].1 = [page(&["m"], "")].into();
    let lines = read(&mut server);
    let said = "https://h:1 secrets may not be read: secrets in all namespaces, by x";
    assert_eq!(lines, [said, "ns/m"]);
}

#[test]
fn refusals_in_several_namespaces_are_one() {
    let mut server = Server::default();
    let no = || VecDeque::from([status(403, None, "no")]);
    let (yes, none) = (|| VecDeque::from([page(&["s"], "")]), || VecDeque::from([empty("ConfigMapList")]));
    server.replies = vec![
        ("/api/v1/namespaces/a/secrets", no()),
        ("/api/v1/namespaces/b/secrets", yes()),
        ("/api/v1/namespaces/c/secrets", no()),
        ("/api/v1/namespaces/a/configmaps", none()),
        ("/api/v1/namespaces/b/configmaps", none()),
        ("/api/v1/namespaces/c/configmaps", none()),
    ];
    let scope = Scope::Namespaces(["a", "b", "c"].map(str::to_owned).into());
    let (lines, _) = read_scope(&mut server, scope);
    assert_eq!(lines, ["ns/s", "https://h:1 secrets may not be read: secrets in 2 namespaces (a, c): no"]);
    assert_eq!(
        (server.asked.len(), server.asked.last().unwrap().as_str()),
        (10, "/version"),
        "nothing that belongs to no namespace"
    );
}

#[test]
fn a_token_that_is_too_old_is_followed_by_a_new_one() {
    let gone = |next: &str| {
        let body = serde_json::json!({"kind": "Status", "message": "too old", "code": 410, "metadata": {"continue": next}});
        Reply::Is(410, None, JSON, body.to_string())
    };
    let mut server = with_secrets([page(&["a"], "T1"), gone("T2"), page(&["b"], "")]);
    assert_eq!(read(&mut server), ["ns/a", "ns/b"]);
    assert_eq!(server.asked[3], "/api/v1/secrets@T2");
    let mut server = with_secrets([page(&["a"], "T1"), gone("")]);
    assert_eq!(read(&mut server), ["ns/a", "https://h:1 secrets unexpected reply: 410 Gone: too old"]);
    let lines = read(&mut with_secrets([page(&["a"], "T1"), gone("T2")]));
    assert_eq!(lines.len(), 2, "not for ever: {lines:?}");
}

#[test]
fn a_busy_server_is_waited_for_and_not_for_ever() {
    let busy = || status(429, Some(3), "too many requests");
    let mut server = with_secrets([busy(), busy(), page(&["a"], ""), busy()]);
    assert_eq!(read(&mut server), ["ns/a"]);
    assert_eq!(server.waited, Duration::from_secs(6));
    let mut server = with_secrets([busy()]);
    assert_eq!(read(&mut server), ["https://h:1 secrets request: 429 Too Many Requests: too many requests"]);
    assert_eq!(server.waited, Duration::from_secs(9), "ten seconds are the limit");
    let mut server = with_secrets([status(503, Some(u64::MAX), "")]);
    assert_eq!(read(&mut server), ["https://h:1 secrets request: 503 Service Unavailable"]);
    assert_eq!(server.waited, Duration::ZERO);
}

#[test]
fn nobody_knows_who_asks_is_said_once_for_all() {
    let mut server = with_secrets([status(401, None, "Unauthorized")]);
    let lines = read(&mut server);
    assert_eq!((server.asked.len(), &lines[..]), (2, &["https://h:1 does not know who asks: 401 Unauthorized".to_owned()][..]));
    let mut server = with_secrets([page(&["a"], "T"), status(401, None, "Unauthorized")]);
    let lines = read(&mut server);
    assert_eq!((server.asked.len(), lines.len()), (3, RESOURCES.len()), "{lines:?}");
    assert_eq!(lines[2], "https://h:1 configmaps does not know who asks: 401 Unauthorized");
}

#[test]
fn a_selector_that_is_none_is_said_once() {
    let mut server = with_secrets([status(400, None, "unable to parse requirement")]);
    assert_eq!(read(&mut server), ["https://h:1 unexpected reply: 400 Bad Request: unable to parse requirement"]);
    assert_eq!(server.asked.len(), 2);
}

#[test]
fn nobody_lacks_the_right_to_what_is_not_there() {
    let bundles = "/apis/certificates.k8s.io/v1/clustertrustbundles";
    let no = || VecDeque::from([status(403, None, "no")]);
    let resources = |names: &str| Reply::Is(200, None, JSON, format!(r#"{{"kind":"APIResourceList","resources":[{names}]}}"#));
    let read_with = |reply: Reply| {
        let mut server = with_secrets([empty("SecretList")]);
        server.replies.extend([(bundles, no()), ("/apis/certificates.k8s.io/v1", [reply].into())]);
        read(&mut server)
    };
    let said = "https://h:1 clustertrustbundles may not be read: clustertrustbundles: no";
    assert_eq!(read_with(resources(r#"{"name":"certificatesigningrequests"}"#)), [""; 0]);
    assert_eq!(read_with(resources(r#"{"name":"clustertrustbundles"}"#)), [said]);
    assert_eq!(read_with(status(404, None, "")), [""; 0]);
    assert_eq!(read_with(status(403, None, "")), [said], "where it cannot be told it may be there");
}

#[test]
fn a_server_that_never_answered_is_asked_once_one_that_did_is_asked_on() {
    let down = || Reply::Nothing(DefectKind::Unreachable { phase: Phase::Connect, reason: "connection refused".into() });
    let mut server = with_secrets([down()]);
    server.replies.push((CERTIFICATES, [down()].into()));
    let lines = read(&mut server);
    assert_eq!((server.asked.len(), &lines[..]), (1, &["https://h:1 connect: connection refused".to_owned()][..]));
    let mut server = with_secrets([page(&["a"], "T"), down()]);
    assert_eq!(read(&mut server), ["ns/a", "https://h:1 secrets connect: connection refused"]);
    assert!(server.asked.len() > RESOURCES.len());
}

#[test]
fn what_breaks_off_is_shown_as_far_as_it_came() {
    let whole = text(&["a", "b"], "");
    let cut = whole.len() - 60;
    let lines = read(&mut with_secrets([Reply::BreaksOff(whole[..cut].to_owned())]));
    assert_eq!(lines, ["ns/a", "https://h:1 secrets request: the list broke off: the connection ended early"]);
    let lines = read(&mut with_secrets([Reply::BreaksOff(String::new())]));
    assert_eq!(lines, ["https://h:1 secrets request: the list broke off: the connection ended early"]);
}

#[test]
fn what_is_no_list_is_said_to_be_none() {
    let html = Reply::Is(200, None, "text/html; charset=utf-8", "<html>log in".to_owned());
    let lines = read(&mut with_secrets([html]));
    assert_eq!(lines, ["https://h:1 secrets unexpected reply: text/html; charset=utf-8 where a list in JSON belongs"]);
    let lines = read(&mut with_secrets([Reply::Is(500, None, "text/plain", "oops".to_owned())]));
    assert_eq!(lines, ["https://h:1 secrets unexpected reply: 500 Internal Server Error"]);
    let lines = read(&mut with_secrets([Reply::Is(200, None, JSON, "{\"items\":[".to_owned())]));
    assert!(lines[0].contains("not valid JSON"), "{lines:?}");
}

#[test]
fn a_kubeconfig_in_a_list_opens_no_files() {
    let hostile = r#"{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"certificate-authority":"/etc/hostname"}}],"users":[]}"#;
    let lines = read(&mut with_secrets([Reply::Is(200, None, JSON, hostile.to_owned())]));
    assert!(!lines.iter().any(|line| line.contains("hostname")), "{lines:?}");
}
