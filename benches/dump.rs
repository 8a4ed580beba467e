//! `check` over a dump of Secrets, beside the straightforward program: `cargo bench --bench dump [-- SECRETS]`.
//!
//! The peer reads the whole file, parses it with serde_json, decodes every value with base64 and every certificate with x509-parser,
//! and compares its end with a date. kcert reads, links and judges the same file. Both run in this process, turn about; the ratio of
//! the best runs is what counts, the times depend on the machine. Where there is a Go compiler, its road (`dump.go`) and the kcert
//! program are run as processes too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kcert::audit::{Policy, audit};
use kcert::chain::{AwsLc, Graph};
use kcert::decode::{Decoder, Limits};
use kcert::gather::{Target, gather};
use kcert::mint::{Identity, NOW, Pki};
use kcert::model::Inventory;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use time::format_description::well_known::Rfc3339;

/// Secrets in the dump, unless the command line says otherwise: about 80 MB.
const SECRETS: usize = 20_000;
/// How many Secrets share a certificate, on the average.
const REPEATS: usize = 5;
/// Runs of each.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let secrets = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(SECRETS);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("secrets.json");
    write_dump(&path, secrets)?;
    let size = std::fs::metadata(&path)?.len();

    let (mut peer, mut ours) = (Duration::MAX, Duration::MAX);
    let mut counts = (0, 0);
    for _ in 0..RUNS {
        let start = Instant::now();
        counts.0 = straightforward(&path)?;
        peer = peer.min(start.elapsed());
        let start = Instant::now();
        counts.1 = check(&path);
        ours = ours.min(start.elapsed());
    }
    assert_eq!(counts.0, counts.1, "both see the same certificates");
    let mut out = std::io::stdout();
    writeln!(out, "{secrets} Secrets, {} MB, {} certificates", size / 1_000_000, counts.1)?;
    writeln!(out, "serde_json + base64 + x509-parser  {:>8.1} ms", peer.as_secs_f64() * 1e3)?;
    writeln!(out, "kcert check                        {:>8.1} ms", ours.as_secs_f64() * 1e3)?;
    writeln!(out, "ratio                              {:>8.2}", peer.as_secs_f64() / ours.as_secs_f64())?;
    let Some(go) = go_road(directory.path()) else { return Ok(()) };
    let (mut peer, mut ours) = (Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        let (time, count) = process(Command::new(&go).arg(&path))?;
        assert_eq!(count.trim(), counts.1.to_string(), "Go sees the same certificates");
        peer = peer.min(time);
        let at = NOW.format(&Rfc3339)?;
        ours = ours.min(process(Command::new(env!("CARGO_BIN_EXE_kcert")).args(["check", "--at", &at]).arg(&path))?.0);
    }
    writeln!(out, "Go, as a process                   {:>8.1} ms", peer.as_secs_f64() * 1e3)?;
    writeln!(out, "kcert check, as a process          {:>8.1} ms", ours.as_secs_f64() * 1e3)?;
    writeln!(out, "ratio                              {:>8.2}", peer.as_secs_f64() / ours.as_secs_f64())?;
    Ok(())
}

/// The program of the Go road, where it can be made.
fn go_road(directory: &Path) -> Option<PathBuf> {
    let program = directory.join("go-road");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/dump.go");
    let made = Command::new("go").arg("build").arg("-o").arg(&program).arg(source).status();
    made.is_ok_and(|status| status.success()).then_some(program)
}

/// How long a process takes, and what it prints.
fn process(command: &mut Command) -> Result<(Duration, String), Box<dyn Error>> {
    let start = Instant::now();
    let output = command.stderr(Stdio::inherit()).output()?;
    Ok((start.elapsed(), String::from_utf8(output.stdout)?))
}

/// Reads, links and judges; returns the number of certificates.
fn check(path: &Path) -> usize {
    let mut inventory = Inventory::default();
    gather(&[Target::Path(path.to_owned())], &Decoder::new(Limits::default()), &mut inventory);
    let graph = Graph::build(&inventory, &AwsLc);
    let audit = audit(&graph, &Policy::at(NOW));
    std::hint::black_box(audit.findings.len());
    inventory.holdings.iter().map(|holding| holding.certificates().count()).sum()
}

/// What one writes in an afternoon.
fn straightforward(path: &Path) -> Result<usize, Box<dyn Error>> {
    let list: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let (mut count, mut ended) = (0, 0);
    for secret in list["items"].as_array().into_iter().flatten() {
        for value in secret["data"].as_object().into_iter().flat_map(|data| data.values()) {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default())?;
            for block in x509_parser::pem::Pem::iter_from_buffer(&bytes).flatten().filter(|block| block.label == "CERTIFICATE") {
                let certificate = block.parse_x509()?;
                count += 1;
                ended += usize::from(certificate.validity().not_after.timestamp() < NOW.unix_timestamp());
            }
        }
    }
    std::hint::black_box(ended);
    Ok(count)
}

/// A dump as `kubectl get secret -A -o json` prints it: most Secrets hold leaf and intermediate, key and root; every tenth is opaque.
fn write_dump(path: &Path, secrets: usize) -> Result<(), Box<dyn Error>> {
    let pki = Pki::at(NOW);
    let root = pki.ca("root").self_signed()?;
    let intermediate = pki.ca("intermediate").issued_by(&root)?;
    let leaf = |number| pki.leaf(&format!("svc-{number}")).server().dns(&format!("svc-{number}.ns.svc")).issued_by(&intermediate);
    let leaves = (0..secrets.div_ceil(REPEATS)).map(leaf).collect::<Result<Vec<Identity>, _>>()?;
    let opaque = STANDARD.encode(vec![0xa5; 8 << 10]);
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[")?;
    for (number, leaf) in (0..secrets).zip(leaves.iter().cycle()) {
        let (kind, data) = if number % 10 == 9 {
            ("helm.sh/release.v1", format!("\"release\":\"{opaque}\""))
        } else {
            let chain = STANDARD.encode(format!("{}{}", leaf.pem(), intermediate.pem()));
            let (key, ca) = (STANDARD.encode(leaf.key_pem().as_str()), STANDARD.encode(root.pem()));
            ("kubernetes.io/tls", format!("\"ca.crt\":\"{ca}\",\"tls.crt\":\"{chain}\",\"tls.key\":\"{key}\""))
        };
        let comma = if number + 1 < secrets { "," } else { "" };
        let metadata = format!("{{\"name\":\"s-{number}\",\"namespace\":\"ns-{}\"}}", number % 500);
        writeln!(
            out,
            "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{metadata},\"type\":\"{kind}\",\"data\":{{{data}}}}}{comma}"
        )?;
    }
    writeln!(out, "],\"metadata\":{{\"resourceVersion\":\"\"}}}}")?;
    out.flush()?;
    Ok(())
}
