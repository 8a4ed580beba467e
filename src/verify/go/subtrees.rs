//! Subtrees of names, made ready to be asked: each question costs a search, not a walk along all constraints. Until Go 1.25 Go walks and
//! counts its comparisons; since Go 1.26 it searches (`constraints.go`). What they answer differs in the habits that are named here.

use super::super::Verifier;
use super::facts::Subtrees;
use super::habits::{HOST_BITS_KEPT, LAST_MAILBOX_COUNTS, WILDCARDS_BY_CASE, WILDCARDS_EXCLUDED, WILDCARDS_LOOKED_UP};
use super::text::{DomainFlaw, Mailbox, domain_flaw, mailbox};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

/// Whether subtrees are the permitted or the excluded ones. Wildcards are more than the text they are only for the latter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Names must be in one of them.
    Permitted,
    /// Names may be in none of them.
    Excluded,
}

/// Subtrees by kind; `None` where there is none of that kind.
#[derive(Debug)]
pub(super) struct Forest {
    /// For dNSNames.
    pub(super) dns: Option<Domains>,
    /// For hosts of URIs.
    pub(super) uri: Option<Domains>,
    /// For mailboxes.
    pub(super) email: Option<Mailboxes>,
    /// For addresses.
    pub(super) ip: Option<Networks>,
}

impl Forest {
    /// Makes subtrees ready.
    pub(super) fn plant(trees: &Subtrees<'_>, side: Side, verifier: Verifier) -> Self {
        Self {
            dns: Domains::plant(&trees.dns, side, verifier),
            uri: Domains::plant(&trees.uri, side, verifier),
            email: Mailboxes::plant(&trees.email, side, verifier),
            ip: (!trees.ip.is_empty()).then(|| Networks::plant(&trees.ip, verifier)),
        }
    }
}

/// Subtrees of the domain name system.
#[derive(Debug)]
pub(super) struct Domains {
    /// An empty constraint is among them: it holds every name.
    everything: bool,
    /// A single dot is: it holds every name of at least one label (until Go 1.24.8, which refuses it).
    everything_named: bool,
    /// The others by their reversed form, none of them within another.
    roots: Vec<Root>,
    wildcards: Wildcards,
    /// One of them has a character that no domain has.
    odd: bool,
}

/// One subtree: its sort key, and how it is written.
#[derive(Debug)]
struct Root {
    key: Vec<u8>,
    written: Vec<u8>,
}

/// What a name that begins with `*` meets beyond the subtrees that it is in.
#[derive(Debug)]
enum Wildcards {
    /// Nothing.
    Plain,
    /// Subtrees with the first label cut off, as subtrees.
    Subtrees(Box<Domains>),
    /// Subtrees with the first label cut off, as they are written.
    Parents(HashSet<Vec<u8>>),
}

impl Domains {
    fn plant(names: &[&[u8]], side: Side, verifier: Verifier) -> Option<Self> {
        let mut domains = Self::of(names)?;
        if side == Side::Permitted {
        } else if WILDCARDS_LOOKED_UP.of(verifier) {
            let by_case = WILDCARDS_BY_CASE.of(verifier);
            let parents = domains.roots.iter().map(|root| from_first_dot(&root.written)).filter(|parent| !parent.is_empty());
            let parents = parents.map(|parent| if by_case { parent.to_vec() } else { parent.to_ascii_lowercase() });
            domains.wildcards = Wildcards::Parents(parents.collect());
        } else if WILDCARDS_EXCLUDED.of(verifier) {
            let parents: Vec<&[u8]> =
                names.iter().filter(|name| !name.is_empty()).map(|name| without_first_label(name)).collect();
            domains.wildcards = Self::of(&parents).map_or(Wildcards::Plain, |parents| Wildcards::Subtrees(Box::new(parents)));
        }
        Some(domains)
    }

    fn of(names: &[&[u8]]) -> Option<Self> {
        if names.is_empty() {
            return None;
        }
        let mut roots: Vec<Root> =
            names.iter().filter(|name| !name.is_empty()).map(|name| Root { key: key(name), written: name.to_vec() }).collect();
        let everything = roots.len() < names.len();
        roots.sort_by(|a, b| a.key.cmp(&b.key));
        roots.dedup_by(|later, earlier| holds(&earlier.key, &later.key));
        let everything_named = names.contains(&&b"."[..]);
        let odd = names.iter().any(|name| domain_flaw(name) == Some(DomainFlaw::Character));
        Some(Self { everything, everything_named, roots, wildcards: Wildcards::Plain, odd })
    }

    /// Whether one of the subtrees holds the name.
    pub(super) fn hold(&self, name: &[u8], verifier: Verifier) -> bool {
        let all = self.everything || (self.everything_named && !name.is_empty());
        all || self.hold_key(&key(name)) || (name.first() == Some(&b'*') && self.meet_wildcard(name, verifier))
    }

    /// Whether the comparison with a name comes to an error, in releases where it can.
    pub(super) fn fail(&self, name: &[u8]) -> bool {
        self.odd || (!self.roots.is_empty() && domain_flaw(name) == Some(DomainFlaw::Character))
    }

    fn hold_key(&self, key: &[u8]) -> bool {
        let after = self.roots.partition_point(|root| *root.key <= *key);
        after.checked_sub(1).and_then(|before| self.roots.get(before)).is_some_and(|root| holds(&root.key, key))
    }

    fn meet_wildcard(&self, name: &[u8], verifier: Verifier) -> bool {
        match &self.wildcards {
            Wildcards::Plain => false,
            Wildcards::Subtrees(parents) => {
                let parent = without_first_label(name);
                !parent.is_empty() && (parents.everything || parents.hold_key(&key(parent)))
            }
            Wildcards::Parents(parents) => {
                let by_case = WILDCARDS_BY_CASE.of(verifier);
                let parent = from_first_dot(name);
                parents.contains(&if by_case { parent.to_vec() } else { parent.to_ascii_lowercase() })
            }
        }
    }
}

/// A name from its end, in small letters, dots below every other character: names below another come right after it.
fn key(name: &[u8]) -> Vec<u8> {
    name.iter().rev().map(|octet| if *octet == b'.' { 0 } else { octet.to_ascii_lowercase() }).collect()
}

/// Whether the name is the subtree's root or below it; a root that begins with a dot holds only what is below.
fn holds(root: &[u8], name: &[u8]) -> bool {
    name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&0) || root.last() == Some(&0))
}

/// `.b.c` of `a.b.c`; nothing of a single label.
fn from_first_dot(name: &[u8]) -> &[u8] {
    name.iter().position(|octet| *octet == b'.').and_then(|dot| name.get(dot..)).unwrap_or_default()
}

/// `b.c` of `a.b.c`, `.c` of `.b.c`; nothing of a single label, with a dot before it or not.
fn without_first_label(name: &[u8]) -> &[u8] {
    match name.strip_prefix(b".") {
        Some(rest) => from_first_dot(rest),
        None => from_first_dot(name).get(1..).unwrap_or_default(),
    }
}

/// Subtrees of mailboxes: single ones, and all of a domain.
#[derive(Debug)]
pub(super) struct Mailboxes {
    domains: Option<Domains>,
    single: HashSet<Mailbox>,
    /// Local part to domain: of several constraints for one local part the last is left.
    by_local: HashMap<Vec<u8>, Vec<u8>>,
}

impl Mailboxes {
    fn plant(constraints: &[&[u8]], side: Side, verifier: Verifier) -> Option<Self> {
        let (single, domains): (Vec<&[u8]>, Vec<&[u8]>) = constraints.iter().partition(|constraint| constraint.contains(&b'@'));
        let single = single.into_iter().filter_map(|text| mailbox(text, verifier)).map(folded);
        let single: Vec<Mailbox> = single.collect();
        (!constraints.is_empty()).then(|| Self {
            domains: Domains::plant(&domains, side, verifier),
            by_local: single.iter().map(|mailbox| (mailbox.local.clone(), mailbox.domain.clone())).collect(),
            single: single.into_iter().collect(),
        })
    }

    /// See [`Domains::fail`].
    pub(super) fn fail(&self, mailbox: &Mailbox) -> bool {
        self.domains.as_ref().is_some_and(|domains| domains.fail(&mailbox.domain))
    }

    /// Whether one of them holds the mailbox.
    pub(super) fn hold(&self, mailbox: &Mailbox, verifier: Verifier) -> bool {
        let folded = folded(mailbox.clone());
        let single = if LAST_MAILBOX_COUNTS.of(verifier) {
            self.by_local.get(&folded.local) == Some(&folded.domain)
        } else {
            self.single.contains(&folded)
        };
        single || self.domains.as_ref().is_some_and(|domains| domains.hold(&folded.domain, verifier))
    }
}

/// Domains do not tell capitals from small letters, local parts do.
fn folded(mut mailbox: Mailbox) -> Mailbox {
    mailbox.domain.make_ascii_lowercase();
    mailbox
}

/// Networks of addresses.
#[derive(Debug)]
pub(super) enum Networks {
    /// By length of the prefix: an address is cut to each of them and looked up.
    Prefixes(HashMap<(usize, u32), HashSet<Vec<u8>>>),
    /// As Go 1.26 has them: IPv4 and IPv6, sorted by the address that is written down, and searched for the one before.
    Sorted(Vec<Network>, Vec<Network>),
}

/// Address and mask, equally long.
type Network = (Vec<u8>, Vec<u8>);

impl Networks {
    fn plant(networks: &[(&[u8], &[u8])], verifier: Verifier) -> Self {
        if HOST_BITS_KEPT.of(verifier) {
            let (v4, v6): (Vec<_>, Vec<_>) = networks
                .iter()
                .map(|(address, mask)| (address.to_vec(), mask.to_vec()))
                .partition(|(address, _): &Network| address.len() == 4);
            return Self::Sorted(pruned(v4), pruned(v6));
        }
        let mut prefixes: HashMap<(usize, u32), HashSet<Vec<u8>>> = HashMap::new();
        for (address, mask) in networks {
            let length = mask.iter().map(|octet| octet.count_ones()).sum();
            prefixes.entry((address.len(), length)).or_default().insert(masked(address, mask));
        }
        Self::Prefixes(prefixes)
    }

    /// Whether one of them holds the address.
    pub(super) fn hold(&self, address: &[u8]) -> bool {
        match self {
            Self::Prefixes(prefixes) => prefixes
                .iter()
                .filter(|((octets, _), _)| *octets == address.len())
                .any(|((octets, length), networks)| networks.contains(&masked(address, &mask_of(*octets, *length)))),
            Self::Sorted(v4, v6) => {
                let networks = if address.len() == 4 { v4 } else { v6 };
                let from = networks.partition_point(|(network, _)| **network < *address);
                let exact = networks.get(from).is_some_and(|(network, _)| **network == *address);
                exact || networks.get(from.saturating_sub(1)).is_some_and(|network| contains(network, address))
            }
        }
    }
}

fn masked(address: &[u8], mask: &[u8]) -> Vec<u8> {
    address.iter().zip(mask).map(|(octet, mask)| octet & mask).collect()
}

fn mask_of(octets: usize, length: u32) -> Vec<u8> {
    let ones = |octet: u32| length.saturating_sub(octet.saturating_mul(8)).min(8);
    (0..).take(octets).map(|octet| u8::try_from(0xff00_u32 >> ones(octet) & 0xff).unwrap_or_default()).collect()
}

/// Sorts networks, and leaves out what is within the one kept before.
fn pruned(mut networks: Vec<Network>) -> Vec<Network> {
    networks.sort();
    networks.dedup_by(|later, earlier| {
        let last: Vec<u8> = later.0.iter().zip(&later.1).map(|(octet, mask)| octet | !mask).collect();
        contains(earlier, &later.0) && contains(earlier, &last)
    });
    networks
}

/// `net.IPNet.Contains`: IPv4 in IPv6 counts as IPv4, on both sides.
fn contains(network: &Network, address: &[u8]) -> bool {
    let (base, mask) = (unmapped(&network.0), network.1.as_slice());
    let address = unmapped(address);
    let mask = if base.len() < mask.len() { mask.get(mask.len() - base.len()..).unwrap_or_default() } else { mask };
    base.len() == address.len() && masked(&base, mask).cmp(&masked(&address, mask)) == Ordering::Equal
}

fn unmapped(octets: &[u8]) -> Vec<u8> {
    let mapped = <[u8; 16]>::try_from(octets).ok().and_then(|octets| std::net::Ipv6Addr::from(octets).to_ipv4_mapped());
    mapped.map_or_else(|| octets.to_vec(), |address: Ipv4Addr| address.octets().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(names: &[&str], side: Side, verifier: &str) -> (Domains, Verifier) {
        let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        let verifier = verifier.parse().unwrap();
        (Domains::plant(&names, side, verifier).unwrap(), verifier)
    }

    #[test]
    fn subtrees_hold_what_is_below_their_roots() {
        let (domains, go) = domains(&["a.example", ".b.example", "a-b.example", "x.a.example"], Side::Permitted, "go1.27");
        for name in ["a.example", "A.Example", "x.a.example", "y.b.example", "a-b.example"] {
            assert!(domains.hold(name.as_bytes(), go), "{name}");
        }
        for name in ["b.example", "xa.example", "example", "", "c.example"] {
            assert!(!domains.hold(name.as_bytes(), go), "{name}");
        }
    }

    #[test]
    fn wildcards_meet_excluded_names_since_december_2025() {
        let meets = |constraint: &str, name: &str, verifier: &str| {
            let (domains, go) = domains(&[constraint], Side::Excluded, verifier);
            domains.hold(name.as_bytes(), go)
        };
        for (verifier, below, elsewhere) in [("go1.24.8", false, false), ("go1.25.5", true, true), ("go1.26", true, false)] {
            assert_eq!(meets("a.b.example", "*.b.example", verifier), below, "{verifier}");
            assert_eq!(meets("b.example", "*.c.example", verifier), elsewhere, "{verifier}");
            assert!(meets("example", "*.c.example", verifier));
        }
        assert!(meets("B.example", "*.example", "go1.26.2") && !meets("B.EXAMPLE", "*.example", "go1.26.1"));
    }

    #[test]
    fn networks_hold_their_addresses() {
        let network: (&[u8], &[u8]) = (&[10, 1, 2, 3], &[255, 0, 0, 0]);
        let hold = |verifier: &str, address: &[u8]| Networks::plant(&[network], verifier.parse().unwrap()).hold(address);
        assert!(hold("go1.25", &[10, 0, 0, 1]) && !hold("go1.25", &[11, 0, 0, 1]));
        assert!(hold("go1.27", &[10, 0, 0, 1]) && hold("go1.26", &[10, 2, 0, 1]));
    }
}
