//! Peers that are no TLS servers, or bad ones: a clear line, in time.

use crate::servers::{TLS12, Tls, authority, free_port, hear_out, here, listen, probe, server_of, tls};
use rustls::ServerConnection;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const TIMEOUT: [&str; 2] = ["--timeout", "700ms"];

/// Every run is one line, in time, of a peer without a session.
fn fails(endpoint: &str, code: &str, words: &str) {
    let run = probe(endpoint, &TIMEOUT);
    run.says(3, code, "unknown", words);
    assert_eq!(run.findings().len(), 1, "{run}");
    assert!(run.took < Duration::from_secs(3), "{run}");
    assert!(run.peer()["session"].is_null() && run.peer()["certificates"] == serde_json::json!([]), "{run}");
}

/// Hears the first bytes of a client, says something, and waits.
fn saying(words: impl Into<Vec<u8>>) -> u16 {
    let words = words.into();
    listen(move |mut stream| {
        if stream.read(&mut [0; 64]).is_ok() && stream.write_all(&words).is_ok() {
            drop(std::io::copy(&mut stream, &mut std::io::sink()));
        }
    })
}

/// Says something at once, as servers do that speak first, and waits.
fn greeting(words: &'static [u8]) -> u16 {
    listen(move |mut stream| {
        if stream.write_all(words).is_ok() {
            drop(std::io::copy(&mut stream, &mut std::io::sink()));
        }
    })
}

/// Says the same over and over, until nobody listens.
fn repeating(first: &'static [u8], then: &'static [u8]) -> u16 {
    let many = then.repeat(4096 / then.len());
    listen(move |mut stream| {
        let mut reader = stream.try_clone().unwrap();
        thread::spawn(move || drop(std::io::copy(&mut reader, &mut std::io::sink())));
        let mut sound = stream.write_all(first);
        while sound.is_ok() {
            sound = stream.write_all(&many);
        }
    })
}

/// A ServerHello of TLS 1.2 as far as the middle of its random.
const HALF_A_HELLO: &[u8] = &[22, 3, 3, 0, 81, 2, 0, 0, 77, 3, 3, 7, 7, 7, 7, 7, 7, 7];

#[test]
fn peers_that_do_not_talk() {
    fails(&here(free_port()), "unreachable", "connect: connection refused");
    fails(&here(listen(|stream| hold(&stream))), "unreachable", "TLS handshake: timed out");
    fails(&here(listen(|mut stream| hear_out(&mut stream))), "unreachable", "TLS handshake: the server closed the connection");
    let resetting = listen(|mut stream| drop(stream.read(&mut [0; 8])));
    fails(&here(resetting), "unreachable", "TLS handshake: the server reset the connection");
    let leaving = listen(|mut stream| {
        if stream.read(&mut [0; 64]).is_ok() && stream.write_all(HALF_A_HELLO).is_ok() {
            hear_out(&mut stream);
        }
    });
    fails(&here(leaving), "unreachable", "TLS handshake: the server closed the connection");
    fails(&here(saying(HALF_A_HELLO)), "unreachable", "TLS handshake: timed out");
}

fn hold(_: &TcpStream) {
    thread::sleep(Duration::from_secs(4));
}

#[test]
fn names_that_lead_nowhere() {
    fails("no-such-host.invalid:443", "unreachable", "name resolution: ");
    for (family, words) in [("-6", "name resolution: the name has no IPv6 address"), ("-4", "connect: connection refused")] {
        let run = probe(&here(free_port()), &[family]);
        run.says(3, "unreachable", "unknown", words);
    }
}

#[test]
fn peers_that_do_not_stop() {
    fails(&here(repeating(b"\xaa\xbb", b"\xcc\xdd\xee\xff")), "not-tls", "does not speak TLS: it begins with the bytes aabb");
    for (first, then) in [
        // Garbage that begins as a record does.
        (&[22, 3, 3, 0x40, 0][..], b"\0garbage".as_slice()),
        // Alerts: warnings, empty ones, fatal ones of an unknown number.
        (&[], &[21, 3, 3, 0, 2, 1, 112]),
        (&[], &[21, 3, 3, 0, 0]),
        (&[], &[21, 3, 3, 0, 2, 2, 199]),
        // ChangeCipherSpec, handshake records without content, heartbeats, application data.
        (&[], &[20, 3, 3, 0, 1, 1]),
        (&[], &[22, 3, 3, 0, 0]),
        (&[], &[24, 3, 3, 0, 1, 1]),
        (&[], &[23, 3, 3, 0, 1, 1]),
        // A ServerHello that says that it is 16 MiB long.
        (&[22, 3, 3, 0, 4, 2, 255, 255, 255], &[22, 3, 3, 0, 1, 0]),
        // Records of the greatest length that the field can say.
        (&[22, 3, 3, 255, 255], &[0; 64]),
    ] {
        fails(&here(repeating(first, then)), "unreachable", "TLS handshake: ");
    }
}

#[test]
fn peers_that_speak_something_else() {
    let mysql = b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0";
    for (port, words) in [
        (saying(*b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), "plain HTTP"),
        (saying(*b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"), "plain HTTP"),
        (saying(*b"<html>400</html>"), "plain HTTP or XML"),
        (saying(*b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0"), "plain HTTP/2"),
        (saying(*b"-ERR unknown command\r\n"), "Redis"),
        (saying(*b"hello"), "it begins with \"hello\""),
        (greeting(b"SSH-2.0-OpenSSH_9.6\r\n"), "SSH"),
        (greeting(b"220 mail.example ESMTP\r\n"), "--starttls smtp"),
        (greeting(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"), "--starttls imap"),
        (greeting(b"+OK ready\r\n"), "--starttls pop3"),
        (greeting(mysql), "--starttls mysql"),
        (greeting(b"RFB 003.008\n"), "VNC"),
        (greeting(b"\x1b[2J\x1b]0;evil\x07"), "1b5b324a1b5d303b6576696c07"),
    ] {
        fails(&here(port), "not-tls", words);
    }
}

/// One byte at a time, each in a packet of its own.
#[test]
fn a_slow_server_is_heard_out() {
    let root = authority("root");
    let leaf = server_of(&root);
    let server = tls(&leaf, &root);
    let port = dribbling(&server);
    let run = probe(&here(port), &["--timeout", "5s"]);
    run.is_fine();
    run.presented(&[leaf.der(), root.der()]);
}

fn dribbling(server: &Tls) -> u16 {
    let config = server.config();
    listen(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut said = Vec::new();
        while connection.read_tls(&mut stream).is_ok_and(|count| count > 0) && connection.process_new_packets().is_ok() {
            while connection.wants_write() {
                connection.write_tls(&mut said).unwrap();
            }
            for byte in said.drain(..) {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
            }
        }
    })
}

/// The first flight of TLS 1.2 has the chain in it: what comes of the server afterwards does not take it away.
#[test]
fn a_chain_that_came_is_not_lost() {
    let root = authority("root");
    let leaf = server_of(&root);
    let server = tls(&leaf, &root).versions(TLS12);
    for (then, words) in [
        (None, "timed out"),
        (Some(&b""[..]), "closed the connection"),
        (Some(&[21, 3, 3, 0, 2, 2, 80]), "alert internal_error"),
        (Some(b"garbage in the middle of a handshake"), "the server breaks the rules of TLS"),
    ] {
        let port = giving_up(&server, then);
        let run = probe(&here(port), &TIMEOUT);
        run.presented(&[leaf.der(), root.der()]);
        run.says(3, "unreachable", "unknown", words);
        assert!(run.finding("unreachable")["message"].as_str().unwrap().starts_with("TLS handshake: "), "{run}");
        let session = &run.peer()["session"];
        assert_eq!(session["handshake"], if words.contains("alert") { "refused" } else { "broken" }, "{run}");
        assert_eq!(session["protocol"], "TLS 1.2", "{run}");
        assert!(run.took < Duration::from_secs(3), "{run}");
    }
}

/// Says its first flight, hears the client's answer, and then something else or nothing.
fn giving_up(server: &Tls, then: Option<&'static [u8]>) -> u16 {
    let config = server.config();
    listen(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        while !connection.wants_write() && connection.read_tls(&mut stream).is_ok_and(|count| count > 0) {
            connection.process_new_packets().unwrap();
        }
        let mut flight = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut flight).unwrap();
        }
        if stream.write_all(&flight).is_ok() && stream.read(&mut [0; 16]).is_ok() {
            match then {
                Some(words) => drop(stream.write_all(words)),
                None => hold(&stream),
            }
            hear_out(&mut stream);
        }
    })
}
