//! Keys: do they belong, are they there, who can read them, are they strong enough.

use super::chain::is_out_of_order;
use super::dates::about;
use super::findings::{Draft, Findings};
use super::pairs::Pair;
use super::{Context, hosts, upgrade};
use crate::model::{
    Certificate, Code, Content, DefectKind, Document, Evidence, Holding, KeyAlgorithm, Login, Origin, OriginKind, PrivateKey,
    PublicKey, Role, Severity, Sha256, Slot,
};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn mismatch(context: &Context<'_>, findings: &mut Findings) {
    for misfit in context.pairs().0.iter().filter_map(|pair| Misfit::of(context, pair)) {
        let Misfit { credential, key, index, first, owner, keys } = misfit;
        let owner = owner.map(|owner| format!(" but to {}, which is not the first here", owner.display_name()));
        let message = format!("the private key does not belong to {}{}", first.display_name(), owner.unwrap_or_default());
        findings.add(
            Draft::new(Code::KeyMismatch, Severity::Critical, message)
                .certificate(first.id)
                .at(&credential.origin, position(index))
                .at(&key.origin, 0)
                .evidence("certificateSpkiSha256", Evidence::Text(first.public_key.spki_sha256.to_string()))
                .evidence("keySpkiSha256", Evidence::List(keys.iter().map(|key| key.spki_sha256.to_string()).collect())),
        );
    }
}

/// What is wrong with the key beside a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// It belongs to another certificate.
    OfAnother,
    /// It wants a password.
    Encrypted,
    /// Its place holds none.
    Unusable,
}

/// Whether the first certificate of a place cannot be presented for want of its key. One that is not there at all may have been left
/// out of a copy.
pub(super) fn fault<'a>(context: &Context<'a>, place: &Holding) -> Option<(KeyFault, &'a Arc<Certificate>)> {
    let faults = context.key_faults(|| {
        let found = context.pairs().0.iter().filter_map(|pair| {
            let (credential, key) = (holding(context, Some(pair.credential()))?, holding(context, pair.key())?);
            let (_, first) = credential.certificates().next()?;
            Some((std::ptr::from_ref(credential).addr(), (fault_of(context, pair, key)?, first)))
        });
        found.collect()
    });
    faults.get(&std::ptr::from_ref(place).addr()).copied()
}

fn fault_of(context: &Context<'_>, pair: &Pair, key: &Holding) -> Option<KeyFault> {
    let was_read = key.origin.role.is_some() && key.defects().all(|(_, defect)| !matches!(defect.kind, DefectKind::Io(_)));
    match key.private_keys().next() {
        None if was_read => Some(KeyFault::Unusable),
        Some(_) if key.origin.role.is_some() && key.private_keys().all(|key| *key == PrivateKey::Encrypted) => {
            Some(KeyFault::Encrypted)
        }
        _ => Misfit::of(context, pair).map(|_| KeyFault::OfAnother),
    }
}

/// A certificate and a key that are no pair.
struct Misfit<'a> {
    credential: &'a Holding,
    key: &'a Holding,
    /// The certificate's index in its place.
    index: usize,
    first: &'a Arc<Certificate>,
    /// The later certificate of the place that the key belongs to.
    owner: Option<&'a Arc<Certificate>>,
    keys: Vec<&'a PublicKey>,
}

impl<'a> Misfit<'a> {
    fn of(context: &Context<'a>, pair: &Pair) -> Option<Self> {
        let (credential, key) = (holding(context, Some(pair.credential()))?, holding(context, pair.key())?);
        let keys: Vec<&PublicKey> = key.private_keys().filter_map(PrivateKey::public).collect();
        let fits = |certificate: &Certificate| keys.iter().any(|key| key.spki_sha256 == certificate.public_key.spki_sha256);
        let (index, first) = credential.certificates().next()?;
        // A chain in the wrong order has a code of its own: `bundle-order`.
        let owner = credential.certificates().skip(1).map(|(_, later)| later).find(|later| fits(later));
        let is_one = keys.is_empty() || fits(first) || (owner.is_some() && is_out_of_order(credential));
        (!is_one).then_some(Self { credential, key, index, first, owner, keys })
    }
}

pub(super) fn missing(context: &Context<'_>, findings: &mut Findings) {
    // A copy that was made without any key is not a cluster that lost them.
    let keys_were_given = context.inventory.holdings.iter().any(|holding| holding.private_keys().next().is_some());
    for pair in context.pairs().0.iter().filter(|pair| pair.key().is_none()) {
        let Some(credential) = holding(context, Some(pair.credential())).filter(|holding| needs_key(holding)) else { continue };
        let Some((index, first)) = credential.certificates().next().filter(|(_, first)| !first.is_ca()) else { continue };
        // A kubeconfig is complete or of no use; elsewhere keys may have been left out of a copy.
        let is_kubeconfig = credential.origin.document.kind == OriginKind::Kubeconfig;
        let severity = if keys_were_given || is_kubeconfig { Severity::Warning } else { Severity::Info };
        let message = format!("{} has no private key beside it", first.display_name());
        findings
            .add(Draft::new(Code::KeyMissing, severity, message).certificate(first.id).at(&credential.origin, position(index)));
    }
}

/// Whether the place is one that something presents: its role, its kubeconfig or its type says so.
fn needs_key(holding: &Holding) -> bool {
    let document = &holding.origin.document;
    holding.origin.slot == Slot::Credential
        && match document.kind {
            OriginKind::Kubeconfig => true,
            OriginKind::Secret => {
                document.subtype.as_deref() == Some("kubernetes.io/tls") && &*holding.origin.field == "data[tls.crt]"
            }
            OriginKind::File => holding.origin.role.is_some(),
            _ => false,
        }
}

pub(super) fn external_ca(context: &Context<'_>, findings: &mut Findings) {
    let keys_were_given = |host| {
        let own = |holding: &&Holding| hosts::host(holding) == host && holding.origin.document.kind == OriginKind::File;
        context.outside_secrets().filter(own).any(|holding| holding.private_keys().next().is_some())
    };
    for pair in context.pairs().0.iter().filter(|pair| pair.key().is_none()) {
        let Some(credential) = holding(context, Some(pair.credential())) else { continue };
        let is_host_ca = credential.origin.document.kind == OriginKind::File
            && credential.origin.slot == Slot::Credential
            && credential.origin.role.is_some_and(Role::is_ca);
        let Some((index, first)) = credential.certificates().next().filter(|_| is_host_ca) else { continue };
        if keys_were_given(hosts::host(credential)) {
            let message = format!("the key of the CA {} is not on this host", first.display_name());
            let is_needed = credential.origin.role == Some(Role::ClusterCa) && upgrade::notes::needs_ca_key(context);
            let (severity, message) = if is_needed {
                (Severity::Warning, format!("{message}, and kubeadm signs admin.conf anew at 1.29"))
            } else {
                (Severity::Info, message)
            };
            findings.add(
                Draft::new(Code::ExternalCa, severity, message).certificate(first.id).at(&credential.origin, position(index)),
            );
        }
    }
}

/// What the mode of a file should not allow: reading by everyone, and by a group that is not root's.
const OTHERS_READ: u32 = 0o004;
const GROUP_READ: u32 = 0o040;

pub(super) fn exposed(context: &Context<'_>, findings: &mut Findings) {
    let keys =
        context.inventory.holdings.iter().filter(|holding| holding.private_keys().any(|key| *key != PrivateKey::Encrypted));
    let tokens = context.inventory.kubeconfigs.iter().filter(|kubeconfig| {
        kubeconfig.users.iter().flat_map(|user| &user.logins).any(|login| matches!(login, Login::Token { .. } | Login::Basic(_)))
    });
    let token_origin = |document| Origin { document, field: "".into(), role: None, slot: Slot::Key };
    let places = keys
        .map(|holding| (readable(&holding.origin), "a private key"))
        .chain(tokens.map(|kubeconfig| (token_origin(kubeconfig.document.clone()), "a token or password")));
    let mut seen = BTreeSet::new();
    for (origin, what) in places {
        let Some(access) = origin.document.access else { continue };
        let whom = match access.mode {
            mode if mode & OTHERS_READ != 0 => "everyone",
            mode if mode & GROUP_READ != 0 && access.gid != 0 => "its group",
            _ => continue,
        };
        if seen.insert((origin.document.path().to_owned(), what)) {
            let message = format!("{what} can be read by {whom} on the host (mode {:04o})", access.mode & 0o7777);
            let draft = Draft::new(Code::KeyExposed, Severity::Warning, message)
                .evidence("mode", Evidence::Text(format!("{:04o}", access.mode & 0o7777)));
            findings.add(draft.at(&origin, 0));
        }
    }
}

/// The file whose mode counts: of a dump the dump, not the object in it.
fn readable(origin: &Origin) -> Origin {
    let document = &origin.document;
    match &document.file {
        Some(file) if document.kind != OriginKind::Kubeconfig => {
            let dump = Document {
                access: document.access,
                host: document.host.clone(),
                ..Document::new(OriginKind::File, Arc::clone(file))
            };
            Origin { slot: Slot::Key, ..Origin::whole(dump) }
        }
        _ => origin.clone(),
    }
}

/// RSA and DSA below this are refused by Go 1.24 and later.
const REFUSED_BITS: u32 = 1024;
/// RSA and DSA below this are weak (NIST SP 800-131A), and refused by rustls as signers.
const WEAK_BITS: u32 = 2048;
/// Curves below this are weak.
const WEAK_CURVE_BITS: u32 = 256;

pub(super) fn weak(context: &Context<'_>, findings: &mut Findings) {
    for (node, certificate) in context.graph.nodes() {
        let key = &certificate.public_key;
        let severity = match key.algorithm {
            KeyAlgorithm::Rsa if key.bits < REFUSED_BITS => Severity::Critical,
            KeyAlgorithm::Rsa if key.bits < WEAK_BITS => Severity::Warning,
            KeyAlgorithm::Dsa => Severity::Warning,
            KeyAlgorithm::Ecdsa(_) if key.bits > 0 && key.bits < WEAK_CURVE_BITS => Severity::Warning,
            _ => continue,
        };
        let only_anchor = context.places(node).all(|(holding, _)| holding.origin.slot == Slot::Trust);
        let severity = if only_anchor { Severity::Info } else { severity };
        let message = format!("{} has a weak key: {key}", certificate.display_name());
        findings.add(about(context, node, Draft::new(Code::WeakKey, severity, message)));
    }
}

pub(super) fn weak_signature(context: &Context<'_>, findings: &mut Findings) {
    for (node, certificate) in context.graph.nodes() {
        let name = certificate.signature_algorithm.name.to_ascii_lowercase();
        let severity = match &*name {
            name if name.contains("md5") || name.contains("md2") => Severity::Critical,
            name if name.contains("sha1") => Severity::Warning,
            _ => continue,
        };
        // Nobody checks the signature of a root by itself.
        if certificate.is_self_issued() && context.graph.is_self_signed(node) {
            continue;
        }
        let message = format!("{} is signed with {}", certificate.display_name(), certificate.signature_algorithm);
        findings.add(about(context, node, Draft::new(Code::WeakSignature, severity, message)));
    }
}

pub(super) fn service_account(context: &Context<'_>, findings: &mut Findings) {
    for host in hosts::all(context) {
        let signers: Vec<_> = hosts::places(context, host, Role::ServiceAccountKey, &[Slot::Key, Slot::Credential]).collect();
        let verifiers: Vec<_> = hosts::places(
            context,
            host,
            Role::ServiceAccountPublicKey,
            &[Slot::Trust, Slot::Key, Slot::Credential, Slot::Unknown],
        )
        .collect();
        let known: BTreeSet<Sha256> = verifiers.iter().flat_map(|holding| public_keys(holding)).collect();
        for signer in signers {
            let keys: Vec<Sha256> = public_keys(signer).collect();
            if known.is_empty() || keys.is_empty() || keys.iter().any(|key| known.contains(key)) {
                continue;
            }
            let message = "the key that signs service account tokens is none of those that verify them";
            let draft = Draft::new(Code::ServiceAccountKeyMismatch, Severity::Critical, message).at(&signer.origin, 0);
            findings.add(draft.places(verifiers.iter().map(|holding| (holding.origin.clone(), 0))));
        }
    }
    between_hosts(context, findings);
}

/// Hosts that are looked at together are one cluster: all sign with the same key.
fn between_hosts(context: &Context<'_>, findings: &mut Findings) {
    let signers = context.with_role(Role::ServiceAccountKey).iter().copied();
    let signers: Vec<&Holding> = signers.filter(|holding| hosts::host(holding).is_some()).collect();
    let keys = |holding: &Holding| public_keys(holding).collect::<BTreeSet<_>>();
    let Some((first, others)) = signers.split_first() else { return };
    let elsewhere = |holding: &Holding, other: &Holding| {
        hosts::host(other).is_some() && hosts::host(other) != hosts::host(holding) && !keys(other).is_disjoint(&keys(holding))
    };
    // A key that the others verify by is one of them, as in the middle of a rotation.
    let shared = |holding: &Holding| {
        let verifiers = context.with_role(Role::ServiceAccountPublicKey).iter().copied();
        signers.iter().copied().chain(verifiers).any(|other| elsewhere(holding, other))
    };
    let readable = |holding: &Holding| !keys(holding).is_empty();
    let apart = others.iter().any(|other| hosts::host(other) != hosts::host(first));
    let strangers: Vec<_> = signers.iter().copied().filter(|holding| apart && readable(holding) && !shared(holding)).collect();
    if strangers.len() > 1 || (strangers.len() == 1 && signers.iter().filter(|holding| readable(holding)).count() > 1) {
        let message = "the hosts sign service account tokens with different keys";
        let draft = Draft::new(Code::ServiceAccountKeyMismatch, Severity::Critical, message);
        findings.add(draft.places(signers.iter().map(|holding| (holding.origin.clone(), 0))));
    }
}

/// The public halves of whatever keys a place holds.
fn public_keys(holding: &Holding) -> impl Iterator<Item = Sha256> {
    holding.contents.iter().filter_map(|content| match content {
        Content::PrivateKey(key) => key.public().map(|key| key.spki_sha256),
        Content::PublicKey(key) => Some(key.spki_sha256),
        Content::Certificate(certificate) => Some(certificate.public_key.spki_sha256),
        _ => None,
    })
}

fn holding<'a>(context: &Context<'a>, position: Option<usize>) -> Option<&'a Holding> {
    context.inventory.holdings.get(position?)
}

fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
