//! One cluster: what is asked of it and what is made of its answers.

use crate::server::{Home, Reply, TOKEN, authority, cluster, kubeconfig, pki, secret, server, status};
use kcert::mint::Identity;
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn leaf(name: &str, ca: &Identity) -> String {
    pki().leaf(name).server().dns(name).issued_by(ca).unwrap().pem()
}

/// So many Secrets, each with a certificate of its own.
fn secrets(count: usize, ca: &Identity) -> Vec<serde_json::Value> {
    (0..count).map(|number| secret("ns", &format!("s{number}"), &leaf(&format!("n{number}"), ca))).collect()
}

const USER: &str = "token: t0k3n-t0k3n-t0k3n";

#[test]
fn everything_is_read_page_by_page_and_nothing_but_lists_is_asked() {
    let ca = authority("kubernetes");
    let running = server(secrets(5, &ca)).start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    let run = home.run(&["inspect", "--live"]);
    assert_eq!((run.code, run.subjects().len()), (0, 5), "{}", run.err);
    let asked = running.asked();
    assert!(asked.iter().all(|line| line.starts_with("GET /api") || line.starts_with("GET /version")), "{asked:?}");
    assert_eq!(asked.iter().filter(|line| line.starts_with("GET /api/v1/secrets?")).count(), 3);
    assert!(asked[0].starts_with("GET /apis/cert-manager.io/v1/certificates?"), "{}", asked[0]);
    assert!(asked[1].contains("limit=500") && asked[1].contains("fieldSelector=type%21%3Dhelm.sh"), "{}", asked[1]);
    assert!(running.logins().iter().all(|login| login.as_deref() == Some(&format!("Bearer {TOKEN}"))));
    let origin = &run.json()["certificates"][0]["origins"][0];
    assert_eq!((&origin["source"], &origin["file"]), (&"ns/s0".into(), &running.url().into()));
    assert!(origin.get("host").is_none(), "one cluster needs no name");
    assert_eq!(home.run(&["check", "--live"]).code, 0);
    let chains = home.run(&["chain", "-A"]);
    assert_eq!((chains.code, chains.subjects().len()), (0, 5));
}

#[test]
fn namespaces_and_labels_narrow() {
    let ca = authority("kubernetes");
    let of_web = server(secrets(1, &ca))
        .with("/api/v1/namespaces/web/secrets", Reply::List("Secret", secrets(2, &ca)))
        .with("/api/v1/namespaces/web/configmaps", Reply::List("ConfigMap", Vec::new()));
    let running = of_web.start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    let run = home.run(&["inspect", "-n", "web", "-l", "app in (a,b)"]);
    assert_eq!((run.code, run.subjects().len()), (0, 2), "{}", run.err);
    let asked = running.asked();
    assert_eq!(asked.len(), 4, "three lists and the version: {asked:?}");
    assert!(asked[1].contains("labelSelector=app+in+%28a%2Cb%29"), "{}", asked[1]);
    assert!(asked[2].contains("labelSelector=app+in+%28a%2Cb%29%2Cowner%21%3Dhelm%2COWNER%21%3DTILLER"), "{}", asked[1]);
}

#[test]
fn what_may_not_be_read_is_said_and_the_rest_is_shown() {
    let ca = authority("kubernetes");
    let refusal = status(403, "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\"");
    let running = server(secrets(1, &ca)).with("/api/v1/configmaps", refusal).start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    for verb in ["inspect", "check", "preflight", "chain"] {
        let run = home.run(&[verb, "--live"]);
        let said = "forbidden: may not be read: configmaps in all namespaces, by jane";
        assert_eq!((run.code, run.unread(), run.subjects().len()), (3, vec![said.to_owned()], 1), "{verb} {}", run.err);
    }
}

#[test]
fn a_server_that_is_not_trusted_is_told_nothing_and_asked_nothing() {
    let (ca, other) = (authority("kubernetes"), authority("kubernetes"));
    let running = server(secrets(1, &ca)).start(&ca);
    let skips = format!("server: '{}', insecure-skip-tls-verify: true", running.url());
    for (cluster, words) in [
        (cluster(&running.url(), &other), "the kubeconfig's CA does not vouch for the server"),
        (cluster(&running.url().replace("127.0.0.1", "localhost"), &ca), "the kubeconfig's CA does not vouch for the server"),
        (skips, "insecure-skip-tls-verify"),
        (format!("server: 'http://192.0.2.1:{}'", running.port), "without TLS"),
    ] {
        let run = Home::new(&kubeconfig(&[("here", &cluster, USER)])).run(&["inspect", "--live"]);
        let unread = run.unread();
        assert_eq!((run.code, run.subjects().len(), unread.len()), (3, 0, 1), "{unread:?} {}", run.err);
        assert!(unread[0].starts_with("unreachable: not asked: ") && unread[0].contains(words), "{unread:?}");
    }
    assert_eq!(running.asked(), [""; 0]);
}

#[test]
fn a_proxy_of_ones_own_on_this_machine_gets_no_credential() {
    let ca = authority("kubernetes");
    let running = server(secrets(1, &ca)).start_plain();
    let cluster = format!("server: 'http://127.0.0.1:{}'", running.port);
    let run = Home::new(&kubeconfig(&[("here", &cluster, USER)])).run(&["inspect", "--live"]);
    assert_eq!((run.code, run.subjects().len()), (0, 1), "{:?}", run.unread());
    assert!(running.logins().iter().all(Option::is_none));
}

#[test]
fn a_token_that_is_not_known_is_said_once() {
    let ca = authority("kubernetes");
    let running = server(Vec::new()).with("/api/v1/secrets", status(401, "Unauthorized")).start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    let run = home.run(&["check", "--live"]);
    assert_eq!((run.code, run.unread()), (3, vec!["forbidden: does not know who asks: 401 Unauthorized".to_owned()]));
    assert_eq!(running.asked().len(), 2, "{:?}", running.asked());
}

#[test]
fn servers_that_are_down_slow_or_break_off_end_in_time() {
    let ca = authority("kubernetes");
    let begun = format!(
        r#"{{"kind":"SecretList","apiVersion":"v1","metadata":{{}},"items":[{},"#,
        secret("ns", "first", &leaf("first", &ca))
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (silent, stalls, breaks) = (
        server(Vec::new()).with("/api/v1/secrets", Reply::Silence).start(&ca),
        server(Vec::new()).with("/api/v1/secrets", Reply::Stalls(begun.clone())).start(&ca),
        server(Vec::new()).with("/api/v1/secrets", Reply::BreaksOff(begun)).start(&ca),
    );
    for (url, found, words) in [
        (format!("https://127.0.0.1:{closed}"), 0, "unreachable: connect: connection refused"),
        (silent.url(), 0, "unreachable: request: timed out"),
        (stalls.url(), 1, "unreachable: request: timed out"),
        (breaks.url(), 1, "unreachable: request: the list broke off: the connection ended early"),
    ] {
        let home = Home::new(&kubeconfig(&[("here", &cluster(&url, &ca), USER)]));
        let run = home.run(&["inspect", "--live", "--timeout", "1s"]);
        let unread = run.unread();
        assert_eq!((run.code, run.subjects().len(), unread.len()), (3, found, 1), "{unread:?} {}", run.err);
        assert!(unread[0].starts_with(words), "{words}: {unread:?}");
        assert!(run.took < Duration::from_secs(6), "{:?}", run.took);
    }
}

#[test]
fn a_busy_server_is_waited_for() {
    let ca = authority("kubernetes");
    let headers = &[("content-type", "application/json"), ("retry-after", "1")];
    let busy = Reply::Status(429, headers, r#"{"kind":"Status","message":"slow down"}"#.to_owned());
    let running = server(Vec::new()).with("/api/v1/secrets", busy).start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    let run = home.run(&["inspect", "--live", "--timeout", "2s"]);
    assert_eq!(run.unread(), ["unreachable: request: 429 Too Many Requests: slow down"]);
    assert_eq!(running.asked().iter().filter(|line| line.contains("/secrets")).count(), 3);
}

/// A plugin: a script of these lines.
fn plugin(home: &Home, lines: &str) -> String {
    let path = home.file("plugin", &format!("#!/bin/sh\n{lines}\n"));
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    format!("exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{path}', interactiveMode: IfAvailable}}")
}

#[test]
fn credential_plugins_are_run_and_what_they_print_is_kept() {
    let ca = authority("kubernetes");
    let running = server(secrets(1, &ca)).start(&ca);
    let credential = format!(
        r#"echo '{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{TOKEN}"}}}}'"#
    );
    for (lines, words) in [
        (credential.as_str(), None),
        (&format!("echo {TOKEN}; echo {TOKEN} >&2; exit 7"), Some("failed: exit status: 7")),
        (&format!("echo {TOKEN}"), Some("answered no ExecCredential")),
        ("sleep 30", Some("did not end in time")),
    ] {
        let home = Home::new("");
        let user = plugin(&home, lines);
        home.file("config", &kubeconfig(&[("here", &cluster(&running.url(), &ca), &user)]));
        let run = home.run(&["inspect", "--live", "--timeout", "2s"]);
        match words {
            None => assert_eq!((run.code, run.subjects().len()), (0, 1), "{:?}", run.unread()),
            Some(words) => {
                let unread = run.unread();
                assert!(run.code == 3 && unread.len() == 1 && unread[0].contains(words), "{words}: {unread:?}");
            }
        }
        assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
    }
    assert!(running.logins().iter().all(|login| login.as_deref() == Some(&format!("Bearer {TOKEN}"))));
    let absent = "exec: {apiVersion: client.authentication.k8s.io/v1, command: /nowhere/plugin}";
    let run = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), absent)])).run(&["inspect", "--live"]);
    assert!(run.unread()[0].contains("/nowhere/plugin could not be started: no such file"), "{:?}", run.unread());
}

#[test]
fn token_files_are_read_without_white_space_around() {
    let ca = authority("kubernetes");
    let running = server(secrets(1, &ca)).start(&ca);
    let home = Home::new("");
    home.file("token", &format!("{TOKEN}\n"));
    home.file("config", &kubeconfig(&[("here", &cluster(&running.url(), &ca), "tokenFile: token")]));
    assert_eq!(home.run(&["inspect", "--live"]).code, 0);
    assert_eq!(running.logins()[0].as_deref(), Some(format!("Bearer {TOKEN}").as_str()));
    home.file("config", &kubeconfig(&[("here", &cluster(&running.url(), &ca), "tokenFile: gone")]));
    let run = home.run(&["inspect", "--live"]);
    let unread = run.unread();
    assert!(run.code == 3 && unread[0].ends_with("gone cannot be read: no such file"), "{unread:?} {}", run.err);
}

#[test]
fn an_api_below_a_path_is_asked_there() {
    let ca = authority("kubernetes");
    let below = "/k8s/clusters/c-1";
    let behind = server(Vec::new())
        .with(&format!("{below}/api/v1/secrets"), Reply::List("Secret", secrets(3, &ca)))
        .with(&format!("{below}/api/v1/configmaps"), Reply::List("ConfigMap", Vec::new()));
    let running = behind.start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&format!("{}{below}", running.url()), &ca), USER)]));
    let run = home.run(&["inspect", "--live"]);
    assert_eq!((run.code, run.subjects().len()), (0, 3), "{:?} {}", run.unread(), run.err);
    assert!(running.asked().iter().all(|line| line.starts_with("GET /k8s/clusters/c-1/")), "{:?}", running.asked());
}

#[test]
fn a_password_in_the_url_is_not_repeated() {
    let ca = authority("kubernetes");
    let running = server(secrets(1, &ca)).start(&ca);
    let url = running.url().replace("https://", &format!("https://admin:{TOKEN}@"));
    let home = Home::new(&kubeconfig(&[("here", &cluster(&format!("{url}/?token={TOKEN}"), &ca), USER)]));
    for format in ["text", "json", "jsonl"] {
        let run = home.run(&["inspect", "--live", "-o", format]);
        assert!(run.code == 0 || run.code == 3, "{}{}", run.out, run.err);
    }
}

#[test]
fn proxies_are_asked_unless_excepted_and_never_for_this_machine() {
    let ca = authority("kubernetes");
    let running = server(secrets(1, &ca)).start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    let environment = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("KUBECONFIG", "/nowhere")];
    let config = home.file("other", &kubeconfig(&[("here", &cluster("https://192.0.2.1:6443", &ca), USER)]));
    let run = home.run_with(&["inspect", "--live", "--kubeconfig", &config, "-o", "json"], &environment);
    assert!(run.unread()[0].contains("connection refused"), "the proxy is not there: {:?}", run.unread());
    let config = home.file("own", &kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    let run = home.run_with(&["inspect", "--live", "--kubeconfig", &config, "-o", "json"], &environment);
    assert_eq!(run.code, 0, "{:?}", run.unread());
    let own = format!("{}, proxy-url: 'http://me:{TOKEN}@127.0.0.1:1'", cluster(&running.url(), &ca));
    let run = Home::new(&kubeconfig(&[("here", &own, USER)])).run(&["inspect", "--live"]);
    assert_eq!(run.code, 3, "a proxy of the kubeconfig's own is asked for this machine too");
}

#[test]
fn mistakes_on_the_command_line_are_said_before_anybody_is_asked() {
    let ca = authority("kubernetes");
    let running = server(Vec::new()).start(&ca);
    let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
    for (arguments, words) in [
        (&["inspect", "--context", "there"][..], "the kubeconfig has no context there"),
        (&["inspect"], "--kubeconfig is there, and no --live or --context"),
        (&["inspect", "-n", "a/b"], "expected a name of small letters"),
        (&["inspect", "-n", "a", "-A"], "cannot be used with"),
    ] {
        let run = home.run(arguments);
        assert!(run.code == 3 && run.err.contains(words), "{arguments:?}: {}", run.err);
    }
    let run = home.run(&["inspect", "kubeconfig"]);
    assert!(run.code == 0 && run.out.contains("here"), "there it says which kubeconfig is looked at: {} {}", run.out, run.err);
    let endpoint = running.url().replace("https://", "");
    let run = home.run_with(&["inspect", "kubeconfig", "--kubeconfig", &endpoint], &[]);
    assert!(run.code == 3 && run.out.contains("no such file"), "it names a file, and no server: {} {}", run.out, run.err);
    let other = home.file("other", "kind: [");
    let run = home.run_with(&["check", "--live", "--kubeconfig", &other], &[]);
    assert!(run.code == 3 && run.err.contains("other is no kubeconfig that clients can use"), "{}", run.err);
    let run = home.run_with(&["check", "--live"], &[("KUBECONFIG", "/nowhere/a:/nowhere/b")]);
    assert!(run.code == 3 && run.err.contains("there is no kubeconfig at /nowhere/a, /nowhere/b"), "{}", run.err);
    assert_eq!(running.asked(), [""; 0]);
}

#[test]
fn what_cert_manager_renews_says_so() {
    let ca = authority("kubernetes");
    let soon = |days: i64| time::OffsetDateTime::now_utc() + time::Duration::days(days);
    let leaf = pki().leaf("web").server().dns("web").valid(soon(-355), soon(10)).issued_by(&ca).unwrap();
    let renewal = soon(5).replace_nanosecond(0).unwrap().format(&time::format_description::well_known::Rfc3339).unwrap();
    // As an API server lists custom resources: the kind is in each.
    let certificate = json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"secretName": "web-tls", "issuerRef": {"name": "ca"}}, "status": {"renewalTime": renewal},
    });
    for (path, arguments) in
        [("/apis/cert-manager.io/v1", &["--live"][..]), ("/apis/cert-manager.io/v1/namespaces/shop", &["-n", "shop"])]
    {
        let secrets = Reply::List("Secret", vec![secret("shop", "web-tls", &leaf.pem())]);
        let running = server(Vec::new())
            .with(&format!("{path}/certificates"), Reply::List("Certificate", vec![certificate.clone()]))
            .with("/api/v1/secrets", secrets.clone())
            .with("/api/v1/namespaces/shop/secrets", secrets)
            .with("/api/v1/namespaces/shop/configmaps", Reply::List("ConfigMap", Vec::new()));
        let running = running.start(&ca);
        let home = Home::new(&kubeconfig(&[("here", &cluster(&running.url(), &ca), USER)]));
        let json = home.run(&[&["check"], arguments].concat()).json();
        let finding = json["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "expiring").unwrap();
        assert!(finding["hint"].as_str().unwrap().starts_with("cert-manager renews it on "), "{finding}");
        assert_eq!(
            (&finding["evidence"]["managedBy"], &finding["evidence"]["renewalTime"]),
            (&json!("Certificate shop/web"), &json!(renewal))
        );
    }
}
