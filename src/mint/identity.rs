//! What a recipe makes: a certificate with its key, able to issue others.

use super::recipe::Key;
use super::{Error, Recipe};
use rcgen::{CertificateRevocationListParams, KeyIdMethod, PublicKeyData, RevokedCertParams, SerialNumber};
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// A certificate with its private key. Debug shows the subject only.
#[derive(Clone)]
pub struct Identity {
    pub(super) certificate: rcgen::Certificate,
    pub(super) recipe: Recipe,
    pub(super) key: Arc<Key>,
}

impl Identity {
    /// The certificate, one PEM block.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// The private key as PKCS#8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> KeyPem {
        KeyPem::of(&self.key)
    }

    /// The public key, SubjectPublicKeyInfo in PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        self.key.0.public_key_pem()
    }

    /// The recipe it was made by, with the same key: to renew it, or to sign it by another issuer (a cross-certificate).
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        self.recipe.clone().key_of(self)
    }

    /// A certificate revocation list (RFC 5280 section 5) over what this issued, in PEM. Key usage is not looked at: kubeadm's CAs
    /// lack cRLSign.
    ///
    /// # Errors
    /// If `next_update` is not after `this_update`.
    pub fn crl(&self, this_update: OffsetDateTime, next_update: OffsetDateTime, revoked: &[&Self]) -> Result<String, Error> {
        let revoked_certs = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: identity.recipe.serial_number(&identity.key),
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        });
        let parameters = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let mut issuer = self.recipe.parameters()?;
        issuer.key_usages.clear();
        let issuer = rcgen::Issuer::new(issuer, &self.key.0);
        parameters.signed_by(&issuer).and_then(|list| list.pem()).map_err(|cause| self.recipe.mint_error(cause))
    }

    /// Whether both hold the same key.
    #[must_use]
    pub fn shares_key_with(&self, other: &Self) -> bool {
        self.key.0.subject_public_key_info() == other.key.0.subject_public_key_info()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("common_name", &self.recipe.common_name).finish_non_exhaustive()
    }
}

/// A private key in PEM: wiped when dropped, without Debug or Display.
pub struct KeyPem(Zeroizing<String>);

impl KeyPem {
    pub(super) fn of(key: &Key) -> Self {
        Self(Zeroizing::new(key.0.serialize_pem()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
