//! Rules as rows: what is demanded, by whom since when, where it is written, and the test.

use super::case::{Case, Member};
use super::{GoVersion, Reason, Rejection, Verifier};
use crate::chain::NodeId;

/// A path as far as it is built.
pub(super) struct Trail<'c, 'a> {
    /// What is asked.
    pub(super) case: &'c Case<'a>,
    /// Its certificates, the end entity first, never empty.
    pub(super) members: Vec<&'c Member<'a>>,
    /// Whether the last one is taken as trust anchor.
    pub(super) anchored: bool,
}

impl<'c, 'a> Trail<'c, 'a> {
    /// The certificate reached last.
    pub(super) fn last(&self) -> &'c Member<'a> {
        self.members.last().copied().unwrap_or(&self.case.end_entity)
    }

    /// The one below it: what the last one issued. `None` at the end entity.
    pub(super) fn child(&self) -> Option<&'c Member<'a>> {
        self.members.len().checked_sub(2).and_then(|at| self.members.get(at)).copied()
    }
}

/// Looks at a trail: what is broken there, if anything.
pub(super) type Test = fn(&Trail<'_, '_>) -> Result<(), Fault>;

/// One rule.
pub(super) struct Rule {
    /// A name for it, unique: `go/negative-serial`.
    pub(super) id: &'static str,
    /// What breaking it means.
    pub(super) reason: Reason,
    /// RFC section, Go release or issue, OpenSSL error number.
    pub(super) citation: &'static str,
    /// Who enforces it.
    pub(super) enforced_by: &'static [Enforcer],
    /// When it is looked at.
    pub(super) scope: Scope,
    /// The test.
    pub(super) test: Test,
}

/// When a rule is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// When a certificate is read, before anything else, on its own (the trail has it alone). A broken rule makes the end entity
    /// untrusted; any other certificate is as if it were not there.
    Read,
    /// On the end entity, before issuers are looked for.
    EndEntity,
    /// On every certificate by itself, the last of the trail: both like [`Self::EndEntity`] and like [`Self::Issuer`].
    Certificate,
    /// When a certificate is put on the trail as issuer of the one below it.
    Issuer,
    /// On a whole path, its anchor last.
    Path,
}

impl Scope {
    /// Whether rules of this scope are looked at when those of the other are due.
    fn is_looked_at(self, due: Self) -> bool {
        self == due || (self == Self::Certificate && matches!(due, Self::EndEntity | Self::Issuer))
    }
}

/// Who enforces a rule.
#[derive(Clone, Copy, Debug)]
pub(super) enum Enforcer {
    /// RFC 5280, strictly.
    Rfc5280,
    /// Go from one release on, up to but without another.
    Go {
        /// The first release with it.
        since: GoVersion,
        /// The first release without it again.
        until: Option<GoVersion>,
        /// The GODEBUG setting that turns it off, which programs have by default when their `go` line is older than `since`.
        unless: Option<&'static str>,
    },
    /// `openssl verify` of OpenSSL 3.
    OpenSsl,
    /// BoringSSL, as Envoy calls it.
    Envoy,
}

impl Enforcer {
    /// Go, from a release on.
    pub(super) const fn go(minor: u8, patch: u8) -> Self {
        Self::Go { since: GoVersion { minor, patch }, until: None, unless: None }
    }

    /// Go, from a release on up to another, given as (minor, patch).
    pub(super) const fn go_until(since: (u8, u8), until: (u8, u8)) -> Self {
        let since = GoVersion { minor: since.0, patch: since.1 };
        Self::Go { since, until: Some(GoVersion { minor: until.0, patch: until.1 }), unless: None }
    }

    /// Go, from a release on, unless programs were built with older defaults of a GODEBUG setting.
    pub(super) const fn go_unless(minor: u8, patch: u8, setting: &'static str) -> Self {
        Self::Go { since: GoVersion { minor, patch }, until: None, unless: Some(setting) }
    }

    /// The same, as long as Go had the setting: up to another release.
    pub(super) const fn go_unless_until(since: (u8, u8), until: (u8, u8), setting: &'static str) -> Self {
        let since = GoVersion { minor: since.0, patch: since.1 };
        Self::Go { since, until: Some(GoVersion { minor: until.0, patch: until.1 }), unless: Some(setting) }
    }

    /// Whether that is this verifier.
    pub(super) fn is(self, verifier: Verifier) -> bool {
        match (self, verifier) {
            (Self::Rfc5280, Verifier::Rfc5280) | (Self::OpenSsl, Verifier::OpenSsl) | (Self::Envoy, Verifier::Envoy) => true,
            (Self::Go { since, until, unless }, Verifier::Go(go)) => {
                go.toolchain >= since
                    && until.is_none_or(|until| go.toolchain < until)
                    && (unless.is_none() || go.godebug >= since.minor)
            }
            _ => false,
        }
    }
}

/// How a rule is broken.
pub(super) struct Fault {
    /// Which certificate of the trail it concerns, counted from the end entity.
    pub(super) at: usize,
    /// The facts, in words.
    pub(super) message: String,
}

impl Rule {
    /// A rule that a search or a library applies by itself: nobody enforces its row, which names it, and its reason is told case by case.
    pub(super) const fn inherent(id: &'static str, citation: &'static str) -> Self {
        Self { id, reason: Reason::Untrusted, citation, enforced_by: &[], scope: Scope::Path, test: |_| Ok(()) }
    }

    /// That a certificate breaks it, told by who applies it.
    pub(super) const fn broken_by(&self, node: NodeId, reason: Reason, message: String) -> Rejection {
        Rejection { reason, rule: self.id, node, message, citation: self.citation }
    }

    /// Whether this verifier enforces it.
    pub(super) fn is_enforced_by(&self, verifier: Verifier) -> bool {
        self.enforced_by.iter().any(|enforcer| enforcer.is(verifier))
    }

    /// What the trail breaks of it, if anything, and if the verifier who is asked enforces it.
    pub(super) fn enforced_rejection(&self, trail: &Trail<'_, '_>) -> Option<Rejection> {
        self.is_enforced_by(trail.case.verifier).then(|| self.rejection(trail)).flatten()
    }

    /// The GODEBUG setting with which this verifier does without it, if there is one.
    pub(super) fn way_back(&self, verifier: Verifier) -> Option<&'static str> {
        self.enforced_by.iter().filter(|enforcer| enforcer.is(verifier)).find_map(|enforcer| match enforcer {
            Enforcer::Go { unless, .. } => *unless,
            _ => None,
        })
    }

    /// The release of Go since which every one enforces it, this verifier's among them; `None` where later ones do not.
    pub(super) fn since(&self, verifier: Verifier) -> Option<GoVersion> {
        let spans = || {
            self.enforced_by.iter().filter_map(|enforcer| match enforcer {
                Enforcer::Go { since, until, .. } => Some((*since, *until)),
                _ => None,
            })
        };
        let Verifier::Go(go) = verifier else { return None };
        let (mut first, mut end) =
            spans().find(|(since, until)| go.toolchain >= *since && until.is_none_or(|until| go.toolchain < until))?;
        while let Some((_, next)) = spans().find(|(since, _)| Some(*since) == end) {
            end = next;
        }
        while let Some((before, _)) = spans().find(|(_, until)| *until == Some(first)) {
            first = before;
        }
        end.is_none().then_some(first)
    }

    /// What the trail breaks of it, if anything.
    pub(super) fn rejection(&self, trail: &Trail<'_, '_>) -> Option<Rejection> {
        let fault = (self.test)(trail).err()?;
        let concerned = trail.members.get(fault.at).copied().unwrap_or_else(|| trail.last());
        Some(self.broken_by(concerned.node, self.reason, fault.message))
    }
}

/// The rules of one scope that a verifier enforces, in the order of the tables.
pub(super) fn enforced(verifier: Verifier, scope: Scope) -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().copied().flatten().filter(move |rule| rule.scope.is_looked_at(scope) && rule.is_enforced_by(verifier))
}

/// The rule of this id.
pub(super) fn by_id(id: &str) -> Option<&'static Rule> {
    TABLES.iter().copied().flatten().find(|rule| rule.id == id)
}

/// Every rule, table by table.
const TABLES: &[&[Rule]] =
    &[super::rfc5280::RULES, super::go::READ_RULES, super::go::RULES, super::openssl::RULES, super::boringssl::RULES, INHERENT];

/// The rules that are applied elsewhere.
const INHERENT: &[Rule] = &[super::search::DEAD_END, super::rustls::WEBPKI, super::rustls::DEPTH];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_that_says_whose_it_is() {
        let mut names = std::collections::HashSet::new();
        for rule in TABLES.iter().copied().flatten() {
            assert!(names.insert(rule.id), "{} is there twice", rule.id);
            for enforcer in rule.enforced_by {
                let room = match enforcer {
                    Enforcer::Rfc5280 => "rfc5280/",
                    Enforcer::Go { .. } => "go/",
                    Enforcer::OpenSsl => "openssl/",
                    Enforcer::Envoy => "envoy/",
                };
                assert!(rule.id.starts_with(room), "{}", rule.id);
            }
            let inherent = INHERENT.iter().any(|inherent| inherent.id == rule.id);
            assert!(rule.enforced_by.is_empty() == inherent && !rule.citation.is_empty(), "{}", rule.id);
            assert_eq!(by_id(rule.id).map(|found| found.citation), Some(rule.citation), "{}", rule.id);
        }
    }
}
