//! General names: their tags, whether one is among others, and in messages what a certificate is valid for and what it is not.

use super::Name;
use crate::model::GeneralName;
use std::fmt::Display;
use std::net::IpAddr;

/// The tags of GeneralName (RFC 5280 section 4.2.1.6) by its own names.
pub(super) mod tag {
    pub(in crate::verify) const OTHER_NAME: u8 = 0xa0;
    pub(in crate::verify) const RFC822_NAME: u8 = 0x81;
    pub(in crate::verify) const DNS_NAME: u8 = 0x82;
    pub(in crate::verify) const DIRECTORY_NAME: u8 = 0xa4;
    pub(in crate::verify) const URI: u8 = 0x86;
    pub(in crate::verify) const IP_ADDRESS: u8 = 0x87;
}

/// Whether the name is among these: addresses and URIs exactly, e-mail addresses with the host folded (RFC 5280 section 7.5), DNS
/// names folded (section 7.2), wildcards not looked at.
pub(super) fn is_among(name: &Name, sans: &[GeneralName]) -> bool {
    sans.iter().any(|san| match (name, san) {
        (Name::Dns(wanted), GeneralName::Dns(found)) => wanted.eq_ignore_ascii_case(found),
        (Name::Ip(wanted), GeneralName::Ip(found)) => wanted == found,
        (Name::Uri(wanted), GeneralName::Uri(found)) => wanted == found,
        (Name::Email(wanted), GeneralName::Email(found)) => match (wanted.rsplit_once('@'), found.rsplit_once('@')) {
            (Some((local, host)), Some((other, other_host))) => local == other && host.eq_ignore_ascii_case(other_host),
            _ => wanted == found,
        },
        _ => false,
    })
}

/// How many are listed.
const MOST: usize = 8;

/// `valid for a.example, b.example and 3 more; not for c.example`.
pub(super) fn mismatch(valid: impl IntoIterator<Item = String>, wanted: impl Display) -> String {
    let mut valid = valid.into_iter();
    let listed: Vec<String> = valid.by_ref().take(MOST).collect();
    match (listed.join(", "), valid.count()) {
        (_, 0) if listed.is_empty() => format!("valid for nothing; not for {wanted}"),
        (listed, 0) => format!("valid for {listed}; not for {wanted}"),
        (listed, more) => format!("valid for {listed} and {more} more; not for {wanted}"),
    }
}

/// The address in an iPAddress of four or sixteen octets (RFC 5280 section 4.2.1.6).
pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::mismatch;

    #[test]
    fn so_many_are_listed() {
        let first = |count: u32| mismatch((1..=count).map(|number| number.to_string()), 0);
        assert_eq!(first(0), "valid for nothing; not for 0");
        assert_eq!(first(8), "valid for 1, 2, 3, 4, 5, 6, 7, 8; not for 0");
        assert_eq!(first(10), "valid for 1, 2, 3, 4, 5, 6, 7, 8 and 2 more; not for 0");
    }
}
