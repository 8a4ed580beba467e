//! One certificate and its keys, made once with openssl, for the tests of this room. The keys protect nothing.

use super::body::BodyDecoder;
use super::pem::Blocks;

/// `O=kcert,CN=sample`, serial 0x5a01, P-256, CA with path length 1, DNS:a.example and IP:10.0.0.1; ends in 2126.
pub(super) const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgICWgEwCgYIKoZIzj0EAwIwITEOMAwGA1UECgwFa2NlcnQx
DzANBgNVBAMMBnNhbXBsZTAgFw0yNjExMjIwMzMyMThaGA8yMTI2MTAyOTAzMzIx
OFowITEOMAwGA1UECgwFa2NlcnQxDzANBgNVBAMMBnNhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABELWZl509kkjfV1zZKtwHQZ1xD0rGbJkubL4IxvWFAwS
z3+7Cv3VGbTjk2On6vsI9DyZaqiLD/wlgE7hlftIhXyjYTBfMBIGA1UdEwEB/wQI
MAYBAf8CAQEwDgYDVR0PAQH/BAQDAgKEMB0GA1UdDgQWBBR9xEJFN2aMGCKJacQD
p5NAdqEEYTAaBgNVHREEEzARgglhLmV4YW1wbGWHBAoAAAEwCgYIKoZIzj0EAwID
RwAwRAIgDPDB+dwi1NK6DVPK2aezinVK7eJsNxG3MxoU6bXr8CICIGDJ9UH150eN
TVYPA79RbcNEKi1pipfBasMxNn7GDot1
-----END CERTIFICATE-----
";

/// SHA-256 of its DER, by openssl.
pub(super) const CERTIFICATE_ID: &str = "35dc6a4c2c8af6bcb347592eed4738f7134282482f29a7280b9e3fe09311b69f";

/// SHA-256 of its SubjectPublicKeyInfo, by openssl.
pub(super) const SPKI: &str = "12ceff1b4eea7efc181b749996135a66b97079817cc7aa20e17bd6ce3d35ce4d";

/// Its key in SEC1.
pub(super) const SEC1: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIKLrraA9T628lUxVwhzkBNwXyXwQHU7GTHqSvat4LPztoAoGCCqGSM49
AwEHoUQDQgAEQtZmXnT2SSN9XXNkq3AdBnXEPSsZsmS5svgjG9YUDBLPf7sK/dUZ
tOOTY6fq+wj0PJlqqIsP/CWATuGV+0iFfA==
-----END EC PRIVATE KEY-----
";

/// The same without the public point.
pub(super) const SEC1_SHORT: &str = "\
-----BEGIN EC PRIVATE KEY-----
MDECAQEEIKLrraA9T628lUxVwhzkBNwXyXwQHU7GTHqSvat4LPztoAoGCCqGSM49
AwEH
-----END EC PRIVATE KEY-----
";

/// The same in PKCS#8.
pub(super) const PKCS8: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgouutoD1PrbyVTFXC
HOQE3BfJfBAdTsZMepK9q3gs/O2hRANCAARC1mZedPZJI31dc2SrcB0GdcQ9Kxmy
ZLmy+CMb1hQMEs9/uwr91Rm045Njp+r7CPQ8mWqoiw/8JYBO4ZX7SIV8
-----END PRIVATE KEY-----
";

/// An Ed25519 key, its public half, and the SHA-256 of that.
pub(super) const ED25519: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIE6OWg1RkelcE7A8jiIAzBqjwwYi618IUR+MdhvF/Vct
-----END PRIVATE KEY-----
";
pub(super) const ED25519_PUBLIC: &str = "\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA4IibQXH7eLTSdRzGQLM4+HScDXAzyT6gQL3MZlCAKOo=
-----END PUBLIC KEY-----
";
pub(super) const ED25519_SPKI: &str = "6328272173c037cbf54118b6105234b45ab2c5df8b51c51c075999ccacebe82d";

/// The certificate in a PKCS#7 bundle.
pub(super) const PKCS7: &str = "\
-----BEGIN PKCS7-----
MIIBwwYJKoZIhvcNAQcCoIIBtDCCAbACAQExADALBgkqhkiG9w0BBwGgggGYMIIB
lDCCATugAwIBAgICWgEwCgYIKoZIzj0EAwIwITEOMAwGA1UECgwFa2NlcnQxDzAN
BgNVBAMMBnNhbXBsZTAgFw0yNjExMjIwMzMyMThaGA8yMTI2MTAyOTAzMzIxOFow
ITEOMAwGA1UECgwFa2NlcnQxDzANBgNVBAMMBnNhbXBsZTBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABELWZl509kkjfV1zZKtwHQZ1xD0rGbJkubL4IxvWFAwSz3+7
Cv3VGbTjk2On6vsI9DyZaqiLD/wlgE7hlftIhXyjYTBfMBIGA1UdEwEB/wQIMAYB
Af8CAQEwDgYDVR0PAQH/BAQDAgKEMB0GA1UdDgQWBBR9xEJFN2aMGCKJacQDp5NA
dqEEYTAaBgNVHREEEzARgglhLmV4YW1wbGWHBAoAAAEwCgYIKoZIzj0EAwIDRwAw
RAIgDPDB+dwi1NK6DVPK2aezinVK7eJsNxG3MxoU6bXr8CICIGDJ9UH150eNTVYP
A79RbcNEKi1pipfBasMxNn7GDot1MQA=
-----END PKCS7-----
";

/// The DER in the first block.
pub(super) fn der(pem: &str) -> Vec<u8> {
    let block = Blocks::new(pem.as_bytes()).next().unwrap().unwrap();
    BodyDecoder::default().decode(pem.as_bytes(), &block).unwrap().to_vec()
}
