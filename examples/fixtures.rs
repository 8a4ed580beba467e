//! Makes `certs-fixtures/`: `cargo run --example fixtures`.
//!
//! Byte for byte the same at every run: the keys under `certs-fixtures/keys` are read where they exist (and made where one is missing),
//! the instant is fixed, and RSA signatures with PKCS#1 padding hold nothing random. `tests/fixtures.rs` holds it to that.

use kcert::demo::cluster::{self, Health};
use kcert::demo::{self, Entry};
use kcert::mint::{Error, KeyKind, Pki};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The instant at which the fixtures are what they say they are.
pub(crate) const AT: OffsetDateTime = datetime!(2026-11-21 20:00 UTC);
/// Where the fixtures' keys are.
const KEYS: &str = "keys";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-fixtures");
    demo::write(&directory, &fixtures(&directory)?)?;
    Ok(())
}

/// Every fixture, with the keys below `directory`.
///
/// # Errors
/// A certificate cannot be made.
pub(crate) fn fixtures(directory: &Path) -> Result<Vec<Entry>, Error> {
    let keys = Keys { directory, made: RefCell::default() };
    let pki = Pki::at(AT).keys(KeyKind::Rsa2048);
    let mut entries = bundles(pki, &keys)?;
    for (name, health) in [("sound", Health::Sound), ("ailing", Health::Ailing)] {
        let cluster = cluster::entries(pki, health, &|path| Some(keys.pem(path)))?;
        entries.extend(cluster.into_iter().map(|entry| below(name, entry)));
    }
    entries.extend(keys.made.into_inner().into_iter().map(|(path, pem)| Entry::secret(format!("{KEYS}/{path}.pem"), pem)));
    Ok(entries)
}

fn below(folder: &str, entry: Entry) -> Entry {
    match entry {
        Entry::File { path, contents, mode } => Entry::File { path: format!("{folder}/{path}"), contents, mode },
        Entry::Link { path, target } => Entry::Link { path: format!("{folder}/{path}"), target },
    }
}

/// Keys by the path of the file that they are for.
struct Keys<'d> {
    directory: &'d Path,
    made: RefCell<BTreeMap<String, String>>,
}

impl Keys<'_> {
    fn pem(&self, path: &str) -> String {
        let file = self.directory.join(KEYS).join(format!("{path}.pem"));
        let known = self.made.borrow().get(path).cloned();
        let pem = known.or_else(|| std::fs::read_to_string(file).ok()).unwrap_or_else(fresh);
        self.made.borrow_mut().insert(path.to_owned(), pem.clone());
        pem
    }
}

fn fresh() -> String {
    let identity = Pki::at(AT).leaf("key").key(KeyKind::Rsa2048).self_signed();
    identity.map(|identity| identity.key_pem().as_str().to_owned()).unwrap_or_default()
}

/// PEM as people really have it.
fn bundles(pki: Pki, keys: &Keys<'_>) -> Result<Vec<Entry>, Error> {
    let root = pki.ca("Bundle Root").key_pem(&keys.pem("bundles/root")).self_signed()?;
    let leaf = pki.leaf("bundle.example.org").server().dns("bundle.example.org").key_pem(&keys.pem("bundles/leaf"));
    let leaf = leaf.ends_in(Duration::days(200)).issued_by(&root)?;
    // A name that would retitle the terminal, clear it, and turn the rest of the line round.
    let hostile = pki.leaf("admin\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}nimda\u{200b}").organization("line\nOK all is well");
    let hostile = hostile.key_pem(&keys.pem("bundles/leaf")).issued_by(&root)?;
    let (one, two) = (leaf.pem(), root.pem());
    let chain = format!("{one}{two}");
    let files: [(&str, Vec<u8>); 11] = [
        ("chain.pem", chain.clone().into()),
        ("leaf.der", leaf.der().into()),
        ("crlf.pem", chain.replace('\n', "\r\n").into()),
        ("byte-order-mark.pem", format!("\u{feff}{chain}").into()),
        ("no-final-newline.pem", chain.trim_end().into()),
        ("missing-newline.pem", format!("{}{two}", one.trim_end()).into()),
        ("text-between.pem", format!("# bundle of example.org\nsubject=CN=bundle.example.org\n{one}\n# its root\n{two}").into()),
        ("key-and-certificate.pem", format!("{}{one}", leaf.key_pem().as_str()).into()),
        ("truncated.pem", chain.get(..chain.len() - 300).unwrap_or_default().into()),
        ("not-base64.pem", two.replacen('\n', "\n!!", 1).into()),
        ("hostile-names.pem", hostile.pem().into()),
    ];
    Ok(files.into_iter().map(|(name, contents)| Entry::open(format!("bundles/{name}"), contents)).collect())
}
