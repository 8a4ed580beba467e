//! Hand-made preflights to report on: a healthy control plane, and one with trouble of every kind before an upgrade.

use crate::audit::{Audit, Note, Policy, Upgrade};
use crate::chain::Graph;
use crate::model::handshake::Fault;
use crate::model::inventory::Host;
use crate::model::{
    Code, Content, Distribution, Finding, Handshake, Inventory, OriginKind, Participant, Party, Severity, Sha256, Side, Standing,
};
use crate::report::fixture::{AT, ByName, certificate, holding, origin};
use crate::report::{Detail, Format, Look, Report, View};
use crate::verify::KubernetesVersion;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// What a preflight reports on.
pub(in crate::report) struct Sample {
    pub(in crate::report) inventory: Inventory,
    pub(in crate::report) audit: Audit,
    pub(in crate::report) target: Option<KubernetesVersion>,
}

/// Plain text of 80 columns.
pub(in crate::report) fn look() -> Look {
    Look { colour: false, unicode: true, width: 80, detail: Detail::Normal, home: None }
}

impl Sample {
    /// The report in a format.
    pub(in crate::report) fn shown(&self, format: Format, look: &Look) -> String {
        let mut out = Vec::new();
        let policy = Policy { target: self.target, ..Policy::at(AT) };
        let graph = Graph::build(&self.inventory, &ByName);
        let Self { inventory, audit, .. } = self;
        let report = Report {
            view: View::Preflight,
            inventory,
            graph: &graph,
            audit,
            policy: &policy,
            look,
            plan: None,
            verifications: &[],
        };
        report.render(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

fn id(number: u8) -> Sha256 {
    Sha256([number; 32])
}

fn days(days: i64) -> OffsetDateTime {
    AT + Duration::days(days)
}

/// A side that presents the certificate with this number, good for so many days.
fn trusted(number: u8, until: i64) -> Side {
    let origin = origin(OriginKind::File, &format!("/pki/{number}.crt"), "", None);
    Side {
        certificate: Some(id(number)),
        until: Some(days(until)),
        origin: Some(origin),
        judge: Some("Kubernetes 1.32.4, Go 1.23.3".to_owned()),
        names: vec!["10.0.0.11".to_owned()],
        ..Side::only(Standing::Trusted)
    }
}

fn not_asked() -> Side {
    Side::only(Standing::NotAsked("webhooks take no client certificate".to_owned()))
}

pub(in crate::report) fn fault(code: Code, number: u8, message: &str, since: Option<OffsetDateTime>) -> Fault {
    Fault { code, certificate: Some(id(number)), message: message.to_owned(), since }
}

pub(in crate::report) fn handshake(client: Party, server: Participant, client_side: Side, server_side: Side) -> Handshake {
    Handshake { client: Participant::of(client), server, client_side, server_side }
}

pub(in crate::report) fn finding(code: Code, severity: Severity, message: &str, hint: &str, handshakes: &[&str]) -> Finding {
    Finding {
        code,
        severity,
        message: message.to_owned(),
        hint: hint.to_owned(),
        certificates: Vec::new(),
        origins: Vec::new(),
        evidence: Vec::new(),
        handshakes: handshakes.iter().map(|id| (*id).to_owned()).collect(),
        because: None,
    }
}

/// Nothing is wrong: every certificate of kubeadm, of which the leaves end in a hundred days.
pub(in crate::report) fn healthy() -> Sample {
    let apiserver = || Participant::of(Party::Apiserver);
    let to_apiserver = |(number, party)| handshake(party, apiserver(), trusted(number, 100), trusted(2, 100));
    let clients = [(3, Party::Admin), (4, Party::ControllerManager), (5, Party::Scheduler), (6, Party::Kubelet)];
    let mut handshakes: Vec<Handshake> = clients.map(to_apiserver).into();
    let etcd = || Participant::of(Party::Etcd);
    handshakes.push(handshake(Party::Apiserver, etcd(), trusted(7, 100), trusted(8, 100)));
    handshakes.push(handshake(Party::Etcd, etcd(), trusted(8, 100), trusted(8, 100)));
    handshakes.push(handshake(Party::Apiserver, Participant::of(Party::Kubelet), trusted(9, 100), trusted(10, 300)));
    let names = [
        (1, "ca", 3000),
        (2, "kube-apiserver", 100),
        (3, "kubernetes-admin", 100),
        (4, "system:kube-controller-manager", 100),
        (5, "system:kube-scheduler", 100),
        (6, "system:node:cp-1", 100),
        (7, "kube-apiserver-etcd-client", 100),
        (8, "cp-1", 100),
        (9, "kube-apiserver-kubelet-client", 100),
        (10, "cp-1@1764000000", 300),
    ];
    let held = |(number, name, days): &(u8, &str, i64)| {
        let content = Content::Certificate(Arc::new(certificate(*number, name, "ca", *days)));
        holding(origin(OriginKind::File, &format!("/pki/{number}.crt"), "", None), [content])
    };
    let host = Host { name: Some("cp-1".into()), directory: "/".into(), layouts: vec![Distribution::Kubeadm] };
    let holdings = names.iter().map(held).collect();
    let inventory = Inventory { holdings, hosts: vec![host], examined: 24, ..Inventory::default() };
    let present = Some(KubernetesVersion { minor: 32, patch: 4 });
    let audit = Audit { handshakes, upgrade: Upgrade { present, ..Upgrade::default() }, ..Audit::default() };
    Sample { inventory, audit, target: None }
}

/// Trouble of every kind on the way to 1.33: a stale bundle, a short key, an administrator with twenty days left, a kubelet that was
/// not looked at.
pub(in crate::report) fn troubled() -> Sample {
    let mut sample = healthy();
    let webhook = |name: &str| Participant::of(Party::Webhook).named(name);
    let stale = "the caBundle of policy.example.com does not verify what its service serves";
    let stale = fault(Code::CabundleStale, 20, stale, Some(days(-23)));
    let weak = fault(Code::RejectedByTarget, 21, "RSA 1000 bits: Go 1.24 refuses keys below 1024 bits", None);
    let refused = Side::only(Standing::Refused(vec![stale]));
    let by_target = Side::only(Standing::RefusedByTarget(vec![weak]));
    let Audit { handshakes, upgrade, findings, .. } = &mut sample.audit;
    handshakes.push(handshake(Party::Apiserver, webhook("legacy"), not_asked(), by_target));
    handshakes.push(handshake(Party::Apiserver, webhook("policy.example.com"), not_asked(), refused));
    let reason = "no /var/lib/kubelet/pki: name its serving certificate, or the kubelet as HOST:10250".to_owned();
    if let Some(kubelet) = handshakes.iter_mut().find(|handshake| handshake.server.party == Party::Kubelet) {
        kubelet.server_side = Side::only(Standing::Unknown(reason));
    }
    if let Some(admin) = handshakes.first_mut() {
        admin.client_side.until = Some(days(20));
    }
    sample.inventory.holdings[2] = holding(
        origin(OriginKind::Kubeconfig, "/etc/kubernetes/admin.conf", "users[admin].client-certificate-data", None),
        [Content::Certificate(Arc::new(certificate(3, "kubernetes-admin", "ca", 20)))],
    );
    let bundle = origin(
        OriginKind::Webhook,
        "ValidatingWebhookConfiguration/policy",
        "webhooks[policy.example.com].clientConfig.caBundle",
        None,
    );
    *findings = vec![
        Finding {
            origins: vec![(bundle, 0)],
            ..finding(
                Code::CabundleStale,
                Severity::Critical,
                "the caBundle of policy.example.com does not verify what its service serves",
                "put the CA that signs policy.ns.svc into its caBundle",
                &["kube-apiserver→webhook policy.example.com"],
            )
        },
        finding(
            Code::RejectedByTarget,
            Severity::Critical,
            "legacy.example.com: RSA 1000 bits; Go 1.24 refuses keys below 1024 bits (from Kubernetes 1.33; way back: GODEBUG=rsa1024min=0)",
            "issue it again with a key of 2048 bits",
            &["kube-apiserver→webhook legacy"],
        ),
        Finding {
            certificates: vec![id(3)],
            origins: vec![(sample.inventory.holdings[2].origin.clone(), 0)],
            ..finding(
                Code::Expiring,
                Severity::Warning,
                "CN=kubernetes-admin ends 2026-12-12 (in 20 days)",
                "kubeadm certs renew admin.conf, then copy it where it is used",
                &["admin→kube-apiserver"],
            )
        },
        Finding {
            certificates: (30..42).map(id).collect(),
            because: Some(Code::CabundleStale),
            ..finding(Code::OutlivesIssuer, Severity::Warning, "outlives its issuer", "", &[])
        },
        finding(Code::ExternalCa, Severity::Info, "the key of the cluster CA is not here", "", &[]),
    ];
    upgrade.target = Some(KubernetesVersion { minor: 33, patch: 0 });
    upgrade.notes = vec![
        Note {
            about: "leaves".to_owned(),
            text: "kubeadm upgrade apply renews every certificate of this control plane but kubelet.conf's".to_owned(),
            citation: "kubernetes/kubernetes cmd/kubeadm/app/phases/upgrade/postupgrade.go",
        },
        Note {
            about: "loopback".to_owned(),
            text: "the API server's own certificate lives for a year in 1.32 and for longer from 1.33 on".to_owned(),
            citation: "kubernetes/kubernetes#130047",
        },
    ];
    sample.target = upgrade.target;
    sample
}
