//! What a row of the table is: one kind of error, the words that it is known by, and what it means.

use super::scene::End;
use crate::model::Code;

/// One kind of error. Words are lower case and are looked for without regard to case; rows are asked in order, the first that fits has it.
#[derive(Debug)]
pub struct Kind {
    /// Its name, kebab-case and stable: `loopback-expired`.
    pub id: &'static str,
    /// One of these stands in the line.
    pub any: &'static [&'static str],
    /// Of each of these, one stands in it too.
    pub also: &'static [&'static [&'static str]],
    /// None of these does.
    pub never: &'static [&'static str],
    /// The cause, in a sentence without a full stop.
    pub cause: &'static str,
    /// Who refused, seen from the program that wrote the line.
    pub refuser: Refuser,
    /// The finding code that says the same.
    pub code: Option<Code>,
    /// Further codes under which the audit may find the reason.
    pub family: &'static [Code],
    /// Commands that look closer; `{endpoint}` and the like are filled in from the text (`explain::fill`).
    pub look: &'static [&'static str],
    /// What to do, in sentences or commands; filled in likewise.
    pub act: &'static [&'static str],
    /// Where it stands among several.
    pub rank: Rank,
    /// The kinds that it follows from where they are met in the same log.
    pub follows: &'static [&'static str],
    /// Where it was met, or where the words are made: public issues and source files.
    pub cites: &'static [&'static str],
    /// Lines as issues show them, or as the cited source words them: what the row is tested with, and what an unknown text is compared with.
    pub examples: &'static [&'static str],
}

/// Who refused, seen from the program that wrote the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// The writer refused the other end's certificate.
    Writer,
    /// The other end refused the writer's.
    Peer,
    /// The writer is known to be the client or the server.
    Always(End),
    /// Nobody: it ended before a certificate was judged, or it is about a file.
    Nobody,
}

/// Where a kind stands among several: what comes first is mended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Others follow from it.
    Root,
    /// A refusal with its reason.
    Refusal,
    /// What is heard of a refusal whose reason stands in the other end's log.
    Echo,
}

impl Kind {
    /// The codes under which the audit finds it: its own, then the family.
    pub fn codes(&self) -> impl Iterator<Item = Code> + '_ {
        self.code.into_iter().chain(self.family.iter().copied())
    }

    /// Every word of the row.
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> + '_ {
        let also = self.also.iter().flat_map(|group| group.iter());
        self.any.iter().chain(also).chain(self.never).copied()
    }
}
