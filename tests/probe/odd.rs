//! Servers that speak what nobody should, and chains that nobody should serve.

use crate::servers::{
    BOTH, Folder, OpenSsl, TLS12, TLS13, authority, hear_out, here, kcert, listen, pki, presenting, probe, server_of, tls,
};
use kcert::mint::{Identity, KeyKind};
use serde_json::json;
use std::io::Write;

#[test]
fn old_servers_are_shown_and_warned_of() {
    let root = authority("root");
    let leaf = pki().leaf("server").key(KeyKind::Rsa2048).server().dns("localhost").issued_by(&root).unwrap();
    let folder = Folder::new();
    let clients = folder.file("clients.pem", &authority("clients").pem());
    for (arguments, protocol, suite) in [
        (&["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"][..], "TLS 1.0", None),
        (&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], "TLS 1.1", None),
        (&["-tls1_2", "-cipher", "AES128-SHA"], "TLS 1.2", Some("TLS_RSA_WITH_AES_128_CBC_SHA")),
        (&["-tls1", "-cipher", "AES256-SHA@SECLEVEL=0"], "TLS 1.0", Some("TLS_RSA_WITH_AES_256_CBC_SHA")),
        (&["-tls1", "-cipher", "DEFAULT@SECLEVEL=0", "-Verify", "1", "-CAfile", &clients], "TLS 1.0", None),
    ] {
        let Some(server) = OpenSsl::start(&leaf, &[&root], arguments) else {
            println!("passed over: this openssl starts no server with {arguments:?}");
            continue;
        };
        let run = probe(&here(server.port), &[]);
        run.says(1, "protocol-old", "warning", suite.filter(|_| protocol == "TLS 1.2").unwrap_or(protocol));
        assert_eq!(run.findings().len(), 1, "{run}");
        run.presented(&[leaf.der(), root.der()]);
        let session = &run.peer()["session"];
        assert_eq!((&session["protocol"], &session["handshake"]), (&json!(protocol), &json!("chain-only")));
        assert!(suite.is_none_or(|suite| session["cipherSuite"] == suite), "{run}");
        let asks = arguments.contains(&"-Verify");
        assert_eq!(session["clientCertificateAuthorities"], if asks { json!(["CN=clients"]) } else { json!([]) });
    }
}

#[test]
fn bad_dates_are_critical() {
    let root = authority("root");
    let of = |leaf: kcert::mint::Recipe| leaf.server().dns("localhost").issued_by(&root).unwrap();
    for (leaf, code) in
        [(of(pki().leaf("server").expired()), "expired"), (of(pki().leaf("server").not_yet_valid()), "not-yet-valid")]
    {
        for versions in [TLS12, TLS13] {
            let run = probe(&here(tls(&leaf, &root).versions(versions).start()), &[]);
            run.says(2, code, "critical", "server");
            run.presented(&[leaf.der(), root.der()]);
        }
    }
    let port = tls(&server_of(&root), &root).start();
    probe(&here(port), &["--at", "+320d"]).says(1, "expiring", "warning", "server");
    probe(&here(port), &["--at", "+340d"]).says(2, "expired", "critical", "server");
}

#[test]
fn what_does_not_decode_is_named_and_the_rest_is_shown() {
    let root = authority("root");
    let leaf = server_of(&root);
    let cut = &root.der()[..root.der().len() - 1];
    for garbage in
        [b"garbage".as_slice(), &[0x30, 0x82, 0xff, 0xff, 0], cut, b"-----BEGIN CERTIFICATE-----", root.pem().as_bytes(), &[]]
    {
        for versions in [TLS12, TLS13] {
            let run = probe(&here(presenting(&[leaf.der(), garbage], &leaf).versions(versions).start()), &[]);
            assert_eq!(run.code, 3, "{garbage:?}: {run}");
            run.presented(&[leaf.der()]);
            // rustls itself refuses an empty one.
            assert!(garbage.is_empty() || run.findings().contains(&("malformed".into(), "unknown".into())), "{run}");
        }
    }
}

#[test]
fn a_leaf_that_does_not_decode_is_named() {
    let root = authority("root");
    for versions in [TLS12, TLS13] {
        let run = probe(&here(presenting(&[b"garbage", root.der()], &root).versions(versions).start()), &[]);
        run.presented(&[root.der()]);
        run.says(3, "malformed", "unknown", "not a valid certificate");
    }
}

#[test]
fn a_hundred_certificates_are_shown_in_order() {
    let chain = descent(100);
    let ders: Vec<&[u8]> = chain.iter().rev().map(Identity::der).collect();
    for versions in [TLS12, TLS13] {
        let run = probe(&here(presenting(&ders, &chain[99]).versions(versions).start()), &[]);
        run.presented(&ders);
        assert_eq!(run.peer()["session"]["handshake"], "completed");
        assert_eq!(run.code, 0, "{run}");
    }
}

/// A root and what comes of it, each issued by the one before.
fn descent(length: usize) -> Vec<Identity> {
    let mut line = vec![authority("ca-0")];
    while line.len() + 1 < length {
        let next = pki().ca(&format!("ca-{}", line.len())).issued_by(line.last().unwrap()).unwrap();
        line.push(next);
    }
    line.push(server_of(line.last().unwrap()));
    line
}

/// rustls takes 64 KiB; up to TLS 1.2 a chain can be read without it.
#[test]
fn certificate_messages_that_clients_fail_with_are_read_where_they_can_be() {
    let root = authority("root");
    let leaf = server_of(&root);
    for size in [100_000, 1_000_000] {
        let copies = size / (root.der().len() + 3);
        let ders: Vec<&[u8]> = std::iter::once(leaf.der()).chain(std::iter::repeat_n(root.der(), copies)).collect();
        for versions in [TLS12, BOTH] {
            let run = probe(&here(presenting(&ders, &leaf).versions(versions).start()), &[]);
            // Of a chain that nobody could use, enough is kept to see what it is.
            run.presented(&ders[..ders.len().min(256)]);
            let session = &run.peer()["session"];
            assert_eq!((&session["protocol"], &session["handshake"]), (&json!("TLS 1.2"), &json!("chain-only")));
            assert!(run.code == 3 && run.took.as_secs() < 5, "{run}");
            run.says(3, "unreachable", "unknown", "a larger message than the 64 KiB");
        }
        let run = probe(&here(presenting(&ders, &leaf).versions(TLS13).start()), &[]);
        run.says(3, "unreachable", "unknown", "TLS handshake: ");
        assert_eq!(run.peer()["session"], json!(null));
    }
}

/// Names, banners and replies may hold what terminals obey.
#[test]
fn no_server_gets_at_the_terminal() {
    let root = authority("root\u{1b}[2J");
    let leaf = pki().leaf("evil\u{1b}]0;x\u{7}\u{202e}").server().dns("localhost").issued_by(&root).unwrap();
    let clients = authority("clients\u{9b}31m");
    let banner = "554 \u{1b}[2J\u{9b}\r\n";
    let endpoints = [
        (here(tls(&leaf, &root).demanding(&clients).start()), &[][..]),
        (here(tls(&leaf, &root).protocols(&["h2"]).start()), &["-v"]),
        (here(talking(banner)), &["--starttls", "smtp"]),
        (here(talking(banner)), &[]),
        (here(talking("HTTP/1.1 500 \u{1b}[2J\u{7}\r\n\r\n")), &["--proxy", "X"]),
    ];
    for (endpoint, more) in &endpoints {
        let proxy = format!("http://{endpoint}");
        let more: Vec<&str> = more.iter().map(|word| if *word == "X" { proxy.as_str() } else { word }).collect();
        for verb in ["tls", "loopback"] {
            let ways = if verb == "tls" { &more[..] } else { &[] };
            for format in ["text", "json", "jsonl"] {
                let run = kcert(&[&["probe", verb, endpoint, "-o", format, "--color", "never"], ways].concat());
                let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
                assert!(!run.out.contains(obeyed) && !run.err.contains(obeyed), "{verb} {format}: {:?}", run.out);
                assert!(!run.out.is_empty(), "{run}");
            }
        }
    }
}

fn talking(banner: &'static str) -> u16 {
    listen(move |mut stream| {
        if stream.write_all(banner.as_bytes()).is_ok() {
            hear_out(&mut stream);
        }
    })
}
