//! `verify` beside rustls-webpki: `cargo bench --bench verify`.
//!
//! A server certificate below an intermediate and a root, from DER to verdict, with a purpose and a name. kcert is timed with its real
//! signatures and with signatures that are free, so that what it adds to them is seen; the ratio to rustls-webpki is taken in the same
//! run. Then graphs that were made to be slow: the worst time of any verifier.

#[path = "../tests/conformance/suite.rs"]
#[expect(dead_code, reason = "the answers are the test's business")]
mod suite;

use kcert::chain::{AwsLc, Graph, SignatureCheck, SignatureOps, Signed};
use kcert::decode::{Decoded, Decoder, Limits};
use kcert::mint::{Identity, NOW, pki};
use kcert::model::{Certificate, Document, Holding, Inventory, Origin, OriginKind};
use kcert::verify::{Outcome, Purpose, Question, Verifier, verify};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

/// Runs of each; the best counts.
const RUNS: usize = 200;
const NAME: &str = "server.example.com";

fn main() -> Result<(), Box<dyn Error>> {
    let root = pki().ca("root").self_signed()?;
    let intermediate = pki().ca("intermediate").issued_by(&root)?;
    let leaf = pki().leaf("server").server().dns(NAME).issued_by(&intermediate)?;
    let chain = [leaf, intermediate, root];

    let mut out = std::io::stdout();
    let peer = best(|| webpki(&chain));
    writeln!(out, "rustls-webpki                       {:>8.1} µs", micros(peer))?;
    for verifier in [Verifier::newest_go(), Verifier::Rfc5280, Verifier::OpenSsl, Verifier::Envoy, Verifier::Rustls] {
        let real = best(|| ours(&chain, verifier, &AwsLc));
        let free = best(|| ours(&chain, verifier, &Free));
        let ratio = real.as_secs_f64() / peer.as_secs_f64();
        let name = verifier.to_string();
        writeln!(
            out,
            "kcert as {name:10}  {:>8.1} µs   beyond signatures {:>6.1} µs   ratio {ratio:.2}",
            micros(real),
            micros(free)
        )?;
    }

    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/cases.jsonl.gz");
    let mut worst = (Duration::ZERO, String::new());
    for case in
        suite::cases(suite).iter().filter(|case| case.id.starts_with("pathological::") || case.id.contains("pathbuilding"))
    {
        for verifier in Verifier::all() {
            let start = Instant::now();
            std::hint::black_box(case.ask(&[verifier]));
            worst = worst.max((start.elapsed(), format!("{} as {verifier}", case.id)));
        }
    }
    writeln!(out, "pathological, worst                 {:>8.1} µs   {}", micros(worst.0), worst.1)?;
    Ok(())
}

fn best(run: impl Fn()) -> Duration {
    let time = || {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..RUNS).map(|_| time()).min().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn webpki([leaf, intermediate, root]: &[Identity; 3]) {
    let [leaf, intermediate, root] = [leaf, intermediate, root].map(|identity| CertificateDer::from(identity.der()));
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW.unix_timestamp().unsigned_abs()));
    let trusted = || -> Result<(), webpki::Error> {
        let anchors = [webpki::anchor_from_trusted_cert(&root)?];
        let end_entity = EndEntityCert::try_from(&leaf)?;
        let usage = KeyUsage::server_auth();
        end_entity.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[intermediate], time, usage, None, None)?;
        let name = ServerName::try_from(NAME).map_err(|_| webpki::Error::MalformedDnsIdentifier)?;
        end_entity.verify_is_valid_for_subject_name(&name)
    };
    assert_eq!(trusted(), Ok(()));
}

fn ours(chain: &[Identity; 3], verifier: Verifier, crypto: &dyn SignatureOps) {
    let decoder = Decoder::new(Limits::default());
    let mut inventory = Inventory::default();
    for identity in chain {
        if let Decoded::Contents(contents) = decoder.bytes(identity.der()) {
            let origin = Origin::whole(Document::new(OriginKind::File, "minted"));
            inventory.holdings.push(Holding { origin, contents });
        }
    }
    let graph = Graph::build(&inventory, crypto);
    let nodes: Vec<_> = graph.nodes().map(|(node, _)| node).collect();
    let [leaf, intermediate, root] = nodes[..] else { return };
    let question = Question {
        end_entity: leaf,
        intermediates: vec![intermediate],
        anchors: vec![root],
        purpose: Purpose::Server,
        names: NAME.parse().into_iter().collect(),
        at: NOW,
        crls: Vec::new(),
        max_depth: None,
    };
    assert_eq!(verify(&graph, &question, verifier).outcome, Outcome::Trusted, "{verifier}");
}

/// Signatures that cost nothing and always fit.
struct Free;

impl SignatureOps for Free {
    fn check(&self, _: &Certificate, _: &Certificate) -> SignatureCheck {
        SignatureCheck::Valid
    }

    fn check_signed(&self, _: &Signed<'_>, _: &Certificate) -> SignatureCheck {
        SignatureCheck::Valid
    }
}
