//! Keystores: files with keys, their chains and trusted certificates under names, closed by a password. PKCS#12, JKS and JCEKS, told by
//! their content.
//!
//! Each entry is a place of its own (`entries[alias]`), since a keystore holds unrelated things: a key with its chain is a credential, a
//! trusted certificate is trust. Passwords are tried and never shown; what none of them opens is said.
//!
//! ```text
//! bytes ──┬── pkcs12 ── scheme ── cipher ──┐
//!         └── jks ────────────── cipher ───┴── bags ── entries
//! ```

mod cipher;
mod entries;
mod jks;
mod passwords;
mod pkcs12;
mod scheme;
#[cfg(test)]
mod tests;

use super::contents::Certificates;
use crate::model::{Content, Defect, DefectKind, PrivateKey, Slot};
use std::sync::Arc;

pub(super) use passwords::Budget;
pub use passwords::{Password, Passwords};

/// The kinds of keystore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Pkcs12,
    Jks,
    Jceks,
}

impl Format {
    /// The kind that some bytes begin as.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            bytes if bytes.starts_with(jks::JKS) => Some(Self::Jks),
            bytes if bytes.starts_with(jks::JCEKS) => Some(Self::Jceks),
            bytes if pkcs12::is_one(bytes) => Some(Self::Pkcs12),
            _ => None,
        }
    }

    /// What people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pkcs12 => "PKCS#12 keystore",
            Self::Jks => "JKS keystore",
            Self::Jceks => "JCEKS keystore",
        }
    }
}

/// A keystore, as far as the passwords go.
#[derive(Clone, Debug)]
pub struct Keystore {
    /// What is in it, in order.
    pub entries: Vec<Entry>,
    /// What is wrong with the whole of it; that no password opens it among that.
    pub defects: Vec<DefectKind>,
    /// Whether another password would tell more.
    pub is_locked: bool,
}

/// A name in a keystore and what stands under it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name: the alias, or a number where there is none.
    pub alias: Box<str>,
    /// What it is for: a key with its chain is a credential, a certificate on its own is trust.
    pub slot: Slot,
    /// What stands there: certificates, then the key.
    pub contents: Arc<[Content]>,
}

impl Keystore {
    /// The defects, as contents of the place that is the whole keystore.
    pub fn faults(&self) -> impl Iterator<Item = Content> {
        self.defects.iter().map(|kind| Content::Defect(Arc::new(Defect { kind: kind.clone(), position: None })))
    }

    /// Everything in it, without the names.
    #[must_use]
    pub fn contents(&self) -> Arc<[Content]> {
        self.entries.iter().flat_map(|entry| entry.contents.iter().cloned()).chain(self.faults()).collect()
    }
}

/// What was found in a keystore before it is put in order.
#[derive(Default)]
struct Reading {
    bags: Vec<Bag>,
    defects: Vec<DefectKind>,
    /// Something stays closed.
    is_locked: bool,
    /// Everything but keys was read, and no password proves that it is as it was written.
    is_unproven: bool,
}

impl Reading {
    /// Notes what is wrong, each thing once.
    fn fault(&mut self, kind: DefectKind) {
        const MOST: usize = 16;
        if self.defects.len() < MOST && !self.defects.contains(&kind) {
            self.defects.push(kind);
        }
    }
}

/// One thing in a keystore.
#[derive(Default)]
struct Bag {
    alias: Option<String>,
    /// Ties a key to its certificate.
    key_id: Option<Box<[u8]>>,
    /// Whether it is marked as something to trust.
    is_trusted: bool,
    contained: Contained,
}

#[derive(Default)]
enum Contained {
    Key(Arc<PrivateKey>),
    /// Certificates and revocation lists.
    Public(Vec<Content>),
    #[default]
    Nothing,
}

/// Reads a keystore. `most` bounds its entries.
pub(super) fn read<'p>(
    bytes: &[u8],
    format: Format,
    passwords: impl Iterator<Item = &'p str>,
    budget: &Budget,
    most: usize,
    certificates: &Certificates,
) -> Keystore {
    let reading = match format {
        Format::Pkcs12 => pkcs12::read(bytes, passwords, budget, most, certificates),
        Format::Jks | Format::Jceks => jks::read(bytes, format, passwords, budget, most, certificates),
    };
    let mut defects = reading.defects;
    if reading.is_locked {
        defects.push(DefectKind::Locked(format.name()));
    } else if reading.is_unproven {
        defects.push(DefectKind::Unproven(format.name()));
    } else if reading.bags.is_empty() && defects.is_empty() {
        defects.push(DefectKind::NothingFound);
    }
    Keystore { entries: entries::entries(&reading.bags), defects, is_locked: reading.is_locked || reading.is_unproven }
}
