//! Makes `certs-fixtures/`: `cargo run --example fixtures`.
//!
//! Byte for byte the same at every run: the keys under `certs-fixtures/keys` are read where they exist (and made where one is missing),
//! the instant is fixed, and RSA signatures with PKCS#1 padding hold nothing random. `tests/fixtures.rs` holds it to that.

use kcert::demo::cluster::{self, Health, Site};
use kcert::demo::{self, Entry};
use kcert::mint::{Error, KeyKind, Pki};
use kcert::model::KeyUsage;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The instant at which the fixtures are what they say they are.
pub(crate) const AT: OffsetDateTime = datetime!(2026-11-21 20:00 UTC);
/// Where the fixtures' keys are.
const KEYS: &str = "keys";

/// Files that no recipe makes: see certs-fixtures/README.md.
const CONTAINERS: &[(&str, &[u8])] = &[
    ("archives/bundle.tar.gz", include_bytes!("../certs-fixtures/archives/bundle.tar.gz")),
    ("archives/empty.json.zst", include_bytes!("../certs-fixtures/archives/empty.json.zst")),
    ("keystores/keytool-clear.p12", include_bytes!("../certs-fixtures/keystores/keytool-clear.p12")),
    ("keystores/keytool-legacy.p12", include_bytes!("../certs-fixtures/keystores/keytool-legacy.p12")),
    ("keystores/keytool.jceks", include_bytes!("../certs-fixtures/keystores/keytool.jceks")),
    ("keystores/keytool.jks", include_bytes!("../certs-fixtures/keystores/keytool.jks")),
    ("keystores/keytool.p12", include_bytes!("../certs-fixtures/keystores/keytool.p12")),
    ("keystores/openssl-legacy.p12", include_bytes!("../certs-fixtures/keystores/openssl-legacy.p12")),
    ("keystores/openssl.p12", include_bytes!("../certs-fixtures/keystores/openssl.p12")),
    ("keystores/password", include_bytes!("../certs-fixtures/keystores/password")),
    ("keystores/secret.jceks", include_bytes!("../certs-fixtures/keystores/secret.jceks")),
];

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
    entries.extend(trust(pki, &keys)?);
    let endpoints = "# port 1 of loopback, where nothing listens\n127.0.0.1:1\nno endpoint\n[::1]:1\n";
    entries.push(Entry::open("endpoints.txt", endpoints));
    entries.push(Entry::open("logs/kube-apiserver.log", include_str!("../certs-fixtures/logs/kube-apiserver.log")));
    entries.push(Entry::open("logs/etcd.log", include_str!("../certs-fixtures/logs/etcd.log")));
    entries.extend(CONTAINERS.iter().map(|(path, bytes)| Entry::secret(*path, *bytes)));
    for (name, health) in [("sound", Health::Sound), ("ailing", Health::Ailing)] {
        let cluster = cluster::entries(pki, health, Site::default(), &|path| Some(keys.pem(path)))?;
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

/// `id-pe-authorityInfoAccess` (RFC 5280 section 4.2.2.1).
const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
/// Where the shop's certificate says that its issuer is.
const CA_ISSUERS: &str = "http://pki.example.org/issuing-ca.crt";

/// One `caIssuers` access description, in DER.
fn authority_info_access(address: &str) -> Vec<u8> {
    let length = |octets: usize| u8::try_from(octets).unwrap_or(u8::MAX);
    let method = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];
    let location = [&[0x86, length(address.len())], address.as_bytes()].concat();
    let description = [&[0x30, length(method.len() + location.len())], &method[..], &location].concat();
    [&[0x30, length(description.len())], &description[..]].concat()
}

/// Trust questions: a shop below an intermediate CA, and what goes wrong with trust in it.
fn trust(pki: Pki, keys: &Keys<'_>) -> Result<Vec<Entry>, Error> {
    // keyCertSign and cRLSign: these CAs publish revocation lists.
    let authority = |name: &str| pki.ca(name).organization("Example").key_usage(KeyUsage(0b110_0000));
    let root = authority("Example Root CA");
    let made_anew = root.clone().key_pem(&keys.pem("trust/root-made-anew")).self_signed()?;
    let root = root.key_pem(&keys.pem("trust/root")).self_signed()?;
    let issuing = authority("Example Issuing CA").path_len(0).key_pem(&keys.pem("trust/issuing-ca")).issued_by(&root)?;
    let shop = pki.leaf("shop.example.org").server().dns("shop.example.org").dns("www.shop.example.org");
    let shop = shop.extension(AUTHORITY_INFO_ACCESS, &authority_info_access(CA_ISSUERS)).key_pem(&keys.pem("trust/shop"));
    let legacy = pki.leaf("legacy.example.org").server().key_pem(&keys.pem("trust/legacy")).issued_by(&issuing)?;
    let expired = shop.clone().ends_in(Duration::days(-5)).issued_by(&issuing)?;
    let shop = shop.issued_by(&issuing)?;
    let lists = [(&issuing, vec![&shop]), (&root, Vec::new())];
    let lists = lists.into_iter().map(|(ca, revoked)| ca.crl(AT - Duration::DAY, AT + Duration::WEEK, &revoked));
    let lists: String = lists.collect::<Result<_, _>>()?;
    let damaged = made_anew.pem().replacen('\n', "\n!!", 1);
    let files: [(&str, String); 9] = [
        ("shop.crt", shop.pem()),
        ("shop-chain.crt", format!("{}{}", shop.pem(), issuing.pem())),
        ("expired-chain.crt", format!("{}{}", expired.pem(), issuing.pem())),
        ("legacy-chain.crt", format!("{}{}", legacy.pem(), issuing.pem())),
        ("issuing-ca.crt", issuing.pem()),
        ("root.crt", root.pem()),
        ("root-made-anew.crt", made_anew.pem()),
        ("one-block-damaged.crt", format!("{damaged}{}", root.pem())),
        ("revoked.crl", lists),
    ];
    let request = pki.leaf("shop.example.org").key_pem(&keys.pem("trust/shop")).request()?;
    let files = files.into_iter().chain([("shop.csr", request)]);
    Ok(files.map(|(name, contents)| Entry::open(format!("trust/{name}"), contents)).collect())
}
