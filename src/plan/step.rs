//! A step of a plan: what is done, why, where, what it needs, what it disturbs, how to see that it worked, how to take it back; and
//! what it does to the copy on which the plan is rehearsed.

use super::effect::Effect;
use crate::model::Code;
use std::collections::HashMap;
use std::sync::Arc;

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name in the script and in JSON, unique in the plan: `renew`, `restart-kube-apiserver@cp-1`.
    pub id: String,
    /// What is done, in a few words without the host.
    pub title: String,
    /// Where the commands run, where several hosts are looked at; `None` with one host, or where any machine will do that reaches the
    /// API server.
    pub host: Option<Arc<str>>,
    /// What it acts on: files, objects, processes.
    pub acts_on: Vec<String>,
    /// What it is for.
    pub reasons: Vec<Reason>,
    /// What keeps its files as they are before it, for its way back.
    pub keep: Option<Command>,
    /// The commands, in order.
    pub commands: Vec<Command>,
    /// What has to be there before.
    pub needs: Vec<Need>,
    /// What it disturbs.
    pub disturbs: Vec<Disturbance>,
    /// How to see that it worked.
    pub checks: Vec<Check>,
    /// The commands that take it back.
    pub undo: Vec<Command>,
    /// Files that it writes besides the places of its effects, as [`Command`]s name them.
    pub(super) writes: Vec<String>,
    /// What it does to the copy.
    pub(super) effects: Vec<Effect>,
}

/// Why a step is in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The code of the finding; `None` where another step asks for this one.
    pub code: Option<Code>,
    /// What is wrong, or what is wanted.
    pub message: String,
    /// The places of the finding, `source field`.
    pub(super) places: Vec<String>,
}

/// What a command acts on, which tells where it can be tried: on a copy of the files, or on nothing but the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Files of a host.
    Files,
    /// Processes of a host.
    Processes,
    /// Objects, by the API server.
    Objects,
    /// Something that a person does at the cluster.
    Hand,
    /// Something that a person does with files.
    HandOnFiles,
}

impl Kind {
    /// Whether it is a sentence for a person.
    #[must_use]
    pub fn is_by_hand(self) -> bool {
        matches!(self, Self::Hand | Self::HandOnFiles)
    }
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it acts on.
    pub kind: Kind,
    /// The line for a shell; a sentence where it is by hand. `@/` begins a path below the host's root.
    pub(super) line: String,
}

/// The function of the script that carries a file from host to host.
const CARRY: &str = "carry";

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@=+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The sign that a path is one of the host's file system: the script may take another directory for its root.
pub const ROOT_SIGN: &str = "@/";

impl Command {
    /// A command on files.
    pub(super) fn files(line: impl Into<String>) -> Self {
        Self { kind: Kind::Files, line: line.into() }
    }

    /// A command on processes.
    pub(super) fn processes(line: impl Into<String>) -> Self {
        Self { kind: Kind::Processes, line: line.into() }
    }

    /// A command on objects.
    pub(super) fn objects(line: impl Into<String>) -> Self {
        Self { kind: Kind::Objects, line: line.into() }
    }

    /// Something that a person does with files, without which a copy of them stays as it was.
    pub(super) fn hand_on_files(line: impl Into<String>) -> Self {
        Self { kind: Kind::HandOnFiles, line: line.into() }
    }

    /// Something that a person does at the cluster.
    pub(super) fn hand(line: impl Into<String>) -> Self {
        Self { kind: Kind::Hand, line: line.into() }
    }

    /// A file carried from one host to another, which commands on a third machine do.
    pub(super) fn carry(from: &str, path: &str, to: &str, there: &str) -> Self {
        Self::files(format!("{CARRY} {} {path} {} {there}", quoted(from), quoted(to)))
    }

    /// The line as it is typed on the host itself.
    #[must_use]
    pub fn line(&self) -> String {
        if let Some(rest) = self.line.strip_prefix(CARRY) {
            let words: Vec<&str> = rest.split_whitespace().collect();
            if let [from, path, to, there] = words[..] {
                return format!("scp -3p {from}:{path} {to}:{there}");
            }
        }
        self.line.replace(ROOT_SIGN, "/")
    }

    /// The line with something before every path of the host.
    #[must_use]
    pub fn below(&self, root: &str) -> String {
        self.line.replace(ROOT_SIGN, &format!("{root}/"))
    }
}

/// Something that has to be there before a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub what: String,
    /// Whether what was read shows it; `false`: look for yourself.
    pub is_seen: bool,
}

/// What a step disturbs while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// The ids of the handshakes.
    pub handshakes: Vec<String>,
    /// For how long, in seconds.
    pub seconds: u32,
    /// Why.
    pub why: String,
}

/// How to see that a step worked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The command.
    pub command: Command,
    /// What is to come out, beside exit code 0.
    pub expect: String,
}

impl Step {
    /// A step with a name and a title, and nothing in it yet.
    pub(super) fn new(id: &str, host: Option<&str>, title: impl Into<String>) -> Self {
        Self {
            id: host.map_or_else(|| id.to_owned(), |host| format!("{id}@{host}")),
            title: title.into(),
            host: host.map(Arc::from),
            acts_on: Vec::new(),
            reasons: Vec::new(),
            keep: None,
            commands: Vec::new(),
            needs: Vec::new(),
            disturbs: Vec::new(),
            checks: Vec::new(),
            undo: Vec::new(),
            writes: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(super) fn on(mut self, what: impl Into<String>) -> Self {
        self.acts_on.push(what.into());
        self
    }

    pub(super) fn because(mut self, reasons: impl IntoIterator<Item = Reason>) -> Self {
        let name = |reason: &Reason| (reason.code, reason.message.clone());
        let mut known: HashMap<_, usize> = self.reasons.iter().enumerate().map(|(at, reason)| (name(reason), at)).collect();
        for reason in reasons {
            let at = *known.entry(name(&reason)).or_insert(self.reasons.len());
            match self.reasons.get_mut(at) {
                Some(same) => same.places.extend(reason.places),
                None => self.reasons.push(reason),
            }
        }
        self
    }

    pub(super) fn run(mut self, command: Command) -> Self {
        self.commands.push(command);
        self
    }

    pub(super) fn run_all(self, lines: &[&str]) -> Self {
        lines.iter().fold(self, |step, line| step.run(Command::objects(*line)))
    }

    pub(super) fn needs(mut self, what: impl Into<String>, is_seen: bool) -> Self {
        self.needs.push(Need { what: what.into(), is_seen });
        self
    }

    pub(super) fn check(mut self, command: Command, expect: impl Into<String>) -> Self {
        self.checks.push(Check { command, expect: expect.into() });
        self
    }

    pub(super) fn undo(mut self, command: Command) -> Self {
        self.undo.push(command);
        self
    }

    pub(super) fn writes(mut self, path: impl Into<String>) -> Self {
        self.writes.push(path.into());
        self
    }

    pub(super) fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Both in one: what the other does comes after what this one does.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.acts_on.extend(other.acts_on);
        self = self.because(other.reasons);
        self.commands.extend(other.commands);
        self.checks.extend(other.checks);
        self.undo.extend(other.undo);
        self.writes.extend(other.writes);
        self.effects.extend(other.effects);
        let needs = other.needs.into_iter().filter(|need| !self.needs.contains(need));
        self.needs.extend(needs.collect::<Vec<_>>());
        self
    }

    /// Everything that is run, in order: first what keeps the files.
    pub fn lines(&self) -> impl Iterator<Item = &Command> {
        self.keep.iter().chain(&self.commands)
    }

    /// The words in capitals that somebody has to fill in, each once: `NODE`, `CSR_NAME`.
    #[must_use]
    pub fn placeholders(&self) -> Vec<&str> {
        let lines = self.commands.iter().chain(self.checks.iter().map(|check| &check.command)).chain(&self.undo);
        let mut found = Vec::new();
        for line in lines.filter(|command| !command.kind.is_by_hand()).map(|command| command.line.as_str()) {
            for after in line.split("${").skip(1) {
                let name = after.split(['}', ':']).next().unwrap_or_default();
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
        found
    }
}

impl Reason {
    /// What another step asks for.
    pub(super) fn wanted(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into(), places: Vec::new() }
    }
}
