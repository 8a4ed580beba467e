//! Certification requests (RFC 2986), Kubernetes' CertificateSigningRequests, and certificate revocation lists (RFC 5280 section 5).

use super::{DistinguishedName, Document, GeneralName, PublicKey, Serial, Sha256};
use std::sync::Arc;
use time::OffsetDateTime;

/// A PKCS#10 certification request.
#[derive(Clone, Debug)]
pub struct CertificationRequest {
    /// SHA-256 of the DER.
    pub id: Sha256,
    /// The subject asked for.
    pub subject: DistinguishedName,
    /// The subject alternative names asked for.
    pub sans: Vec<GeneralName>,
    /// The key.
    pub public_key: PublicKey,
}

/// A certificate revocation list.
#[derive(Clone, Debug)]
pub struct CertificateList {
    /// SHA-256 of the DER.
    pub id: Sha256,
    /// Who issued it.
    pub issuer: DistinguishedName,
    /// When it was made.
    pub this_update: OffsetDateTime,
    /// When the next one is due at the latest; RFC 5280 requires it, real lists go without.
    pub next_update: Option<OffsetDateTime>,
    /// The CRL number (section 5.2.3), if present.
    pub number: Option<Serial>,
    /// How many certificates it revokes.
    pub revoked: usize,
    /// The encoding.
    pub der: Box<[u8]>,
}

/// What became of a CertificateSigningRequest (certificates.k8s.io/v1 `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApprovalState {
    /// Nobody has approved or denied it.
    Pending,
    /// Approved, not yet signed.
    Approved,
    /// Denied.
    Denied,
    /// The signer gave up.
    Failed,
    /// Signed: `status.certificate` is there.
    Issued,
}

impl ApprovalState {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved, not signed",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Issued => "issued",
        }
    }
}

/// A CertificateSigningRequest object.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    /// The object; its `subtype` is the signer name.
    pub document: Arc<Document>,
    /// What became of it.
    pub state: ApprovalState,
    /// Who asked (`spec.username`).
    pub username: Option<Box<str>>,
    /// When (`metadata.creationTimestamp`).
    pub created: Option<OffsetDateTime>,
}
