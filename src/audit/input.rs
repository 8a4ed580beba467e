//! Defects of the input, as findings.

use super::checks::check;
use super::findings::{Draft, Findings};
use super::{Context, managed};
use crate::model::defect::Phase;
use crate::model::{Code, Content, Defect, DefectKind, Evidence, Holding, LOOPBACK_NAME, OriginKind, Role, Severity, Slot};
use std::collections::HashMap;

pub(super) fn truncated(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::BundleTruncated);
}

pub(super) fn unreadable(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::Unreadable);
}

pub(super) fn unreachable(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::Unreachable);
}

pub(super) fn not_tls(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::NotTls);
}

pub(super) fn forbidden(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::Forbidden);
}

pub(super) fn unexpected_reply(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::UnexpectedReply);
}

pub(super) fn malformed(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::Malformed);
    for (node, certificate) in context.graph.nodes() {
        // A malformed subject alternative name has a code of its own.
        for (oid, reason) in certificate.malformed_extensions.iter().filter(|(oid, _)| &**oid != super::chain::SAN_OID) {
            let message = format!("{}: extension {oid} does not decode: {reason}", certificate.display_name());
            findings.add(super::dates::about(context, node, Draft::new(Code::Malformed, Severity::Warning, message)));
        }
    }
}

pub(super) fn empty(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::EmptyBundle);
    // A key where a certificate belongs: readable, and of no use there.
    // Service account tokens are verified with public or private keys (--service-account-key-file).
    let keys_are_fine = |role| matches!(role, Some(Role::ServiceAccountKey | Role::ServiceAccountPublicKey));
    let belongs =
        |holding: &&Holding| matches!(holding.origin.slot, Slot::Credential | Slot::Trust) && !keys_are_fine(holding.origin.role);
    for holding in context.inventory.holdings.iter().filter(belongs) {
        let instead = holding.contents.iter().find_map(|content| match content {
            Content::PrivateKey(_) => Some("a private key"),
            Content::Request(_) => Some("a certification request"),
            Content::PublicKey(_) => Some("a public key"),
            Content::Crl(_) => Some("a revocation list"),
            _ => None,
        });
        if let (None, Some(instead)) = (holding.certificates().next(), instead) {
            let message = format!("holds {instead} where a certificate belongs");
            findings.add(Draft::new(Code::EmptyBundle, Severity::Critical, message).at(&holding.origin, 0));
        }
    }
}

fn is_file_of_a_ca(holding: &Holding) -> bool {
    let origin = &holding.origin;
    let is_of_cluster = |role: Role| role.is_ca() && !matches!(role, Role::IstioCa | Role::IstioRoot);
    origin.document.kind == OriginKind::File && origin.role.is_some_and(is_of_cluster)
}

/// What makes a defect one that is worded once: what and in which file, how bad, what to do.
type Wording<'d> = (&'d Defect, Option<&'d str>, Severity, Option<String>);

/// Where a defect is, with its number there.
type Places<'c> = Vec<(&'c Holding, u32)>;

fn defects(context: &Context<'_>, findings: &mut Findings, code: Code) {
    // A dump can hold the same defect a hundred thousand times: it is worded once.
    let mut places: HashMap<Wording<'_>, (Draft, Places<'_>)> = HashMap::new();
    let mut order = Vec::new();
    for (holding, index, defect) in context.defects(code) {
        // A file that another document names says more than its name there.
        let file = holding.origin.document.file.as_deref().filter(|_| code == Code::Unreadable);
        // One address of a name that answers is enough, but for a certificate that each server has of its own.
        let spared = || {
            let is_loopback = holding.origin.field.contains(LOOPBACK_NAME);
            defect.kind.is_of_server() && !is_loopback && context.has_answered(&holding.origin.document.source)
        };
        // Without its CA a component does not start.
        let severity = if spared() {
            Severity::Info
        } else if code == Code::EmptyBundle && is_file_of_a_ca(holding) {
            Severity::Critical
        } else {
            defect.kind.severity()
        };
        let is_closed = matches!(defect.kind, DefectKind::Locked(_) | DefectKind::Unproven(_));
        let named = is_closed.then(|| managed::password_of(context, &holding.origin.document)).flatten();
        let (_, same) = places.entry((defect, file, severity, named.clone())).or_insert_with(|| {
            order.push((defect, file, severity, named.clone()));
            let draft = draft(defect, file, code, severity);
            let draft = match named {
                Some(named) => draft.hint(named),
                None => draft,
            };
            (draft, Vec::new())
        });
        same.push((holding, index));
    }
    for (draft, same) in order.iter().filter_map(|key| places.remove(key)) {
        findings.add(draft.places(same.iter().map(|(holding, index)| (holding.origin.clone(), *index))));
    }
}

/// What to do about a defect, where its row in CHECKS says too little.
fn hint(kind: &DefectKind, code: Code) -> &'static str {
    match kind {
        DefectKind::Io(reason) if reason.contains("permission") => "Run as a user who may read it.",
        DefectKind::Io(reason) if reason.contains("no such file") => "Restore the file, or correct the path.",
        DefectKind::Locked(_) | DefectKind::Unproven(_) => {
            "Give its password: --password-file FILE with one a line, or KCERT_PASSWORD in the environment."
        }
        DefectKind::Encrypted(_) => "Nothing: it is deleted two hours after kubeadm init phase upload-certs.",
        DefectKind::PassedOver => "Nothing, or take it out of KUBECONFIG.",
        DefectKind::NotAFile(_) | DefectKind::Link => "Name a regular file.",
        DefectKind::DerNotPem => "Write it as PEM: openssl x509 -inform DER, then base64 of that.",
        DefectKind::Unreachable { phase: Phase::Connect, reason } if reason.contains("refused") => {
            "Look at the address and the port: nothing listens there, or a firewall says so."
        }
        DefectKind::Unreachable { phase: Phase::Resolve, .. } => "Look at the name, or give its address: --resolve HOST=ADDRESS.",
        DefectKind::Unreachable { reason, .. } if reason.contains("timed out") => {
            "Look at what lies between (routes, firewalls, proxies), or give more time with --timeout."
        }
        DefectKind::Unverified(reason) if reason.contains("insecure-skip-tls-verify") => {
            "Put the cluster's CA into the kubeconfig (certificate-authority-data) instead; kcert probe tls HOST:PORT shows what it serves."
        }
        DefectKind::Unverified(_) => {
            "Correct the kubeconfig's CA or server; kcert probe apiserver tells what is wrong, step by step."
        }
        DefectKind::NoCredential(reason) if reason.contains("plugin") => {
            "Run the plugin's command by hand, or log in again with its own tool, until kubectl get nodes works."
        }
        DefectKind::NoCredential(_) => "Correct the kubeconfig's user; kcert inspect kubeconfig shows what it has.",
        DefectKind::UnexpectedReply(what) if what.contains("unable to parse") => {
            "Correct the selector of -l: app=web, 'tier in (a,b)', '!legacy'."
        }
        DefectKind::NotAdmitted(_) => {
            "Log in again or get a new kubeconfig: its token or client certificate has ended or is not known; kcert probe apiserver tells which."
        }
        DefectKind::TooLarge(_) => "Name the file that holds the certificates, or split it.",
        DefectKind::NothingFound => "Name a file that holds certificates, or put the certificate there.",
        _ => check(code).map(|row| row.action).unwrap_or_default(),
    }
}

fn draft(defect: &Defect, file: Option<&str>, code: Code, severity: Severity) -> Draft {
    let sentence = match defect.position {
        Some(position) => format!("{position}: {}", defect.kind),
        None => defect.kind.to_string(),
    };
    let sentence = file.map_or_else(|| sentence.clone(), |file| format!("{file} {sentence}"));
    let draft = Draft::new(code, severity, sentence).hint(hint(&defect.kind, code));
    let Some(position) = defect.position else { return draft };
    let line = i64::try_from(position.line).unwrap_or(i64::MAX);
    let column = i64::try_from(position.column).unwrap_or(i64::MAX);
    draft.evidence("line", Evidence::Number(line)).evidence("column", Evidence::Number(column))
}
