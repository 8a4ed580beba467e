//! Servers with nothing wrong.

use crate::servers::{BOTH, OpenSsl, TLS12, TLS13, authority, here, id, kcert, pki, presenting, probe, server_of, tls};
use kcert::mint::KeyKind;
use serde_json::{Value, json};

#[test]
fn rustls_servers_are_shown() {
    let root = authority("root");
    let inner = pki().ca("inner").issued_by(&root).unwrap();
    let leaf = server_of(&inner);
    for (versions, protocol, suite) in [
        (TLS13, "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
        (BOTH, "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
        (TLS12, "TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let port = presenting(&[leaf.der(), inner.der(), root.der()], &leaf).versions(versions).start();
        let run = probe(&here(port), &[]);
        run.is_fine();
        run.presented(&[leaf.der(), inner.der(), root.der()]);
        let peer = run.peer();
        assert_eq!((&peer["address"], &peer["login"]), (&json!(here(port)), &json!("anonymous")));
        let session = json!({
            "protocol": protocol, "cipherSuite": suite, "keyExchange": "X25519", "alpn": null, "ocspStaple": false,
            "clientCertificateRequested": false, "clientCertificateAuthorities": [], "handshake": "completed",
        });
        assert_eq!(peer["session"], session);
        assert_eq!(run.json()["certificates"][0]["id"], json!(id(leaf.der())));
    }
}

#[test]
fn openssl_servers_are_shown() {
    let root = authority("root");
    let of = |kind| pki().leaf("server").key(kind).server().dns("localhost").issued_by(&root).unwrap();
    let (rsa, elliptic) = (of(KeyKind::Rsa2048), of(KeyKind::EcdsaP384));
    for (leaf, version, protocol, suite) in [
        (&rsa, "-tls1_2", "TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
        (&rsa, "-tls1_3", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
        (&elliptic, "-tls1_2", "TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (&elliptic, "-tls1_3", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
    ] {
        let server = OpenSsl::start(leaf, &[&root], &[version]).unwrap();
        let run = probe(&here(server.port), &[]);
        run.is_fine();
        run.presented(&[leaf.der(), root.der()]);
        let session = &run.peer()["session"];
        let shown = ["protocol", "cipherSuite", "keyExchange", "handshake"].map(|field| session[field].as_str().unwrap());
        assert_eq!(shown, [protocol, suite, "X25519", "completed"]);
    }
}

#[test]
fn other_groups_are_agreed_on() {
    let root = authority("root");
    for (group, name) in [("P-256", "secp256r1"), ("P-384", "secp384r1")] {
        let server = OpenSsl::start(&server_of(&root), &[&root], &["-groups", group]).unwrap();
        let run = probe(&here(server.port), &[]);
        run.is_fine();
        assert_eq!(run.peer()["session"]["keyExchange"], name);
    }
}

#[test]
fn protocols_are_offered_and_servers_without_any_of_them_are_shown_all_the_same() {
    let root = authority("root");
    let leaf = server_of(&root);
    for (protocols, chosen, visits) in [
        (&["h2", "http/1.1"][..], json!("h2"), 1),
        (&["http/1.1"], json!("http/1.1"), 1),
        (&["foo"], Value::Null, 2),
        (&[], Value::Null, 1),
    ] {
        for versions in [TLS12, TLS13] {
            let server = tls(&leaf, &root).versions(versions).protocols(protocols);
            let run = probe(&here(server.start()), &[]);
            run.is_fine();
            run.presented(&[leaf.der(), root.der()]);
            assert_eq!(run.peer()["session"]["alpn"], chosen, "{protocols:?}");
            server.visits(visits);
        }
    }
}

#[test]
fn names_are_sent_and_addresses_are_not() {
    let root = authority("root");
    let server = tls(&server_of(&root), &root);
    let port = server.start();
    let resolve = ["--resolve", "name.example=127.0.0.1"];
    let mut expected: Vec<Option<String>> = Vec::new();
    for (endpoint, more, sent) in [
        (here(port), &[][..], None),
        (format!("name.example:{port}"), &resolve, Some("name.example")),
        (format!("https://name.example:{port}/path"), &resolve, Some("name.example")),
        (here(port), &["--sni", "other.example"], Some("other.example")),
        (format!("name.example:{port}"), &["--sni", "other.example", resolve[0], resolve[1]], Some("other.example")),
        (format!("name.example:{port}"), &["--sni", "", resolve[0], resolve[1]], None),
    ] {
        let run = probe(&endpoint, more);
        run.is_fine();
        assert_eq!(run.peer()["serverName"], json!(sent), "{endpoint} {more:?}");
        expected.push(sent.map(str::to_owned));
    }
    let seen: Vec<Option<String>> = server.visits(expected.len()).into_iter().map(|visit| visit.server_name).collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_text_names_what_counts() {
    let root = authority("root");
    let port = tls(&server_of(&root), &root).start();
    for arguments in [&["-v"][..], &[], &["-q"]] {
        let run = kcert(&[&["probe", "tls", &here(port)], arguments].concat());
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    }
    let run = kcert(&["probe", "tls", &here(port)]);
    assert!(["TLS 1.3", "X25519", "server"].iter().all(|word| run.out.contains(word)), "{run}");
}
