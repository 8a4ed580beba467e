//! The issuer graph over a pool of many different certificates: `cargo bench --bench pool [-- CERTIFICATES]`.
//!
//! What is linear takes the same time for each certificate whatever the size of the pool, so the peer is kcert itself over a quarter of
//! the pool; the ratio of the times for one certificate has to stay near one. Three pools: of one cluster; of as many clusters as people
//! have, all of whose CAs are called `kubernetes`; and one without key identifiers. Certificates differ in the digits of their serial
//! number and name: nothing asks for their signatures while names are linked.

use kcert::chain::{AwsLc, Graph};
use kcert::decode::{Decoded, Decoder, Limits};
use kcert::mint::{Identity, NOW, Pki, Recipe};
use kcert::model::{Document, Holding, Inventory, Origin, OriginKind};
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

/// Certificates in the pool, unless the command line says otherwise.
const CERTIFICATES: usize = 200_000;
/// Digits by which they differ.
const DIGITS: usize = 8;
/// CAs of the pool of many clusters.
const CLUSTERS: usize = 500;

/// What is done to a leaf's recipe.
type Shape = fn(Recipe) -> Recipe;

fn main() -> Result<(), Box<dyn Error>> {
    let certificates = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(CERTIFICATES);
    let pki = Pki::at(NOW);
    let one = [pki.ca("root").self_signed()?];
    let many = (0..CLUSTERS).map(|_| pki.ca("kubernetes").self_signed()).collect::<Result<Vec<_>, _>>()?;
    let bare = [pki.ca("bare").without_subject_key_id().self_signed()?];
    let mut out = std::io::stdout();
    let (named, plain): (Shape, Shape) = (|leaf| leaf, Recipe::without_authority_key_id);
    for (name, cas, shape) in
        [("one cluster", &one[..], named), ("CAs of one name", &many, named), ("no key identifiers", &bare, plain)]
    {
        let leaves = cas.iter().map(|ca| template(&pki, ca, shape)).collect::<Result<Vec<_>, _>>()?;
        let [quarter, whole] = [certificates / 4, certificates].map(|count| build(&pool(cas, &leaves, count)));
        let each = |time: Duration, count: usize| (time / u32::try_from(count.max(1)).unwrap_or(u32::MAX)).as_secs_f64() * 1e9;
        let (few, all) = (each(quarter, certificates / 4), each(whole, certificates));
        writeln!(
            out,
            "{name:20} {certificates} certificates {:>8.1} ms   {all:>6.0} ns each, of a quarter of them {few:>6.0}   ratio {:.2}",
            whole.as_secs_f64() * 1e3,
            all / few
        )?;
    }
    Ok(())
}

/// A certificate whose serial number and name hold [`DIGITS`] digits to be changed.
fn template(pki: &Pki, ca: &Identity, shape: Shape) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits = "9".repeat(DIGITS);
    let leaf = pki.leaf(&format!("svc-{digits}")).serial(digits.as_bytes()).dns("svc.ns.svc");
    Ok(shape(leaf).issued_by(ca)?.der().to_vec())
}

/// The CAs, and so many certificates below them in turn.
fn pool(cas: &[Identity], leaves: &[Vec<u8>], count: usize) -> Inventory {
    let decoder = Decoder::new(Limits::default());
    let mut inventory = Inventory::default();
    let mut add = |source: String, der: &[u8]| {
        let origin = Origin::whole(Document::new(OriginKind::File, source));
        if let Decoded::Contents(contents) = decoder.bytes(der) {
            inventory.holdings.push(Holding { origin, contents });
        }
    };
    for (number, ca) in cas.iter().enumerate() {
        add(format!("ca-{number}"), ca.der());
    }
    let template = "9".repeat(DIGITS);
    for (number, leaf) in (0..count).zip(leaves.iter().cycle()) {
        let digits = format!("{number:0DIGITS$}");
        let mut der = leaf.clone();
        for at in memchr::memmem::find_iter(leaf, template.as_bytes()) {
            der[at..at + DIGITS].copy_from_slice(digits.as_bytes());
        }
        add(format!("leaf-{number}"), &der);
    }
    inventory
}

/// Builds the graph and walks over what it links.
fn build(inventory: &Inventory) -> Duration {
    let start = Instant::now();
    let graph = Graph::build(inventory, &AwsLc);
    let links: usize = graph.nodes().map(|(node, _)| graph.candidates(node).len()).sum();
    let time = start.elapsed();
    assert!(links + 1 >= inventory.holdings.len(), "everything but a root has a candidate");
    time
}
