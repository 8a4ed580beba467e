//! A fleet: runs that share out their sources, and what they found as one report.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../examples/fixtures.rs"]
#[expect(dead_code, reason = "the example's main")]
mod generator;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Sources that have nothing to do with each other, so that they can be judged apart.
const SOURCES: &[&str] =
    &["ailing/home", "ailing/objects.json", "bundles", "trust", "gone.pem", "logs", "archives/empty.json.zst"];

struct Run {
    code: i32,
    out: String,
}

struct Fleet(tempfile::TempDir);

impl Fleet {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-fixtures");
        kcert::demo::write(directory.path(), &generator::fixtures(&fixtures).unwrap()).unwrap();
        Self(directory)
    }

    fn run(&self, words: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcert"));
        command.args(words).args(["--at", "2026-11-21T20:00:00Z"]).current_dir(self.0.path()).env_remove("KCERT_PASSWORD");
        let run = command.output().unwrap();
        Run { code: run.status.code().unwrap(), out: String::from_utf8(run.stdout).unwrap() }
    }

    fn json(&self, words: &[&str]) -> (i32, Value) {
        let run = self.run(&[words, &["-o", "json"]].concat());
        (run.code, serde_json::from_str(&run.out).unwrap())
    }

    /// The results of each shard, in files.
    fn shards(&self, verb: &str, count: usize) -> Vec<String> {
        let shard = |index| {
            let (shard, file) = (format!("{index}/{count}"), format!("{verb}-{index}-{count}.jsonl"));
            let run = self.run(&[&[verb, "-o", "jsonl", "--shard", &shard], SOURCES].concat());
            std::fs::write(self.0.path().join(&file), run.out).unwrap();
            file
        };
        (1..=count).map(shard).collect()
    }
}

/// A document without the order of its parts.
fn content(mut document: Value) -> (BTreeMap<String, Value>, Vec<String>, Value) {
    let sorted = |value: &mut Value| {
        if let Some(list) = value.as_array_mut() {
            list.sort_by_key(ToString::to_string);
        }
    };
    let mut certificates = BTreeMap::new();
    for certificate in document["certificates"].as_array_mut().unwrap() {
        sorted(&mut certificate["origins"]);
        certificates.insert(certificate["id"].to_string(), certificate.clone());
    }
    let mut findings = Vec::new();
    for finding in document["findings"].as_array_mut().unwrap() {
        sorted(&mut finding["origins"]);
        sorted(&mut finding["certificates"]);
        findings.push(finding.to_string());
    }
    findings.sort();
    (certificates, findings, document["summary"].clone())
}

#[test]
fn what_shards_found_is_what_one_run_finds() {
    let fleet = Fleet::new();
    let (code, whole) = fleet.json(&[&["check"], SOURCES].concat());
    let whole = content(whole);
    assert!(whole.0.len() > 10 && whole.1.len() > 8, "{whole:?}");
    for count in [1, 3, 8] {
        let files = fleet.shards("check", count);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let (merged_code, merged) = fleet.json(&[&["merge"], &files[..]].concat());
        assert_eq!(merged_code, code);
        assert_eq!(content(merged), whole, "{count}");
        let reversed: Vec<&str> = files.iter().rev().copied().collect();
        assert_eq!(content(fleet.json(&[&["merge"], &reversed[..]].concat()).1), whole, "{count} reversed");
    }
}

#[test]
fn one_shard_that_is_missing_or_cut_off_changes_the_exit_code_of_a_sound_fleet() {
    let fleet = Fleet::new();
    let sound = fleet.run(&["check", "-o", "jsonl", "trust/shop-chain.crt"]);
    let path = |name: &str| fleet.0.path().join(name);
    std::fs::write(path("sound.jsonl"), &sound.out).unwrap();
    let idle =
        (1..=2).map(|index| fleet.run(&["check", "-o", "jsonl", "--shard", &format!("{index}/2"), "trust/shop-chain.crt"]));
    let idle = idle.min_by_key(|run| run.out.len()).unwrap();
    assert_eq!((idle.code, idle.out.lines().count()), (0, 1), "{}", idle.out);
    std::fs::write(path("idle.jsonl"), &idle.out).unwrap();
    std::fs::write(path("empty.jsonl"), "").unwrap();
    assert_eq!(fleet.run(&["merge", "sound.jsonl", "idle.jsonl"]).code, sound.code);
    assert_eq!(sound.code, 0);
    assert_eq!(fleet.run(&["merge", "idle.jsonl"]).code, 3, "nothing to judge");
    for file in ["empty.jsonl", "gone.jsonl", "trust/shop.crt"] {
        let run = fleet.run(&["merge", "sound.jsonl", file]);
        assert!(run.code == 3 && run.out.contains(file), "{file}: {}", run.out);
    }
    let stdin = format!("{} merge sound.jsonl - < idle.jsonl", env!("CARGO_BIN_EXE_kcert"));
    let run = Command::new("sh").args(["-c", &stdin]).current_dir(fleet.0.path()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
fn what_inspect_wrote_is_joined_and_not_taken_for_a_check() {
    let fleet = Fleet::new();
    let files = fleet.shards("inspect", 2);
    let (code, merged) = fleet.json(&["merge", &files[0], &files[1]]);
    let (_, whole) = fleet.json(&[&["inspect"], SOURCES].concat());
    assert_eq!(code, 3);
    assert_eq!(content(merged.clone()).0, content(whole).0);
    assert!(merged["findings"].to_string().contains("written by inspect"), "{merged}");
}

#[test]
fn a_shard_without_a_source_is_fine_in_every_verb_and_format() {
    let fleet = Fleet::new();
    let textfile = fleet.0.path().join("kcert.prom");
    let textfile = textfile.to_str().unwrap();
    for (verb, formats) in [
        (&["inspect"][..], &["text", "json", "jsonl"][..]),
        (&["inspect", "pki"], &["text"]),
        (&["chain"], &["text", "json"]),
        (&["check", "--textfile", textfile], &["text", "json", "jsonl", "nagios", "prometheus"]),
        (&["preflight"], &["text", "json", "markdown", "nagios", "prometheus"]),
        (&["plan"], &["text", "json", "markdown", "sh"]),
    ] {
        for format in formats {
            // One of the two has nothing, and the other one finds that the source is missing.
            let run = |index: &str| fleet.run(&[verb, &["gone.pem", "-o", format, "--shard", index]].concat());
            let mut codes = [run("1/2").code, run("2/2").code];
            codes.sort_unstable();
            assert_eq!(codes, [0, 3], "{verb:?} {format}");
        }
    }
    assert!(std::fs::read_to_string(textfile).unwrap().contains("kcert_last_run_timestamp_seconds"));
}
