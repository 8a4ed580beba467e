//! Certificates that no present tool makes: minted, taken apart, changed and signed again by the system's openssl.

use super::site::Site;
use kcert::mint::Identity;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is odd.
#[derive(Clone, Copy)]
pub(crate) enum Oddity {
    /// Signed with SHA-1.
    Sha1,
    /// A negative serial number.
    NegativeSerial,
    /// An RSA key of so many bits.
    Rsa(u16),
    /// The last extension twice.
    DuplicateExtension,
}

/// `ecdsa-with-SHA1`, `ecdsa-with-SHA256` as AlgorithmIdentifiers (RFC 3279, RFC 5758).
const SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
const SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// Replaces `STEM.crt` of the first host (and its key, if that is what is odd) by an odd one, signed by the same CA; not where openssl
/// cannot do it.
pub(crate) fn replace(site: &mut Site, label: &str, issuer: &str, oddity: Oddity) -> Option<()> {
    let (leaf, ca) = (site.made(label).clone(), site.made(issuer).clone());
    let directory = tempfile::tempdir().unwrap();
    let made = make(&leaf, &ca, oddity, directory.path())?;
    let stem = format!("/etc/kubernetes/pki/{label}");
    let host = site.first();
    host.open(&format!("{stem}.crt"), pem(&made.certificate));
    if let Some(key) = made.key {
        host.secret(&format!("{stem}.key"), key);
    }
    Some(())
}

struct Made {
    certificate: Vec<u8>,
    key: Option<String>,
}

fn make(leaf: &Identity, ca: &Identity, oddity: Oddity, directory: &Path) -> Option<Made> {
    let outer = children(leaf.der());
    let mut fields: Vec<Vec<u8>> = children(&outer[0]).into_iter().collect();
    let mut key = None;
    let mut digest = ("-sha256", SHA256);
    match oddity {
        Oddity::Sha1 => digest = ("-sha1", SHA1),
        Oddity::NegativeSerial => fields[1] = vec![0x02, 0x02, 0xff, 0x01],
        Oddity::Rsa(bits) => {
            let text = openssl(directory, &["genrsa", &bits.to_string()])?;
            fs::write(directory.join("rsa.key"), &text).unwrap();
            fields[6] = openssl(directory, &["rsa", "-in", "rsa.key", "-pubout", "-outform", "DER"])?;
            key = Some(String::from_utf8(text).unwrap());
        }
        Oddity::DuplicateExtension => {
            let mut extensions = children(&children(&fields[7])[0]);
            extensions.push(extensions.last()?.clone());
            fields[7] = wrap(0xa3, &wrap(0x30, &extensions.concat()));
        }
    }
    fields[2] = digest.1.to_vec();
    let signed = wrap(0x30, &fields.concat());
    fs::write(directory.join("tbs"), &signed).unwrap();
    fs::write(directory.join("ca.key"), ca.key_pem().as_str()).unwrap();
    let signature = openssl(directory, &["dgst", digest.0, "-sign", "ca.key", "tbs"])?;
    let signature = wrap(0x03, &[&[0], &*signature].concat());
    Some(Made { certificate: wrap(0x30, &[signed, digest.1.to_vec(), signature].concat()), key })
}

/// What openssl writes; nothing where it is absent or refuses.
fn openssl(directory: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// The values in a constructed value, each with its header.
fn children(value: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &value[header(value)..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (value, more) = rest.split_at(header(rest) + length(rest));
        found.push(value.to_vec());
        rest = more;
    }
    found
}

/// Octets of tag and length.
fn header(value: &[u8]) -> usize {
    if value[1] < 0x80 { 2 } else { 2 + usize::from(value[1] & 0x7f) }
}

/// Octets of the contents.
fn length(value: &[u8]) -> usize {
    if value[1] < 0x80 {
        return usize::from(value[1]);
    }
    value[2..header(value)].iter().fold(0, |length, octet| length << 8 | usize::from(*octet))
}

/// A value of its own, with its length in the shortest form.
fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut value = vec![tag];
    match *length.as_slice() {
        [] => value.push(0),
        [short] if short < 0x80 => value.push(short),
        _ => {
            value.push(0x80 | u8::try_from(length.len()).unwrap());
            value.extend(&length);
        }
    }
    value.extend(contents);
    value
}

fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
