//! `probe apiserver`: what kubectl would do, and no credential to a server that the kubeconfig's CA does not vouch for.

use crate::servers::{Folder, Run, TLS12, TLS13, Tls, authority, here, kcert, pki, presenting, tls};
use crate::ways::{RIGHT, proxy};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kcert::mint::Identity;
use serde_json::json;
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};

pub(super) const TOKEN: &str = "t0k3n-t0k3n-t0k3n";
const PASSWORD: &str = "pa55w0rd-pa55w0rd";
const VERSION: &str = r#"{"major":"1","minor":"32","gitVersion":"v1.32.4","goVersion":"go1.23.8","platform":"linux/amd64"}"#;

pub(super) fn reply(status: &str, apart: Duration, body: &str) -> String {
    let date = (OffsetDateTime::now_utc() + apart).format(&Rfc2822).unwrap().replace("+0000", "GMT");
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn refusal(code: u16, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}).to_string()
}

/// A cluster's CA and an API server's certificate for 127.0.0.1.
pub(super) fn cluster() -> (Identity, Identity) {
    let ca = authority("kubernetes");
    let leaf = pki().leaf("kube-apiserver").server().dns("kubernetes").dns("kubernetes.default.svc").ip([127, 0, 0, 1]);
    let leaf = leaf.issued_by(&ca).unwrap();
    (ca, leaf)
}

pub(super) enum As<'a> {
    Token,
    Password,
    Certificate(&'a Identity),
    Both(&'a Identity),
    Nobody,
}

/// A kubeconfig, and kcert with it.
pub(super) struct Kubectl<'a> {
    pub(super) port: u16,
    pub(super) ca: Option<&'a Identity>,
    pub(super) user: As<'a>,
    pub(super) cluster: &'a str,
}

impl Kubectl<'_> {
    pub(super) fn kubeconfig(&self) -> String {
        let base64 = |text: &str| STANDARD.encode(text);
        let certificate = |client: &Identity| {
            let (chain, key) = (base64(&client.pem()), base64(client.key_pem().as_str()));
            format!("client-certificate-data: {chain}, client-key-data: {key}")
        };
        let user = match self.user {
            As::Token => format!("token: {TOKEN}"),
            As::Password => format!("username: admin, password: {PASSWORD}"),
            As::Certificate(client) => certificate(client),
            As::Both(client) => format!("{}, token: {TOKEN}", certificate(client)),
            As::Nobody => String::new(),
        };
        let ca = self.ca.map(|ca| format!("certificate-authority-data: {}", base64(&ca.pem()))).unwrap_or_default();
        let server = format!("https://{}", here(self.port));
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             clusters:\n- name: c\n  cluster:\n    server: {server}\n    {ca}\n    {}\n\
             users:\n- name: u\n  user: {{{user}}}\n\
             contexts:\n- name: here\n  context: {{cluster: c, user: u}}\n",
            self.cluster
        )
    }

    /// Runs it in every format; none has a piece of a credential in it.
    fn runs(&self) -> Run {
        let folder = Folder::new();
        let file = folder.file("kubeconfig", &self.kubeconfig());
        let mut secrets = vec![TOKEN.to_owned(), PASSWORD.to_owned(), STANDARD.encode(format!("admin:{PASSWORD}"))];
        if let As::Certificate(client) | As::Both(client) = self.user {
            let key = client.key_pem();
            secrets.extend(key.as_str().lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
            secrets.push(STANDARD.encode(key.as_str()));
        }
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let run = |ways: &[&str]| {
            let run = kcert(&[&["probe", "apiserver", "--timeout", "3s", "--kubeconfig", &file], ways].concat());
            run.keeps(&secrets);
            run
        };
        let json = run(&["-o", "json"]);
        assert_eq!([run(&["-v"]).code, run(&["-o", "jsonl"]).code], [json.code; 2], "{json}");
        json
    }
}

/// Runs that [`Kubectl::runs`] makes.
const RUNS: usize = 3;

fn ask<'a>(server: &Tls, ca: &'a Identity, user: As<'a>) -> Run {
    Kubectl { port: server.start(), ca: Some(ca), user, cluster: "" }.runs()
}

#[test]
fn the_version_is_read_by_every_way_to_log_in() {
    let (ca, leaf) = cluster();
    let client = pki().leaf("somebody").client().issued_by(&ca).unwrap();
    let bearer = format!("Bearer {TOKEN}");
    let basic = format!("Basic {}", STANDARD.encode(format!("admin:{PASSWORD}")));
    for versions in [TLS12, TLS13] {
        for (user, login, header, certificates) in [
            (As::Token, "token", bearer.as_str(), 0),
            (As::Password, "password", &basic, 0),
            (As::Certificate(&client), "certificate", "", 1),
            (As::Both(&client), "certificate", &bearer, 1),
            (As::Nobody, "anonymous", "", 0),
        ] {
            let server = tls(&leaf, &ca).versions(versions).asking(&ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
            let run = ask(&server, &ca, user);
            run.is_fine();
            let peer = run.peer();
            assert_eq!((&peer["login"], &peer["reply"]["status"]), (&json!(login), &json!(200)), "{run}");
            let version = json!({"gitVersion": "v1.32.4", "goVersion": "go1.23.8", "platform": "linux/amd64"});
            assert_eq!(peer["reply"]["version"], version);
            for visit in server.visits(RUNS) {
                assert!(visit.data.starts_with("GET /version HTTP/1.1\r\n"), "{visit:?}");
                let is_it = |line: &&str| line.to_ascii_lowercase().starts_with("authorization: ");
                let value = visit.data.lines().find(is_it).and_then(|line| line.split_once(": ")).map(|(_, value)| value);
                assert_eq!(value.unwrap_or_default(), header, "{login}");
                assert_eq!(visit.certificates, certificates, "{login}");
            }
        }
    }
}

#[test]
fn clocks_are_compared() {
    let (ca, leaf) = cluster();
    for (minutes, words) in [(10, "10 minutes ahead of"), (-10, "minutes behind"), (4, ""), (-4, "")] {
        let server = tls(&leaf, &ca).replying(&reply("200 OK", Duration::minutes(minutes) + Duration::seconds(20), VERSION));
        let run = ask(&server, &ca, As::Token);
        match words {
            "" => run.is_fine(),
            words => run.says(1, "clock-skew", "warning", words),
        }
    }
}

#[test]
fn refusals_are_told_apart() {
    let (ca, leaf) = cluster();
    let client = pki().leaf("somebody").client().issued_by(&ca).unwrap();
    let unauthorized = reply("401 Unauthorized", Duration::ZERO, &refusal(401, "Unauthorized"));
    let forbidden = reply("403 Forbidden", Duration::ZERO, &refusal(403, "User \"x\" cannot get path"));
    let html = reply("200 OK", Duration::ZERO, "<html></html>");
    let long = reply("200 OK", Duration::ZERO, &format!("{{\"gitVersion\": \"{}\"}}", "x".repeat(2 << 20)));
    let broken = reply("500 Internal Server Error", Duration::ZERO, &refusal(500, "etcd is gone"));
    for (reply, user, exit, code, severity, words) in [
        (&unauthorized, As::Certificate(&client), 2, "client-untrusted", "critical", "401 Unauthorized"),
        (&unauthorized, As::Token, 2, "token-refused", "critical", "the token"),
        (&unauthorized, As::Password, 2, "token-refused", "critical", "user name and password"),
        (&unauthorized, As::Nobody, 3, "client-untrusted", "unknown", "wants to know who asks"),
        (&forbidden, As::Token, 3, "forbidden", "unknown", "User \"x\" cannot get path"),
        (&html, As::Token, 3, "unexpected-reply", "unknown", "this is no API server"),
        (&broken, As::Token, 3, "unexpected-reply", "unknown", "HTTP 500 to GET /version: etcd is gone"),
        (&long, As::Token, 3, "unreachable", "unknown", "request: the reply is longer than 1 MiB"),
        (&"SSH-2.0-x\r\n\r\n".to_owned(), As::Token, 3, "unreachable", "unknown", "request: the reply is not HTTP/1.1"),
        (
            &"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{".to_owned(),
            As::Token,
            3,
            "unreachable",
            "unknown",
            "request: the reply broke off",
        ),
        (&String::new(), As::Token, 3, "unreachable", "unknown", "request: the server closed the connection"),
    ] {
        let run = ask(&tls(&leaf, &ca).asking(&ca).replying(reply), &ca, user);
        run.says(exit, code, severity, words);
        assert_eq!(run.findings().len(), 1, "{run}");
    }
}

#[test]
fn a_server_that_refuses_the_certificate_says_so_in_the_handshake() {
    let (ca, leaf) = cluster();
    let client = pki().leaf("somebody").client().issued_by(&authority("others")).unwrap();
    for versions in [TLS12, TLS13] {
        let server = tls(&leaf, &ca).versions(versions).demanding(&ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
        let run = ask(&server, &ca, As::Certificate(&client));
        run.says(2, "client-untrusted", "critical", "the server refuses the client certificate with the alert");
        assert_eq!(run.peer()["session"]["handshake"], "refused");
    }
}

/// Everything a false server could get.
#[test]
fn nothing_is_sent_to_a_server_that_the_ca_does_not_vouch_for() {
    let (ca, leaf) = cluster();
    let client = pki().leaf("somebody").client().issued_by(&ca).unwrap();
    let same_name = authority("kubernetes");
    let other_name = authority("other");
    let unnamed = pki().leaf("kube-apiserver").server().dns("kubernetes").issued_by(&ca).unwrap();
    let expired = pki().leaf("kube-apiserver").server().ip([127, 0, 0, 1]).expired().issued_by(&ca).unwrap();
    let no_server = pki().leaf("kube-apiserver").client().ip([127, 0, 0, 1]).issued_by(&ca).unwrap();
    for (served, trusted, code) in [
        (&leaf, Some(&same_name), "ca-does-not-sign-server"),
        (&leaf, Some(&other_name), "ca-does-not-sign-server"),
        (&unnamed, Some(&ca), "name-mismatch"),
        (&expired, Some(&ca), "expired"),
        (&no_server, Some(&ca), "ca-does-not-sign-server"),
    ] {
        for (versions, user) in [(TLS12, As::Both(&client)), (TLS13, As::Both(&client)), (TLS13, As::Password)] {
            let server = tls(served, &ca).versions(versions).asking(&ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
            let run = Kubectl { port: server.start(), ca: trusted, user, cluster: "" }.runs();
            run.says(2, code, "critical", "");
            run.presented(&[served.der(), ca.der()]);
            assert_eq!(run.peer()["session"]["handshake"], "distrusted");
            assert!(run.peer().get("reply").is_none(), "{run}");
            for visit in server.visits(RUNS) {
                assert_eq!((visit.data.as_str(), visit.certificates, visit.shaken), ("", 0, false), "{code}");
            }
        }
    }
}

/// A server that has the right certificate and not its key: its handshake signature is what gives it away.
#[test]
fn nothing_is_sent_to_a_server_that_only_shows_the_right_certificate() {
    let (ca, leaf) = cluster();
    let client = pki().leaf("somebody").client().issued_by(&ca).unwrap();
    let thief = pki().leaf("thief").self_signed().unwrap();
    for versions in [TLS12, TLS13] {
        let server = presenting(&[leaf.der(), ca.der()], &thief).versions(versions).asking(&ca);
        let server = server.replying(&reply("200 OK", Duration::ZERO, VERSION));
        let run = ask(&server, &ca, As::Both(&client));
        run.says(3, "unreachable", "unknown", "the server does not prove that it holds the key of its certificate");
        for visit in server.visits(RUNS) {
            assert_eq!((visit.data.as_str(), visit.certificates, visit.shaken), ("", 0, false));
        }
    }
}

/// What is admitted has to be what the handshake is made with, and not something inside of it.
#[test]
fn nothing_is_sent_to_a_server_that_hides_the_right_certificate_in_its_own() {
    let (ca, leaf) = cluster();
    let inside = [leaf.pem(), ca.pem()].concat();
    let thief =
        pki().leaf("thief").server().ip([127, 0, 0, 1]).extension(&[1, 2, 3, 4], inside.as_bytes()).self_signed().unwrap();
    let right = leaf.pem();
    for (chain, versions) in [
        (&[thief.der(), ca.der()][..], TLS12),
        (&[thief.der(), ca.der()], TLS13),
        (&[thief.der(), leaf.der(), ca.der()], TLS13),
        (&[&[thief.der(), leaf.der()].concat(), ca.der()], TLS13),
        (&[&[leaf.der(), thief.der()].concat(), ca.der()], TLS13),
        (&[right.as_bytes(), thief.der(), ca.der()], TLS13),
    ] {
        let server = presenting(chain, &thief).versions(versions).replying(&reply("200 OK", Duration::ZERO, VERSION));
        let run = ask(&server, &ca, As::Token);
        assert!(run.code >= 2, "{run}");
        assert!(run.peer().get("reply").is_none(), "{run}");
        assert!(server.visits(RUNS).iter().all(|visit| visit.data.is_empty() && !visit.shaken), "{run}");
    }
}

#[test]
fn a_session_that_was_given_up_names_its_protocol() {
    let (ca, leaf) = cluster();
    let stranger = authority("kubernetes");
    for (versions, protocol) in [(TLS12, "TLS 1.2"), (TLS13, "TLS 1.3")] {
        let run = ask(&tls(&leaf, &ca).versions(versions), &stranger, As::Token);
        assert_eq!(run.peer()["session"]["protocol"], protocol, "{run}");
    }
}

#[test]
fn without_a_ca_nobody_is_vouched_for() {
    let (ca, leaf) = cluster();
    let server = tls(&leaf, &ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
    let run = Kubectl { port: server.start(), ca: None, user: As::Token, cluster: "" }.runs();
    assert!(run.code >= 2, "{run}");
    assert!(server.visits(RUNS).iter().all(|visit| visit.data.is_empty()));
}

#[test]
fn whoever_skips_verification_shows_no_credential() {
    let (ca, leaf) = cluster();
    let server = tls(&leaf, &ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
    let skip = "insecure-skip-tls-verify: true";
    let run = Kubectl { port: server.start(), ca: None, user: As::Token, cluster: skip }.runs();
    assert_eq!(run.peer()["reply"]["status"], 200, "{run}");
    assert_eq!(run.code, 1, "the version is read, and skip-tls-verify a warning: {run}");
    assert!(server.visits(RUNS).iter().all(|visit| visit.data.contains("GET /version") && !visit.data.contains(TOKEN)));
}

#[test]
fn a_server_below_a_path_is_asked_there() {
    let (ca, leaf) = cluster();
    let server = tls(&leaf, &ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
    let folder = Folder::new();
    let port = server.start();
    let kubeconfig = Kubectl { port, ca: Some(&ca), user: As::Token, cluster: "" }.kubeconfig();
    let kubeconfig = kubeconfig.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{port}/k8s/clusters/c-1/"));
    kcert(&["probe", "apiserver", "-o", "json", "--kubeconfig", &folder.file("kubeconfig", &kubeconfig)]).is_fine();
    assert!(server.visits(1).iter().all(|visit| visit.data.contains("GET /k8s/clusters/c-1/version")));
}

#[test]
fn the_name_in_the_kubeconfig_goes_before_the_host() {
    let (ca, _) = cluster();
    let leaf = pki().leaf("kube-apiserver").server().dns("kubernetes").issued_by(&ca).unwrap();
    let server = tls(&leaf, &ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
    let named = |name: &'static str| Kubectl { port: server.start(), ca: Some(&ca), user: As::Token, cluster: name }.runs();
    named("tls-server-name: kubernetes").is_fine();
    assert!(server.visits(RUNS).iter().all(|visit| visit.server_name.as_deref() == Some("kubernetes")));
    named("tls-server-name: other").says(2, "name-mismatch", "critical", "other");
    assert!(server.visits(2 * RUNS).iter().skip(RUNS).all(|visit| visit.data.is_empty()));
}

#[test]
fn a_kubeconfig_shows_its_certificate_to_its_own_server_only() {
    let (ca, leaf) = cluster();
    let client = pki().leaf("somebody").client().issued_by(&ca).unwrap();
    let [own, other] = [(); 2].map(|()| tls(&leaf, &ca).asking(&ca));
    let (port, elsewhere) = (own.start(), other.start());
    let folder = Folder::new();
    let kubectl = Kubectl { port, ca: Some(&ca), user: As::Certificate(&client), cluster: "" };
    let file = folder.file("kubeconfig", &kubectl.kubeconfig());
    let run = kcert(&["probe", "tls", "-o", "json", &here(port), &here(elsewhere), "--kubeconfig", &file]);
    assert_eq!(run.code, 0, "{run}");
    assert_eq!([own.visits(1)[0].certificates, other.visits(1)[0].certificates], [1, 0]);
}

#[test]
fn the_way_in_the_kubeconfig_is_gone_and_its_password_kept() {
    let (ca, leaf) = cluster();
    let server = tls(&leaf, &ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
    let port = server.start();
    let (by, asked) = proxy(Some(RIGHT));
    let url = format!("proxy-url: http://u:SECRETPW@127.0.0.1:{by}");
    let run = Kubectl { port, ca: Some(&ca), user: As::Token, cluster: &url }.runs();
    run.is_fine();
    run.keeps(&["SECRETPW", RIGHT]);
    assert_eq!((asked.lock().unwrap().len(), server.visits(RUNS).len()), (RUNS, RUNS));
    let url = format!("proxy-url: socks5://u:SECRETPW@127.0.0.1:{by}");
    let folder = Folder::new();
    let file = folder.file("kubeconfig", &Kubectl { port, ca: Some(&ca), user: As::Token, cluster: &url }.kubeconfig());
    let run = kcert(&["probe", "apiserver", "--kubeconfig", &file]);
    assert_eq!((run.code, run.out.as_str()), (3, ""), "{run}");
    run.keeps(&["SECRETPW", TOKEN]);
}

/// Tokens in files are read, plugins are not run.
#[test]
fn other_ways_to_log_in() {
    let (ca, leaf) = cluster();
    let folder = Folder::new();
    folder.file("token", &format!("{TOKEN}\n"));
    let mark = folder.path("mark");
    let plugin = format!("exec: {{apiVersion: client.authentication.k8s.io/v1, command: touch, args: [{mark:?}]}}");
    for (user, login) in [("tokenFile: token", "token"), (plugin.as_str(), "anonymous")] {
        let server = tls(&leaf, &ca).replying(&reply("200 OK", Duration::ZERO, VERSION));
        let text = Kubectl { port: server.start(), ca: Some(&ca), user: As::Token, cluster: "" }.kubeconfig();
        let file = folder.file("kubeconfig", &text.replace(&format!("token: {TOKEN}"), user));
        let run = kcert(&["probe", "apiserver", "-o", "json", "--kubeconfig", &file]);
        run.keeps(&[TOKEN]);
        assert_eq!(run.peer()["login"], login, "{run}");
        assert_eq!(server.visits(1)[0].data.contains(TOKEN), login == "token");
    }
    assert!(!std::path::Path::new(&mark).exists(), "the plugin was run");
}

#[test]
fn kubeconfigs_that_lead_nowhere_are_usage_errors() {
    let (ca, _) = cluster();
    let folder = Folder::new();
    let text = Kubectl { port: 1, ca: Some(&ca), user: As::Token, cluster: "" }.kubeconfig();
    for (text, more, words) in [
        (text.clone(), &["--context", "gone"][..], "gone"),
        (text.replace("current-context: here", ""), &[], "no current context"),
        (text.replace("cluster: c,", "cluster: d,"), &[], "\"d\""),
        (text.replace("user: u}", "user: v}"), &[], "\"v\""),
        (text.replace("server: https:", "server: ftp:"), &[], "no endpoint"),
        (text.replace("certificate-authority-data: ", "certificate-authority-data: ("), &[], "base64"),
        (String::new(), &[], "no current context"),
        ("{".to_owned(), &[], ""),
    ] {
        let file = folder.file("kubeconfig", &text);
        let run = kcert(&[&["probe", "apiserver", "--kubeconfig", &file], more].concat());
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{words}: {run}");
        assert!(run.err.contains(words), "{words}: {run}");
        run.keeps(&[TOKEN]);
    }
}
