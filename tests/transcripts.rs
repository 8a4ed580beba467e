//! What README and transcripts show is what kcert prints.
//!
//! Every `console` block is run: lines that begin with `$ kcert` are commands, `? N` below one says that it ends with another exit code
//! than 0, everything else is its output. Commands run in a directory with the fixtures in it, with the modes that they should have (git
//! keeps none), and without the environment's say in looks. `KCERT_TRANSCRIPTS=overwrite cargo test --test transcripts` writes the
//! present output into the files, for reading the difference. Ports of the demo's servers are shown as 50443.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../examples/fixtures.rs"]
#[expect(dead_code, reason = "the example's main")]
mod generator;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn transcripts_are_true() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().unwrap();
    let entries = generator::fixtures(&project.join("certs-fixtures")).unwrap();
    kcert::demo::write(&directory.path().join("certs-fixtures"), &entries).unwrap();
    results(directory.path());

    let mut differing = Vec::new();
    for path in files(project) {
        let text = std::fs::read_to_string(&path).unwrap();
        let played = play(&text, directory.path());
        if played != text {
            if std::env::var_os("KCERT_TRANSCRIPTS").is_some_and(|value| value == "overwrite") {
                std::fs::write(&path, &played).unwrap();
            }
            let first = text.lines().zip(played.lines()).find(|(written, printed)| written != printed);
            differing.push(format!("{}: {first:#?}", path.display()));
        }
    }
    assert!(differing.is_empty(), "not what kcert prints (first difference: written, printed): {}", differing.join("\n"));
}

fn files(project: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(project.join("tests/transcripts")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.push(project.join("README.md"));
    files.sort();
    files
}

/// What two shards of a check found, for `merge`.
fn results(directory: &Path) {
    std::fs::create_dir(directory.join("results")).unwrap();
    for shard in ["1", "2"] {
        let words = format!("check -o jsonl --shard {shard}/2 certs-fixtures/trust certs-fixtures/ailing/objects.json");
        let words = format!("{words} certs-fixtures/ailing/home --at 2026-11-21T20:00:00Z");
        let run = Command::new(env!("CARGO_BIN_EXE_kcert")).args(words.split(' ')).current_dir(directory).output().unwrap();
        std::fs::write(directory.join(format!("results/{shard}.jsonl")), run.stdout).unwrap();
    }
}

/// The text with the present output below each command.
fn play(text: &str, directory: &Path) -> String {
    let mut played = String::new();
    let (mut in_console, mut skipping) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            in_console = line == "```console";
            skipping = false;
        }
        if let Some(command) = line.strip_prefix("$ kcert").filter(|_| in_console) {
            writeln!(played, "{line}").unwrap();
            played.push_str(&run(command, directory));
            skipping = true;
        } else if !skipping {
            writeln!(played, "{line}").unwrap();
        }
    }
    played
}

fn run(arguments: &str, directory: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kcert"))
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory.join("certs-fixtures/ailing/home"))
        .output()
        .unwrap();
    let code = output.status.code().unwrap();
    let exit = if code == 0 { String::new() } else { format!("? {code}\n") };
    let text = [output.stdout, output.stderr].concat();
    let mut text = String::from_utf8(text).unwrap();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    format!("{exit}{}", with_one_port(&text))
}

/// The demo's servers have other ports at every run, all of five digits: shown as one.
fn with_one_port(text: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut parts = text.split(HOST);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        let port = if digits == 5 { "50443" } else { &part[..digits] };
        write!(shown, "{HOST}{port}{}", &part[digits..]).unwrap();
    }
    shown
}
