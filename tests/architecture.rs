//! The walls of the house, kept by machine: which room may use which, which words belong to one room, how long a file may be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms it may import. A room may always use its own parts.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("der", &["model"]),
    ("decode", &["model", "der"]),
    ("chain", &["model"]),
    ("verify", &["model", "der", "chain"]),
    ("mint", &["model", "der", "decode"]),
    ("gather", &["model", "decode"]),
    ("probe", &["model", "der", "decode"]),
    ("demo", &["model", "mint", "gather"]),
    ("audit", &["model", "chain", "verify"]),
    ("plan", &["model", "mint", "decode", "chain", "verify", "audit"]),
    ("explain", &["model"]),
    ("report", &["model", "chain", "verify", "audit", "plan", "explain"]),
    ("cli", &["model", "decode", "gather", "probe", "mint", "demo", "chain", "verify", "audit", "plan", "explain", "report"]),
    // The table of contents and the binary.
    (
        "lib",
        &[
            "model", "der", "decode", "gather", "probe", "mint", "demo", "chain", "verify", "audit", "plan", "explain", "report",
            "cli",
        ],
    ),
    ("main", &["cli"]),
];

/// Word → the files (or folders, with a slash at the end) that may say it outside of tests.
const RESERVED: &[(&str, &[&str])] = &[
    ("std::fs", &["gather/", "demo/", "cli/textfile.rs", "cli/requests.rs"]),
    ("TcpListener", &["demo/"]),
    ("TcpStream", &["probe/"]),
    ("tokio", &["probe/", "demo/servers.rs", "gather/cluster/client.rs", "gather/cluster/client/"]),
    ("std::env", &["cli/"]),
    ("now_utc", &["cli/"]),
    ("SystemTime", &[]),
    // Stopwatches and deadlines; what time it is, is told by cli.
    ("Instant::now", &["probe/"]),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("print!(", &[]),
    ("process::exit", &[]),
    ("stdout()", &["cli/"]),
    ("stderr()", &["cli/"]),
    ("stdin()", &["gather/"]),
    ("x509_parser", &[]),
    ("webpki", &["verify/rustls.rs"]),
    ("hyper", &["probe/http.rs", "probe/proxy.rs", "demo/servers.rs"]),
    // The last three name rustls' provider, which is made of it.
    (
        "aws_lc_rs",
        &[
            "decode/crypto.rs",
            "decode/keystore/cipher.rs",
            "chain/signature.rs",
            "probe/dial.rs",
            "probe/tls.rs",
            "demo/servers.rs",
        ],
    ),
    ("cbc::", &["decode/keystore/cipher.rs"]),
    ("md5::", &["decode/keystore/cipher.rs"]),
    ("flate2", &["decode/packed.rs", "decode/packed/"]),
    ("ruzstd", &["decode/packed/"]),
    ("tar::", &["decode/packed/"]),
    ("kube::", &["gather/cluster/client.rs", "gather/cluster/client/"]),
    ("rcgen", &["mint/"]),
    ("saphyr_parser", &["decode/node/yaml.rs"]),
    ("clap", &["cli/"]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("#[allow", &[]),
    ("unsafe ", &[]),
];

/// Lines of a file, its tests not counted: a room is one screenful of thought.
const LONGEST: usize = 400;

struct Source {
    /// Path below `src`, with forward slashes.
    name: String,
    /// The room: first folder, or the stem of a file at the top.
    room: String,
    /// The code without unit tests and comments.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.into_iter().map(|path| source(&root, &path)).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("testing.rs") {
            files.push(path);
        }
    }
}

fn source(root: &Path, path: &Path) -> Source {
    let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    let first = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    Source { name, room: first, code }
}

#[test]
fn imports_point_down() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut crossed = Vec::new();
    for source in sources() {
        let allowed =
            table.get(source.room.as_str()).unwrap_or_else(|| panic!("{} is a room without a row in MAY_USE", source.room));
        for used in uses(&source.code) {
            if used != source.room && table.contains_key(used.as_str()) && !allowed.contains(&used.as_str()) {
                crossed.push(format!("{} uses {used}", source.name));
            }
        }
    }
    assert!(crossed.is_empty(), "imports against the plan: {crossed:#?}");
}

/// The rooms named after `crate::` or `kcert::`, grouped imports included.
fn uses(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, marker) in code.match_indices("crate::").chain(code.match_indices("kcert::")) {
        let rest = &code[at + marker.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let end = group.find("};").unwrap_or(group.len());
            rooms.extend(group[..end].split([',', '{']).map(|part| word(part.trim())));
        } else {
            rooms.push(word(rest));
        }
    }
    rooms
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn reserved_words_stay_in_their_rooms() {
    let mut strays = Vec::new();
    for source in sources() {
        for (reserved, homes) in RESERVED {
            let at_home = homes.iter().any(|home| source.name == *home || (home.ends_with('/') && source.name.starts_with(home)));
            if !at_home && source.code.contains(reserved) {
                strays.push(format!("{} says {reserved}", source.name));
            }
        }
    }
    assert!(strays.is_empty(), "words out of their rooms: {strays:#?}");
}

#[test]
fn no_file_is_longer_than_a_thought() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|source| (source.code.lines().count(), source.name))
        .filter(|(lines, _)| *lines > LONGEST)
        .collect();
    assert!(long.is_empty(), "files over {LONGEST} lines without tests and comments: {long:#?}");
}

#[test]
fn the_checker_sees_what_it_should() {
    assert_eq!(uses("use crate::model::Code; let x = crate::chain::Graph;"), ["model", "chain"]);
    assert_eq!(uses("use crate::{audit, report::Look};"), ["audit", "report"]);
    assert!(sources().len() > 30);
}
