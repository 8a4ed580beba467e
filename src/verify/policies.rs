//! Certificate policies along a path: RFC 5280 section 6.1 in the form of RFC 9618.
//!
//! RFC 5280 keeps a tree that doubles with every policy mapping; RFC 9618 replaced it by a graph whose levels hold each policy once.
//! With `any-policy` as the user's policy set, the only one asked for here, a path is valid by its last level: where a policy comes from
//! is never looked at. So a level is a set of policies, the next is made from it and one certificate, and the work is linear in the
//! size of the extensions.

use super::case::Member;
use super::oid;
use crate::der::{self, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE, context};
use std::collections::{HashMap, HashSet};

/// How a verifier judges policies. The inputs of RFC 5280 section 6.1.1 are the same for all here: the user's policy set is any-policy,
/// and nothing is demanded or inhibited until a certificate does so.
#[derive(Clone, Copy)]
pub(super) struct Initial {
    /// Whether a certificate is self-issued, as the verifier compares names.
    pub(super) self_issued: fn(&Member<'_>) -> bool,
    /// What the verifier makes of extensions that break the rules of section 4.2.1.
    pub(super) reading: Reading,
}

/// What is made of extensions that break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// They end the path (RFC 5280).
    Strict,
    /// The same, but a list of qualifiers may be empty (BoringSSL `X509_R_INVALID_POLICY_EXTENSION`, crypto/x509/policy.cc).
    BoringSsl,
    /// What can be read counts, numbers below zero do not, and mappings of any-policy matter only while mapping is allowed (Go 1.24,
    /// `policiesValid`; its parser has refused most of the rest before).
    Go,
}

/// How policies make a path invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which certificate it concerns, counted from the end entity.
    pub(super) at: usize,
    /// What kind it is.
    pub(super) kind: FaultKind,
}

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// An extension about policies breaks the rules of its section.
    Malformed(&'static str),
    /// A policy is demanded, and none is valid for the whole path down to here.
    NoPolicy,
}

impl Fault {
    /// The facts, in words.
    pub(super) fn message(&self) -> String {
        match self.kind {
            FaultKind::Malformed(what) => what.to_owned(),
            FaultKind::NoPolicy => "a certificate policy is required, and none is valid along the whole path".to_owned(),
        }
    }
}

/// `anyPolicy`, 2.5.29.32.0.
const ANY_POLICY: &[u8] = &[0x55, 0x1d, 32, 0];

/// Judges a path: its certificates with the end entity first and the trust anchor last, whose own policies do not count.
pub(super) fn valid(path: &[&Member<'_>], initial: &Initial) -> Result<(), Fault> {
    let Some(certificates) = path.len().checked_sub(1).filter(|count| *count > 0) else { return Ok(()) };
    let start = certificates.saturating_add(1);
    let mut state = State {
        level: Level { any: true, policies: HashSet::new() },
        graph: true,
        explicit_policy: start,
        policy_mapping: start,
        inhibit_any_policy: start,
    };
    let below_anchor = path.iter().take(certificates).enumerate().rev();
    for (at, member) in below_anchor {
        state.step(member, at == 0, initial).map_err(|kind| Fault { at, kind })?;
    }
    if state.explicit_policy == 0 && state.level.is_empty() {
        return Err(Fault { at: 0, kind: FaultKind::NoPolicy });
    }
    Ok(())
}

/// The state variables of section 6.1.2: how many certificates more until something is demanded or inhibited.
struct State<'a> {
    /// The expected policies of the last level.
    level: Level<'a>,
    /// Whether every certificate so far asserts some policy.
    graph: bool,
    explicit_policy: usize,
    policy_mapping: usize,
    inhibit_any_policy: usize,
}

/// The expected policies of one depth of the graph.
struct Level<'a> {
    any: bool,
    policies: HashSet<&'a [u8]>,
}

impl Level<'_> {
    fn is_empty(&self) -> bool {
        !self.any && self.policies.is_empty()
    }

    fn clear(&mut self) {
        self.any = false;
        self.policies.clear();
    }
}

impl<'a> State<'a> {
    /// Sections 6.1.3 (d) to (f), 6.1.4 (a), (b), (h) to (j), or 6.1.5 (a), (b) for the end entity.
    fn step(&mut self, member: &Member<'a>, is_end_entity: bool, initial: &Initial) -> Result<(), FaultKind> {
        let counts = is_end_entity || !(initial.self_issued)(member);
        self.narrow(member, !counts, initial.reading)?;
        if self.explicit_policy == 0 && self.level.is_empty() {
            return Err(FaultKind::NoPolicy);
        }
        if !is_end_entity {
            self.map(member, initial.reading)?;
        }
        if counts {
            for left in [&mut self.explicit_policy, &mut self.policy_mapping, &mut self.inhibit_any_policy] {
                *left = left.saturating_sub(1);
            }
        }
        self.constrain(member, initial.reading)
    }

    /// Section 6.1.3 (d) and (e): what the certificate asserts of what is expected.
    fn narrow(&mut self, member: &Member<'a>, any_policy_exempt: bool, reading: Reading) -> Result<(), FaultKind> {
        let asserted = asserted(member, reading)?;
        if asserted.is_empty() {
            self.level.clear();
            self.graph = false;
            return Ok(());
        }
        let any = asserted.contains(ANY_POLICY) && (self.inhibit_any_policy > 0 || any_policy_exempt);
        if !any {
            self.level.policies.retain(|policy| asserted.contains(policy));
        }
        if self.level.any {
            self.level.policies.extend(asserted.into_iter().filter(|policy| *policy != ANY_POLICY));
        }
        self.level.any &= any;
        Ok(())
    }

    /// Section 6.1.4 (a) and (b).
    fn map(&mut self, member: &Member<'a>, reading: Reading) -> Result<(), FaultKind> {
        let mappings = mappings(member, reading)?;
        let of_any = mappings.iter().any(|(issuer, subject)| [issuer, subject].contains(&&ANY_POLICY));
        let matters = match reading {
            Reading::Strict | Reading::BoringSsl => true,
            Reading::Go => self.policy_mapping > 0 && self.graph,
        };
        if of_any && matters {
            return Err(FaultKind::Malformed("policyMappings maps anyPolicy"));
        }
        if self.policy_mapping == 0 {
            for (issuer, _) in mappings {
                self.level.any &= issuer != ANY_POLICY;
                self.level.policies.remove(issuer);
            }
            return Ok(());
        }
        let mut by_issuer: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
        for (issuer, subject) in mappings {
            by_issuer.entry(issuer).or_default().push(subject);
        }
        let known = |issuer: &[u8]| self.level.any || self.level.policies.contains(issuer);
        by_issuer.retain(|issuer, _| known(issuer));
        for issuer in by_issuer.keys() {
            self.level.policies.remove(issuer);
        }
        self.level.policies.extend(by_issuer.into_values().flatten());
        Ok(())
    }

    /// Section 6.1.4 (i) and (j). Of the end entity only a requireExplicitPolicy of zero makes a difference, as section 6.1.5 (b) says.
    fn constrain(&mut self, member: &Member<'a>, reading: Reading) -> Result<(), FaultKind> {
        let constraints = constraints(member, reading)?;
        let lower = |left: &mut usize, skip: Option<usize>| *left = skip.map_or(*left, |skip| skip.min(*left));
        lower(&mut self.explicit_policy, constraints.require_explicit_policy);
        lower(&mut self.policy_mapping, constraints.inhibit_policy_mapping);
        lower(&mut self.inhibit_any_policy, inhibit_any_policy(member, reading)?);
        Ok(())
    }
}

/// The policies that a certificate asserts (section 4.2.1.4); none without the extension.
fn asserted<'a>(member: &Member<'a>, reading: Reading) -> Result<HashSet<&'a [u8]>, FaultKind> {
    let Some(extension) = member.tbs.extension(oid::CERTIFICATE_POLICIES) else { return Ok(HashSet::new()) };
    let mut policies = HashSet::new();
    let fault = |what| if reading == Reading::Go { Ok(()) } else { Err(FaultKind::Malformed(what)) };
    let complete = each(extension.value, |fields| {
        let policy = fields.take(OBJECT_IDENTIFIER, "policyIdentifier")?;
        let qualifiers = fields.optional(SEQUENCE, "policyQualifiers")?;
        let odd =
            !fields.is_empty() || (reading != Reading::BoringSsl && qualifiers.is_some_and(|list| list.contents.is_empty()));
        Ok((!odd).then(|| policies.insert(policy.contents)))
    });
    match complete {
        Some(outcomes) if outcomes.contains(&None) => fault("certificatePolicies is not encoded as RFC 5280 has it")?,
        Some(outcomes) if outcomes.contains(&Some(false)) => fault("certificatePolicies names a policy twice")?,
        Some(outcomes) if outcomes.is_empty() => fault("certificatePolicies is empty")?,
        Some(_) => {}
        None => fault("certificatePolicies cannot be read")?,
    }
    Ok(policies)
}

/// issuerDomainPolicy and subjectDomainPolicy.
type Mapping<'a> = (&'a [u8], &'a [u8]);

/// The mappings of a certificate (section 4.2.1.5).
fn mappings<'a>(member: &Member<'a>, reading: Reading) -> Result<Vec<Mapping<'a>>, FaultKind> {
    let Some(extension) = member.tbs.extension(oid::POLICY_MAPPINGS) else { return Ok(Vec::new()) };
    let found = each(extension.value, |fields| {
        let issuer = fields.take(OBJECT_IDENTIFIER, "issuerDomainPolicy")?;
        let subject = fields.take(OBJECT_IDENTIFIER, "subjectDomainPolicy")?;
        Ok((issuer.contents, subject.contents))
    });
    match found {
        None if reading != Reading::Go => Err(FaultKind::Malformed("policyMappings cannot be read")),
        Some(found) if found.is_empty() && reading != Reading::Go => Err(FaultKind::Malformed("policyMappings is empty")),
        found => Ok(found.unwrap_or_default()),
    }
}

/// Reads a SEQUENCE OF SEQUENCE, and nothing after it.
fn each<'a, T>(value: &'a [u8], mut read: impl FnMut(&mut Reader<'a>) -> Result<T, der::Fault>) -> Option<Vec<T>> {
    let mut reader = Reader::new(value);
    let mut list = reader.take(SEQUENCE, "extension").ok()?.children();
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut fields = list.take(SEQUENCE, "extension").ok()?.children();
        found.push(read(&mut fields).ok()?);
    }
    reader.is_empty().then_some(found)
}

/// What `policyConstraints` says (section 4.2.1.11).
#[derive(Default)]
struct Constraints {
    require_explicit_policy: Option<usize>,
    inhibit_policy_mapping: Option<usize>,
}

fn constraints(member: &Member<'_>, reading: Reading) -> Result<Constraints, FaultKind> {
    const MALFORMED: FaultKind = FaultKind::Malformed("policyConstraints is not encoded as RFC 5280 has it");
    let Some(extension) = member.tbs.extension(oid::POLICY_CONSTRAINTS) else { return Ok(Constraints::default()) };
    let mut reader = Reader::new(extension.value);
    let mut constraints = Constraints::default();
    let mut read = || -> Result<bool, der::Fault> {
        let mut fields = reader.take(SEQUENCE, "policyConstraints")?.children();
        let explicit = fields.optional(SKIP_EXPLICIT, "requireExplicitPolicy")?;
        let mapping = fields.optional(SKIP_MAPPING, "inhibitPolicyMapping")?;
        let skips = [explicit, mapping].map(|element| element.map(|element| skip_certs(element.contents)));
        constraints.require_explicit_policy = skips[0].flatten();
        constraints.inhibit_policy_mapping = skips[1].flatten();
        let numbers = skips.iter().flatten().all(Option::is_some) && skips.iter().any(Option::is_some);
        Ok(numbers && fields.is_empty() && reader.is_empty())
    };
    match read() {
        Ok(true) => Ok(constraints),
        _ if reading == Reading::Go => Ok(constraints),
        _ => Err(MALFORMED),
    }
}

/// `[0]` and `[1]` of PolicyConstraints, implicitly tagged INTEGERs.
const SKIP_EXPLICIT: u8 = context(0) & !0x20;
const SKIP_MAPPING: u8 = context(1) & !0x20;

/// Section 4.2.1.14.
fn inhibit_any_policy(member: &Member<'_>, reading: Reading) -> Result<Option<usize>, FaultKind> {
    let Some(extension) = member.tbs.extension(oid::INHIBIT_ANY_POLICY) else { return Ok(None) };
    let mut reader = Reader::new(extension.value);
    let skip = reader.take(INTEGER, "inhibitAnyPolicy").ok().filter(|_| reader.is_empty());
    match skip.and_then(|skip| skip_certs(skip.contents)) {
        None if reading != Reading::Go => Err(FaultKind::Malformed("inhibitAnyPolicy is no number of certificates")),
        skip => Ok(skip),
    }
}

/// A SkipCerts, which is not negative; one beyond any path is the largest there is.
fn skip_certs(contents: &[u8]) -> Option<usize> {
    let negative = contents.first()? & 0x80 != 0;
    let value = contents
        .iter()
        .try_fold(0_usize, |value, octet| value.checked_mul(0x100).and_then(|value| value.checked_add(usize::from(*octet))));
    (!negative).then(|| value.unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::tbs::Tbs;
    use super::*;
    use crate::chain::{NodeId, inventory};
    use crate::mint::{Identity, Recipe, pki};
    use crate::model::Certificate;
    use crate::model::inventory::Content;
    use std::sync::Arc;

    const RFC: Initial = Initial { self_issued: |member| member.certificate.is_self_issued(), reading: Reading::Strict };
    const POLICIES: &[u64] = &[2, 5, 29, 32];
    const MAPPINGS: &[u64] = &[2, 5, 29, 33];
    const CONSTRAINTS: &[u64] = &[2, 5, 29, 36];
    const INHIBIT_ANY: &[u64] = &[2, 5, 29, 54];
    /// `requireExplicitPolicy` 0.
    const EXPLICIT: &[u8] = &[0x30, 3, 0x80, 1, 0];
    /// `inhibitPolicyMapping` 0.
    const NO_MAPPING: &[u8] = &[0x30, 6, 0x80, 1, 0, 0x81, 1, 0];
    /// Policy 1.3.N as a PolicyInformation.
    const fn policy(number: u8) -> [u8; 6] {
        [0x30, 4, 6, 2, 0x2b, number]
    }
    const ANY: [u8; 8] = [0x30, 6, 6, 4, 0x55, 0x1d, 32, 0];
    /// A to B.
    const MAP: [u8; 12] = [0x30, 10, 0x30, 8, 6, 2, 0x2b, 1, 6, 2, 0x2b, 2];

    fn list(items: &[&[u8]]) -> Vec<u8> {
        let contents = items.concat();
        [&[0x30, u8::try_from(contents.len()).unwrap()], &*contents].concat()
    }

    /// The end entity first: every recipe is issued by the next.
    fn judge(recipes: Vec<Recipe>, initial: &Initial) -> Result<(), FaultKind> {
        let mut above: Option<Identity> = None;
        let mut path: Vec<Arc<Certificate>> = Vec::new();
        for recipe in recipes.into_iter().rev() {
            let made = match &above {
                Some(issuer) => recipe.issued_by(issuer).unwrap(),
                None => recipe.self_signed().unwrap(),
            };
            let Content::Certificate(certificate) = &inventory(&[&made]).holdings[0].contents[0] else { panic!() };
            path.insert(0, Arc::clone(certificate));
            above = Some(made);
        }
        let members: Vec<Member<'_>> =
            path.iter().map(|certificate| Member { node: NodeId(0), certificate, tbs: Tbs::of(certificate) }).collect();
        valid(&members.iter().collect::<Vec<_>>(), initial).map_err(|fault| fault.kind)
    }

    fn chain(ca: &[(&[u64], &[u8])], leaf: &[(&[u64], &[u8])]) -> Vec<Recipe> {
        let with = |recipe: Recipe, list: &[(&[u64], &[u8])]| {
            list.iter().fold(recipe, |recipe, (oid, contents)| recipe.extension(oid, contents))
        };
        vec![with(pki().leaf("leaf"), leaf), with(pki().ca("ca"), ca), pki().ca("root")]
    }

    #[test]
    fn a_policy_is_needed_once_it_is_demanded() {
        let (a, b) = (policy(1), policy(2));
        assert_eq!(judge(chain(&[], &[]), &RFC), Ok(()));
        let ca: &[(&[u64], &[u8])] = &[(POLICIES, &list(&[&a])), (CONSTRAINTS, EXPLICIT)];
        assert_eq!(judge(chain(ca, &[(POLICIES, &list(&[&a, &b]))]), &RFC), Ok(()));
        assert_eq!(judge(chain(ca, &[(POLICIES, &list(&[&b]))]), &RFC), Err(FaultKind::NoPolicy));
        assert_eq!(judge(chain(ca, &[]), &RFC), Err(FaultKind::NoPolicy));
        assert_eq!(judge(chain(&[(POLICIES, &list(&[&b]))], &[(CONSTRAINTS, EXPLICIT)]), &RFC), Err(FaultKind::NoPolicy));
    }

    #[test]
    fn any_policy_stands_for_all_until_it_is_inhibited() {
        let a = policy(1);
        let ca: &[(&[u64], &[u8])] = &[(POLICIES, &list(&[&a])), (CONSTRAINTS, EXPLICIT)];
        let leaf: &[(&[u64], &[u8])] = &[(POLICIES, &list(&[&ANY]))];
        assert_eq!(judge(chain(ca, leaf), &RFC), Ok(()));
        let inhibiting = [ca, &[(INHIBIT_ANY, &[2, 1, 0])]].concat();
        assert_eq!(judge(chain(&inhibiting, leaf), &RFC), Err(FaultKind::NoPolicy));
        let later = [ca, &[(INHIBIT_ANY, &[2, 1, 1])]].concat();
        assert_eq!(judge(chain(&later, leaf), &RFC), Ok(()));
    }

    #[test]
    fn mappings_rename_what_is_expected() {
        let (a, b) = (policy(1), policy(2));
        let ca: &[(&[u64], &[u8])] = &[(POLICIES, &list(&[&a])), (MAPPINGS, &MAP), (CONSTRAINTS, EXPLICIT)];
        assert_eq!(judge(chain(ca, &[(POLICIES, &list(&[&b]))]), &RFC), Ok(()));
        assert_eq!(judge(chain(ca, &[(POLICIES, &list(&[&a]))]), &RFC), Err(FaultKind::NoPolicy));
        let any: &[(&[u64], &[u8])] = &[(POLICIES, &list(&[&ANY])), (MAPPINGS, &MAP), (CONSTRAINTS, EXPLICIT)];
        assert_eq!(judge(chain(any, &[(POLICIES, &list(&[&b]))]), &RFC), Ok(()));
        let upper: &[(&[u64], &[u8])] = &[(POLICIES, &list(&[&a])), (CONSTRAINTS, NO_MAPPING)];
        let mut recipes = chain(ca, &[(POLICIES, &list(&[&b]))]);
        let upper = upper.iter().fold(pki().ca("upper"), |recipe, (oid, contents)| recipe.extension(oid, contents));
        recipes.insert(2, upper);
        assert_eq!(judge(recipes, &RFC), Err(FaultKind::NoPolicy));
    }

    #[test]
    fn extensions_that_break_the_rules_are_faults() {
        let a = policy(1);
        for (oid, contents) in [
            (POLICIES, list(&[&a, &a])),
            (POLICIES, list(&[])),
            (POLICIES, vec![5, 0]),
            (MAPPINGS, list(&[])),
            (MAPPINGS, list(&[&[0x30, 10, 6, 4, 0x55, 0x1d, 32, 0, 6, 2, 0x2b, 2]])),
            (CONSTRAINTS, list(&[])),
            (CONSTRAINTS, list(&[&[0x80, 1, 0xff]])),
            (INHIBIT_ANY, vec![2, 1, 0xff]),
        ] {
            let recipes = || chain(&[(oid, &contents)], &[]);
            assert!(matches!(judge(recipes(), &RFC), Err(FaultKind::Malformed(_))), "{contents:02x?}");
            let go = Initial { reading: Reading::Go, ..RFC };
            assert!(judge(recipes(), &go).is_ok(), "{contents:02x?}");
        }
    }
}
