//! `check FILE HOST:PORT`: what is served against what is on the disk.

use crate::servers::{Folder, Run, authority, here, kcert, pki, tls};
use kcert::mint::Identity;
use serde_json::json;
use time::Duration;

fn of(issuer: &Identity, left: i64) -> Identity {
    let leaf = pki().leaf("web").server().dns("web.example").ends_in(Duration::days(left));
    leaf.issued_by(issuer).unwrap()
}

fn check(served: &Identity, issuer: &Identity, held: &Identity) -> Run {
    let folder = Folder::new();
    let file = folder.file("web.crt", &[held.pem(), issuer.pem()].concat());
    kcert(&["check", &file, &here(tls(served, issuer).start()), "-o", "json"])
}

#[test]
fn a_file_is_held_against_what_is_served() {
    let root = authority("root");
    let (old, new) = (of(&root, 200), of(&root, 300));
    let twin = new.recipe().serial(&[7]).issued_by(&root).unwrap();
    for (served, held, relation, words) in [
        (&old, &new, "older", "one from before the renewal"),
        (&new, &old, "newer", "a newer one"),
        (&new, &twin, "other", "another one"),
    ] {
        let run = check(served, &root, held);
        run.says(1, "served-differs", "warning", words);
        assert_eq!(run.finding("served-differs")["evidence"]["relation"], relation);
        assert_eq!(run.peer()["file"]["relation"], relation, "{run}");
    }
    let run = check(&new, &root, &new);
    assert_eq!((run.code, &run.peer()["file"]["relation"]), (0, &json!("same")), "{run}");
    assert!(run.findings().iter().all(|(code, _)| code != "served-differs"));
}

#[test]
fn certificates_of_others_are_not_compared() {
    let root = authority("root");
    let other = pki().leaf("db").server().dns("db.example").issued_by(&root).unwrap();
    let run = check(&of(&root, 200), &root, &other);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.peer().get("file").is_none(), "{run}");
}

#[test]
fn servers_that_do_not_answer_leave_it_open() {
    let root = authority("root");
    let folder = Folder::new();
    let file = folder.file("web.crt", &of(&root, 200).pem());
    let run = kcert(&["check", &file, &here(crate::servers::free_port()), "-o", "json"]);
    run.says(3, "unreachable", "unknown", "connect: connection refused");
}
