//! Writes down what is found at which place. Every value of every structured document passes [`Scribe::value`].

use super::desk::Desk;
use super::keyring::{Keyring, Waiting};
use super::keystore::Keystore;
use super::sniff::from_base64;
use super::stream::{self, Syntax};
use super::yaml::Lists;
use super::{Decoded, Decoder, Expectation, Place, Reference, document, packed, source};
use crate::model::{Content, Defect, DefectKind, Document, Holding, Inventory, Origin, OriginKind, Position, Role, Slot};
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Documents within values within documents: a kubeconfig in a Secret in a ConfigMap is as far as it goes.
const DEEPEST: u8 = 2;

/// What was found in a text, or in a part of it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The finds themselves.
    pub(super) inventory: Inventory,
    /// Files that it names.
    pub(super) references: Vec<Reference>,
    /// Whether there was a well-formed document of a known kind.
    pub(super) recognised: bool,
    /// Whether anything was held, defects included; it outlives `inventory`.
    pub(super) held: bool,
    /// How many pieces did not parse.
    pub(super) broken: usize,
    /// Keystores that wait for a password, and passwords.
    pub(super) keyring: Keyring,
}

impl Found {
    /// Adds what was found in the next part.
    pub(super) fn add(&mut self, next: Self) {
        next.inventory.drain_into(&mut self.inventory);
        self.references.extend(next.references);
        self.recognised |= next.recognised;
        self.held |= next.held;
        self.broken = self.broken.saturating_add(next.broken);
        self.keyring.add(next.keyring);
    }

    /// Notes that the source could not be read (any further).
    pub(super) fn unreadable(&mut self, place: &Place, error: &io::Error) {
        let defect = Defect { kind: packed::defect(error), position: None };
        self.inventory.holdings.push(Holding { origin: place.origin(), contents: one(Content::Defect(Arc::new(defect))) });
        self.held = true;
    }
}

/// A document, or a value in one that is a document again.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The outermost document.
    pub(super) document: Arc<Document>,
    /// The path to the value, empty for the document itself.
    pub(super) within: Box<str>,
    /// How many documents are around.
    level: u8,
}

impl Site {
    /// A document that is no value of another one.
    pub(super) fn outermost(document: Arc<Document>) -> Self {
        Self { document, within: Box::default(), level: 0 }
    }

    /// The document in the value of a field of this one.
    fn inside(&self, field: &str) -> Self {
        Self { document: Arc::clone(&self.document), within: self.path(field).into(), level: self.level.saturating_add(1) }
    }

    /// Whether no other document is around.
    pub(super) fn is_outermost(&self) -> bool {
        self.level == 0
    }

    /// The path of a field, from the outermost document.
    pub(super) fn path(&self, field: &str) -> String {
        match (&*self.within, field) {
            ("", _) => field.to_owned(),
            (within, "") => within.to_owned(),
            (within, _) => format!("{within}.{field}"),
        }
    }
}

/// A value, as its document spells it.
#[derive(Clone, Copy)]
pub(super) enum Value<'v> {
    /// Base64 text.
    Base64(&'v str),
    /// The text itself.
    Text(&'v str),
}

/// What a field is for, and what should be in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// What it is for.
    pub(super) aim: Aim,
    /// Its job.
    pub(super) role: Option<Role>,
    /// What should be in it.
    pub(super) need: Need,
}

impl Rule {
    /// A field whose name says that certificates belong there.
    pub(super) fn certificates(slot: Slot) -> Self {
        Self { aim: Aim::Is(slot), role: None, need: Need::Certificate }
    }

    /// A field whose name says what it is for.
    pub(super) fn optional(slot: Slot) -> Self {
        Self { aim: Aim::Is(slot), role: None, need: Need::Nothing }
    }
}

/// What a field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Its name says it.
    Is(Slot),
    /// This, unless a private key in it says otherwise.
    Likely(Slot),
}

/// What should be in a field, and so what is a defect there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Anything may be there.
    Nothing,
    /// The name looks like that of a certificate or key: what is not base64 is worth a word.
    Encoding,
    /// A certificate, if there is anything.
    Certificate,
    /// A certificate, and not nothing.
    Filled,
    /// A certificate or key in PEM, if there is anything: client-go takes nothing else.
    Pem,
}

/// Collects what one thread finds.
pub(super) struct Scribe<'a> {
    /// Decodes values.
    pub(super) decoder: &'a Decoder,
    /// The source that is read.
    pub(super) place: &'a Place,
    /// The source as a plain document, where defects of the text stand.
    plain: Origin,
    /// Paths of fields and types of objects: few different ones, shared by all origins.
    names: HashSet<Arc<str>>,
    /// What it decodes with.
    desk: Desk,
    /// What was found since it was last taken.
    pub(super) found: Found,
}

impl<'a> Scribe<'a> {
    pub(super) fn new(decoder: &'a Decoder, place: &'a Place) -> Self {
        let plain = place.origin();
        let document = Document::clone(&plain.document).unshared();
        let plain = Origin { document: Arc::new(document), ..plain };
        Self { decoder, place, plain, names: HashSet::new(), desk: Desk::for_many(), found: Found::default() }
    }

    /// What was found since the last time.
    pub(super) fn take(&mut self) -> Found {
        std::mem::take(&mut self.found)
    }

    /// The shared copy of a text that comes again and again.
    pub(super) fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = text.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    /// An object in the source that is read.
    pub(super) fn object(&mut self, kind: OriginKind, source: String, subtype: Option<&str>) -> Arc<Document> {
        let outer = &self.plain.document;
        let (host, access) = (outer.host.clone(), outer.access);
        let file = outer.file.as_ref().unwrap_or(&outer.source).clone();
        let subtype = subtype.map(|text| self.name(text));
        Arc::new(Document { kind, source: source.into(), file: Some(file), subtype, host, access })
    }

    /// Decodes the value of a field and writes down what is in it.
    pub(super) fn value(&mut self, site: &Site, field: &str, value: Value<'_>, rule: Rule) {
        let (Value::Base64(text) | Value::Text(text)) = value;
        if text.trim_ascii().is_empty() {
            if rule.need == Need::Filled {
                self.defect(site, field, rule, DefectKind::Empty);
            }
            return;
        }
        let decoded = match value {
            Value::Base64(text) => self.decoder.base64_at(&mut self.desk, text),
            Value::Text(text) => self.decoder.bytes_at(&mut self.desk, text.as_bytes()),
        };
        self.desk.tidy();
        match decoded {
            Decoded::Contents(contents) => self.contents(site, field, value, rule, contents),
            Decoded::Keystore(keystore) => self.keystore(site, field, value, rule, keystore),
            Decoded::Structured(bytes) => {
                let before = self.found.inventory.holdings.len();
                if site.level < DEEPEST {
                    self.nested(&site.inside(field), Zeroizing::new(bytes));
                }
                if rule.need >= Need::Certificate && self.found.inventory.holdings.len() == before {
                    self.defect(site, field, rule, DefectKind::NothingFound);
                }
            }
        }
    }

    fn contents(&mut self, site: &Site, field: &str, value: Value<'_>, rule: Rule, contents: Arc<[Content]>) {
        let not_base64 = |content: &Content| matches!(content, Content::Defect(defect) if defect.kind == DefectKind::Base64);
        if rule.need < Need::Encoding && contents.iter().all(not_base64) {
            return;
        }
        if contents.is_empty() {
            if rule.need >= Need::Certificate {
                self.defect(site, field, rule, DefectKind::NothingFound);
            }
            return;
        }
        let contents =
            if rule.need == Need::Pem && is_der(value) { with_defect(&contents, DefectKind::DerNotPem) } else { contents };
        let slot = match rule.aim {
            Aim::Is(slot) => slot,
            Aim::Likely(slot) => slot_by_contents(&contents).unwrap_or(slot),
        };
        self.hold(site, field, slot, rule.role, contents);
    }

    /// A keystore is closed only if no password in the source opens it, and that is known at its end.
    fn keystore(&mut self, site: &Site, field: &str, value: Value<'_>, rule: Rule, keystore: Arc<Keystore>) {
        let (Aim::Is(slot) | Aim::Likely(slot)) = rule.aim;
        let whole = Origin { document: Arc::clone(&site.document), field: self.name(&site.path(field)), role: rule.role, slot };
        self.found.held = true;
        if !keystore.is_locked {
            self.found.inventory.holdings.extend(source::entries(&keystore, &whole));
            return;
        }
        let bytes = match value {
            Value::Base64(text) => from_base64(text.as_bytes()).unwrap_or_default(),
            Value::Text(text) => Zeroizing::new(text.as_bytes().to_vec()),
        };
        self.found.keyring.wait(Waiting { whole, keystore, bytes });
    }

    fn nested(&mut self, site: &Site, bytes: Zeroizing<Vec<u8>>) {
        let syntax = source::sniff(&bytes).unwrap_or(Syntax::Yaml);
        let pieces = stream::pieces(stream::splitter(self.decoder, syntax, Lists::Apart), &bytes);
        document::batch(self, syntax, &stream::Batch::new(pieces, bytes.into()), Some(site));
    }

    /// Writes down what a field holds.
    pub(super) fn hold(&mut self, site: &Site, field: &str, slot: Slot, role: Option<Role>, contents: Arc<[Content]>) {
        let field = if site.is_outermost() { self.name(field) } else { self.name(&site.path(field)) };
        let origin = Origin { document: Arc::clone(&site.document), field, role, slot };
        self.found.inventory.holdings.push(Holding { origin, contents });
        self.found.held = true;
    }

    /// Writes down what is wrong with a field.
    pub(super) fn defect(&mut self, site: &Site, field: &str, rule: Rule, kind: DefectKind) {
        let (Aim::Is(slot) | Aim::Likely(slot)) = rule.aim;
        let defect = Content::Defect(Arc::new(Defect { kind, position: None }));
        self.hold(site, field, slot, rule.role, one(defect));
    }

    /// Writes down that a piece of the text does not parse; in texts that nobody asked for, only if it looks like something.
    pub(super) fn broken(&mut self, within: Option<&Site>, text: &[u8], kind: DefectKind, position: Position) {
        let defect = Content::Defect(Arc::new(Defect { kind, position: Some(position) }));
        let of_interest = source::speaks_of_certificates(text);
        let Some(site) = within else {
            self.found.broken = self.found.broken.saturating_add(1);
            let asked_for = self.place.expectation == Expectation::Named || self.found.recognised;
            if self.found.broken <= stream::MOST_BROKEN && (asked_for || of_interest) {
                self.found.inventory.holdings.push(Holding { origin: self.plain.clone(), contents: one(defect) });
                self.found.held = true;
            }
            return;
        };
        // One for each value is enough.
        let last = self.found.inventory.holdings.last();
        let again =
            last.is_some_and(|last| Arc::ptr_eq(&last.origin.document, &site.document) && *last.origin.field == *site.within);
        if of_interest && !again {
            self.hold(site, "", Slot::Unknown, None, one(defect));
        }
    }
}

/// A list of one.
pub(super) fn one(content: Content) -> Arc<[Content]> {
    Arc::from([content])
}

fn with_defect(contents: &[Content], kind: DefectKind) -> Arc<[Content]> {
    let defect = Content::Defect(Arc::new(Defect { kind, position: None }));
    contents.iter().cloned().chain([defect]).collect()
}

/// What a private key says about the value it stands in.
fn slot_by_contents(contents: &[Content]) -> Option<Slot> {
    let any = |wanted: fn(&Content) -> bool| contents.iter().any(wanted);
    any(|content| matches!(content, Content::PrivateKey(_)))
        .then(|| if any(|content| matches!(content, Content::Certificate(_))) { Slot::Credential } else { Slot::Key })
}

/// Whether base64 text encodes DER of more than 127 octets: SEQUENCE (0x30), then a length in the long form (0x8x).
fn is_der(value: Value<'_>) -> bool {
    matches!(value, Value::Base64(text) if text.trim_ascii_start().starts_with("MI"))
}
