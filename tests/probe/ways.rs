//! Ways to a server: plain protocols, proxies, addresses given by hand.

use crate::servers::{TLS12, TLS13, authority, free_port, head, here, kcert, listen, probe, server_of, tls};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a server says, after it has heard what it expects.
type Step = (&'static [u8], &'static [u8]);

const MYSQL: &[u8] = b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0";
const MYSQL_REQUEST: &[u8] = b"\x20\0\0\x01\x01\x8a\0\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

const PLAIN: &[(&str, &[Step])] = &[
    (
        "smtp",
        &[
            (b"", b"220-mail.example ESMTP\r\n220 ready\r\n"),
            (b"EHLO localhost\r\n", b"250-mail.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"),
            (b"STARTTLS\r\n", b"220 go ahead\r\n"),
        ],
    ),
    ("imap", &[(b"", b"* OK ready\r\n"), (b"a1 STARTTLS\r\n", b"* untagged\r\na1 OK begin\r\n")]),
    ("pop3", &[(b"", b"+OK ready\r\n"), (b"STLS\r\n", b"+OK begin\r\n")]),
    ("ftp", &[(b"", b"220-hello\r\n all\r\n220 ready\r\n"), (b"AUTH TLS\r\n", b"234 begin\r\n")]),
    ("postgres", &[(b"\0\0\0\x08\x04\xd2\x16\x2f", b"S")]),
    ("mysql", &[(b"", MYSQL), (MYSQL_REQUEST, b"")]),
    ("ldap", &[(LDAP_REQUEST, b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0")]),
];

/// Plays the server's part; whether the client kept to its own.
fn play(stream: &mut TcpStream, script: &[Step]) -> bool {
    script.iter().all(|(expected, said)| {
        let mut heard = vec![0; expected.len()];
        stream.read_exact(&mut heard).is_ok() && heard == *expected && stream.write_all(said).is_ok()
    })
}

#[test]
fn plain_protocols_change_to_tls() {
    let root = authority("root");
    let leaf = server_of(&root);
    for (protocol, script) in PLAIN {
        for versions in [TLS12, TLS13] {
            let port = tls(&leaf, &root).versions(versions).start_behind(|stream| play(stream, script));
            let run = probe(&here(port), &["--starttls", protocol]);
            run.is_fine();
            run.presented(&[leaf.der(), root.der()]);
            assert_eq!(run.peer()["session"]["handshake"], "completed", "{protocol}");
        }
    }
}

#[test]
fn plain_protocols_that_do_not_change_are_named() {
    let refusals: &[(&str, &[Step], &str)] = &[
        ("smtp", &[(b"", b"220 x\r\n"), (b"EHLO localhost\r\n", b"250 x\r\n")], "the server does not offer STARTTLS"),
        ("smtp", &[(b"", b"554 go away\r\n")], "the server answers \"554 go away\""),
        ("imap", &[(b"", b"* OK x\r\n"), (b"a1 STARTTLS\r\n", b"a1 NO not here\r\n")], "the server answers \"a1 NO not here\""),
        ("pop3", &[(b"", b"+OK x\r\n"), (b"STLS\r\n", b"-ERR what\r\n")], "the server answers \"-ERR what\""),
        ("ftp", &[(b"", b"220 x\r\n"), (b"AUTH TLS\r\n", b"502 no\r\n")], "the server answers \"502 no\""),
        ("postgres", &[(b"\0\0\0\x08\x04\xd2\x16\x2f", b"N")], "the server does not offer TLS"),
        ("mysql", &[(b"", b"SSH-2.0-x\r\n")], "SSH instead of MySQL"),
        (
            "ldap",
            &[(LDAP_REQUEST, b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\0\x04\0")],
            "the server answers with the result code 2 (protocolError)",
        ),
        ("smtp", &[], "timed out"),
    ];
    let root = authority("root");
    let server = tls(&server_of(&root), &root);
    for (protocol, script, words) in refusals {
        let script = *script;
        let port = server.start_behind(move |stream| {
            play(stream, script);
            drop(stream.read(&mut [0]));
            false
        });
        let run = probe(&here(port), &["--starttls", protocol, "--timeout", "700ms"]);
        run.says(3, "unreachable", "unknown", &format!("STARTTLS: {words}"));
        assert!(run.took.as_secs() < 3, "{run}");
    }
    server.visits(0);
}

/// CVE-2021-23222: what is slipped in behind the last plain reply must not pass for what was said inside of TLS.
#[test]
fn nothing_in_plain_passes_for_tls() {
    let root = authority("root");
    let server = tls(&server_of(&root), &root);
    let port = server.start_behind(|stream| {
        let script: &[Step] = &[(b"", b"+OK x\r\n"), (b"STLS\r\n", b"+OK begin\r\n+OK evil\r\n")];
        play(stream, script)
    });
    probe(&here(port), &["--starttls", "pop3"]).says(3, "not-tls", "unknown", "does not speak TLS");
}

// ---- proxies ----

/// A proxy that tunnels for those with the right password, and what it was asked.
pub(super) fn proxy(authorization: Option<&'static str>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let port = listen(move |mut stream| {
        let head = head(&mut stream);
        log.lock().unwrap().push(head.clone());
        let may = authorization.is_none_or(|value| head.contains(&format!("\r\nProxy-Authorization: Basic {value}\r\n")));
        let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).map(TcpStream::connect);
        match target {
            _ if !may => drop(stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")),
            Some(Ok(target)) if stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").is_ok() => {
                let (from, to) = (stream.try_clone().unwrap(), target.try_clone().unwrap());
                let there = thread::spawn(move || pass(from, to));
                pass(target, stream);
                there.join().unwrap();
            }
            _ => drop(stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")),
        }
    });
    (port, asked)
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}

/// `u:SECRETPW` in base64.
pub(super) const RIGHT: &str = "dTpTRUNSRVRQVw==";

#[test]
fn proxies_are_gone_through_and_their_password_is_in_no_output() {
    let root = authority("root");
    let leaf = server_of(&root);
    let endpoint = here(tls(&leaf, &root).start());
    let (port, asked) = proxy(Some(RIGHT));
    for password in ["SECRETPW", "%53ECRETPW"] {
        let url = format!("http://u:{password}@127.0.0.1:{port}");
        let run = probe(&endpoint, &["--proxy", &url]);
        run.is_fine();
        run.presented(&[leaf.der(), root.der()]);
        assert_eq!(run.peer()["address"], json!(null), "the proxy is what was dialled");
        let head = asked.lock().unwrap().pop().unwrap();
        assert!(head.starts_with(&format!("CONNECT {endpoint} HTTP/1.1\r\nHost: {endpoint}\r\n")), "{head}");
    }
    let gone = here(free_port());
    let bad_gateway = "proxy: the proxy refuses: HTTP/1.1 502 Bad Gateway";
    for (password, to, exit, words) in [
        ("SECRETPW", &endpoint, 0, ""),
        ("SECRETWRONG", &endpoint, 3, "proxy: the proxy wants a user and a password"),
        ("SECRETPW", &gone, 3, bad_gateway),
    ] {
        let url = format!("http://u:{password}@127.0.0.1:{port}");
        for arguments in [&["-v"][..], &["-q"], &[], &["-o", "json"], &["-v", "-o", "jsonl"]] {
            let run = kcert(&[&["probe", "tls", to, "--proxy", &url], arguments].concat());
            assert_eq!(run.code, exit, "{run}");
            assert!(arguments == ["-q"] || run.out.contains(words), "{words}: {run}");
            run.keeps(&["SECRET", RIGHT, "dTpTRUNSRVR"]);
        }
    }
}

#[test]
fn proxies_that_are_none_are_named() {
    let endpoint = here(free_port());
    let ssh = listen(|mut stream| drop(stream.write_all(b"SSH-2.0-x\r\n").and_then(|()| stream.read(&mut [0; 4096]).map(drop))));
    let silent = listen(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    for (port, words) in
        [(free_port(), "proxy: connection refused"), (ssh, "proxy: the proxy does not speak HTTP"), (silent, "proxy: timed out")]
    {
        let run = probe(&endpoint, &["--timeout", "700ms", "--proxy", &format!("http://u:SECRETPW@127.0.0.1:{port}")]);
        run.says(3, "unreachable", "unknown", words);
        run.keeps(&["SECRETPW"]);
    }
    for url in
        ["https://u:SECRETPW@127.0.0.1:1", "socks5://u:SECRETPW@127.0.0.1:1", "http://u:SECRETPW@", "http://u:SECRETPW@a b"]
    {
        let run = probe(&endpoint, &["--proxy", url]);
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{run}");
        run.keeps(&["SECRETPW"]);
    }
}

// ---- addresses ----

#[test]
fn names_can_be_resolved_by_hand() {
    let root = authority("root");
    let port = tls(&server_of(&root), &root).start();
    let endpoint = format!("name.example:{port}");
    let run = probe(&endpoint, &["--resolve", "name.example=127.0.0.1", "-4"]);
    run.is_fine();
    assert_eq!((&run.peer()["address"], &run.peer()["serverName"]), (&json!(here(port)), &json!("name.example")));
    let run = probe(&endpoint, &["--resolve", "NAME.example=127.0.0.1", "-6"]);
    run.says(3, "unreachable", "unknown", "name resolution: the name has no IPv6 address");
}

#[test]
fn every_address_is_asked_and_one_that_answers_is_enough() {
    let root = authority("root");
    let port = tls(&server_of(&root), &root).start();
    let two = ["--resolve", "name.example=127.0.0.2", "--resolve", "name.example=127.0.0.1"];
    let run = probe(&format!("name.example:{port}"), &two);
    run.says(0, "unreachable", "info", "connect: connection refused");
    let peers = run.json()["peers"].as_array().unwrap().clone();
    let shown: Vec<_> = peers.iter().map(|peer| (peer["address"].as_str().unwrap(), peer["session"].is_null())).collect();
    let (first, second) = (format!("127.0.0.2:{port}"), here(port));
    assert_eq!(shown, [(first.as_str(), true), (second.as_str(), false)], "in the order given");
}

#[test]
fn addresses_of_the_sixth_version() {
    let root = authority("root");
    let server = tls(&server_of(&root), &root);
    let Ok(address) = server.start_on("[::1]:0") else {
        println!("passed over: this machine has no ::1");
        return;
    };
    for arguments in [&[][..], &["-6"]] {
        let run = probe(&address.to_string(), arguments);
        run.is_fine();
        assert_eq!(run.peer()["address"], json!(address.to_string()));
        assert_eq!(run.peer()["serverName"], json!(null));
    }
    let run = probe(&address.to_string(), &["-4"]);
    run.says(3, "unreachable", "unknown", "name resolution: the name has no IPv4 address");
    assert_eq!(probe(&address.to_string(), &["-4", "-6"]).code, 3);
}
