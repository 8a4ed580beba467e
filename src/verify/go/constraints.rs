//! Name constraints: until Go 1.25 each CA's are held against the names below it when it is put on the path, with 250,000 comparisons at
//! most; since Go 1.26 those of a whole path are.

use super::super::Verifier;
use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::extensions::quoted;
use super::facts::{Facts, San, Subtrees, facts};
use super::habits::{
    CONSTRAINTS_ON_BOTH_ENDS, CONSTRAINTS_ON_END_ENTITY, EMPTY_NAME_PANICS, LEADING_ZEROS, ODD_DOMAINS_FAIL_LATE, ZONES_IN_URIS,
};
use super::subtrees::{Domains, Forest, Side};
use super::text::{Mailbox, Zeros, ip, ip_with_zone, is_domain, mailbox};
use std::rc::Rc;

/// Comparisons of a name with a constraint, for one CA (crypto/x509 `maxConstraintComparisons`).
const MOST_COMPARISONS: usize = 250_000;

/// The constraints of a certificate, ready to be asked.
#[derive(Debug)]
pub(super) struct Ready {
    permitted: Forest,
    excluded: Forest,
}

impl Ready {
    fn of(facts: &Facts<'_>, verifier: Verifier) -> Self {
        Self {
            permitted: Forest::plant(&facts.permitted, Side::Permitted, verifier),
            excluded: Forest::plant(&facts.excluded, Side::Excluded, verifier),
        }
    }
}

/// Until Go 1.25: the certificate reached last, against those below it.
pub(super) fn of_issuer(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let case = trail.case;
    let constraining = facts(case, trail.last());
    if constraining.extension(oid::NAME_CONSTRAINTS).is_none() {
        return Ok(());
    }
    let top = trail.members.len().saturating_sub(1);
    let checked = trail.members.iter().enumerate().filter(|(at, _)| {
        if CONSTRAINTS_ON_END_ENTITY.of(case.verifier) {
            *at == 0
        } else if CONSTRAINTS_ON_BOTH_ENDS.of(case.verifier) {
            *at == 0 || *at == top
        } else {
            *at < top
        }
    });
    let fault = |message| Fault { at: top, message };
    let mut comparisons = 0_usize;
    for (_, member) in checked {
        let names = facts(case, member);
        for name in &names.sans {
            comparisons = comparisons.saturating_add(width(name, &constraining));
            if comparisons > MOST_COMPARISONS {
                return Err(fault(format!("more than {MOST_COMPARISONS} comparisons of names and constraints")));
            }
        }
        let ready = ready(&constraining, case.verifier);
        for name in &names.sans {
            let name =
                Candidate::of(name, case.verifier, Parsing::WhereItMatters { uri: has_uri(&constraining) }).map_err(fault)?;
            judge(&name, &ready, case.verifier).map_err(fault)?;
        }
    }
    Ok(())
}

/// Since Go 1.26: every certificate of the path against the constraints above it.
pub(super) fn of_path(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let verifier = trail.case.verifier;
    let all: Vec<Rc<Facts<'_>>> = trail.members.iter().map(|member| facts(trail.case, member)).collect();
    for (at, names) in all.iter().enumerate() {
        if names.extension(oid::SUBJECT_ALT_NAME).is_none() {
            continue;
        }
        let above = all.iter().enumerate().skip(at.saturating_add(1));
        let mut constraining = above.filter(|(_, facts)| facts.extension(oid::NAME_CONSTRAINTS).is_some()).peekable();
        if constraining.peek().is_none() {
            return Ok(());
        }
        let candidates = names.sans.iter().map(|name| Candidate::of(name, verifier, Parsing::Always));
        let candidates: Vec<Candidate<'_>> = candidates.collect::<Result<_, _>>().map_err(|message| Fault { at, message })?;
        for (at, facts) in constraining {
            let ready = ready(facts, verifier);
            candidates.iter().try_for_each(|name| judge(name, &ready, verifier)).map_err(|message| Fault { at, message })?;
        }
    }
    Ok(())
}

fn ready(facts: &Facts<'_>, verifier: Verifier) -> Rc<Ready> {
    Rc::clone(facts.ready.get_or_init(|| Rc::new(Ready::of(facts, verifier))))
}

/// How many constraints a name is compared with.
fn width(name: &San<'_>, constraining: &Facts<'_>) -> usize {
    let of = |trees: &Subtrees<'_>| match name {
        San::Dns(_) => trees.dns.len(),
        San::Email(_) => trees.email.len(),
        San::Uri(..) => trees.uri.len(),
        San::Ip(_) => trees.ip.len(),
    };
    of(&constraining.permitted).saturating_add(of(&constraining.excluded))
}

fn has_uri(constraining: &Facts<'_>) -> bool {
    !constraining.permitted.uri.is_empty() || !constraining.excluded.uri.is_empty()
}

/// A name in the form that is held against constraints.
enum Candidate<'a> {
    Dns(&'a [u8]),
    Email(&'a [u8], Mailbox),
    Uri(&'a [u8], Vec<u8>),
    Ip(&'a [u8]),
    /// A URI that no constraint is for.
    Nothing,
}

/// When a URI is taken apart.
#[derive(Clone, Copy)]
enum Parsing {
    /// Always: one without a host name is refused.
    Always,
    /// If there is a constraint for URIs.
    WhereItMatters { uri: bool },
}

impl<'a> Candidate<'a> {
    fn of(name: &'a San<'a>, verifier: Verifier, parsing: Parsing) -> Result<Self, String> {
        match name {
            San::Dns(name) if is_domain(name, verifier) => Ok(Self::Dns(name)),
            San::Dns(name) => Err(format!("{} is no DNS name that can be held against constraints", quoted(name))),
            San::Email(address) => match mailbox(address, verifier) {
                Some(mailbox) => Ok(Self::Email(address, mailbox)),
                None => Err(format!("{} is no e-mail address that can be held against constraints", quoted(address))),
            },
            San::Uri(..) if matches!(parsing, Parsing::WhereItMatters { uri: false }) => Ok(Self::Nothing),
            San::Uri(uri, host) => match host_name(host, verifier).filter(|host| is_domain(host, verifier)) {
                Some(host) => Ok(Self::Uri(uri, host)),
                None => Err(format!("{} has no host name that can be held against constraints", quoted(uri))),
            },
            San::Ip(octets) => Ok(Self::Ip(octets)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Dns(text) | Self::Email(text, _) | Self::Uri(text, _) => String::from_utf8_lossy(text).into_owned(),
            Self::Ip(octets) => super::text::ip_of(octets).map_or_else(String::new, |address| address.to_string()),
            Self::Nothing => String::new(),
        }
    }
}

/// The host of a URI without its port; `None` if there is none, or if it is an IP address.
fn host_name(host: &[u8], verifier: Verifier) -> Option<Vec<u8>> {
    let name = if host.contains(&b':') && !host.ends_with(b"]") { without_port(host)? } else { host };
    let literal = name.starts_with(b"[") && name.ends_with(b"]");
    let text = std::str::from_utf8(name).unwrap_or_default();
    let zeros = if LEADING_ZEROS.of(verifier) { Zeros::Allowed } else { Zeros::Refused };
    let address = if ZONES_IN_URIS.of(verifier) { ip_with_zone(text) } else { ip(text, zeros) };
    (!host.is_empty() && !literal && address.is_none()).then(|| name.to_vec())
}

/// `net.SplitHostPort`.
fn without_port(host: &[u8]) -> Option<&[u8]> {
    let colon = host.iter().rposition(|octet| *octet == b':')?;
    let (before, port) = host.split_at_checked(colon)?;
    let brackets = |text: &[u8]| text.iter().any(|octet| b"[]".contains(octet));
    let name = match before.strip_prefix(b"[") {
        Some(rest) => rest.strip_suffix(b"]")?,
        None if before.contains(&b':') => return None,
        None => before,
    };
    (!brackets(name) && !brackets(port)).then_some(name)
}

/// Holds one name against the constraints of one certificate.
fn judge(name: &Candidate<'_>, ready: &Ready, verifier: Verifier) -> Result<(), String> {
    if ODD_DOMAINS_FAIL_LATE.of(verifier) && (fails(name, &ready.excluded) || fails(name, &ready.permitted)) {
        return Err(format!("{}, or a constraint that it is compared with, is no domain name", name.text()));
    }
    if held(name, &ready.permitted, verifier) == Some(false) {
        return Err(format!("{} is not among the names that the CA may issue for", name.text()));
    }
    if is_empty(name) && EMPTY_NAME_PANICS.of(verifier) && ready.excludes(name) {
        return Err("Go 1.26.0 panics at the empty name".to_owned());
    }
    if held(name, &ready.excluded, verifier) == Some(true) {
        return Err(format!("{} is among the names that the CA must not issue for", name.text()));
    }
    Ok(())
}

/// Whether a subtree holds the name; `None` if there is none for its kind.
fn held(name: &Candidate<'_>, forest: &Forest, verifier: Verifier) -> Option<bool> {
    let domain = |domains: &Option<Domains>, name: &[u8]| domains.as_ref().map(|domains| domains.hold(name, verifier));
    match name {
        Candidate::Dns(name) => domain(&forest.dns, name),
        Candidate::Uri(_, host) => domain(&forest.uri, host),
        Candidate::Email(_, mailbox) => forest.email.as_ref().map(|mailboxes| mailboxes.hold(mailbox, verifier)),
        Candidate::Ip(octets) => forest.ip.as_ref().map(|networks| networks.hold(octets)),
        Candidate::Nothing => None,
    }
}

/// Whether holding the name against the subtrees is an error, where odd domains fail late.
fn fails(name: &Candidate<'_>, forest: &Forest) -> bool {
    let domain = |domains: &Option<Domains>, name: &[u8]| domains.as_ref().is_some_and(|domains| domains.fail(name));
    match name {
        Candidate::Dns(name) => domain(&forest.dns, name),
        Candidate::Uri(_, host) => domain(&forest.uri, host),
        Candidate::Email(_, mailbox) => forest.email.as_ref().is_some_and(|mailboxes| mailboxes.fail(mailbox)),
        Candidate::Ip(_) | Candidate::Nothing => false,
    }
}

fn is_empty(name: &Candidate<'_>) -> bool {
    match name {
        Candidate::Dns(name) => name.is_empty(),
        Candidate::Uri(_, host) => host.is_empty(),
        Candidate::Email(_, mailbox) => mailbox.domain.is_empty(),
        Candidate::Ip(_) | Candidate::Nothing => false,
    }
}

impl Ready {
    /// Whether there are excluded domains for names of this kind.
    fn excludes(&self, name: &Candidate<'_>) -> bool {
        match name {
            Candidate::Dns(_) => self.excluded.dns.is_some(),
            Candidate::Uri(..) => self.excluded.uri.is_some(),
            Candidate::Email(..) => self.excluded.email.is_some(),
            Candidate::Ip(_) | Candidate::Nothing => false,
        }
    }
}
