//! Object identifiers by their contents octets.

/// `rsaEncryption` (RFC 3279 section 2.3.1).
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// `id-dsa` (RFC 3279 section 2.3.2).
pub(super) const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// `id-Ed25519` (RFC 8410 section 3).
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// `id-ml-dsa-44`, `-65`, `-87` (RFC 9881 section 2) without the last octet, which is 17, 18 or 19.
pub(super) const ML_DSA: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3];
/// `id-RSASSA-PSS` (RFC 4055 section 3.1).
pub(super) const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
/// `id-mgf1` (RFC 4055 section 2.2).
pub(super) const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];
/// `id-sha256`, `id-sha384`, `id-sha512` (RFC 4055 section 2.1) without the last octet, which is 1, 2 or 3.
pub(super) const SHA2: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];
/// `serverAuth` (RFC 5280 section 4.2.1.12).
pub(super) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// `clientAuth`.
pub(super) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// `anyExtendedKeyUsage`.
pub(super) const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
/// Netscape's and Microsoft's server gated crypto.
pub(super) const SERVER_GATED: [&[u8]; 2] =
    [&[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 4, 1], &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 3, 3]];
