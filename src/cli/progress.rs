//! How far a long run has come, on standard error while somebody watches.

use super::args::Output;
use crate::report::{Detail, Look, escape};
use std::io::{self, IsTerminal, Write};

/// Fewer endpoints than this are done with before anybody has read how many are.
const WORTH_IT: usize = 100;

/// A line that is written again and again.
pub(super) struct Progress {
    all: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    /// Nothing done yet. Nothing is shown where the results themselves come one by one, or to nobody.
    pub(super) fn new(all: usize, look: &Look, output: Output) -> Self {
        let wanted = look.detail != Detail::Quiet && output != Output::Jsonl && all >= WORTH_IT;
        Self { all, done: 0, shown: wanted && io::stderr().is_terminal() }
    }

    /// One more.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.shown && self.done.is_multiple_of(16) {
            // Without a standard error there is nobody to tell.
            drop(write!(io::stderr(), "\rasked {} of {}", self.done, self.all));
        }
    }

    /// For work whose end nobody knows.
    pub(super) fn open(look: &Look, output: Output) -> Self {
        Self::new(WORTH_IT, look, output)
    }

    /// So many objects of a cluster; what is read just now.
    pub(super) fn objects(&mut self, context: &str, resource: &str, objects: u64) {
        if self.shown {
            let line = format!("{}: {objects} objects, {resource}", escape::visible(context));
            drop(write!(io::stderr(), "\r{line:78.78}"));
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if self.shown {
            drop(write!(io::stderr(), "\r{:78}\r", ""));
        }
    }
}
