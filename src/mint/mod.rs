//! Certificates made: a recipe → a certificate with its key, in memory, at a fixed instant.
//!
//! The rule: nothing here reads the clock, and what the recipe does not say is what kubeadm would do. The only room that names rcgen.
//! Used by the demo, the fixtures and every test that needs a PKI:
//!
//! ```
//! let pki = kcert::mint::pki();
//! let root = pki.ca("kubernetes").self_signed()?;
//! let apiserver = pki.leaf("kube-apiserver").server().dns("kubernetes").expired().issued_by(&root)?;
//! assert!(apiserver.pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok::<(), kcert::mint::Error>(())
//! ```
//!
//! Output is byte-stable when the keys are given ([`Recipe::key_pem`]) and the issuer signs with RSA or Ed25519. ECDSA signatures
//! hold a random number, so they differ from run to run.

mod anew;
mod identity;
mod recipe;
mod signer;
mod words;

pub use anew::{Anew, By, request};
pub use identity::{Identity, KeyPem};
pub use recipe::{KeyKind, Recipe};
pub use signer::Signer;

use std::fmt;
use time::{Duration, OffsetDateTime};

/// The instant that [`pki`] takes for now: 2026-01-01T00:00:00Z.
pub const NOW: OffsetDateTime = time::macros::datetime!(2026-01-01 00:00 UTC);

/// How long before the instant certificates began, unless the recipe says otherwise.
const AGE: Duration = Duration::days(30);
/// kubeadm's lifetime of CAs: 87600 hours.
const CA_LIFETIME: Duration = Duration::days(3650);
/// kubeadm's lifetime of all others: 8760 hours.
const LEAF_LIFETIME: Duration = Duration::days(365);

/// Where recipes come from: the instant that they take for now, and the kind of key that they make.
#[derive(Clone, Copy, Debug)]
pub struct Pki {
    at: OffsetDateTime,
    keys: KeyKind,
}

/// Recipes at a fixed instant ([`NOW`]), for tests; ECDSA P-256 keys, which are the fastest to make.
#[must_use]
pub fn pki() -> Pki {
    Pki::at(NOW)
}

impl Pki {
    /// Recipes that take this instant for now; ECDSA P-256 keys.
    #[must_use]
    pub fn at(at: OffsetDateTime) -> Self {
        Self { at, keys: KeyKind::EcdsaP256 }
    }

    /// The same with another kind of key.
    #[must_use]
    pub fn keys(self, keys: KeyKind) -> Self {
        Self { keys, ..self }
    }

    /// The instant that recipes take for now.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.at
    }

    /// A CA: began 30 days ago, ten years, key usage digitalSignature, keyEncipherment and keyCertSign.
    #[must_use]
    pub fn ca(&self, common_name: &str) -> Recipe {
        Recipe::new(self.at, common_name, self.keys).authority().valid(self.at - AGE, self.at - AGE + CA_LIFETIME)
    }

    /// An end entity: began 30 days ago, one year, key usage digitalSignature and keyEncipherment, no extended key usage yet. An
    /// empty common name makes an empty subject, as SPIFFE workloads have.
    #[must_use]
    pub fn leaf(&self, common_name: &str) -> Recipe {
        Recipe::new(self.at, common_name, self.keys).valid(self.at - AGE, self.at - AGE + LEAF_LIFETIME)
    }
}

/// A recipe that cannot be followed.
#[derive(Debug)]
pub enum Error {
    /// A name that an IA5String cannot hold.
    Name {
        /// The name.
        name: Box<str>,
        /// What rcgen said.
        cause: rcgen::Error,
    },
    /// A key that could not be made or read.
    Key(rcgen::Error),
    /// An object identifier that is none.
    Oid(Box<str>),
    /// More organizations than a recipe can hold; how many.
    Organizations(usize),
    /// A certificate whose parts cannot be told apart, so that nothing like it can be made.
    Like(Box<str>),
    /// A key that is not the certificate's; whose.
    OtherKey(Box<str>),
    /// The certificate, request or list could not be made; for whom.
    Mint {
        /// The common name.
        subject: Box<str>,
        /// What rcgen said.
        cause: rcgen::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name, .. } => write!(f, "{name:?} cannot stand in a subject alternative name"),
            Self::Key(_) => f.write_str("the key could not be made or read"),
            Self::Oid(text) => write!(f, "{text:?} is not an object identifier"),
            Self::Organizations(count) => write!(f, "{count} organizations, and a recipe holds two at most"),
            Self::Like(subject) => write!(f, "the parts of {subject:?} cannot be told apart"),
            Self::OtherKey(subject) => write!(f, "the key is not that of {subject:?}"),
            Self::Mint { subject, .. } => write!(f, "nothing could be made for {subject:?}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Name { cause, .. } | Self::Key(cause) | Self::Mint { cause, .. } => Some(cause),
            Self::Oid(_) | Self::Organizations(_) | Self::Like(_) | Self::OtherKey(_) => None,
        }
    }
}
