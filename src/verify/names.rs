//! Expected names against the names of a certificate, for the verifiers and kinds of name that have no rule of their own.

use super::Name;
use crate::model::GeneralName;

/// Whether the name is among these: addresses and URIs exactly, e-mail addresses with the host folded (RFC 5280 section 7.5), DNS
/// names folded (section 7.2), wildcards not looked at.
pub(super) fn is_among(name: &Name, sans: &[GeneralName]) -> bool {
    sans.iter().any(|san| match (name, san) {
        (Name::Dns(wanted), GeneralName::Dns(found)) => wanted.eq_ignore_ascii_case(found),
        (Name::Ip(wanted), GeneralName::Ip(found)) => wanted == found,
        (Name::Uri(wanted), GeneralName::Uri(found)) => wanted == found,
        (Name::Email(wanted), GeneralName::Email(found)) => same_mailbox(wanted, found),
        _ => false,
    })
}

/// The local part exactly, the host without regard to case.
fn same_mailbox(wanted: &str, found: &str) -> bool {
    match (wanted.rsplit_once('@'), found.rsplit_once('@')) {
        (Some((local, host)), Some((other_local, other_host))) => local == other_local && host.eq_ignore_ascii_case(other_host),
        _ => wanted == found,
    }
}
