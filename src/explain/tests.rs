//! The table against its own examples, and the reader against logs as they are.

use super::*;
use crate::model::Party;
use std::collections::HashSet;
use time::macros::datetime;

const AT: OffsetDateTime = datetime!(2026-11-21 20:00 UTC);

fn explain(text: &str) -> Explained {
    let mut reader = Explainer::new(AT);
    reader.feed(text.as_bytes());
    reader.finish()
}

fn ids(explained: &Explained) -> Vec<&'static str> {
    explained.explanations.iter().map(|explanation| explanation.kind.id).collect()
}

#[test]
fn every_row_has_its_examples_and_nobody_elses() {
    let mut wrong = Vec::new();
    for kind in kinds::all() {
        assert!(kind.examples.len() > 1, "{} has two wordings", kind.id);
        for example in kind.examples {
            let met = ids(&explain(example));
            if met != [kind.id] {
                wrong.push(format!("{}: {met:?} for {example}", kind.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_row_is_whole() {
    let mut seen = HashSet::new();
    for kind in kinds::all() {
        assert!(seen.insert(kind.id), "{} twice", kind.id);
        assert!(
            !kind.cause.ends_with('.') && !kind.look.is_empty() && !kind.act.is_empty() && !kind.cites.is_empty(),
            "{}",
            kind.id
        );
        for cause in kind.follows {
            assert!(kinds::all().any(|other| other.id == *cause && other.rank <= kind.rank), "{} follows from {cause}", kind.id);
        }
    }
}

const LOOPBACK: &str = "E1121 19:00:43.754023   19319 reflector.go:138] k8s.io/client-go/informers/factory.go:134: Failed to watch \
    *v1.Secret: failed to list *v1.Secret: Get \"https://127.0.0.1:18443/api/v1/secrets?resourceVersion=307\": x509: certificate has \
    expired or is not yet valid: current time 2026-11-21T19:00:43Z is after 2026-11-21T19:00:31Z";
const ALERT: &str = "I1121 19:00:42.135552       1 log.go:172] http: TLS handshake error from 172.17.0.2:44484: remote error: tls: bad certificate";

fn party(end: Option<&crate::model::Participant>) -> Option<Party> {
    end.map(|participant| participant.party)
}

#[test]
fn the_root_cause_comes_first_and_the_rest_follows_from_it() {
    let later = LOOPBACK.replace("19:00:43", "19:05:00");
    let other = ALERT.replace("172.17.0.2:44484", "172.17.0.3:50000");
    let explained = explain(&[ALERT, "nothing", LOOPBACK, &later, &other, ""].join("\n"));
    assert_eq!(ids(&explained), ["loopback-expired", "alert-bad-certificate"]);
    let [loopback, alert] = explained.explanations.as_slice() else { unreachable!() };
    assert_eq!((loopback.count, loopback.line, explained.lines), (2, 3, 5));
    assert_eq!(loopback.first, Some(datetime!(2026-11-21 19:00:43 UTC)));
    assert_eq!(loopback.last, Some(datetime!(2026-11-21 19:05 UTC)));
    assert_eq!(party(loopback.client.as_ref()), Some(Party::Apiserver));
    assert_eq!(loopback.look[0], "kcert probe loopback 127.0.0.1:18443");
    assert_eq!((alert.count, alert.follows, alert.refused_by), (2, Some(0), Some(End::Client)));
    assert!(alert.facts.iter().any(|fact| format!("{fact:?}").contains("[\"172.17.0.2\", \"172.17.0.3\"]")), "{:?}", alert.facts);
}

#[test]
fn ends_are_told_as_far_as_the_text_tells() {
    use Party::{Apiserver, Etcd, JoiningNode, Kubelet, Sidecar, User, Webhook};
    let cases = [
        (
            "Unable to connect to the server: x509: certificate signed by unknown authority",
            Some(User),
            Some(Apiserver),
            Some(End::Client),
        ),
        ("x509: certificate signed by unknown authority", None, None, None),
        (
            "Error from server: Get \"https://n:10250/containerLogs/a\": x509: certificate signed by unknown authority",
            Some(Apiserver),
            Some(Kubelet),
            Some(End::Client),
        ),
        (
            "failed calling webhook \"w\": Post \"https://w.n.svc:443/\": x509: certificate signed by unknown authority",
            Some(Apiserver),
            Some(Webhook),
            Some(End::Client),
        ),
        (
            "embed: rejected connection from \"h:1\" (error \"remote error: tls: bad certificate\", ServerName \"\")",
            None,
            Some(Etcd),
            Some(End::Client),
        ),
        (
            "kubelet[1]: E0101 00:00:00.0 1 x.go:1] Post \"https://h:6443/api/v1/nodes\": x509: certificate signed by unknown authority",
            Some(Kubelet),
            Some(Apiserver),
            Some(End::Client),
        ),
        (
            "could not find a JWS signature in the cluster-info ConfigMap for token ID \"abcdef\"",
            Some(JoiningNode),
            Some(Apiserver),
            Some(End::Client),
        ),
        (
            "transport failure reason: TLS error: 268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            Some(Sidecar),
            None,
            Some(End::Client),
        ),
        ("Get \"https://h:6443/version\": remote error: tls: bad certificate", None, None, Some(End::Server)),
    ];
    for (line, client, server, refused_by) in cases {
        let explained = explain(line);
        let one = &explained.explanations[0];
        let told = (party(one.client.as_ref()), party(one.server.as_ref()), one.refused_by);
        assert!(told.0 == client && (server.is_none() || told.1 == server) && told.2 == refused_by, "{told:?} for {line}");
    }
}

#[test]
fn different_certificates_are_different_errors() {
    let line = |date: &str| {
        format!("x509: certificate has expired or is not yet valid: current time 2026-11-21T19:00:43Z is after {date}")
    };
    let text = [line("2026-01-01T00:00:00Z"), line("2026-02-01T00:00:00Z"), line("2026-01-01T00:00:00Z")].join("\n");
    let explained = explain(&text);
    assert_eq!(explained.explanations.iter().map(|one| one.count).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn colours_and_broken_lines_hide_nothing() {
    assert_eq!(ids(&explain("\u{1b}[31mERR\u{1b}[0m x509: negative serial number")), ["negative-serial"]);
    assert_eq!(ids(&explain("> tls: private key does\n> not match public key".replace("> ", "").as_str())), ["key-mismatch"]);
    assert_eq!(ids(&explain("TLS: PRIVATE KEY DOES NOT MATCH PUBLIC KEY\r\n")), ["key-mismatch"]);
}

#[test]
fn nothing_known_has_neighbours_or_none() {
    let explained = explain("something about citadel, its chain and its pool\n");
    assert!(explained.explanations.is_empty());
    assert_eq!(explained.nearest.first().map(|kind| kind.id), Some("istio-ca-invalid"));
    assert!(explain("").nearest.is_empty());
}

#[test]
fn no_secret_stands_in_what_is_kept() {
    let secrets = "Authorization: Bearer s3cr3t-bearer\" token=s3cr3t-token https://u:s3cr3t-user@h:1/ password: s3cr3t-password \
        -----BEGIN PRIVATE KEY-----\\nczNjcjN0\\n-----END PRIVATE KEY-----\\n abcdef.0123456789abcdef \
        x509: certificate signed by unknown authority";
    let shown = format!("{:?}", explain(secrets));
    for secret in ["s3cr3t", "czNjcjN0", "0123456789abcdef"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("unknown-authority"));
}

#[test]
fn a_flood_of_different_errors_is_bounded() {
    let line = |host| format!("Get \"https://h{host}:1/\": x509: negative serial number");
    let text = (0..1000).map(line).collect::<Vec<_>>().join("\n");
    let explained = explain(&text);
    assert_eq!((explained.explanations.len(), explained.omitted, explained.lines), (200, 800, 1000));
    let endless = format!("{} x509: negative serial number", "word ".repeat(1 << 19));
    let explained = explain(&endless);
    assert_eq!(ids(&explained), ["negative-serial"]);
    assert!(explained.explanations[0].sample.len() < 700);
}

mod hostile {
    use super::*;
    use proptest::prelude::*;

    /// Anything, with words of the tables in it.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let words: Vec<&'static str> = kinds::all().flat_map(|kind| kind.any.iter().chain(kind.examples).copied()).collect();
        let piece = prop_oneof![
            proptest::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..40),
            Just(b"\n".to_vec()),
            Just("\u{1b}[3\u{202e}é".as_bytes().to_vec()),
            Just(b" current time 2026-11-21T19:00:43Z is after 9999-12-31T23:59:59Z, not https://@:/ \\\"".to_vec()),
        ];
        proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn however_it_is_cut_it_says_the_same(text in text(), cut in 0_usize..400) {
            let mut whole = Explainer::new(AT);
            whole.feed(&text);
            let mut parts = Explainer::new(AT);
            let (first, second) = text.split_at(cut.min(text.len()));
            parts.feed(first);
            parts.feed(second);
            let (whole, parts) = (whole.finish(), parts.finish());
            prop_assert_eq!(ids(&whole), ids(&parts));
            prop_assert_eq!(whole.lines, parts.lines);
        }
    }
}
