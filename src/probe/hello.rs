//! The words of a conversation in clear: a ClientHello that asks for any chain, and the messages that answer it.
//!
//! Rule: what is offered here is never used. The suites may be broken, since the conversation ends before there are keys.

use super::record::MOST;
use crate::model::peer::ProtocolVersion;
use std::ops::Range;

/// A host name is not longer (RFC 1035 section 2.3.4); what is cannot be sent.
const NAME_LIMIT: usize = 255;
/// Some load balancers hang on ClientHellos of these lengths (RFC 7685 section 3).
const HANGING: Range<usize> = 0x100..0x200;

/// One record with a ClientHello of TLS 1.2 (RFC 5246 section 7.4.1.2). Without `supported_versions`, so that nobody answers with
/// TLS 1.3, where chains are encrypted (RFC 8446 section 4.2.1).
pub(super) fn client_hello(server_name: Option<&str>, random: &[u8; 32]) -> Vec<u8> {
    let mut hello = message(server_name, random, &[]);
    if HANGING.contains(&hello.len()) {
        hello = message(server_name, random, &padding(HANGING.end - hello.len()));
    }
    // Record version: RFC 5246 appendix E.1.
    [&[22, 3, 1], sized::<2>(&hello).as_slice()].concat()
}

/// The IANA name of a suite that was offered.
pub(super) fn suite_name(number: u16) -> Option<&'static str> {
    SUITES.iter().find(|(suite, _)| *suite == number).map(|(_, name)| *name)
}

fn message(server_name: Option<&str>, random: &[u8; 32], padding: &[u8]) -> Vec<u8> {
    let extensions = [padding, &extensions(server_name)].concat();
    let suites = numbers(SUITES.iter().map(|(number, _)| *number).chain([RENEGOTIATION_SCSV]));
    let body = [&[3, 3], random.as_slice(), NO_SESSION, &sized::<2>(&suites), NO_COMPRESSION, &sized::<2>(&extensions)].concat();
    [&[1], sized::<3>(&body).as_slice()].concat()
}

const NO_SESSION: &[u8] = &[0];
const NO_COMPRESSION: &[u8] = &[1, 0];

/// An extension of zeroes that takes so many bytes, if it can (RFC 7685 section 4).
fn padding(length: usize) -> Vec<u8> {
    extension(21, &vec![0; length.saturating_sub(4)])
}

/// The last one is not empty, since WebSphere 7 cannot read such a ClientHello (OpenSSL, ssl/statem/extensions.c).
fn extensions(server_name: Option<&str>) -> Vec<u8> {
    [
        server_name.filter(|name| (1..=NAME_LIMIT).contains(&name.len())).map(named).unwrap_or_default(),
        // extended_master_secret (RFC 7627): some servers insist.
        extension(23, &[]),
        // status_request (RFC 6066 section 8): OCSP, any responder, no extensions.
        extension(5, &[1, 0, 0, 0, 0]),
        // supported_groups (RFC 8422 section 5.1.1). None of RFC 7919, whose section 4 would bind servers with a DHE group of their own.
        extension(10, &sized::<2>(&numbers(GROUPS))),
        // ec_point_formats (RFC 8422 section 5.1.2): uncompressed.
        extension(11, &[1, 0]),
        // signature_algorithms (RFC 5246 section 7.4.1.4.1): without them it would be SHA-1 only.
        extension(13, &sized::<2>(&numbers(SIGNATURES))),
    ]
    .concat()
}

/// server_name with one host_name (RFC 6066 section 3).
fn named(name: &str) -> Vec<u8> {
    extension(0, &sized::<2>(&[&[0], sized::<2>(name.as_bytes()).as_slice()].concat()))
}

fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [number.to_be_bytes().as_slice(), &sized::<2>(body)].concat()
}

fn numbers(numbers: impl IntoIterator<Item = u16>) -> Vec<u8> {
    numbers.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// A vector with its length before it, in `N` bytes (RFC 5246 section 4.3). Nothing here is longer than they can say.
fn sized<const N: usize>(body: &[u8]) -> Vec<u8> {
    let length = body.len().to_be_bytes();
    length.into_iter().skip(length.len().saturating_sub(N)).chain(body.iter().copied()).collect()
}

/// What to call a message.
pub(super) fn word(kind: u8) -> &'static str {
    match kind {
        SERVER_HELLO => "ServerHello",
        CERTIFICATE => "Certificate",
        CERTIFICATE_REQUEST => "CertificateRequest",
        CERTIFICATE_STATUS => "CertificateStatus",
        _ => "handshake message",
    }
}

/// Version and cipher suite in a ServerHello (RFC 5246 section 7.4.1.3), whose extensions may be missing altogether.
pub(super) fn server_hello(mut body: Bytes) -> Option<(u16, u16)> {
    let legacy_version = body.u16()?;
    let _random = body.take(32)?;
    let _session = body.vector8()?;
    let cipher_suite = body.u16()?;
    let _compression = body.u8()?;
    let mut extensions = if body.0.is_empty() { body } else { body.vector16()? };
    let mut version = legacy_version;
    while !extensions.0.is_empty() {
        let (number, mut body) = (extensions.u16()?, extensions.vector16()?);
        if number == SUPPORTED_VERSIONS {
            version = body.u16()?;
        }
    }
    Some((version, cipher_suite))
}

/// The chain in a Certificate (RFC 5246 section 7.4.2).
pub(super) fn certificates(mut body: Bytes) -> Option<Vec<Vec<u8>>> {
    body.vector24()?.list(Bytes::vector24)
}

/// Whether there is a response in a CertificateStatus (RFC 6066 section 8).
pub(super) fn staple(mut body: Bytes) -> Option<bool> {
    let _status_type = body.u8()?;
    Some(!body.vector24()?.0.is_empty())
}

/// The names in a CertificateRequest: signature algorithms stand before them since TLS 1.2 (RFC 5246 and RFC 4346 section 7.4.4).
pub(super) fn authorities(mut body: Bytes, version: u16) -> Option<Vec<Vec<u8>>> {
    let _certificate_types = body.vector8()?;
    if version >= ProtocolVersion::TLS12.0 {
        let _signature_algorithms = body.vector16()?;
    }
    body.vector16()?.list(Bytes::vector16)
}

/// What is still to be read; whoever wants more than there is gets nothing.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    fn list(mut self, item: impl Fn(&mut Self) -> Option<Self>) -> Option<Vec<Vec<u8>>> {
        let mut items = Vec::new();
        while !self.0.is_empty() {
            let one = item(&mut self)?;
            // One more than is kept tells that there were more.
            if items.len() <= MOST {
                items.push(one.0.to_vec());
            }
        }
        Some(items)
    }

    fn vector8(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.take(length.into())
    }

    fn vector16(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into())
    }

    fn vector24(&mut self) -> Option<Self> {
        let length = self.u24()?;
        self.take(length)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<Self> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Self(taken))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Option<usize> {
        self.array().map(|[high, middle, low]| usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

/// Messages of a first flight (RFC 5246 section 7.4, RFC 6066 section 8).
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const CERTIFICATE: u8 = 11;
pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(super) const CERTIFICATE_REQUEST: u8 = 13;
pub(super) const SERVER_HELLO_DONE: u8 = 14;
pub(super) const CERTIFICATE_STATUS: u8 = 22;

/// The extension by which a server says TLS 1.3, HelloRetryRequest included (RFC 8446 sections 4.1.3 and 4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;

/// x25519, secp256r1, secp384r1, secp521r1.
const GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];

/// ECDSA, EdDSA, RSA-PSS and RSA of RFC 8446 section 4.2.3; then SHA-224, DSA, SHA-1 and MD5 of RFC 5246.
const SIGNATURES: [u16; 24] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601, // SHA-2
    0x0303, 0x0301, 0x0402, 0x0502, 0x0602, 0x0302, 0x0203, 0x0201, 0x0202, 0x0101,
];

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 section 3.3): some servers insist.
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// What is offered, by key exchange: ephemeral before static, and ECDSA before RSA, so that a server with several chains presents the
/// one that clients of today get. No suite without a certificate, without encryption, or of the export kind.
const SUITES: &[(u16, &str)] = &[
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    (0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"),
    (0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x009a, "TLS_DHE_RSA_WITH_SEED_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"),
    (0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384"),
    (0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256"),
    (0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256"),
    (0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256"),
    (0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"),
    (0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"),
    (0x0087, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0044, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0099, "TLS_DHE_DSS_WITH_SEED_CBC_SHA"),
    (0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"),
    (0x0066, "TLS_DHE_DSS_WITH_RC4_128_SHA"),
    (0x0012, "TLS_DHE_DSS_WITH_DES_CBC_SHA"),
    (0xc02e, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02d, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc026, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc025, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc003, "TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc002, "TLS_ECDH_ECDSA_WITH_RC4_128_SHA"),
    (0xc032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc02a, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc029, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc00f, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA"),
    (0xc00e, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA"),
    (0xc00d, "TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc00c, "TLS_ECDH_RSA_WITH_RC4_128_SHA"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"),
    (0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x0009, "TLS_RSA_WITH_DES_CBC_SHA"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CipherSuite;
    use rustls::server::Acceptor;
    use std::collections::HashSet;

    fn read(record: &[u8]) -> rustls::server::Accepted {
        let mut acceptor = Acceptor::default();
        let mut rest = record;
        while !rest.is_empty() {
            acceptor.read_tls(&mut rest).unwrap();
        }
        acceptor.accept().map_err(|(error, _)| error).unwrap().unwrap()
    }

    #[test]
    fn rustls_reads_it() {
        let accepted = read(&client_hello(Some("node-1.example"), &[7; 32]));
        let hello = accepted.client_hello();
        assert_eq!(hello.server_name(), Some("node-1.example"));
        assert_eq!(hello.cipher_suites().len(), SUITES.len() + 1);
        assert_eq!(hello.signature_schemes().len(), SIGNATURES.len());
        assert_eq!(hello.named_groups().unwrap().len(), GROUPS.len());
        assert!(hello.alpn().is_none());
        assert_eq!(read(&client_hello(None, &[7; 32])).client_hello().server_name(), None);
    }

    #[test]
    fn names_that_are_none_are_not_sent() {
        let none = client_hello(None, &[7; 32]);
        assert_eq!(client_hello(Some(""), &[7; 32]), none);
        assert_eq!(client_hello(Some(&"a".repeat(256)), &[7; 32]), none);
        assert_ne!(client_hello(Some(&"a".repeat(255)), &[7; 32]), none);
    }

    #[test]
    fn no_length_makes_servers_hang() {
        let lengths: HashSet<usize> = (0..=255).map(|n| client_hello(Some(&"a".repeat(n)), &[7; 32]).len() - 5).collect();
        assert!(lengths.iter().all(|length| !HANGING.contains(length)), "{lengths:?}");
        assert!(lengths.contains(&HANGING.end) && lengths.len() > 1);
        for n in (1..=253).step_by(3) {
            read(&client_hello(Some(&vec!["a"; n / 2 + 1].join(".")), &[7; 32]));
        }
    }

    #[test]
    fn suites_bear_the_names_that_rustls_knows() {
        for (number, name) in SUITES {
            assert_eq!(CipherSuite::from(*number).as_str(), Some(*name));
        }
        let numbers: HashSet<u16> = SUITES.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers.len(), SUITES.len());
        assert_eq!(suite_name(0x000a), Some("TLS_RSA_WITH_3DES_EDE_CBC_SHA"));
        assert_eq!([RENEGOTIATION_SCSV, 0x1301].map(suite_name), [None, None]);
    }
}
