//! Requests for certificates that a CA elsewhere issues: one for each that is due, from the key that it has.

use super::playbooks::object_name;
use crate::audit::keys_of;
use crate::mint::{self, Signer};
use crate::model::{Certificate, Finding, Inventory, Origin, OriginKind, Role, Severity, Slot};
use std::sync::Arc;

/// A request to be signed by a key: what it is for, and where its key lies.
#[derive(Clone, Debug)]
pub struct Unsigned<'a> {
    /// The name of its file without the ending: kubeadm's name for it, or the user's.
    pub name: String,
    /// The certificate that is to come anew.
    pub certificate: &'a Arc<Certificate>,
    /// Where the certificate stands.
    pub at: &'a Origin,
    /// Where its key lies.
    pub key_at: &'a Origin,
}

impl Unsigned<'_> {
    /// Signs it by the key in these bytes (PEM or DER); the request in PEM.
    ///
    /// # Errors
    /// If there is no key in them that signs.
    pub fn sign(&self, key: &[u8]) -> Result<String, mint::Error> {
        mint::request(self.certificate, &Signer::read(key)?)
    }
}

/// The requests for what findings are about: end entities in files, kubeconfigs included, that have a key of their own.
#[must_use]
pub fn requests<'a>(inventory: &'a Inventory, findings: &[Finding]) -> Vec<Unsigned<'a>> {
    let is_due = |origin: &Origin| {
        let loud = findings.iter().filter(|finding| matches!(finding.severity, Severity::Warning | Severity::Critical));
        let codes = loud.filter(|finding| super::playbooks::is_mended_by_issuing(finding.code));
        codes.flat_map(|finding| &finding.origins).any(|(place, _)| place == origin)
    };
    let mut found: Vec<Unsigned<'_>> = Vec::new();
    for (credential, key) in keys_of(inventory) {
        let (holding, key) = (&inventory.holdings[credential], &inventory.holdings[key]);
        let Some((_, certificate)) = holding.certificates().next().filter(|(_, leaf)| !leaf.is_ca()) else { continue };
        let is_file = |origin: &Origin| matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig);
        if !is_file(&holding.origin) || !is_file(&key.origin) || holding.origin.slot == Slot::Trust || !is_due(&holding.origin) {
            continue;
        }
        let name = name(holding.origin.role, certificate);
        let host = holding.origin.document.host.as_deref();
        let name = host.map_or_else(|| name.clone(), |host| format!("{host}-{name}"));
        let taken = found.iter().filter(|other| other.name == name || other.name.starts_with(&format!("{name}-"))).count();
        let name = if taken == 0 { name } else { format!("{name}-{}", taken + 1) };
        found.push(Unsigned { name, certificate, at: &holding.origin, key_at: &key.origin });
    }
    found
}

fn name(role: Option<Role>, certificate: &Certificate) -> String {
    let kubeadm = role.and_then(super::playbooks::kubeadm_name);
    let user = || object_name(certificate.subject.common_name().unwrap_or_default());
    kubeadm.map_or_else(user, str::to_owned)
}
