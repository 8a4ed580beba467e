//! One trust question, put to one verifier: would this program trust this certificate, and if not, why.
//!
//! A [`Question`] names certificates of a [`Graph`] as end entity, intermediates and trust anchors; [`verify`] answers with a [`Verdict`]
//! in which every path tried and every dead end stands with its reason. What a verifier enforces is a table (`rule::Rule`), one file
//! for each verifier; how it looks for a path is its own too: Go and RFC 5280 try them all (`search`), OpenSSL and BoringSSL build one
//! and judge it, rustls is called for real.

mod advice;
mod boringssl;
mod canonical;
mod case;
mod go;
mod kubernetes;
mod names;
mod oid;
mod openssl;
mod policies;
mod question;
mod rfc5280;
mod rule;
mod rustls;
mod search;
mod tbs;
#[cfg(test)]
mod testing;
mod verdict;
mod verifier;

pub use advice::{Advice, Step, advice};
pub use kubernetes::{KubernetesVersion, NotAKubernetesVersion};
pub use question::{Name, NotAName, Purpose, Question};
pub use verdict::{Attempt, Evidence, Outcome, Reason, Rejection, Verdict};
pub use verifier::{Go, GoVersion, UnknownVerifier, Verifier};

use crate::chain::Graph;

/// Since when a rule is enforced by a verifier, and how to do without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// The first release of Go with it.
    pub since: Option<GoVersion>,
    /// The GODEBUG setting that turns it off.
    pub way_back: Option<&'static str>,
}

impl Rejection {
    /// What is known of the rule that was broken.
    #[must_use]
    pub fn enforcement(&self, verifier: Verifier) -> Enforcement {
        let rule = rule::by_id(self.rule);
        Enforcement { since: rule.and_then(|rule| rule.since(verifier)), way_back: rule.and_then(|rule| rule.way_back(verifier)) }
    }
}

/// Asks one verifier.
#[must_use]
pub fn verify(graph: &Graph<'_>, question: &Question<'_>, verifier: Verifier) -> Verdict {
    let case = case::Case::new(graph, question, verifier);
    match verifier {
        Verifier::Rfc5280 => rfc5280::verdict(&case),
        Verifier::Go(_) => go::verdict(&case),
        Verifier::OpenSsl => openssl::verdict(&case),
        Verifier::Envoy => boringssl::verdict(&case),
        Verifier::Rustls => rustls::verdict(&case),
    }
}
