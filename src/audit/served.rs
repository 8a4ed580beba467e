//! What processes serve, against the files that they were given.
//!
//! A renewed file helps nobody as long as the process serves the old one, and only a handshake tells. Which file a served certificate
//! should be follows from what it says: the same certificate, else the same names from the same issuer, else the API server's role; a
//! port that components are known by decides where several would do (etcd's server and peer certificates say the same).

use super::findings::{Draft, Findings};
use super::{Context, handshakes};
use crate::model::peer::Loopback;
use crate::model::when::{date, relative, to_the_second};
use crate::model::{
    Certificate, Code, DistinguishedName, Evidence, ExtendedKeyUsage, Holding, Inventory, OriginKind, Role, Severity, Slot,
};
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

/// A served certificate beside the file that it should be.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// What was presented.
    pub peer: &'a Holding,
    /// The file.
    pub file: &'a Holding,
    /// How the one is to the other.
    pub relation: Relation,
}

/// How a served certificate is to the one in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the same.
    Same,
    /// It ends earlier: the file was renewed, and the process was not restarted.
    Older,
    /// It ends later: the file was put back, or is not the one that the process reads.
    Newer,
    /// It ends at the same time.
    Other,
}

impl Relation {
    /// The word of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Older => "older",
            Self::Newer => "newer",
            Self::Other => "other",
        }
    }
}

/// The jobs of serving certificates, with the ports of the components that have them, and how those are restarted.
const SERVERS: &[(Role, &[u16], &str)] = &[
    (
        Role::Apiserver,
        &[6443, 443, 8443, 16443, 6444],
        "kube-apiserver: crictl pods --name kube-apiserver -q | xargs crictl stopp",
    ),
    (Role::EtcdServer, &[2379], "etcd, one member at a time: crictl pods --name etcd -q | xargs crictl stopp"),
    (Role::EtcdPeer, &[2380], "etcd, one member at a time: crictl pods --name etcd -q | xargs crictl stopp"),
    (Role::KubeletServing, &[10250], "the kubelet: systemctl restart kubelet"),
    (
        Role::ControllerManagerServing,
        &[10257],
        "kube-controller-manager: crictl pods --name kube-controller-manager -q | xargs crictl stopp",
    ),
    (Role::SchedulerServing, &[10259], "kube-scheduler: crictl pods --name kube-scheduler -q | xargs crictl stopp"),
    (Role::Supervisor, &[9345, 6443], "k3s or rke2-server: systemctl restart k3s"),
    (Role::ApiserverSni, &[], "kube-apiserver: crictl pods --name kube-apiserver -q | xargs crictl stopp"),
    (Role::Dashboard, &[], "the dashboard's pod"),
];

/// Every served certificate for which there is a file.
#[must_use]
pub fn compare(inventory: &Inventory) -> Vec<Served<'_>> {
    among(inventory.holdings.iter())
}

/// The same of some places only.
pub(super) fn among<'a>(places: impl Iterator<Item = &'a Holding> + Clone) -> Vec<Served<'a>> {
    let is_peer = |holding: &&Holding| holding.origin.document.kind == OriginKind::Peer && holding.loopback().is_none();
    let peers: Vec<&Holding> = places.clone().filter(is_peer).collect();
    if peers.is_empty() {
        return Vec::new();
    }
    let files: Vec<&Holding> = places.filter(|holding| is_server_file(holding)).collect();
    peers.into_iter().filter(|_| !files.is_empty()).filter_map(|peer| file_of(peer, &files)).collect()
}

fn is_server_file(holding: &Holding) -> bool {
    let for_servers = |certificate: &Certificate| !certificate.is_ca() && certificate.allows(&ExtendedKeyUsage::ServerAuth);
    let is_file =
        holding.origin.document.kind == OriginKind::File && matches!(holding.origin.slot, Slot::Credential | Slot::Unknown);
    is_file && leaf(holding).is_some_and(for_servers)
}

fn leaf(holding: &Holding) -> Option<&Certificate> {
    holding.certificates().next().map(|(_, first)| &**first)
}

fn file_of<'a>(peer: &'a Holding, files: &[&'a Holding]) -> Option<Served<'a>> {
    let served = leaf(peer)?;
    let best = files.iter().filter_map(|file| likeness(peer, served, file).map(|likeness| (likeness, *file)));
    // Of equals the first one.
    let (_, file) = best.reduce(|best, other| if other.0 > best.0 { other } else { best })?;
    let other = leaf(file)?;
    let relation = match served.validity.not_after.cmp(&other.validity.not_after) {
        _ if served.id == other.id => Relation::Same,
        std::cmp::Ordering::Less => Relation::Older,
        std::cmp::Ordering::Greater => Relation::Newer,
        std::cmp::Ordering::Equal => Relation::Other,
    };
    Some(Served { peer, file, relation })
}

/// How much speaks for a file being the one that a server was given, the most telling first; `None` if nothing does. A renewal keeps the
/// names of a certificate or changes some in one direction: where each has one that the other lacks, they are of two servers (the members
/// of one control plane, or of two clusters that kubeadm made).
fn likeness(peer: &Holding, served: &Certificate, file: &Holding) -> Option<(bool, bool, usize)> {
    let other = leaf(file)?;
    let lacks = |one: &Certificate, other: &Certificate| one.sans.iter().any(|name| !other.sans.contains(name));
    let is_renewal = unnumbered(&served.issuer) == unnumbered(&other.issuer)
        && (unnumbered(&served.subject) == unnumbered(&other.subject)
            || (peer.is_api_server() && file.origin.role == Some(Role::Apiserver)))
        && !(lacks(served, other) && lacks(other, served));
    let same = served.id == other.id;
    let shared = served.sans.iter().filter(|name| other.sans.contains(name)).count();
    (same || is_renewal).then(|| (same, has_port(peer, file.origin.role), shared))
}

/// Whether an endpoint has a port that a job is known by.
fn has_port(peer: &Holding, role: Option<Role>) -> bool {
    let port = peer.origin.document.source.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let ports = SERVERS.iter().find(|(known, _, _)| Some(*known) == role).map_or(&[][..], |(_, ports, _)| ports);
    port.is_some_and(|port| ports.contains(&port))
}

/// A name without the Unix time that self-signed pairs carry: `cp-1-ca@1795287611` (client-go util/cert).
fn unnumbered(name: &DistinguishedName) -> String {
    let whole = name.to_string();
    match whole.rsplit_once('@') {
        Some((stem, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => stem.to_owned(),
        _ => whole,
    }
}

pub(super) fn differs(context: &Context<'_>, findings: &mut Findings) {
    let loopbacks: HashMap<&str, Loopback> =
        context.outside_secrets().filter_map(|holding| Some((&*holding.origin.document.source, holding.loopback()?))).collect();
    for served in among(context.outside_secrets()).iter().filter(|served| served.relation != Relation::Same) {
        let (Some(presented), Some(held)) = (leaf(served.peer), leaf(served.file)) else { continue };
        let endpoint = &served.peer.origin.document.source;
        let why = match served.relation {
            Relation::Older => "one from before the renewal",
            Relation::Newer => "a newer one, so the file is not what the process reads, or was put back",
            Relation::Same | Relation::Other => "another one",
        };
        let running = started(context, &loopbacks, served).map(|(since, how)| {
            format!("; the process has run since {how}{} ({})", date(since), relative(context.policy.at, since))
        });
        let message = format!(
            "{endpoint} does not serve the certificate of {} (until {}) but {why} (until {}){}",
            served.file.origin.document.path(),
            day_or_second(held, presented),
            day_or_second(presented, held),
            running.unwrap_or_default()
        );
        let mut draft = Draft::new(Code::ServedDiffers, Severity::Warning, message)
            .certificate(presented.id)
            .certificate(held.id)
            .at(&served.peer.origin, 0)
            .at(&served.file.origin, 0)
            .evidence("relation", Evidence::Text(served.relation.as_str().to_owned()))
            .evidence("servedNotAfter", Evidence::Time(presented.validity.not_after))
            .evidence("fileNotAfter", Evidence::Time(held.validity.not_after));
        if let Some((since, how)) = started(context, &loopbacks, served) {
            draft = draft.evidence(if how.is_empty() { "processStarted" } else { "processStartedBefore" }, Evidence::Time(since));
        }
        findings.add(draft.hint(hint(served)));
    }
    handshakes::behind::differs(context, findings);
}

/// The end of one of two certificates: the day, or the second where both end on one day.
fn day_or_second(one: &Certificate, other: &Certificate) -> String {
    let (end, others) = (one.validity.not_after, other.validity.not_after);
    if date(end) == date(others) { to_the_second(end) } else { date(end) }
}

fn hint(served: &Served<'_>) -> String {
    let restart = SERVERS.iter().find(|(role, _, _)| Some(*role) == served.file.origin.role).map(|(_, _, restart)| *restart);
    let endpoint = &served.peer.origin.document.source;
    match (served.relation, restart) {
        (Relation::Newer, _) => "Look at the flags of the process (--tls-cert-file) and at the history of the file.".to_owned(),
        (_, Some(restart)) => format!("Restart {restart}; then ask again: kcert probe tls {endpoint}"),
        (_, None) => format!("Restart or reload what serves it; then ask again: kcert probe tls {endpoint}"),
    }
}

/// Since when a process has run: an API server's loopback certificate tells, if it was asked for; else it must have started before the
/// file that it does not serve was written. That a file was written just now, as copies are, says nothing.
fn started(
    context: &Context<'_>,
    loopbacks: &HashMap<&str, Loopback>,
    served: &Served<'_>,
) -> Option<(OffsetDateTime, &'static str)> {
    let loopback = loopbacks.get(&*served.peer.origin.document.source).map(|loopback| (loopback.started, ""));
    let written = served.file.origin.document.access.and_then(|access| access.modified);
    let tells = |written: &OffsetDateTime| served.relation == Relation::Older && context.policy.at - *written > Duration::HOUR;
    loopback.or(written.filter(tells).map(|written| (written, "before ")))
}
