//! A scenario: a cluster, and what preflight is to say of it.

use super::cluster::Cluster;
use super::site::Site;
use serde_json::Value;
use std::process::Command;

/// A finding that must be there: its code (`|` between codes that would do), and a part of its place: a path, an object, a subject.
pub(crate) type Fault = (&'static str, &'static str);

/// A cluster, and what preflight is to say of it.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    build: fn() -> Cluster,
    exits: &'static [i32],
    finds: &'static [Fault],
    also: &'static [&'static str],
    breaks: &'static [&'static str],
    may_break: &'static [&'static str],
    notes: &'static [Fault],
    works: &'static [&'static str],
    ends: &'static [(&'static str, &'static str)],
}

/// A healthy cluster: exit 0, nothing at warning or above, no handshake broken.
pub(crate) const fn healthy(name: &'static str, build: fn() -> Cluster) -> Scenario {
    Scenario { name, build, exits: &[0], finds: &[], also: &[], breaks: &[], may_break: &[], notes: &[], works: &[], ends: &[] }
}

/// A no-go: exit 2.
pub(crate) const fn broken(name: &'static str, build: fn() -> Cluster) -> Scenario {
    healthy(name, build).exits(&[2])
}

/// A warning: exit 1.
pub(crate) const fn warned(name: &'static str, build: fn() -> Cluster) -> Scenario {
    healthy(name, build).exits(&[1])
}

/// Could not tell: exit 3.
pub(crate) const fn untold(name: &'static str, build: fn() -> Cluster) -> Scenario {
    healthy(name, build).exits(&[3])
}

impl Scenario {
    /// Other exit codes, where the documents leave more than one.
    pub(crate) const fn exits(self, exits: &'static [i32]) -> Self {
        Self { exits, ..self }
    }

    /// The findings that must be there.
    pub(crate) const fn finds(self, finds: &'static [Fault]) -> Self {
        Self { finds, ..self }
    }

    /// Codes of honest consequences, which may be there.
    pub(crate) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// The beginnings of the ids of handshakes that are broken (`~word`: a word in the id): one at least for each, and no other.
    pub(crate) const fn breaks(self, breaks: &'static [&'static str]) -> Self {
        Self { breaks, ..self }
    }

    /// Handshakes that may be broken too.
    pub(crate) const fn may_break(self, may_break: &'static [&'static str]) -> Self {
        Self { may_break, ..self }
    }

    /// Findings that must be there at whatever severity.
    pub(crate) const fn notes(self, notes: &'static [Fault]) -> Self {
        Self { notes, ..self }
    }

    /// The beginnings of the ids of handshakes that work: one at least for each, and all of them.
    pub(crate) const fn works(self, works: &'static [&'static str]) -> Self {
        Self { works, ..self }
    }

    /// When handshakes break: the beginning of an id, and of the first instant among them.
    pub(crate) const fn ends(self, ends: &'static [(&'static str, &'static str)]) -> Self {
        Self { ends, ..self }
    }

    /// Plays it; what differs from the expectation.
    pub(crate) fn play(&self) -> Vec<String> {
        match Report::of(&(self.build)().build(), &[]) {
            Ok(report) => self.judge(&report),
            Err(message) => vec![message],
        }
    }

    /// What differs from the expectation.
    pub(crate) fn judge(&self, report: &Report) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.exits.contains(&report.exit) {
            wrong.push(format!("exit {} instead of {:?}", report.exit, self.exits));
        }
        let loud: Vec<_> = report.findings().filter(|finding| finding["severity"] != "info").collect();
        for fault in self.finds {
            if !loud.iter().any(|finding| report.is_at(finding, fault)) {
                wrong.push(format!("no {} at {}", fault.0, fault.1));
            }
        }
        for note in self.notes {
            if !report.findings().any(|finding| report.is_at(finding, note)) {
                wrong.push(format!("no {} at {}", note.0, note.1));
            }
        }
        for finding in loud {
            let code = text(&finding["code"]);
            let is_expected =
                self.finds.iter().chain(self.notes).any(|fault| report.is_at(finding, fault)) || self.also.contains(&code);
            if !is_expected {
                wrong.push(format!("false alarm: {code} ({}): {}", text(&finding["severity"]), text(&finding["message"])));
            }
        }
        self.judge_handshakes(report, &mut wrong);
        wrong
    }

    fn judge_handshakes(&self, report: &Report, wrong: &mut Vec<String>) {
        for (wanted, verdict) in self.breaks.iter().map(|id| (id, "broken")).chain(self.works.iter().map(|id| (id, "ok"))) {
            let all: Vec<_> = report.handshakes().filter(|handshake| is_of(handshake, wanted)).collect();
            let is_so = |handshake: &&Value| handshake["verdict"] == verdict;
            let fits = if verdict == "ok" { !all.is_empty() && all.iter().all(is_so) } else { all.iter().any(is_so) };
            if !fits {
                let told: Vec<_> = all.iter().map(|handshake| format!("{} {}", handshake["id"], handshake["verdict"])).collect();
                wrong.push(format!("{wanted} is not {verdict}: {told:?}"));
            }
        }
        for handshake in report.handshakes().filter(|handshake| handshake["verdict"] == "broken") {
            if !self.breaks.iter().chain(self.may_break).any(|wanted| is_of(handshake, wanted)) {
                let id = text(&handshake["id"]);
                wrong.push(format!("{id} is said to be broken: {}", handshake["reasons"]));
            }
        }
        for (wanted, instant) in self.ends {
            let all = report.handshakes().filter(|handshake| is_of(handshake, wanted));
            let first = all.map(|handshake| text(&handshake["breaksAt"])).filter(|instant| !instant.is_empty()).min();
            if !first.is_some_and(|first| first.starts_with(instant)) {
                wrong.push(format!("{wanted} breaks at {first:?} instead of {instant}"));
            }
        }
    }
}

/// Whether a handshake's id begins with this, or holds it after a tilde.
fn is_of(handshake: &Value, wanted: &str) -> bool {
    let id = text(&handshake["id"]);
    wanted.strip_prefix('~').map_or_else(|| id.starts_with(wanted), |word| id.contains(word))
}

/// Plays scenarios, and tells all that went wrong.
pub(crate) fn play(scenarios: &[Scenario]) {
    let mut failures = Vec::new();
    for scenario in scenarios {
        let wrong = scenario.play();
        if !wrong.is_empty() {
            failures.push(format!("{}:\n    {}", scenario.name, wrong.join("\n    ")));
        }
    }
    assert!(failures.is_empty(), "{} of {} scenarios\n{}", failures.len(), scenarios.len(), failures.join("\n"));
}

/// What `kcert preflight` said.
pub(crate) struct Report {
    pub(crate) exit: i32,
    pub(crate) json: Value,
}

impl Report {
    /// Runs it at the instant of the scenarios.
    pub(crate) fn of(site: &Site, more: &[&str]) -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        let arguments = site.write(directory.path());
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcert"));
        command.env_clear().env("HOME", "/nonexistent").args(["preflight", "--at", "2026-11-21T20:00:00Z", "-o", "json"]);
        let output = command.args(arguments).args(more).output().unwrap();
        let exit = output.status.code().unwrap_or(-1);
        match serde_json::from_slice(&output.stdout) {
            Ok(json) => Ok(Self { exit, json }),
            Err(_) => Err(format!("exit {exit} and no report: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    /// All findings.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Value> {
        self.json["findings"].as_array().into_iter().flatten()
    }

    /// All handshakes.
    pub(crate) fn handshakes(&self) -> impl Iterator<Item = &Value> {
        self.json["handshakes"].as_array().into_iter().flatten()
    }

    /// Whether a finding is the fault expected.
    pub(crate) fn is_at(&self, finding: &Value, (codes, place): &Fault) -> bool {
        codes.split('|').any(|code| finding["code"] == code) && self.places(finding).any(|text| text.contains(place))
    }

    /// Where a finding is: its origins and the subjects of its certificates.
    fn places<'a>(&'a self, finding: &'a Value) -> impl Iterator<Item = String> + 'a {
        let origins = finding["origins"].as_array().into_iter().flatten().map(Value::to_string);
        let ids = finding["certificates"].as_array().into_iter().flatten();
        let certificates = self.json["certificates"].as_array();
        let subjects = ids.filter_map(move |id| {
            let certificate = certificates?.iter().find(|certificate| certificate["id"] == *id)?;
            Some(text(&certificate["subject"]).to_owned())
        });
        origins.chain(subjects)
    }
}

/// What preflight says of a cluster.
pub(crate) fn report_of(cluster: &Cluster) -> Report {
    Report::of(&cluster.build(), &[]).unwrap_or_else(|message| panic!("{message}"))
}

/// The text of a JSON string; nothing where it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
