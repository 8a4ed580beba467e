//! Keystores that wait for a password, and the passwords that Secrets hold.
//!
//! cert-manager takes the password of a keystore from another Secret of the namespace, Strimzi puts it beside the keystore. Either may
//! come first, and from another file, so the two are brought together when everything has been read. Only Secrets of the same namespace
//! are asked, as only those can be mounted beside it.

use super::Decoder;
use super::keystore::{Keystore, Password};
use super::scribe::Value;
use super::sniff::from_base64;
use super::source;
use crate::model::{Collect, Origin};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Passwords that are kept in all, and that are tried on one keystore.
const MOST_KEPT: usize = 100_000;
const MOST_TRIED: usize = 32;
/// Passwords of one namespace from which those are chosen.
const MOST_OF_NAMESPACE: usize = 1024;
/// No password is longer.
const LONGEST: usize = 256;
/// Bytes of keystores that wait.
const MOST_WAITING: usize = 64 << 20;

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

/// How near a password is to a keystore: the nearest are tried first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    /// In the same Secret.
    Beside,
    /// Called a keystore's.
    Named,
    /// In the same namespace.
    Around,
}

struct Learnt {
    /// The Secret, as `namespace/name`.
    source: Arc<str>,
    near: Near,
    password: Password,
}

/// What was met of both.
#[derive(Default)]
pub(super) struct Keyring {
    learnt: Vec<Learnt>,
    waiting: Vec<Waiting>,
    bytes: usize,
}

impl Keyring {
    /// Keeps the value of a Secret's key if it may be the password of a keystore.
    pub(super) fn learn(&mut self, source: &Arc<str>, key: &str, value: Value<'_>) {
        let (Value::Base64(text) | Value::Text(text)) = value;
        if text.is_empty() || text.len() > LONGEST * 2 || self.learnt.len() >= MOST_KEPT {
            return;
        }
        let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
        let key = key.to_ascii_lowercase();
        let is_named = has(&key, KEYSTORES) || has(&source.to_ascii_lowercase(), KEYSTORES);
        if !is_named && !has(&key, PASSWORDS) {
            return;
        }
        let bytes = match value {
            Value::Base64(text) => from_base64(text.as_bytes()).unwrap_or_default(),
            Value::Text(text) => Zeroizing::new(text.as_bytes().to_vec()),
        };
        let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| !text.is_empty() && text.len() <= LONGEST) else {
            return;
        };
        let near = if is_named { Near::Named } else { Near::Around };
        // An editor's line break at the end belongs to few passwords.
        let line = text.trim_end_matches(['\r', '\n']);
        for text in [Some(line), (line != text).then_some(text)].into_iter().flatten() {
            let password = Password::new(Zeroizing::new(text.to_owned()));
            self.learnt.push(Learnt { source: Arc::clone(source), near, password });
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

    /// Adds what comes next.
    pub(super) fn add(&mut self, next: Self) {
        self.learnt.extend(next.learnt.into_iter().take(MOST_KEPT.saturating_sub(self.learnt.len())));
        next.waiting.into_iter().for_each(|waiting| self.wait(waiting));
    }

    /// Tries the passwords of each namespace on its keystores, and hands on what is in them. The passwords stay.
    pub(super) fn open(&mut self, decoder: &Decoder, out: &mut dyn Collect) {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if waiting.is_empty() {
            return;
        }
        let mut by_namespace: HashMap<&str, Vec<&Learnt>> = HashMap::new();
        for learnt in &self.learnt {
            let known = by_namespace.entry(namespace(&learnt.source)).or_default();
            if known.len() < MOST_OF_NAMESPACE {
                known.push(learnt);
            }
        }
        for waiting in &waiting {
            let source = &waiting.whole.document.source;
            let nearness = |learnt: &Learnt| if learnt.source == *source { Near::Beside } else { learnt.near };
            let mut near: Vec<_> = by_namespace.get(namespace(source)).into_iter().flatten().collect();
            near.sort_by_key(|learnt| nearness(learnt));
            let passwords = near.into_iter().take(MOST_TRIED).map(|learnt| learnt.password.as_str());
            let opened = decoder.unlock(&waiting.bytes, passwords);
            let keystore = opened.as_ref().unwrap_or(&waiting.keystore);
            source::entries(keystore, &waiting.whole).for_each(|holding| out.holding(holding));
        }
    }
}

/// The namespace of `namespace/name`.
fn namespace(source: &str) -> &str {
    source.split_once('/').map_or("", |(namespace, _)| namespace)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} passwords, {} keystores)", self.learnt.len(), self.waiting.len())
    }
}
