//! Whole screens, as they stand on a terminal, and what holds for all of them.

use super::sample::{self, AT};
use crate::model::inventory::Host;
use crate::model::{
    Certificate, Code, Collect, Defect, DefectKind, Distribution, Document, Finding, Inventory, OriginKind, Role, Severity,
    Sha256, Slot,
};
use crate::report::{Detail, Look, View};
use std::sync::Arc;
use time::Duration;

const VIEWS: [View; 3] = [View::Inspection, View::Chains, View::Check];
const YEAR: Duration = Duration::days(364);

fn prod() -> Inventory {
    let mut inventory = Inventory::default();
    let ca = sample::authority(1, "kubernetes", "kubernetes", AT + Duration::days(3650));
    let admin = sample::master(2, "kubernetes-admin", "kubernetes", AT + Duration::days(20));
    let credential = [sample::held(&admin), sample::private_key(2)];
    sample::add_kubeconfig(&mut inventory, "/home/jane/.kube/config", "prod", sample::held(&ca), "admin", credential);
    inventory
}

fn node() -> Inventory {
    let mut inventory = Inventory::default();
    let ca = sample::authority(1, "kubernetes", "kubernetes", AT + Duration::days(3650));
    let server = sample::certificate(5, "kube-apiserver", "kubernetes", AT + YEAR);
    let client = sample::certificate(6, "front-proxy-client", "front-proxy-ca", AT - Duration::days(35));
    inventory.host(Host { name: None, directory: "/etc".into(), layouts: vec![Distribution::Kubeadm] });
    let file =
        |path: &str, role, contents| sample::file(&format!("/etc/kubernetes/pki/{path}"), Some(role), Slot::Credential, contents);
    inventory.holding(file("ca.crt", Role::ClusterCa, vec![sample::held(&ca)]));
    inventory.holding(file("ca.key", Role::ClusterCa, vec![sample::private_key(1)]));
    inventory.holding(file("apiserver.crt", Role::Apiserver, vec![sample::held(&server)]));
    inventory.holding(file("front-proxy-client.crt", Role::FrontProxyClient, vec![sample::held(&client)]));
    inventory.holding(file("sa.key", Role::ServiceAccountKey, vec![sample::private_key(9)]));
    inventory.examined(5);
    inventory
}

fn finding(code: Code, severity: Severity, message: &str, inventory: &Inventory) -> Finding {
    let origins = inventory.holdings.iter().map(|holding| (holding.origin.clone(), 0)).skip(1).take(1).collect();
    let certificates = vec![Sha256([0; 32])];
    Finding {
        code,
        severity,
        message: message.into(),
        hint: "renew it".into(),
        certificates,
        origins,
        evidence: Vec::new(),
        handshakes: Vec::new(),
        because: None,
    }
}

#[test]
fn inspect_kubeconfig() {
    let inventory = prod();
    let findings =
        vec![finding(Code::Expiring, Severity::Warning, "admin's client certificate ends 2026-12-11 (in 20 days)", &inventory)];
    let expected = "\
~/.kube/config  current context: admin@prod
  admin@prod
  ├─ cluster  prod  https://10.0.0.11:6443
  │  └─ CA    CN=kubernetes                       ✓ until 2036-11-18  in 9 years
  └─ user     admin
     ├─ cert  CN=kubernetes-adm…O=system:masters  ! until 2026-12-11  in 20 days
     │        user kubernetes-admin, group system:masters (all rights, cannot be
     │        revoked)
     │        signed by the CA above · serial 02 · RSA 2048
     └─ key   ✓ matches

1 warning
! expiring
    admin's client certificate ends 2026-12-11 (in 20 days)
      ~/.kube/config user admin
    do: renew it

2 certificates, in 1 file
";
    assert_eq!(sample::screen(View::Inspection, &inventory, findings, &sample::look()), expected);
}

#[test]
fn inspect_pki() {
    let expected = "\
/etc/kubernetes/pki  kubeadm
  NAME                SUBJECT             USE     UNTIL                      KEY
  ca                  kubernetes          root    ✓ 2036-11-18  in 9 years   ✓

  signed by ca · CN=kubernetes
  apiserver           kube-apiserver      client  ✓ 2027-11-20  in 364 days

  issuer not among the sources: CN=front-proxy-ca
  front-proxy-client  front-proxy-client  client  ✗ 2026-10-17  35 days ago

  also there
  sa-key              private k…RSA 2048

3 certificates, in 5 files
";
    assert_eq!(sample::screen(View::Inspection, &node(), Vec::new(), &sample::look()), expected);
}

#[test]
fn chain() {
    let mut inventory = prod();
    node().drain_into(&mut inventory);
    let expected = "\
NAME                      KIND    UNTIL                      WHERE
CN=kubernetes             root    ✓ 2036-11-18  in 9 years   /etc/kubernetes/pki/ca.crt +1
├─ CN=kube-apiserver      client  ✓ 2027-11-20  in 364 days  /etc/kubernetes/pki/apiserver.crt
└─ CN=kubernetes-admin    client  ! 2026-12-11  in 20 days   ~/.kube/config
CN=front-proxy-ca  ? not among the sources: issuer of 1
└─ CN=front-proxy-client  client  ✗ 2026-10-17  35 days ago  …/kubernetes/pki/front-proxy-client.crt

trusted by
  CN=kubernetes  API server, kubelets, clients of the API server · ~/.kube/config

  KUBECONFIG      CONTEXT     CLIENT SIGNED BY  SERVER SIGNED BY
  ~/.kube/config  admin@prod  ✓ its CA          ✓ its CA

5 certificates, 4 different, in 6 files
";
    assert_eq!(sample::screen(View::Chains, &inventory, Vec::new(), &Look { width: 100, ..sample::look() }), expected);
}

/// What is said of jane's certificate, issued by `issuer`, beside the CA `ca` that her kubeconfig carries.
fn signature(ca: &Certificate, client: &Certificate, others: &[&Certificate]) -> String {
    let mut inventory = Inventory::default();
    let credential = [sample::held(client), sample::private_key(2)];
    sample::add_kubeconfig(&mut inventory, "c", "k", sample::held(ca), "jane", credential);
    for other in others {
        inventory.holding(sample::file("other.crt", None, Slot::Unknown, vec![sample::held(other)]));
    }
    let shown = sample::screen(View::Inspection, &inventory, Vec::new(), &Look { width: 200, ..sample::look() });
    let line = shown.lines().find(|line| line.contains(" · serial 02")).unwrap();
    line.trim_matches([' ', '│']).split(" · ").next().unwrap().to_owned()
}

#[test]
fn whether_the_ca_signed_the_client() {
    let ca = sample::authority(1, "ca", "ca", AT + YEAR * 10);
    let middle = sample::authority(3, "middle", "ca", AT + YEAR * 10);
    let client = |issuer| sample::certificate(2, "jane", issuer, AT + YEAR);
    assert_eq!(signature(&ca, &client("ca"), &[]), "signed by the CA above");
    assert_eq!(signature(&ca, &client("middle"), &[&middle]), "signed by the CA above, through an intermediate CA");
    assert_eq!(signature(&ca, &client("nobody"), &[]), "? issuer not among the sources: CN=nobody");
    let clients = sample::authority(4, "k3s-client-ca", "k3s-client-ca", AT + YEAR * 10);
    assert_eq!(
        signature(&ca, &client("k3s-client-ca"), &[&clients]),
        "signed by another CA: CN=k3s-client-ca (normal where clients have a CA of their own, as in k3s)"
    );
    let anew = Certificate { subject_key_id: Some([1].into()), ..ca.clone() };
    let old = Certificate { authority_key_id: Some([2].into()), ..client("ca") };
    assert_eq!(signature(&anew, &old, &[]), "! not signed by the CA above: same name, another key; was the CA made anew?");
}

#[test]
fn findings_of_one_code_stand_together() {
    let inventory = node();
    let one = |number: usize| Finding {
        hint: format!("hint {}", number / 20),
        ..finding(Code::Expired, Severity::Critical, &format!("c{number} ended"), &inventory)
    };
    let mut findings: Vec<Finding> = (0..25).map(one).collect();
    findings.push(finding(Code::KeyExposed, Severity::Warning, "everybody may read the key", &inventory));
    findings.push(finding(Code::ExternalCa, Severity::Info, "the CA's key is elsewhere", &inventory));
    let shown = sample::screen(View::Check, &inventory, findings.clone(), &sample::look());
    assert!(shown.starts_with("✗ 25 critical, 1 warning: "), "{shown}");
    assert!(shown.contains("\n✗ expired ×25\n    c0 ended  /etc/kubernetes/pki/ca.key\n    c1 ended"), "{shown}");
    assert!(
        shown.contains("    c9 ended  /etc/kubernetes/pki/ca.key\n    +15 more, -v shows all\n    do: hint 0\n! key-exposed\n"),
        "{shown}"
    );
    assert!(shown.contains("\n· external-ca\n"), "{shown}");
    let all = sample::screen(View::Check, &inventory, findings, &Look { detail: Detail::Verbose, ..sample::look() });
    assert!(
        all.contains("    do: hint 0\n    c20 ended")
            && all.contains("    c24 ended  /etc/kubernetes/pki/ca.key\n    do: hint 1\n"),
        "{all}"
    );
}

#[test]
fn check_says_the_verdict_first() {
    let inventory = node();
    let findings = vec![finding(Code::Expired, Severity::Critical, "front-proxy-client ended 2026-10-17", &inventory)];
    let expected = "\
✗ 1 critical: 1 certificate expired 35 days ago; next to end is kube-apiserver,
    in 364 days

✗ expired
    front-proxy-client ended 2026-10-17  /etc/kubernetes/pki/ca.key
    do: renew it

ends next
  ✓ 2027-11-20  in 364 days  kube-apiserver  client  …/pki/apiserver.crt
  ✓ 2036-11-18  in 9 years   kubernetes      root    /etc/kubernetes/pki/ca.crt

3 certificates, in 5 files
";
    assert_eq!(sample::screen(View::Check, &inventory, findings, &sample::look()), expected);
}

#[test]
fn quiet_is_one_line() {
    let look = Look { detail: Detail::Quiet, ..sample::look() };
    for view in VIEWS {
        let shown = sample::screen(view, &prod(), Vec::new(), &look);
        assert_eq!(shown.lines().count(), 1);
        assert!(shown.starts_with("✓ all is well: next to end is kubernetes-admin, in 20 days"), "{shown}");
    }
}

#[test]
fn one_certificate_is_shown_with_every_fact() {
    let mut inventory = Inventory::default();
    let jane = sample::certificate(2, "jane", "kubernetes", AT + YEAR);
    inventory.holding(sample::file("/home/jane/jane.crt", None, Slot::Unknown, vec![sample::held(&jane)]));
    let shown = sample::screen(View::Inspection, &inventory, Vec::new(), &sample::look());
    for fact in [
        "CN=jane\n",
        "  user          user jane\n",
        "  valid         2025-11-21 20:00:00 to 2027-11-20 20:00:00 UTC  ✓ in 364 days\n",
        "  issuer        CN=kubernetes (not among the sources)\n",
        "  serial        02\n  decimal       2\n",
        "  found in      ~/jane.crt\n",
    ] {
        assert!(shown.contains(fact), "{fact}{shown}");
    }
}

/// An inventory in which everything that an attacker may write is hostile.
fn hostile() -> (Inventory, Vec<Finding>) {
    let evil = "x\n✓ all is well\u{1b}]0;owned\u{7}\u{202e}\u{9b}2J    ok\u{200b}";
    let mut inventory = Inventory::default();
    let ca = sample::authority(1, evil, evil, AT + YEAR);
    let client = sample::certificate(2, evil, evil, AT + YEAR);
    let credential = [sample::held(&client), sample::private_key(3)];
    sample::add_kubeconfig(&mut inventory, evil, evil, sample::held(&ca), evil, credential);
    let secret = Arc::new(Document { subtype: Some(evil.into()), ..Document::new(OriginKind::Secret, evil) });
    let defect = crate::model::Content::Defect(Arc::new(Defect { kind: DefectKind::Json(evil.into()), position: None }));
    inventory.holding(sample::holding(&secret, evil, None, Slot::Trust, vec![sample::held(&ca), defect]));
    inventory.holding(sample::file(evil, Some(Role::ClusterCa), Slot::Credential, vec![sample::held(&ca)]));
    let finding = Finding { hint: evil.into(), ..finding(Code::Malformed, Severity::Critical, evil, &inventory) };
    (inventory, vec![finding])
}

#[test]
fn hostile_text_acts_on_no_screen() {
    for (view, detail) in
        VIEWS.into_iter().flat_map(|view| [(view, Detail::Normal), (view, Detail::Verbose), (view, Detail::Quiet)])
    {
        for hosts in [0, 1] {
            let (mut inventory, findings) = hostile();
            inventory.hosts =
                vec![Host { name: Some("\u{1b}c".into()), directory: "\u{1b}c".into(), layouts: Vec::new() }; hosts];
            let shown = sample::screen(view, &inventory, findings, &Look { detail, ..sample::look() });
            let raw = shown.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{200b}' | '\u{202e}'));
            assert_eq!(raw, None, "{view:?} {detail:?}\n{shown}");
            assert!(!shown.lines().any(|line| line.starts_with("✓ all is well")), "{shown}");
            assert!(shown.contains(r"\u{1b}"), "{view:?} {detail:?}\n{shown}");
        }
    }
}

#[test]
fn piped_output_is_plain_and_ascii_is_ascii() {
    for view in VIEWS {
        let look = Look { unicode: false, ..sample::look() };
        let shown = sample::screen(view, &node(), Vec::new(), &look);
        assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    for view in VIEWS {
        let coloured = sample::screen(view, &node(), Vec::new(), &Look { colour: true, ..sample::look() });
        let mut plain = String::new();
        for (number, piece) in coloured.split("\u{1b}[").enumerate() {
            plain.push_str(if number == 0 { piece } else { piece.split_once('m').unwrap().1 });
        }
        assert!(coloured.contains("\u{1b}[3"));
        assert_eq!(plain, sample::screen(view, &node(), Vec::new(), &sample::look()));
    }
}

#[test]
fn screens_stay_within_the_page() {
    let mut inventory = prod();
    node().drain_into(&mut inventory);
    for (view, width) in VIEWS.into_iter().flat_map(|view| (40..200).map(move |width| (view, width))) {
        let shown = sample::screen(view, &inventory, Vec::new(), &Look { width, ..sample::look() });
        let wide = shown.lines().find(|line| line.chars().count() > width);
        assert_eq!(wide, None, "{view:?} at {width}");
    }
}

#[test]
fn many_certificates_are_folded() {
    let mut inventory = Inventory::default();
    let ca = sample::authority(0, "ca", "ca", AT + YEAR * 10);
    inventory.holding(sample::file("/tmp/ca.crt", None, Slot::Trust, vec![sample::held(&ca)]));
    for number in 1..18_000 {
        let days = if number == 17_000 { -1 } else { 364 };
        let certificate = sample::certificate(number, &format!("c{number}"), "ca", AT + Duration::days(days));
        let secret = Arc::new(Document::new(OriginKind::Secret, format!("ns/s{number}")));
        inventory.holding(sample::holding(&secret, "data[tls.crt]", None, Slot::Credential, vec![sample::held(&certificate)]));
    }
    for view in VIEWS {
        let shown = sample::screen(view, &inventory, Vec::new(), &sample::look());
        assert!(shown.lines().count() < 120, "{view:?}: {} lines", shown.lines().count());
        assert!(shown.contains("more, -v shows all"));
        assert!(view == View::Check || shown.contains("c17000"), "trouble is shown before what is well: {shown}");
    }
}
