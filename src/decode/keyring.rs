//! Keystores that wait for a password, and the passwords that Secrets and Certificates hold.
//!
//! cert-manager takes the password of a keystore from the key of a Secret that its Certificate names, or from the Certificate itself;
//! Strimzi puts it beside the keystore. Any of them may come first, and from another file, so they are brought together when everything
//! has been read. Only Secrets of the same namespace of the same host or cluster are asked, as only those can be mounted beside it.
//!
//! The key that a Certificate names may be called anything, and be read before the Certificate is. So short values of every other key are
//! put aside, the first [`MOST_ASIDE`] of them, and tried on nothing unless a Certificate names them. Beyond that, a password in such a
//! key is found only if its Certificate was read before it, as it is in a live cluster.

use super::Decoder;
use super::keystore::{Keystore, Password};
use super::scribe::Value;
use super::sniff::from_base64;
use super::source;
use crate::model::{Collect, Document, Origin};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Passwords that are kept in all, and that are tried on one keystore.
const MOST_KEPT: usize = 100_000;
const MOST_TRIED: usize = 32;
/// Values put aside for Certificates that are still to come.
const MOST_ASIDE: usize = 20_000;
/// Passwords of one namespace from which those are chosen.
const MOST_OF_NAMESPACE: usize = 1024;
/// No password is longer.
const LONGEST: usize = 256;
/// Nor is any key of a Secret (RFC 1123 section 2.1, as kubernetes/apimachinery pkg/util/validation has it).
const LONGEST_KEY: usize = 253;
/// Bytes of keystores that wait. With half of it they are no longer kept waiting.
const MOST_WAITING: usize = 64 << 20;

/// How PEM begins, as text and in base64.
const PEM: [&str; 2] = ["-----BEGIN ", "LS0tLS1CRUdJTi"];

/// Words in the name of a key that say that its value is a password.
const PASSWORDS: &[&str] = &["pass", "pwd"];
/// Words in names that say that it is one of a keystore.
const KEYSTORES: &[&str] = &["keystore", "truststore", "jks", "p12", "pfx", "pkcs12", "storepass"];

/// A keystore that none of the usual passwords opens.
pub(super) struct Waiting {
    /// The place that it stands in.
    pub(super) whole: Origin,
    /// What was read of it all the same.
    pub(super) keystore: Arc<Keystore>,
    /// The keystore itself.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Where a Certificate says that the password of its keystores is.
pub(super) enum Pointer {
    /// In a key of a Secret, `namespace/name`.
    Key { secret: Box<str>, key: Box<str> },
    /// Here.
    Literal(Password),
}

/// What a Certificate says of the keystores in its Secret.
pub(super) struct Named {
    /// The Certificate.
    pub(super) certificate: Arc<Document>,
    /// The Secret that the keystores are in, `namespace/name`.
    pub(super) keystores: Box<str>,
    /// Their password.
    pub(super) password: Pointer,
}

/// How near a password is to a keystore: the nearest are tried first, after those that a Certificate names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    /// In the same Secret.
    Beside,
    /// Called a keystore's.
    Named,
    /// In the same namespace.
    Around,
    /// Called nothing of the kind: tried only where a Certificate names it.
    Aside,
}

struct Learnt {
    secret: Arc<Document>,
    key: Box<str>,
    near: Near,
    password: Password,
}

/// What was met of both.
#[derive(Default)]
pub(super) struct Keyring {
    learnt: Vec<Learnt>,
    /// How many of them are put aside.
    aside: usize,
    named: Vec<Named>,
    /// The keys that are named, as [`key_name`] writes them.
    pointed_at: HashSet<Box<str>>,
    waiting: Vec<Waiting>,
    bytes: usize,
}

impl Keyring {
    /// Keeps the value of a Secret's key if it may be the password of a keystore.
    pub(super) fn learn(&mut self, secret: &Arc<Document>, key: &str, value: Value<'_>) {
        let (Value::Base64(text) | Value::Text(text)) = value;
        if text.is_empty() || text.len() > LONGEST * 2 || key.len() > LONGEST_KEY || self.learnt.len() >= MOST_KEPT {
            return;
        }
        // A key or certificate is no password, and is not kept as one.
        if PEM.iter().any(|begin| text.starts_with(begin)) {
            return;
        }
        let near = nearness(&secret.source, key);
        let bytes = match value {
            Value::Base64(text) => from_base64(text.as_bytes()).unwrap_or_default(),
            Value::Text(text) => Zeroizing::new(text.as_bytes().to_vec()),
        };
        let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| !text.is_empty() && text.len() <= LONGEST) else {
            return;
        };
        // An editor's line break at the end belongs to few passwords.
        let line = text.trim_end_matches(['\r', '\n']);
        for text in [Some(line), (line != text).then_some(text)].into_iter().flatten() {
            let password = Password::new(Zeroizing::new(text.to_owned()));
            self.keep(Learnt { secret: Arc::clone(secret), key: key.into(), near, password });
        }
    }

    fn keep(&mut self, learnt: Learnt) {
        if learnt.near == Near::Aside {
            if self.aside >= MOST_ASIDE && !self.pointed_at.contains(&key_name(home(&learnt.secret), &learnt.key)) {
                return;
            }
            self.aside += 1;
        }
        if self.learnt.len() < MOST_KEPT {
            self.learnt.push(learnt);
        }
    }

    /// Keeps what a Certificate says of its keystores.
    pub(super) fn name(&mut self, named: Named) {
        if self.named.len() < MOST_KEPT {
            if let Pointer::Key { secret, key } = &named.password {
                self.pointed_at.insert(key_name((named.certificate.host.as_deref(), secret), key));
            }
            self.named.push(named);
        }
    }

    /// Puts a keystore aside until the end. Where there is no more room it is dropped to what was read of it.
    pub(super) fn wait(&mut self, mut waiting: Waiting) {
        self.bytes = self.bytes.saturating_add(waiting.bytes.len());
        if self.bytes > MOST_WAITING {
            waiting.bytes = Zeroizing::default();
        }
        self.waiting.push(waiting);
    }

    /// Whether so many keystores wait that they had better go on.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > MOST_WAITING / 2
    }

    /// Adds what comes next.
    pub(super) fn add(&mut self, next: Self) {
        // Names first: they say what is worth keeping.
        next.named.into_iter().for_each(|named| self.name(named));
        next.learnt.into_iter().for_each(|learnt| self.keep(learnt));
        next.waiting.into_iter().for_each(|waiting| self.wait(waiting));
    }

    /// Tries the passwords of each namespace on its keystores, and hands on what is in them. The passwords stay.
    pub(super) fn open(&mut self, decoder: &Decoder, out: &mut dyn Collect) {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if waiting.is_empty() {
            return;
        }
        let index = Index::of(self);
        for waiting in &waiting {
            let passwords = index.passwords(&waiting.whole.document);
            let opened = decoder.unlock(&waiting.bytes, passwords.into_iter());
            let keystore = opened.as_ref().unwrap_or(&waiting.keystore);
            source::entries(keystore, &waiting.whole).for_each(|holding| out.holding(holding));
        }
    }
}

/// What the names of a Secret and its key say.
fn nearness(secret: &str, key: &str) -> Near {
    let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    let (secret, key) = (secret.to_ascii_lowercase(), key.to_ascii_lowercase());
    match (has(&key, KEYSTORES) || has(&secret, KEYSTORES), has(&key, PASSWORDS)) {
        (true, _) => Near::Named,
        (false, true) => Near::Around,
        (false, false) => Near::Aside,
    }
}

/// Where an object is at home: the host, where there are several, and `namespace/name`.
type Home<'k> = (Option<&'k str>, &'k str);

fn home(document: &Document) -> Home<'_> {
    (document.host.as_deref(), &document.source)
}

/// A key of a Secret in one word. No name has a NUL in it that an API server has taken.
fn key_name((host, secret): Home<'_>, key: &str) -> Box<str> {
    format!("{}\0{secret}\0{key}", host.unwrap_or_default()).into()
}

/// The namespace of `namespace/name`.
fn namespace((host, source): Home<'_>) -> Home<'_> {
    (host, source.split_once('/').map_or("", |(namespace, _)| namespace))
}

/// Passwords by where they are looked for.
struct Index<'k> {
    /// By the Secret of the keystores: what Certificates say.
    named: HashMap<Home<'k>, Vec<&'k Named>>,
    /// By the Secret and its key, of keys that are named.
    keys: HashMap<(Home<'k>, &'k str), Vec<&'k Learnt>>,
    namespaces: HashMap<Home<'k>, Vec<&'k Learnt>>,
}

impl<'k> Index<'k> {
    fn of(keyring: &'k Keyring) -> Self {
        let mut index = Self { named: HashMap::new(), keys: HashMap::new(), namespaces: HashMap::new() };
        for named in &keyring.named {
            let host = named.certificate.host.as_deref();
            push(index.named.entry((host, &named.keystores)).or_default(), named, MOST_TRIED);
            if let Pointer::Key { secret, key } = &named.password {
                index.keys.entry(((host, secret), key)).or_default();
            }
        }
        for learnt in &keyring.learnt {
            let home = home(&learnt.secret);
            if let Some(known) = index.keys.get_mut(&(home, &*learnt.key)) {
                push(known, learnt, MOST_TRIED);
            }
            if learnt.near != Near::Aside {
                push(index.namespaces.entry(namespace(home)).or_default(), learnt, MOST_OF_NAMESPACE);
            }
        }
        index
    }

    /// What is tried on the keystores of an object, in order.
    fn passwords(&self, document: &Document) -> Vec<&'k str> {
        let at = home(document);
        let mut tried: Vec<&str> = Vec::new();
        for named in self.named.get(&at).into_iter().flatten() {
            match &named.password {
                Pointer::Literal(password) => tried.push(password.as_str()),
                Pointer::Key { secret, key } => {
                    let known = self.keys.get(&((at.0, &**secret), &**key)).into_iter().flatten();
                    tried.extend(known.map(|learnt| learnt.password.as_str()));
                }
            }
        }
        let mut near: Vec<&Learnt> = self.namespaces.get(&namespace(at)).into_iter().flatten().copied().collect();
        near.sort_by_key(|learnt| if home(&learnt.secret) == at { Near::Beside } else { learnt.near });
        tried.extend(near.iter().map(|learnt| learnt.password.as_str()));
        let mut seen = HashSet::new();
        tried.retain(|password| seen.insert(*password));
        tried.truncate(MOST_TRIED);
        tried
    }
}

/// Adds to a list that has an end.
fn push<T>(list: &mut Vec<T>, one: T, most: usize) {
    if list.len() < most {
        list.push(one);
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} passwords, {} keystores)", self.learnt.len(), self.waiting.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::base64;
    use crate::model::OriginKind;

    #[test]
    fn keys_and_certificates_are_no_passwords() {
        let secret = Arc::new(Document::new(OriginKind::Secret, "ns/keystore"));
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
        let learnt = |text: &str| {
            let mut keyring = Keyring::default();
            keyring.learn(&secret, "tls.key", Value::Text(text));
            keyring.learn(&secret, "tls.key", Value::Base64(&base64(text)));
            keyring.learnt.len()
        };
        assert_eq!((learnt(pem), learnt("geheim")), (0, 2));
    }
}
