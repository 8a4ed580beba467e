//! Bags → entries: each key with the chain that belongs to it, everything else by itself.

use super::{Bag, Contained, Entry};
use crate::model::{Certificate, Content, DistinguishedName, Sha256, Slot};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Longer chains than this are not put together.
const LONGEST: usize = 32;

/// The longest alias that is kept.
const LONGEST_ALIAS: usize = 200;

/// The entries, keys first.
pub(super) fn entries(bags: &[Bag]) -> Vec<Entry> {
    let index = Index::of(bags);
    let mut taken = HashSet::new();
    let mut entries = Vec::new();
    for (number, bag) in bags.iter().enumerate() {
        if let Contained::Key(key) = &bag.contained {
            let mut contents = Vec::new();
            for found in index.chain(bag) {
                taken.insert(found);
                contents.extend(bags.get(found).map(public).unwrap_or_default().iter().cloned());
            }
            // What stays closed may well hold its certificate.
            let slot = if contents.is_empty() { Slot::Key } else { Slot::Credential };
            contents.push(Content::PrivateKey(Arc::clone(key)));
            entries.push(Entry { alias: alias(bag, number), slot, contents: contents.into() });
        }
    }
    let has_keys = !entries.is_empty();
    for (number, bag) in bags.iter().enumerate().filter(|(number, bag)| !public(bag).is_empty() && !taken.contains(number)) {
        // Beside a key, what is not marked as trusted is at hand and no more.
        let slot = if bag.is_trusted || !has_keys { Slot::Trust } else { Slot::Unknown };
        entries.push(Entry { alias: alias(bag, number), slot, contents: public(bag).into() });
    }
    entries
}

fn alias(bag: &Bag, number: usize) -> Box<str> {
    let named = bag.alias.as_deref().filter(|alias| !alias.is_empty());
    named.map_or_else(|| (number + 1).to_string().into(), |alias| alias.chars().take(LONGEST_ALIAS).collect())
}

/// Bags by what ties them together; the first of several counts. What is marked as trusted is in no chain.
struct Index<'b> {
    bags: &'b [Bag],
    ids: HashMap<&'b [u8], usize>,
    keys: HashMap<Sha256, usize>,
    subjects: HashMap<&'b DistinguishedName, usize>,
}

impl<'b> Index<'b> {
    fn of(bags: &'b [Bag]) -> Self {
        let (mut ids, mut keys, mut subjects) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (number, bag) in bags.iter().enumerate().filter(|(_, bag)| !bag.is_trusted && !public(bag).is_empty()) {
            if let Some(id) = bag.key_id.as_deref() {
                ids.entry(id).or_insert(number);
            }
            if let Some(certificate) = only(bag) {
                keys.entry(certificate.public_key.spki_sha256).or_insert(number);
                subjects.entry(&certificate.subject).or_insert(number);
            }
        }
        Self { bags, ids, keys, subjects }
    }

    /// The bags with the certificates of a key: the one that says so, then issuer after issuer, as Java builds its chains
    /// (sun.security.pkcs12.PKCS12KeyStore).
    fn chain(&self, key: &Bag) -> Vec<usize> {
        let by_id = key.key_id.as_deref().and_then(|id| self.ids.get(id));
        let spki = || if let Contained::Key(key) = &key.contained { key.public().map(|key| key.spki_sha256) } else { None };
        let mut chain: Vec<usize> = by_id.or_else(|| self.keys.get(&spki()?)).copied().into_iter().collect();
        while let Some(last) = chain.last().and_then(|number| self.bags.get(*number)).and_then(only) {
            let next = self.subjects.get(&last.issuer).filter(|next| !chain.contains(next) && chain.len() < LONGEST);
            let Some(next) = next else { break };
            chain.push(*next);
        }
        chain
    }
}

/// The certificates and revocation lists in a bag.
fn public(bag: &Bag) -> &[Content] {
    if let Contained::Public(contents) = &bag.contained { contents } else { &[] }
}

/// The certificate of a bag that holds one and nothing else.
fn only(bag: &Bag) -> Option<&Certificate> {
    if let [Content::Certificate(certificate)] = public(bag) { Some(certificate) } else { None }
}
