//! The same error again and again is one explanation: grouped by kind, ends, place and date, counted, with the first and last time seen.

use super::facts::Facts;
use super::fill::fill;
use super::kind::{Kind, Refuser};
use super::moment;
use super::scene::{End, Ends};
use crate::model::{Evidence, Participant};
use std::collections::HashMap;
use std::fmt::Write;
use time::OffsetDateTime;

/// Different errors that are kept.
const GROUPS: usize = 200;
/// Clients that are named of one error.
const CLIENTS: usize = 8;
/// Bytes of the line that is shown.
const SAMPLE: usize = 600;

/// One error, explained.
#[derive(Debug)]
pub struct Explanation {
    /// What it is.
    pub kind: &'static Kind,
    /// Who began the handshake, as far as the text tells.
    pub client: Option<Participant>,
    /// Who answered.
    pub server: Option<Participant>,
    /// Which of them refused the other.
    pub refused_by: Option<End>,
    /// What the first such line says, under the keys of the JSON output.
    pub facts: Vec<(&'static str, Evidence)>,
    /// Commands that look closer.
    pub look: Vec<String>,
    /// What to do.
    pub act: Vec<String>,
    /// How many lines.
    pub count: u64,
    /// The number of the first of them.
    pub line: u64,
    /// That line, without what may be secret.
    pub sample: String,
    /// When the first was written.
    pub first: Option<OffsetDateTime>,
    /// When the last was.
    pub last: Option<OffsetDateTime>,
    /// The explanation that it follows from, by its place in the list.
    pub follows: Option<usize>,
}

/// A line of a log.
#[derive(Clone, Copy)]
pub(super) struct Line<'l> {
    /// It, without what may be secret.
    pub(super) text: &'l str,
    /// Its number, from 1.
    pub(super) number: u64,
}

/// What was met so far.
#[derive(Default)]
pub(super) struct Groups {
    list: Vec<Explanation>,
    places: HashMap<String, usize>,
    omitted: u64,
}

impl Groups {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Counts a line of a kind.
    pub(super) fn add(&mut self, kind: &'static Kind, ends: Ends, facts: Facts, line: Line<'_>, at: OffsetDateTime) {
        let near = time(&facts, "currentTime").unwrap_or(at);
        let written = moment::of_line(line.text, near);
        let key = key(kind, &ends, &facts);
        if let Some(known) = self.places.get(&key).and_then(|place| self.list.get_mut(*place)) {
            known.again(&facts, written);
        } else if self.list.len() < GROUPS {
            self.places.insert(key, self.list.len());
            self.list.push(Explanation::new(kind, ends, facts, line, written));
        } else {
            self.omitted += 1;
        }
    }

    /// Causes first, then in the order of appearance; and how many lines were left out.
    pub(super) fn finish(self) -> (Vec<Explanation>, u64) {
        let mut list = self.list;
        let follows: Vec<bool> = list.iter().map(|one| list.iter().any(|cause| one.may_follow(cause))).collect();
        let mut order: Vec<(bool, Explanation)> = follows.into_iter().zip(list.drain(..)).collect();
        order.sort_by_key(|(follows, explanation)| (explanation.kind.rank, *follows, explanation.line));
        let mut list: Vec<Explanation> = order.into_iter().map(|(_, explanation)| explanation).collect();
        for place in 0..list.len() {
            list[place].follows = list[..place].iter().position(|before| list[place].may_follow(before));
        }
        (list, self.omitted)
    }
}

/// Facts that tell one error from another of its kind.
const TELLING: &[&str] = &["endpoint", "webhook", "notAfter", "notBefore", "notFor", "candidateAuthority", "serial", "file"];

fn key(kind: &Kind, ends: &Ends, facts: &Facts) -> String {
    let mut key = format!("{} {:?} {:?}", kind.id, ends.client, ends.server);
    for (name, value) in facts.iter().filter(|(name, _)| TELLING.contains(name)) {
        // Writing to a String does not fail.
        write!(key, " {name}={value:?}").unwrap_or_default();
    }
    key
}

fn time(facts: &Facts, wanted: &str) -> Option<OffsetDateTime> {
    facts.iter().find_map(|(key, value)| match value {
        Evidence::Time(at) if *key == wanted => Some(*at),
        _ => None,
    })
}

impl Explanation {
    fn new(kind: &'static Kind, ends: Ends, facts: Facts, line: Line<'_>, written: Option<OffsetDateTime>) -> Self {
        let refused_by = match kind.refuser {
            Refuser::Writer => ends.writer,
            Refuser::Peer => ends.writer.map(End::other),
            Refuser::Always(end) => Some(end),
            Refuser::Nobody => None,
        };
        let named = |server: Participant| match webhook(&facts) {
            Some(name) => server.named(name),
            None => server,
        };
        let mut explanation = Self {
            kind,
            client: ends.client,
            server: ends.server.map(named),
            refused_by,
            look: kind.look.iter().map(|template| fill(template, &facts)).collect(),
            act: kind.act.iter().map(|template| fill(template, &facts)).collect(),
            facts: Vec::new(),
            count: 1,
            line: line.number,
            sample: sample(line.text),
            first: written,
            last: written,
            follows: None,
        };
        explanation.facts =
            facts.into_iter().map(|(key, value)| (key, if key == "from" { as_list(value) } else { value })).collect();
        explanation
    }

    /// Whether it may be a consequence of another. One that names the date of another certificate is not.
    fn may_follow(&self, cause: &Self) -> bool {
        let dates = time(&self.facts, "notAfter").zip(time(&cause.facts, "notAfter"));
        self.kind.follows.contains(&cause.kind.id) && dates.is_none_or(|(own, of_cause)| own == of_cause)
    }

    /// Counts another line.
    fn again(&mut self, facts: &Facts, written: Option<OffsetDateTime>) {
        self.count += 1;
        self.first = [self.first, written].into_iter().flatten().min();
        self.last = [self.last, written].into_iter().flatten().max();
        let from = facts.iter().find_map(|(key, value)| if *key == "from" { Some(value) } else { None });
        let known = self.facts.iter_mut().find_map(|(key, value)| match value {
            Evidence::List(list) if *key == "from" => Some(list),
            _ => None,
        });
        if let (Some(Evidence::Text(from)), Some(list)) = (from, known) {
            let host = host(from);
            if list.len() < CLIENTS && !list.iter().any(|known| known == host) {
                list.push(host.to_owned());
            }
        }
    }
}

fn webhook(facts: &Facts) -> Option<&str> {
    facts.iter().find_map(|(key, value)| match value {
        Evidence::Text(name) if *key == "webhook" => Some(name.as_str()),
        _ => None,
    })
}

/// Clients by their hosts: a port is another at every call.
fn as_list(value: Evidence) -> Evidence {
    match value {
        Evidence::Text(from) => Evidence::List(vec![host(&from).to_owned()]),
        other => other,
    }
}

fn host(from: &str) -> &str {
    from.rsplit_once(':').map_or(from, |(host, _)| host)
}

fn sample(line: &str) -> String {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.char_indices().map(|(at, _)| at).take_while(|at| *at <= SAMPLE).last().unwrap_or(0);
    if line.len() <= SAMPLE { line } else { format!("{}…", &line[..end]) }
}
