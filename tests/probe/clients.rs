//! Servers that want to know who asks.

use crate::servers::{BOTH, Folder, OpenSsl, TLS12, TLS13, authority, here, kcert, pki, probe, server_of, tls};
use kcert::mint::Identity;
use serde_json::json;

fn client_of(issuer: &Identity) -> Identity {
    pki().leaf("somebody").client().issued_by(issuer).unwrap()
}

#[test]
fn the_chain_is_shown_to_nobody_and_the_refusal_is_a_fact() {
    let (root, clients) = (authority("root"), authority("clients"));
    let leaf = server_of(&root);
    for versions in [TLS12, TLS13] {
        let server = tls(&leaf, &root).versions(versions).demanding(&clients);
        refused_for_want_of_a_certificate(&leaf, &root, server.start(), "certificate_required");
        assert_eq!(server.visits(1)[0].certificates, 0);
    }
    let folder = Folder::new();
    let file = folder.file("clients.pem", &clients.pem());
    for (version, alert) in [("-tls1_2", "handshake_failure"), ("-tls1_3", "certificate_required")] {
        let arguments = [version, "-Verify", "1", "-verify_return_error", "-CAfile", &file];
        let server = OpenSsl::start(&leaf, &[&root], &arguments).unwrap();
        refused_for_want_of_a_certificate(&leaf, &root, server.port, alert);
    }
}

fn refused_for_want_of_a_certificate(leaf: &Identity, root: &Identity, port: u16, alert: &str) {
    let run = probe(&here(port), &[]);
    run.presented(&[leaf.der(), root.der()]);
    let session = &run.peer()["session"];
    assert_eq!((&session["handshake"], &session["alert"]), (&json!("refused"), &json!(alert)), "{run}");
    assert_eq!(session["clientCertificateRequested"], true);
    assert_eq!(session["clientCertificateAuthorities"], json!(["CN=clients"]));
    run.says(0, "client-untrusted", "info", alert);
    assert_eq!(run.findings().len(), 1, "{run}");
}

#[test]
fn a_certificate_that_is_asked_for_only_may_be_missing() {
    let (root, clients) = (authority("root"), authority("clients"));
    for versions in [TLS12, TLS13] {
        let run = probe(&here(tls(&server_of(&root), &root).versions(versions).asking(&clients).start()), &[]);
        run.is_fine();
        let session = &run.peer()["session"];
        assert_eq!((&session["handshake"], &session["clientCertificateRequested"]), (&json!("completed"), &json!(true)));
    }
}

#[test]
fn with_a_certificate_the_handshake_is_completed() {
    let (root, clients) = (authority("root"), authority("clients"));
    let (leaf, client) = (server_of(&root), client_of(&clients));
    let folder = Folder::new();
    let key = client.key_pem();
    let (certificate, lone_key) = (folder.file("client.crt", &client.pem()), folder.file("client.key", key.as_str()));
    let both = folder.file("client.pem", &[key.as_str(), &client.pem()].concat());
    let file = folder.file("clients.pem", &clients.pem());
    let ways = [&["--client-cert", &certificate, "--client-key", &lone_key][..], &["--client-cert", &both]];
    for arguments in ways {
        for versions in [TLS12, TLS13] {
            let server = tls(&leaf, &root).versions(versions).demanding(&clients);
            let run = probe(&here(server.start()), arguments);
            run.is_fine();
            assert_eq!((&run.peer()["session"]["handshake"], &run.peer()["login"]), (&json!("completed"), &json!("certificate")));
            assert_eq!(server.visits(1)[0].certificates, 1);
        }
    }
    for version in ["-tls1_2", "-tls1_3"] {
        let asking = [version, "-Verify", "1", "-verify_return_error", "-CAfile", &file];
        let server = OpenSsl::start(&leaf, &[&root], &asking).unwrap();
        let run = probe(&here(server.port), ways[0]);
        run.is_fine();
        assert_eq!(run.peer()["session"]["handshake"], "completed", "{version}");
    }
}

#[test]
fn a_certificate_of_another_ca_is_refused_and_that_is_critical() {
    let (root, clients) = (authority("root"), authority("clients"));
    let client = client_of(&authority("others"));
    let file = Folder::new();
    let both = file.file("client.pem", &[client.key_pem().as_str(), &client.pem()].concat());
    for versions in [TLS12, TLS13] {
        let server = tls(&server_of(&root), &root).versions(versions).demanding(&clients);
        let run = probe(&here(server.start()), &["--client-cert", &both]);
        run.says(2, "client-untrusted", "critical", "the server refuses the client certificate with the alert");
        assert_eq!(run.peer()["session"]["handshake"], "refused");
    }
}

#[test]
fn credentials_that_cannot_be_used_are_usage_errors_and_say_nothing_of_the_key() {
    let clients = authority("clients");
    let (client, other) = (client_of(&clients), client_of(&clients));
    let folder = Folder::new();
    let certificate = folder.file("client.crt", &client.pem());
    let wrong = folder.file("wrong.key", other.key_pem().as_str());
    let garbage = folder.file("garbage.key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0IHNlY3JldA==\n-----END PRIVATE KEY-----\n");
    let server = tls(&server_of(&clients), &clients).versions(BOTH).demanding(&clients);
    let endpoint = here(server.start());
    let key_text: Vec<String> =
        other.key_pem().as_str().lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect();
    let secrets: Vec<&str> = key_text.iter().map(String::as_str).chain(["c2VjcmV0IHNlY3JldA", "secret secret"]).collect();
    for (key, words) in [
        (&[][..], "no client certificate with its key"),
        (&["--client-key", &wrong], "belongs to another certificate"),
        (&["--client-key", &garbage], "of no kind that TLS can use"),
        (&["--client-key", "/nonexistent/key"], "/nonexistent/key"),
        (&["--client-key", &certificate], "no client certificate with its key"),
    ] {
        for format in ["text", "json", "jsonl"] {
            let arguments = ["probe", "tls", &endpoint, "-v", "-o", format, "--client-cert", &certificate];
            let run = kcert(&[&arguments[..], key].concat());
            assert_eq!((run.code, run.out.as_str()), (3, ""), "{key:?}: {run}");
            assert!(run.err.contains(words), "{words}: {run}");
            run.keeps(&secrets);
        }
    }
    server.visits(0);
}
