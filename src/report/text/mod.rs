//! Text for people: the answer first, then the why, then what to do. Facts are aligned, noise is folded (`-v` unfolds it), and
//! nothing is said by colour alone.
//!
//! A screen is a file here. Each puts `line::Text` and `table::Table` on a `page::Page`; there is no other way to write, and no
//! way to make a `Text` from somebody else's words that does not escape them.

mod chains;
mod check;
mod clients;
mod credentials;
mod explanation;
mod facts;
mod findings;
mod index;
mod inspect;
mod kubeconfig;
mod line;
mod listing;
mod merged;
mod objects;
mod others;
mod page;
mod pki;
mod plan;
mod preflight;
mod probe;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod screens;
mod signed;
mod status;
mod table;
mod tree;
mod trust;
mod verify;

use super::explanation::Explanations;
use super::{Detail, Look, Report, View};
use index::Index;
use page::Page;
use std::io;

/// Writes what a log says, for people.
///
/// # Errors
/// Those of `out`.
pub(super) fn explanation(explanations: &Explanations<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    explanation::render(&mut Page::new(explanations.look, out), explanations)
}

/// Writes what several runs found, for people.
pub(super) fn merged(report: &super::merged::Report, look: &Look, out: &mut dyn io::Write) -> io::Result<()> {
    merged::render(&mut Page::new(look, out), report)
}

/// Writes a report for people.
///
/// # Errors
/// Those of `out`.
pub fn render(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let index = Index::of(report);
    let mut page = Page::new(report.look, out);
    if report.look.detail == Detail::Quiet {
        return match report.view {
            View::Verification => verify::lines(&mut page, &index),
            View::Preflight => preflight::verdict(&mut page, &index),
            View::Plan => plan::verdict(&mut page, &index),
            _ => check::verdict(&mut page, &index),
        };
    }
    match report.view {
        View::Inspection => inspect::render(&mut page, &index),
        View::Chains => chains::render(&mut page, &index),
        View::Check => check::render(&mut page, &index),
        View::Preflight => preflight::render(&mut page, &index),
        View::Plan => plan::render(&mut page, &index),
        View::Verification => verify::render(&mut page, &index),
        View::Probe(asked) => probe::render(&mut page, &index, asked),
    }
}
