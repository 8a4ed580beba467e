//! Where kcert does not answer as the real program does, each with its reason. A case that agrees after all fails the test.

/// One case on which kcert and a real verifier part.
pub(crate) struct Exception {
    /// Who.
    pub(crate) verifier: &'static str,
    /// The case.
    pub(crate) id: &'static str,
    /// Why it stays so.
    #[expect(dead_code, reason = "for the reader")]
    pub(crate) reason: &'static str,
}

/// Every one of them.
pub(crate) const EXCEPTIONS: &[Exception] = &[Exception {
    verifier: "openssl",
    id: "webpki::forbidden-p192-root",
    reason: "AWS-LC has no P-192, so kcert cannot tell what OpenSSL would make of the signature",
}];
