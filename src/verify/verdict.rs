//! What a verifier answers, with every path it tried.

use super::Verifier;
use crate::chain::{Graph, NodeId, SignatureCheck};
use time::OffsetDateTime;

/// The answer of one verifier.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Who judged.
    pub verifier: Verifier,
    /// How.
    pub outcome: Outcome,
    /// The most useful reason, in one line; for a trusted certificate what it is trusted as.
    pub headline: String,
    /// Every path and dead end, the best first.
    pub paths: Vec<Attempt>,
    /// Paths and dead ends that were found and are not listed.
    pub omitted: usize,
    /// What else a reader must know: options that this verifier ignores, budgets that ended the search, certificates that it could not
    /// read and went on without.
    pub notes: Vec<String>,
}

impl Verdict {
    /// What is said when there is nothing to ask: nobody can tell.
    #[must_use]
    pub fn unasked(verifier: Verifier, why: &str) -> Self {
        let headline = why.to_owned();
        Self { verifier, outcome: Outcome::CouldNotTell, headline, paths: Vec::new(), omitted: 0, notes: Vec::new() }
    }
}

/// Whether the certificate is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By at least one path.
    Trusted,
    /// By none.
    NotTrusted,
    /// A signature that cannot be judged here, or kcert's own budget, stood in the way.
    CouldNotTell,
}

impl Outcome {
    /// What the attempts come to: one that is trusted is enough, and one that kcert cannot judge leaves it open.
    pub(super) fn of(attempts: &[Attempt]) -> Self {
        if attempts.iter().any(Attempt::is_trusted) {
            Self::Trusted
        } else if attempts.iter().any(Attempt::is_undecided) {
            Self::CouldNotTell
        } else {
            Self::NotTrusted
        }
    }

    /// The word of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::NotTrusted => "not-trusted",
            Self::CouldNotTell => "unknown",
        }
    }
}

/// One path, as far as it came.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its certificates, the end entity first. The last is a trust anchor, or where it ended.
    pub nodes: Vec<NodeId>,
    /// How each certificate hangs on the next; one fewer than there are nodes.
    pub links: Vec<Evidence>,
    /// Why it is not trusted; empty if it is.
    pub rejections: Vec<Rejection>,
}

/// What speaks for one certificate being the issuer of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether the key identifiers agree; `None` when one of the two is absent.
    pub key_id: Option<bool>,
    /// What the signature says; `None` where the verifier did not come to check it.
    pub signature: Option<SignatureCheck>,
}

/// Why a verifier refuses a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of reason.
    pub reason: Reason,
    /// The rule that was broken: `Rule::id`.
    pub rule: &'static str,
    /// The certificate that it concerns.
    pub node: NodeId,
    /// The facts, in words.
    pub message: String,
    /// Where it is written that this must be so: RFC section, Go release, OpenSSL error number.
    pub citation: &'static str,
}

impl Attempt {
    /// Whether the path is trusted.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.rejections.is_empty()
    }
}

impl Verdict {
    /// When the first certificate of a path ends for this verifier: rustls looks at no dates of an anchor.
    #[must_use]
    pub fn expires_at(&self, path: &Attempt, graph: &Graph<'_>) -> Option<OffsetDateTime> {
        let dated = match (self.verifier, path.nodes.split_last()) {
            (Verifier::Rustls, Some((_, below))) if !below.is_empty() => below,
            _ => &path.nodes,
        };
        dated.iter().map(|node| graph.certificate(*node).validity.not_after).min()
    }
}

/// Declares the reasons once: variant, word, and what it means.
macro_rules! reasons {
    ($($variant:ident = $word:literal, $meaning:literal;)+) => {
        /// The kind of reason for which a path is refused. Where a finding code says the same, the word is that code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $(#[doc = $meaning] $variant,)+ }

        impl Reason {
            /// Every reason, the most useful to a reader first: a path that fails by a date or a name came further than one without an
            /// issuer.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word of the JSON output.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

reasons! {
    Revoked = "revoked", "A revocation list names the certificate.";
    Expired = "expired", "The certificate has ended.";
    NotYetValid = "not-yet-valid", "The certificate is not valid yet.";
    CnOnly = "cn-only", "The certificate has its host name in the common name alone.";
    NameMismatch = "name-mismatch", "The certificate is not valid for the name.";
    UsageWrong = "usage-wrong", "A key usage or extended key usage is there and does not allow what is asked.";
    UsageMissing = "usage-missing", "A key usage or extended key usage that is needed is not there.";
    NameConstraint = "name-constraint", "A CA above may not issue for one of the names.";
    PathTooLong = "path-too-long", "More CAs below a certificate than its path length, or the depth asked for, allows.";
    NotACa = "not-a-ca", "A certificate that is no CA stands where an issuer must be.";
    Policy = "policy", "The certificate policies of the path do not allow it.";
    CriticalExtension = "critical-extension", "A critical extension that the verifier does not know or handle.";
    WeakSignature = "weak-signature", "A signature algorithm that the verifier refuses.";
    WeakKey = "weak-key", "A key that is too small or of a kind that the verifier refuses.";
    SignatureInvalid = "signature-invalid", "The issuer of that name has another key than the one that signed.";
    SignatureUnsupported = "signature-unsupported", "The signature cannot be judged here.";
    SanMalformed = "san-malformed", "A subject alternative name that is none.";
    Malformed = "malformed", "The verifier cannot read the certificate, or it breaks a rule on how certificates are written.";
    KeyIdMismatch = "key-id-mismatch", "The authority key identifier names another key than the issuer's.";
    RevocationUnknown = "revocation-unknown", "No revocation list tells whether the certificate is revoked.";
    Budget = "budget", "A search or a comparison was ended by its budget.";
    Untrusted = "untrusted", "The path ends at a certificate that is not among the trust anchors.";
    IssuerMissing = "issuer-missing", "No certificate of the issuer's name is at hand.";
}

impl Reason {
    /// Whether it is a limit of kcert, about which the verifier says nothing.
    pub(super) fn is_kcerts_own(self) -> bool {
        matches!(self, Self::SignatureUnsupported | Self::Budget)
    }
}

impl Attempt {
    /// Whether nothing speaks against the path but what kcert cannot judge, or not within its budget.
    pub(super) fn is_undecided(&self) -> bool {
        !self.rejections.is_empty() && self.rejections.iter().all(|rejection| rejection.reason.is_kcerts_own())
    }

    /// The most useful of its reasons.
    #[must_use]
    pub fn best(&self) -> Option<&Rejection> {
        self.rejections.iter().min_by_key(|rejection| rejection.reason)
    }
}

/// Trusted paths first; then by usefulness of the reason, then the longer one. A namesake with another key says least where the right
/// issuer was found too.
pub(super) fn rank(attempts: &mut [Attempt]) {
    let beside: Vec<Vec<NodeId>> =
        attempts.iter().filter(|attempt| attempt.is_beside(attempts)).map(|attempt| attempt.nodes.clone()).collect();
    attempts.sort_by_cached_key(|attempt| {
        let reason = attempt.best().map(|rejection| rejection.reason);
        (beside.contains(&attempt.nodes), reason, attempt.is_dead_end(), std::cmp::Reverse(attempt.nodes.len()))
    });
}

/// The line that says it.
pub(super) fn headline(case: &super::case::Case<'_>, outcome: Outcome, ranked: &[Attempt]) -> String {
    let Some(first) = ranked.first() else { return "nothing was tried".to_owned() };
    match (outcome, first.best()) {
        (Outcome::Trusted, _) | (_, None) => {
            let anchor = first.nodes.last().map_or_else(String::new, |node| case.graph.certificate(*node).short_name());
            format!("trusted, by {anchor}")
        }
        (_, Some(Rejection { node, message, .. })) => match case.graph.certificate(*node).short_name() {
            name if message.starts_with(&name) => message.clone(),
            name => format!("{name}: {message}"),
        },
    }
}
