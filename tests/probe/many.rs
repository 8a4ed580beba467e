//! Lists of servers.

use crate::servers::{Folder, Run, authority, free_port, here, id, kcert, kcert_reading, listen, server_of, tls};
use kcert::mint::Identity;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::thread;
use std::time::Duration;

/// A list with `good` lines that lead to one of three servers, ten that lead nowhere, comments, and line 5, which is no endpoint.
fn list(good: usize) -> (Vec<Identity>, String) {
    let root = authority("root");
    let leaves: Vec<Identity> = (0..3).map(|_| server_of(&root)).collect();
    let ports: Vec<u16> = leaves.iter().map(|leaf| tls(leaf, &root).start()).collect();
    let mut text = String::from("# servers\n\n   # more\n# 4\nno endpoint at all\n");
    for number in 0..good {
        writeln!(text, "{} # number {number}", here(ports[number % 3])).unwrap();
    }
    for _ in 0..10 {
        writeln!(text, "  {}\r", here(free_port())).unwrap();
    }
    text.push_str("# the end");
    (leaves, text)
}

fn check(run: &Run, good: usize, leaves: &[Identity], place: &str) {
    assert_eq!(run.code, 3, "{run}");
    let peers = run.json()["peers"].as_array().unwrap().clone();
    assert_eq!(peers.len(), good + 10);
    let mut by_leaf: BTreeMap<String, usize> = BTreeMap::new();
    for peer in peers.iter().filter(|peer| !peer["session"].is_null()) {
        *by_leaf.entry(peer["certificates"][0].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let expected = (0..3).map(|number| (id(leaves[number].der()), (good + 2 - number) / 3)).collect();
    assert_eq!(by_leaf, expected);
    let bad = run.finding("malformed");
    assert_eq!((bad["evidence"]["line"].as_u64(), bad["origins"][0]["source"].as_str()), (Some(5), Some(place)), "{run}");
    let refused = run.finding("unreachable");
    assert_eq!(refused["origins"].as_array().unwrap().len(), 10);
}

#[test]
fn every_line_is_asked_and_a_bad_one_is_named() {
    let (leaves, text) = list(200);
    let folder = Folder::new();
    let file = folder.file("list", &text);
    check(&kcert(&["probe", "tls", "-o", "json", "--input", &file]), 200, &leaves, &file);
    check(&kcert_reading(&["probe", "tls", "-o", "json", "--input", "-"], &text), 200, &leaves, "-");

    let run = kcert(&["probe", "tls", "-o", "jsonl", "--input", &file]);
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_kind = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!((run.code, of_kind("Peer"), of_kind("Certificate")), (3, 210, 400), "{:?}", run.err);
    let codes: Vec<_> = lines.iter().filter(|line| line["kind"] == "Finding").map(|line| line["code"].clone()).collect();
    assert!(codes.contains(&"malformed".into()) && codes.contains(&"unreachable".into()), "{codes:?}");
}

#[test]
fn one_at_a_time() {
    let (leaves, text) = list(20);
    let folder = Folder::new();
    let file = folder.file("list", &text);
    check(&kcert(&["probe", "tls", "-o", "json", "--jobs", "1", "--input", &file]), 20, &leaves, &file);
}

#[test]
fn a_list_without_endpoints() {
    let folder = Folder::new();
    for text in ["# nothing\n", ""] {
        let run = kcert(&["probe", "tls", "--input", &folder.file("list", text)]);
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{run}");
        assert!(run.err.contains("there is no server to ask"), "{run}");
    }
    let run = kcert(&["probe", "tls", "-o", "json", "--input", &folder.file("list", "nothing\nto ask\n")]);
    assert_eq!(run.code, 3, "{run}");
    assert_eq!(kcert(&["probe", "tls", "--input", &folder.path("gone")]).code, 3);
}

#[test]
fn the_time_for_all_is_kept_and_it_is_said_who_was_not_asked() {
    let silent = listen(|_stream| thread::sleep(Duration::from_secs(8)));
    // The server listens on 127.0.0.1 alone, the others refuse.
    let hosts = (1..=40).chain([1; 6]);
    let lines: Vec<String> = hosts.map(|host| format!("127.0.0.{host}:{silent}")).collect();
    let folder = Folder::new();
    let ways = ["--jobs", "2", "--deadline", "1s", "--timeout", "30s"];
    let run = kcert(&[&["probe", "tls", "-o", "json", "--input", &folder.file("list", &lines.join("\n"))], &ways[..]].concat());
    assert!(run.took < Duration::from_millis(2500), "{run}");
    assert_eq!((run.code, run.json()["peers"].as_array().unwrap().len()), (3, 46), "{run}");
    let words =
        ["timed out", "not dialled: the time (--deadline, --timeout) was over before its turn came", "connection refused"];
    let counts = words.map(|words| run.out.matches(&format!(": {words}\"\n")).count());
    assert_eq!(run.findings().len(), 3, "{run}");
    // Each stands once, at its peer.
    assert_eq!(counts, [2, 5, 39], "{run}");
}

#[test]
fn what_is_typed_wrong_is_a_usage_error_and_nobody_is_asked() {
    let root = authority("root");
    let server = tls(&server_of(&root), &root);
    let port = server.start();
    for wrong in ["no endpoint", "127.0.0.1", "http://127.0.0.1:1", "127.0.0.1:0", "127.0.0.1:65536"] {
        let run = kcert(&["probe", "tls", &here(port), wrong]);
        assert_eq!((run.code, run.out.as_str()), (3, ""), "{run}");
        assert!(run.err.contains(&format!("{wrong:?} is no endpoint")), "{run}");
    }
    server.visits(0);
}
