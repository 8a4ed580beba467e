//! What certificates on a chain must be and may do (`check_extensions` in crypto/x509/x509_vfy.c, the purposes in v3_purp.c).

use super::extensions::{self, netscape, usage};
use super::issuers::{Known, is_self_issued};
use super::keys::{self, Key};
use super::rules::fault_if;
use crate::verify::Purpose;
use crate::verify::case::Member;
use crate::verify::oid;
use crate::verify::rule::{Fault, Trail};

/// What one `-purpose` asks for.
struct Demands {
    name: &'static str,
    /// Purposes of which every certificate with an extended key usage must have one.
    purposes: &'static [&'static [u8]],
    /// Bits of which the end entity must have one, if it has a key usage.
    usage: u16,
    /// Bits of which it must have one, if it has a netscapeCertType.
    netscape: u16,
}

const SERVER: Demands = Demands {
    name: "a TLS server",
    purposes: &[oid::SERVER_AUTH, oid::MICROSOFT_SGC, oid::NETSCAPE_SGC],
    usage: usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT | usage::KEY_AGREEMENT,
    netscape: netscape::SSL_SERVER,
};

const CLIENT: Demands = Demands {
    name: "a TLS client",
    purposes: &[oid::CLIENT_AUTH],
    usage: usage::DIGITAL_SIGNATURE | usage::KEY_AGREEMENT,
    netscape: netscape::SSL_CLIENT,
};

/// The ways in which a certificate can be a CA (`check_ca`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ca {
    /// It is none.
    No,
    /// Its basic constraints say so.
    Constrained,
    /// It is of version 1 and self-signed.
    Version1Root,
    /// It has no basic constraints, and a key usage with keyCertSign.
    KeyUsage,
    /// It has neither, and a netscapeCertType of a CA.
    Netscape,
}

fn ca(member: &Member<'_>) -> Ca {
    let key_usage = extensions::key_usage(member);
    if lacks_cert_sign(member) {
        return Ca::No;
    }
    if let Some(constraints) = extensions::basic_constraints(member) {
        return if constraints.ca { Ca::Constrained } else { Ca::No };
    }
    let version1 = member.tbs.version.is_none_or(|version| version.contents == [0]);
    if version1 && Known::new(member).is_self_signed() {
        Ca::Version1Root
    } else if key_usage.is_some() {
        Ca::KeyUsage
    } else if extensions::netscape_cert_type(member).is_some_and(|bits| bits & netscape::ANY_CA != 0) {
        Ca::Netscape
    } else {
        Ca::No
    }
}

/// The test for `X509_V_ERR_INVALID_CA`: of the anchor any way of being a CA will do. OpenSSL calls a CA whose key usage lacks
/// keyCertSign none either; that is said by its own rule.
pub(super) fn issuers_are_cas(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let last = trail.members.len().saturating_sub(1);
    let candidates =
        trail.members.iter().enumerate().skip(1).filter(|(_, member)| !(member.certificate.is_ca() && lacks_cert_sign(member)));
    let mut issuers = candidates.map(|(at, member)| (at, ca(member)));
    let not = issuers.find(|(at, ca)| *ca == Ca::No || (*at < last && *ca != Ca::Constrained));
    not.map_or(Ok(()), |(at, ca)| {
        let message = if ca == Ca::No { "is no CA" } else { "has no basic constraints that make it a CA" };
        Err(Fault { at, message: message.to_owned() })
    })
}

/// The test for an end entity whose key cannot be decoded. Issuers were asked before they were taken; alone, a certificate needs none.
pub(super) fn keys_readable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let unreadable = trail.members.len() > 1 && keys::key(&trail.case.end_entity).is_none();
    fault_if(unreadable, 0, || "openssl cannot decode the public key".to_owned())
}

/// The test for `X509_V_ERR_EC_KEY_EXPLICIT_PARAMS`. Alone, a certificate may have them.
pub(super) fn curves_named(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let explicit = |member: &&Member<'_>| keys::kind(member) == Some(Key::EcExplicit);
    let at = trail.members.iter().position(explicit).filter(|_| trail.members.len() > 1);
    at.map_or(Ok(()), |at| Err(Fault { at, message: "spells out the curve of its key".to_owned() }))
}

/// The test for `X509_V_ERR_INVALID_PURPOSE`.
pub(super) fn purpose_allowed(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let demands = match trail.case.question.purpose {
        Purpose::Any => return Ok(()),
        Purpose::Server => &SERVER,
        Purpose::Client => &CLIENT,
    };
    for (at, member) in trail.members.iter().enumerate() {
        let purposes = extensions::purposes(member);
        if purposes.is_some_and(|mut purposes| !purposes.any(|purpose| demands.purposes.contains(&purpose))) {
            return Err(Fault { at, message: format!("its extended key usage does not allow {}", demands.name) });
        }
        let lacks = |bits: Option<u16>, wanted: u16| bits.is_some_and(|bits| bits & wanted == 0);
        let key_usage = at == 0 && lacks(extensions::key_usage(member), demands.usage);
        let netscape = at == 0 && lacks(extensions::netscape_cert_type(member), demands.netscape);
        fault_if(key_usage, at, || format!("its key usage does not allow {}", demands.name))?;
        fault_if(netscape, at, || format!("its netscapeCertType does not allow {}", demands.name))?;
        fault_if(at > 0 && !is_ssl_ca(member), at, || format!("is no CA for {}", demands.name))?;
    }
    Ok(())
}

fn is_ssl_ca(member: &Member<'_>) -> bool {
    match ca(member) {
        Ca::No => false,
        Ca::Netscape => extensions::netscape_cert_type(member).is_some_and(|bits| bits & netscape::SSL_CA != 0),
        Ca::Constrained | Ca::Version1Root | Ca::KeyUsage => true,
    }
}

/// The test for `X509_V_ERR_PATH_LENGTH_EXCEEDED`. Self-issued CAs do not count, the end entity never does.
pub(super) fn path_lengths_kept(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let mut below = 0_u64;
    for (at, member) in trail.members.iter().enumerate().skip(1) {
        let most = extensions::basic_constraints(member).and_then(|constraints| constraints.path_length);
        if let Some(most) = most.filter(|most| at > 1 && below > *most) {
            return Err(Fault { at, message: format!("{below} CAs below it; its path length allows {most}") });
        }
        below += u64::from(!is_self_issued(member));
    }
    Ok(())
}

/// The test for `X509_V_ERR_KEYUSAGE_NO_CERTSIGN`.
pub(super) fn issuers_may_sign(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let at = trail.members.iter().enumerate().skip(1).rev().find(|(_, member)| lacks_cert_sign(member));
    at.map_or(Ok(()), |(at, _)| Err(Fault { at, message: "its key usage does not allow signing certificates".to_owned() }))
}

fn lacks_cert_sign(member: &Member<'_>) -> bool {
    extensions::key_usage(member).is_some_and(|bits| bits & usage::KEY_CERT_SIGN == 0)
}
