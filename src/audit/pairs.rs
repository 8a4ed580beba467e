//! Which private key belongs beside which certificate.
//!
//! People pair files by name; so does this. The key of a place is, in this order: one in the same place; one whose name corresponds, in
//! a field of the same document or in a file of the same directory; the only one with the same role on the host.

use crate::model::{Content, Holding, Inventory, OriginKind, Role, Slot};
use std::collections::HashMap;
use std::sync::Arc;

/// Endings of a certificate's name and what its key's name ends with instead, most particular first.
const NAMES: &[(&str, &str)] = &[
    ("client-certificate-data", "client-key-data"),
    ("client-certificate-data", "client-key"),
    ("client-certificate", "client-key"),
    ("client-certificate", "client-key-data"),
    ("-cert-chain.pem", "-key.pem"),
    ("cert-chain.pem", "key.pem"),
    ("-cert.pem", "-key.pem"),
    ("cert.pem", "key.pem"),
    ("-cert", "-key"),
    (".crt", ".key"),
    (".cert", ".key"),
    (".cer", ".key"),
    (".pem", ".key"),
    (".pem", "-key.pem"),
    (".crt", "-key.pem"),
    ("", "-key"),
    ("", ".key"),
];

/// A certificate's place and the place of its key, as positions in the inventory's holdings; there may be a million.
pub(super) struct Pair {
    credential: u32,
    key: Option<u32>,
}

impl Pair {
    fn new(credential: usize, key: Option<usize>) -> Self {
        let short = |position| u32::try_from(position).unwrap_or(u32::MAX);
        Self { credential: short(credential), key: key.map(short) }
    }

    /// The certificate.
    pub(super) fn credential(&self) -> usize {
        long(self.credential)
    }

    /// Its key; `None` when there is none.
    pub(super) fn key(&self) -> Option<usize> {
        self.key.map(long)
    }
}

fn long(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// All of them.
pub(super) struct Pairs(pub(super) Vec<Pair>);

impl Pairs {
    /// Pairs whatever in the inventory is to be presented.
    pub(super) fn of(inventory: &Inventory) -> Self {
        let index = Index::of(inventory);
        let pairs = inventory.holdings.iter().enumerate().filter(|(_, holding)| is_credential(holding));
        Self(pairs.map(|(credential, holding)| Pair::new(credential, index.key_of(credential, holding))).collect())
    }
}

fn is_credential(holding: &Holding) -> bool {
    matches!(holding.origin.slot, Slot::Credential | Slot::Unknown)
        && holding.origin.document.kind != OriginKind::Csr
        && holding.certificates().next().is_some()
}

fn has_key(holding: &Holding) -> bool {
    holding.contents.iter().any(|content| matches!(content, Content::PrivateKey(_)))
}

/// Where a place lies, its host, and what it is called there.
type Name<'i> = (&'i str, Option<&'i str>, &'i str);

/// Keys by name and by role. Those of Secrets are not indexed: a Secret's places follow each other, and there may be a million.
struct Index<'i> {
    holdings: &'i [Holding],
    by_name: HashMap<Name<'i>, usize>,
    by_role: HashMap<(Option<&'i str>, Role), Vec<usize>>,
}

impl<'i> Index<'i> {
    fn of(inventory: &'i Inventory) -> Self {
        let mut index = Self { holdings: &inventory.holdings, by_name: HashMap::new(), by_role: HashMap::new() };
        for (position, holding) in inventory.holdings.iter().enumerate().filter(|(_, holding)| !in_secret(holding)) {
            if is_key(holding) {
                index.by_name.insert(name(holding), position);
                let host = holding.origin.document.host.as_deref();
                if let Some(role) = holding.origin.role.filter(|_| holding.origin.document.kind == OriginKind::File) {
                    index.by_role.entry((host, role)).or_default().push(position);
                }
            }
        }
        index
    }

    fn key_of(&self, position: usize, holding: &'i Holding) -> Option<usize> {
        if has_key(holding) {
            return Some(position);
        }
        let (place, host, called) = name(holding);
        let candidates = NAMES.iter().filter_map(|(certificate, key)| Some((called.strip_suffix(certificate)?, *key)));
        if in_secret(holding) {
            let is_called = |key: usize, stem: &str, ending: &str| {
                self.holdings.get(key).is_some_and(|key| name(key).2.strip_suffix(ending) == Some(stem))
            };
            return candidates
                .into_iter()
                .find_map(|(stem, ending)| self.same_document(position).find(|key| is_called(*key, stem, ending)));
        }
        let mut candidates = candidates;
        let by_name =
            candidates.find_map(|(stem, ending)| self.by_name.get(&(place, host, &*format!("{stem}{ending}"))).copied());
        by_name.or_else(|| self.same_role(holding))
    }

    /// The keys among the places before and after that belong to the same document.
    fn same_document(&self, position: usize) -> impl Iterator<Item = usize> {
        let same = move |other: &usize| match (self.holdings.get(position), self.holdings.get(*other)) {
            (Some(one), Some(other)) => Arc::ptr_eq(&one.origin.document, &other.origin.document),
            _ => false,
        };
        let around = (0..position).rev().take_while(same).chain((position..).skip(1).take_while(same));
        around.filter(|other| self.holdings.get(*other).is_some_and(is_key))
    }

    /// The key that has the role on the host to itself.
    fn same_role(&self, holding: &Holding) -> Option<usize> {
        let role = holding.origin.role.filter(|_| holding.origin.document.kind == OriginKind::File)?;
        match self.by_role.get(&(holding.origin.document.host.as_deref(), role))?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

fn in_secret(holding: &Holding) -> bool {
    holding.origin.document.kind == OriginKind::Secret
}

fn is_key(holding: &Holding) -> bool {
    has_key(holding) || (holding.origin.slot == Slot::Key && holding.certificates().next().is_none())
}

/// A file lies in its directory; a field lies in its document.
fn name(holding: &Holding) -> Name<'_> {
    let document = &holding.origin.document;
    let field = &*holding.origin.field;
    let (place, called) = match field {
        "" => document.path().rsplit_once('/').unwrap_or(("", document.path())),
        field => (&*document.source, field.trim_end_matches(']')),
    };
    (place, document.host.as_deref(), called)
}
