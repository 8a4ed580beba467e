//! Bytes → nouns. Total: bad input becomes a [`Defect`](crate::model::Defect) at its place, never an error, never a panic.
//!
//! Two levels. [`blob`]: bytes that hold certificates and keys themselves (PEM, DER, base64 of either, keystores); repeated bytes are
//! decoded once ([`Decoder`]). [`source`]: what people store them in (kubeconfigs, Kubernetes objects, Envoy and ztunnel dumps; JSON and YAML),
//! and what those are packed in ([`packed`]), read as a stream.

mod algorithm;
mod ber;
pub mod blob;
mod body;
mod contents;
mod crypto;
mod desk;
mod document;
pub mod envoy;
pub mod json;
mod jwt;
pub mod key;
mod keyring;
pub mod keystore;
pub mod kubeconfig;
pub mod manifest;
mod memo;
mod name;
pub mod node;
pub mod packed;
pub mod pem;
mod request;
#[cfg(test)]
mod samples;
mod scribe;
pub mod secret;
mod sniff;
pub mod source;
mod stream;
mod symbols;
#[cfg(test)]
mod testing;
pub mod x509;
pub mod yaml;
pub mod ztunnel;

pub use blob::{Decoded, Decoder};
pub use crypto::sha256;
pub use keystore::{Keystore, Password, Passwords};
pub use secret::Secret;
pub use source::{Expectation, Place, Reference};

/// A Name on its own, as servers list the CAs that they take client certificates from; `None` for what is none.
#[must_use]
pub fn distinguished_name(encoded: &[u8]) -> Option<crate::model::DistinguishedName> {
    let element = crate::der::Reader::new(encoded).take(crate::der::SEQUENCE, "Name").ok()?;
    name::distinguished(&element).ok()
}

/// How much is taken from one source. Numbers are chosen so that anything real fits and nothing hostile hurts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a source that is not a stream of objects: PEM bundles, DER, one object, one kubeconfig. etcd refuses objects over
    /// 1.5 MiB; the largest public CA bundle is under 1 MiB.
    pub document_bytes: u64,
    /// PEM blocks taken from one place.
    pub pem_blocks: usize,
    /// What compressed files and archives may expand to.
    pub expansion: packed::Expansion,
    /// Entries taken from one keystore.
    pub keystore_entries: usize,
    /// Nesting of JSON and YAML.
    pub depth: usize,
    /// Nodes of one JSON or YAML document, aliases expanded.
    pub yaml_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 64 << 20,
            pem_blocks: 100_000,
            expansion: packed::Expansion::default(),
            keystore_entries: 10_000,
            depth: 100,
            yaml_nodes: 2_000_000,
        }
    }
}
