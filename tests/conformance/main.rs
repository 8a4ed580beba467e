//! Does kcert answer as the real programs do? Suites of cases with the verdicts of real verifiers, all judged in one process.
//!
//! The suites stand beside this file; README.md there tells where each is from.
//!
//! `KCERT_SUITE=FILE cargo test --test conformance -- --nocapture` runs another suite in the same format (one JSON object a line,
//! gzip or not) and lists where kcert and the real programs part; nothing is demanded of it.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "the shares are the result; a test that cannot go on has failed")]

mod exceptions;
mod suite;

use exceptions::EXCEPTIONS;
use kcert::verify::{Outcome, Verdict, Verifier};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use suite::{Case, cases, text};

/// The suites of the repository.
const SUITES: &[&str] = &["cases.jsonl.gz", "odd.jsonl.gz"];

/// Case → what Envoy answers, for cases that were put to it later.
const ENVOY: &str = "envoy.json.gz";

/// How far kcert and one real program agree.
#[derive(Default)]
struct Tally {
    agreed: usize,
    parted: Vec<Parting>,
}

/// A case on which they do not.
struct Parting {
    id: String,
    told: String,
}

impl Tally {
    fn count(&mut self, case: &Case, asked: &Asked<'_>, verdict: &Verdict) {
        let Asked { name, wanted } = asked;
        let answer = match verdict.outcome {
            Outcome::Trusted => "accept",
            Outcome::NotTrusted => "reject",
            Outcome::CouldNotTell => "could not tell",
        };
        if answer == *wanted {
            self.agreed += 1;
        } else {
            let said = case.errors.get(*name).map(|error| format!(" [{error}]")).unwrap_or_default();
            let told = format!("{name} {}: wanted {wanted}{said}, got {answer}: {}", case.id, verdict.headline);
            self.parted.push(Parting { id: case.id.clone(), told });
        }
    }

    fn row(&self, verifier: &str) -> String {
        let all = self.agreed + self.parted.len();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand cases")]
        let share = 100.0 * self.agreed as f64 / all.max(1) as f64;
        format!("{verifier:12} {:5} of {all:5}  {share:6.2} %", self.agreed)
    }
}

/// A verifier's name, and what it answers.
struct Asked<'c> {
    name: &'c str,
    wanted: &'c str,
}

/// Every verifier that has a verdict on the case, and `rfc5280` where the suite itself expects something: all but the namespace
/// `webpki::`, which is CA/Browser Forum policy.
fn asked(case: &Case) -> Vec<(Verifier, Asked<'_>)> {
    let expected = (!case.expected.is_empty() && !case.id.starts_with("webpki::")).then_some(("rfc5280", &*case.expected));
    let verdicts = case.verdicts.iter().map(|(name, wanted)| (&**name, &**wanted));
    verdicts.chain(expected).filter_map(|(name, wanted)| Some((name.parse().ok()?, Asked { name, wanted }))).collect()
}

/// All cases, in several threads.
fn tallies(cases: &[Case]) -> BTreeMap<String, Tally> {
    let next = AtomicUsize::new(0);
    let tallies = Mutex::new(BTreeMap::<String, Tally>::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (verifiers, asked): (Vec<_>, Vec<_>) = asked(case).into_iter().unzip();
            let verdicts = case.ask(&verifiers);
            let mut tallies = tallies.lock().unwrap();
            for (asked, verdict) in asked.iter().zip(&verdicts) {
                tallies.entry(asked.name.to_owned()).or_default().count(case, asked, verdict);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    tallies.into_inner().unwrap()
}

fn print(tallies: &BTreeMap<String, Tally>) {
    for (verifier, tally) in tallies {
        println!("{}", tally.row(verifier));
    }
    for parting in tallies.values().flat_map(|tally| &tally.parted) {
        println!("  {}", parting.told);
    }
}

#[test]
fn kcert_answers_as_the_real_programs_do() {
    if let Ok(path) = std::env::var("KCERT_SUITE") {
        return print(&tallies(&cases(&path)));
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/");
    let mut cases: Vec<Case> = SUITES.iter().flat_map(|suite| cases(&format!("{folder}{suite}"))).collect();
    let envoy: BTreeMap<String, String> = serde_json::from_str(&text(&format!("{folder}{ENVOY}"))).unwrap();
    for case in &mut cases {
        case.verdicts.extend(envoy.get(&case.id).map(|verdict| ("envoy".to_owned(), verdict.clone())));
    }
    let tallies = tallies(&cases);
    print(&tallies);

    let parted: BTreeMap<(&str, &str), &str> = tallies
        .iter()
        .flat_map(|(verifier, tally)| tally.parted.iter().map(|parting| ((&**verifier, &*parting.id), &*parting.told)))
        .collect();
    let excepted: BTreeSet<(&str, &str)> = EXCEPTIONS.iter().map(|exception| (exception.verifier, exception.id)).collect();
    let unexpected: Vec<_> = parted.iter().filter(|(key, _)| !excepted.contains(key)).map(|(_, told)| told).collect();
    assert!(unexpected.is_empty(), "{} verdicts are not those of the real programs: {unexpected:#?}", unexpected.len());
    let mended: Vec<_> = excepted.iter().filter(|key| !parted.contains_key(*key)).collect();
    assert!(mended.is_empty(), "exceptions that are none any more: {mended:?}");
}
