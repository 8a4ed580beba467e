//! Whole screens of preflights.

use crate::model::{Code, Handshake, Participant, Party, Severity, Side, Standing};
use crate::report::fixture::AT;
use crate::report::preflight::sample::{self, Sample, fault, healthy, look, troubled};
use crate::report::{Detail, Format, Look};
use time::Duration;

fn shown(sample: &Sample, look: &Look) -> String {
    sample.shown(Format::Text, look)
}

#[test]
fn a_healthy_cluster_is_a_short_story() {
    let expected = "\
GO: 7 handshakes hold, the first breaks in 100 days (admin → kube-apiserver)
  cp-1, kubeadm, Kubernetes 1.32.4

  client → server                 client cert  server cert  until
✓ admin → apiserver               ✓            ✓            2027-03-02
✓ controller-manager → apiserver  ✓            ✓            2027-03-02
✓ scheduler → apiserver           ✓            ✓            2027-03-02
✓ kubelet → apiserver             ✓            ✓            2027-03-02
✓ apiserver → etcd                ✓            ✓            2027-03-02
✓ etcd → etcd                     ✓            ✓            2027-03-02
✓ apiserver → kubelet             ✓            ✓            2027-03-02

breaks next
  ✓ 2027-03-02  in 100 days  kubernetes-admin +7  7 handshakes

10 certificates, in 24 files
";
    assert_eq!(shown(&healthy(), &look()), expected);
}

#[test]
fn trouble_of_every_kind() {
    let expected = "\
NO-GO for 1.33: 1 handshake broken, 1 would break, 1 breaks in 20 days (admin →
    kube-apiserver), 1 not looked at
  cp-1, kubeadm, Kubernetes 1.32.4

  client → server                client cert  server cert       until
✗ apiserver → we…cy.example.com  –            ✗ cabundle-stale  since 2026-10-30
✗ apiserver → webhook legacy     –            ✗ target          at 1.33
! admin → apiserver              ! 20 days    ✓                 2026-12-12
? apiserver → kubelet            ✓            ? not read
✓ controller-man…er → apiserver  ✓            ✓                 2027-03-02
✓ scheduler → apiserver          ✓            ✓                 2027-03-02
✓ kubelet → apiserver            ✓            ✓                 2027-03-02
✓ 2 more

✗ cabundle-stale
    the caBundle of policy.example.com does not verify what its service serves
      ValidatingWebhookConfiguration/policy policy.example.com
    breaks: kube-apiserver → webhook policy.example.com
    do: put the CA that signs policy.ns.svc into its caBundle
    with it: outlives-issuer (12 certificates)
✗ rejected-by-target
    legacy.example.com: RSA 1000 bits; Go 1.24 refuses keys below 1024 bits
        (from Kubernetes 1.33; way back: GODEBUG=rsa1024min=0)
    breaks: kube-apiserver → webhook legacy
    do: issue it again with a key of 2048 bits
! expiring
    CN=kubernetes-admin ends 2026-12-12 (in 20 days)
      /etc/kubernetes/admin.conf user admin
    will break: admin → kube-apiserver
    do: kubeadm certs renew admin.conf, then copy it where it is used
· worth knowing: external-ca (-v tells)

could not be told
  ? no /var/lib/kubelet/pki: name its serving certificate, or the kubelet as
      HOST:10250: kube-apiserver → kubelet

upgrade 1.32.4 (Go 1.23.3) → 1.33 (Go 1.24.2)
  leaves    kubeadm upgrade apply renews every certificate of this control plane
            but kubelet.conf's
  loopback  the API server's own certificate lives for a year in 1.32 and for
            longer from 1.33 on

breaks next
  ! 2026-12-12  in 20 days   kubernetes-admin             admin → kube-apiserver
  ✓ 2027-03-02  in 100 days  kube-apiserve…let-client +6  6 handshakes

10 certificates, in 24 files

What to do first  put the CA that signs policy.ns.svc into its caBundle
                  (cabundle-stale, 1 handshake)
";
    assert_eq!(shown(&troubled(), &look()), expected);
}

#[test]
fn no_screen_is_wider_than_the_page_and_ascii_stays_ascii() {
    for sample in [healthy(), troubled()] {
        for (width, detail) in [(40, Detail::Normal), (80, Detail::Verbose), (120, Detail::Normal), (63, Detail::Verbose)] {
            let unicode = shown(&sample, &Look { width, detail, ..look() });
            let long: Vec<&str> = unicode.lines().filter(|line| line.chars().count() > width && line.contains("  ")).collect();
            // A path is not broken: it can still be copied.
            assert!(long.iter().all(|line| line.trim_start().split(' ').count() < 3), "{width}: {long:#?}");
            let ascii = shown(&sample, &Look { width, detail, unicode: false, ..look() });
            assert!(ascii.is_ascii() && !ascii.contains("\\u{"), "{ascii}");
        }
    }
}

#[test]
fn a_narrow_page_says_which_side_and_why() {
    let text = shown(&troubled(), &Look { width: 40, ..look() });
    assert!(text.contains("✗ apiserver → webhook policy.example.com\n      server: cabundle-stale\n"), "{text}");
    assert!(text.contains("! admin → apiserver\n      client: 20 days\n"), "{text}");
}

#[test]
fn quiet_is_one_line_whatever_the_page() {
    let text = shown(&troubled(), &Look { width: 40, detail: Detail::Quiet, ..look() });
    let wanted =
        "NO-GO for 1.33: 1 handshake broken, 1 would break, 1 breaks in 20 days (admin → kube-apiserver), 1 not looked at\n";
    assert_eq!(text, wanted);
}

#[test]
fn verbose_tells_every_side_and_where_it_is_written() {
    let text = shown(&troubled(), &Look { width: 200, detail: Detail::Verbose, ..look() });
    for wanted in [
        "client  CN=kubernetes-admin, /pki/3.crt, judged by Kubernetes 1.32.4, Go 1.23.3, for 10.0.0.11\n",
        "client  webhooks take no client certificate\n",
        "server  no /var/lib/kubelet/pki: name its serving certificate",
        "✓ etcd → etcd",
        "· external-ca\n    the key of the cluster CA is not here\n",
        "longer from 1.33 on  kubernetes/kubernetes#130047\n",
        "kube-scheduler → kube-apiserver, kubelet → kube-apiserver",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("more"), "{text}");
}

/// The first line for samples that differ in their worst finding.
fn summary(sample: &Sample) -> String {
    shown(sample, &Look { detail: Detail::Quiet, ..look() }).trim_end().to_owned()
}

#[test]
fn the_decision_is_that_of_the_exit_code() {
    let mut sample = healthy();
    sample.audit.handshakes.clear();
    assert_eq!(summary(&sample), "GO: no handshake found to judge");
    for (severity, wanted) in [
        (Severity::Info, "GO: no handshake found to judge"),
        (Severity::Warning, "GO with 1 warning: key-exposed, no handshake found to judge"),
        (Severity::Unknown, "COULD NOT TELL: key-exposed, no handshake found to judge"),
        (Severity::Critical, "NO-GO: key-exposed, no handshake found to judge"),
    ] {
        sample.audit.findings = vec![sample::finding(Code::KeyExposed, severity, "x", "do", &[])];
        assert_eq!(summary(&sample), wanted);
    }
    sample.audit.findings.clear();
    sample.inventory.holdings.clear();
    assert_eq!(summary(&sample), "COULD NOT TELL: no certificate found");
}

#[test]
fn what_was_not_looked_at_is_counted_and_changes_nothing() {
    let mut sample = healthy();
    let unknown = || Side::only(Standing::Unknown("no etcd files".to_owned()));
    for handshake in sample.audit.handshakes.iter_mut().filter(|handshake| handshake.server.party == Party::Etcd) {
        (handshake.client_side, handshake.server_side) = (unknown(), unknown());
    }
    let text = shown(&sample, &look());
    assert!(
        text.starts_with("GO: 5 handshakes hold, the first breaks in 100 days (admin → kube-apiserver), 2\n    not looked"),
        "{text}"
    );
    assert!(text.contains("? apiserver → etcd                ? no etcd files  ? no etcd files\n"), "{text}");
    assert!(text.contains("  ? no etcd files: kube-apiserver → etcd, etcd → etcd\n"), "{text}");
}

#[test]
fn broken_ones_are_named_as_far_as_there_is_room() {
    let mut sample = healthy();
    sample.audit.findings = vec![sample::finding(Code::Expired, Severity::Critical, "x", "renew", &["kubelet→kube-apiserver"])];
    for handshake in sample.audit.handshakes.iter_mut().skip(2).take(2) {
        handshake.client_side.standing = Standing::Refused(vec![fault(Code::Expired, 5, "ended", Some(AT - Duration::DAY))]);
    }
    assert_eq!(summary(&sample), "NO-GO: 2 handshakes broken (kube-scheduler → kube-apiserver, …)");
    let wide = shown(&sample, &Look { width: 120, detail: Detail::Quiet, ..look() });
    let wanted = "NO-GO: 2 handshakes broken (kube-scheduler → kube-apiserver, kubelet → kube-apiserver)\n";
    assert_eq!(wide, wanted);
    // The one that no finding names is explained by what speaks against it.
    let text = shown(&sample, &look());
    assert!(text.contains("✗ kube-scheduler → kube-apiserver\n    ended  expired\n"), "{text}");
    assert!(text.contains("✗ scheduler → apiserver           ✗ expired    ✓            since 2026-11-21\n"), "{text}");
}

#[test]
fn critical_ends_are_not_taken_for_broken() {
    let mut sample = healthy();
    sample.audit.handshakes[3].server_side.until = Some(AT + Duration::days(3));
    let text = shown(&sample, &look());
    assert!(text.starts_with("GO: 1 handshake breaks in 3 days (kubelet → kube-apiserver)\n"), "{text}");
    assert!(text.contains("! kubelet → apiserver             ✓            ! 3 days     2026-11-25\n"), "{text}");
}

fn on_hosts(hosts: usize) -> Sample {
    let mut sample = healthy();
    let once = std::mem::take(&mut sample.audit.handshakes);
    for number in 0..hosts {
        let host = format!("cp-{number}");
        let on = |participant: &Participant| participant.clone().on(Some(&host));
        let moved = |one: &Handshake| Handshake { client: on(&one.client), server: on(&one.server), ..one.clone() };
        sample.audit.handshakes.extend(once.iter().map(moved));
    }
    sample
}

#[test]
fn hosts_that_are_alike_share_a_row() {
    let mut sample = on_hosts(100);
    sample.audit.handshakes[10].client_side.standing = Standing::Refused(vec![fault(Code::ClientUntrusted, 6, "no", None)]);
    let text = shown(&sample, &look());
    assert!(text.contains("✗ kubelet → apiserver (cp-1)         ✗ client-untrusted  ✓            now\n"), "{text}");
    assert!(text.contains("✓ admin → apiserver (100 hosts)"), "{text}");
    assert!(text.contains("✓ 399 more\n"), "{text}");
    let all = shown(&sample, &Look { detail: Detail::Verbose, ..look() });
    assert!(all.lines().filter(|line| line.starts_with("✓ admin → apiserver (cp-")).count() == 100, "{all}");
}

#[test]
fn nobody_forges_a_row() {
    let mut sample = healthy();
    let evil = "x\n✓ kubelet → kube-apiserver\u{1b}[2J";
    sample.audit.handshakes[0].client = Participant::of(Party::User).named(evil);
    sample.audit.handshakes[1].client_side.standing = Standing::Unknown(evil.to_owned());
    for format in [Format::Text, Format::Markdown, Format::Nagios, Format::Prometheus, Format::Json] {
        let text = sample.shown(format, &look());
        assert!(!text.contains('\u{1b}') && !text.contains("\n✓ kubelet → kube-apiserver\\"), "{text}");
    }
}
