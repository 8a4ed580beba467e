//! Graphs that were made to be slow: every verifier ends on them, after a bounded number of signature checks, and says so when a budget
//! ended its search. Files that were made to be large: they are read so far and no further, and what they hold before is found.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use flate2::Compression;
use flate2::write::GzEncoder;
use kcert::chain::{AwsLc, Graph, NodeId, SignatureCheck, SignatureOps};
use kcert::decode::{Decoded, Decoder, Expectation, Limits, Place, source};
use kcert::mint::{Identity, NOW, pki};
use kcert::model::{Certificate, Document, Holding, Inventory, Origin, OriginKind, Slot};
use kcert::verify::{Outcome, Purpose, Question, Reason, Verdict, Verifier, verify};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Signature checks that one question may cost. Go and rustls-webpki stop at 100 by themselves.
const MOST_CHECKS: usize = 2_000;

/// Checks for real, and counts.
#[derive(Default)]
struct Counting(AtomicUsize);

impl SignatureOps for Counting {
    fn check(&self, certificate: &Certificate, issuer: &Certificate) -> SignatureCheck {
        self.0.fetch_add(1, Ordering::Relaxed);
        AwsLc.check(certificate, issuer)
    }
}

/// Asks everyone: the first is the end entity, the last is the anchor, what is between is at hand.
fn everyone(certificates: &[Identity], at_hand: &[&Identity]) -> Vec<Verdict> {
    let decoder = Decoder::new(Limits::default());
    let mut inventory = Inventory::default();
    for identity in certificates.iter().chain(at_hand.iter().copied()) {
        let Decoded::Contents(contents) = decoder.bytes(identity.der()) else { panic!("not a certificate") };
        inventory.holdings.push(Holding { origin: Origin::whole(Document::new(OriginKind::File, "minted")), contents });
    }
    let ask = |verifier| {
        let crypto = Counting::default();
        let graph = Graph::build(&inventory, &crypto);
        let nodes: Vec<NodeId> = graph.nodes().map(|(node, _)| node).collect();
        let question = Question {
            end_entity: nodes[0],
            intermediates: nodes[1..].to_vec(),
            anchors: vec![nodes[certificates.len() - 1]],
            purpose: Purpose::Server,
            names: Vec::new(),
            at: NOW,
            crls: Vec::new(),
            max_depth: None,
        };
        let verdict = verify(&graph, &question, verifier);
        let checks = crypto.0.load(Ordering::Relaxed);
        assert!(checks <= MOST_CHECKS, "{verifier} checked {checks} signatures");
        verdict
    };
    Verifier::all().into_iter().map(ask).collect()
}

fn none_trusts(verdicts: &[Verdict]) {
    for verdict in verdicts {
        assert_ne!(verdict.outcome, Outcome::Trusted, "{}", verdict.verifier);
        let ended = verdict.notes.iter().any(|note| note.contains("ended"))
            || verdict.paths.iter().flat_map(|path| &path.rejections).any(|rejection| rejection.reason == Reason::Budget);
        assert!(verdict.outcome == Outcome::NotTrusted || ended, "{} does not say why it cannot tell", verdict.verifier);
    }
}

#[test]
fn a_crowd_of_issuers_of_one_name() {
    let lost = pki().ca("crowd").self_signed().unwrap();
    let leaf = pki().leaf("leaf").server().dns("a.example").issued_by(&lost).unwrap();
    let crowd: Vec<Identity> = (0..300).map(|_| pki().ca("crowd").without_subject_key_id().self_signed().unwrap()).collect();
    let crowd: Vec<&Identity> = crowd.iter().collect();
    none_trusts(&everyone(&[leaf, pki().ca("root").self_signed().unwrap()], &crowd));
}

#[test]
fn everyone_signed_by_everyone_above() {
    // Eight names, four keys each: 4^7 paths, none of which ends at the anchor.
    let keys: Vec<Vec<Identity>> = (0..8)
        .map(|level| (0..4).map(|_| pki().ca(&format!("ca {level}")).without_subject_key_id().self_signed().unwrap()).collect())
        .collect();
    let leaf = pki().leaf("leaf").server().dns("a.example").issued_by(&keys[0][0]).unwrap();
    let mut crossed = Vec::new();
    for (lower, upper) in keys.iter().zip(keys.iter().skip(1)) {
        for ca in lower {
            crossed.extend(upper.iter().map(|issuer| ca.recipe().issued_by(issuer).unwrap()));
        }
    }
    let crossed: Vec<&Identity> = crossed.iter().collect();
    none_trusts(&everyone(&[leaf, pki().ca("root").self_signed().unwrap()], &crossed));
}

#[test]
fn circles() {
    let [a, b, c] = ["a", "b", "c"].map(|name| pki().ca(name).self_signed().unwrap());
    let ring = [a.recipe().issued_by(&b).unwrap(), b.recipe().issued_by(&c).unwrap(), c.recipe().issued_by(&a).unwrap()];
    let leaf = pki().leaf("leaf").server().dns("a.example").issued_by(&a).unwrap();
    none_trusts(&everyone(&[leaf, pki().ca("root").self_signed().unwrap()], &ring.iter().collect::<Vec<_>>()));
}

/// RFC 5280 knows no longest path: the strict verifier follows it to its end. Every program stops before.
#[test]
fn a_chain_of_a_hundred_and_fifty() {
    let root = pki().ca("root").self_signed().unwrap();
    let mut chain = vec![pki().ca("0").issued_by(&root).unwrap()];
    for level in 1..150 {
        let next = pki().ca(&level.to_string()).issued_by(chain.last().unwrap()).unwrap();
        chain.push(next);
    }
    let leaf = pki().leaf("leaf").server().dns("a.example").issued_by(chain.last().unwrap()).unwrap();
    let (strict, programs): (Vec<_>, Vec<_>) = everyone(&[leaf, root], &chain.iter().collect::<Vec<_>>())
        .into_iter()
        .partition(|verdict| verdict.verifier == Verifier::Rfc5280);
    none_trusts(&programs);
    assert!(strict.iter().all(|verdict| verdict.outcome == Outcome::Trusted));
}

#[test]
fn giant_name_constraints() {
    let root = pki().ca("root").self_signed().unwrap();
    let permitted: Vec<u8> =
        (0..4_000_u32).flat_map(|number| tlv(0x30, &tlv(0x82, format!("{number}.example").as_bytes()))).collect();
    let constraints = tlv(0x30, &tlv(0xa0, &permitted));
    let ca = pki().ca("constrained").extension(&[2, 5, 29, 30], &constraints).issued_by(&root).unwrap();
    let names = (0..4_000).fold(pki().leaf("leaf").server(), |leaf, number| leaf.dns(&format!("{number}.elsewhere")));
    let leaf = names.issued_by(&ca).unwrap();
    none_trusts(&everyone(&[leaf, root], &[&ca]));
}

#[test]
fn a_gigabyte_of_nothing_in_a_megabyte() {
    let certificate = pki().ca("root").self_signed().unwrap().pem();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::default());
    let mut zeros = tar_header("zeros", 1 << 30);
    zeros.resize(512 << 10, 0);
    for part in [&tar_header("ca.crt", certificate.len())[..], certificate.as_bytes()] {
        bomb.write_all(part).unwrap();
    }
    bomb.write_all(&vec![0; 512 - certificate.len() % 512]).unwrap();
    for part in std::iter::once(zeros).chain((0..2047).map(|_| vec![0; 512 << 10])) {
        bomb.write_all(&part).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 8 << 20);
    let found = read(&bomb);
    assert_eq!(found[0].1, "bomb!ca.crt");
    assert!(found[1..].iter().any(|(defect, _)| defect.starts_with("expands to more than")), "{found:?}");
}

/// A header of POSIX ustar.
fn tar_header(name: &str, length: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{length:011o}").as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    header[154] = 0;
    header
}

#[test]
fn a_keystore_that_takes_years() {
    // A MAC of 2^31 rounds.
    let mac = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let mac = tlv(0x30, &[&mac[..], &[7; 32], b"\x04\x01s\x02\x04\x7f\xff\xff\xff"].concat());
    let safe = b"\x30\x11\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x04\x04\x02\x30\x00";
    let found = read(&tlv(0x30, &[&b"\x02\x01\x03"[..], safe, &mac].concat()));
    assert!(found[0].0.contains("takes more work"), "{found:?}");
}

/// The defects, or nothing, of each place, and the place.
fn read(mut bytes: &[u8]) -> Vec<(String, String)> {
    let document = Document::new(OriginKind::File, "bomb");
    let place = Place { document, role: None, slot: Slot::Unknown, expectation: Expectation::Named };
    let mut inventory = Inventory::default();
    source::read(&Decoder::new(Limits::default()), &mut bytes, &place, &mut inventory);
    let defects = |holding: &Holding| holding.defects().map(|(_, defect)| defect.kind.to_string()).collect();
    inventory.holdings.iter().map(|holding| (defects(holding), holding.origin.to_string())).collect()
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    let header = match contents.len() {
        0..=0x7f => vec![tag, length[3]],
        0x80..=0xffff => vec![tag, 0x82, length[2], length[3]],
        _ => vec![tag, 0x83, length[1], length[2], length[3]],
    };
    [&header, contents].concat()
}
