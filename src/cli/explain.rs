//! `kcert explain`: a text or a log, and what the sources have to say to it.

use super::args::{Explain, Sources};
use super::commands::{SHOW, Session, format};
use super::error::Error;
use super::exit::Exit;
use crate::audit;
use crate::chain::{AwsLc, Graph};
use crate::explain::{Explained, Explainer, Kind};
use crate::gather::text;
use crate::plan;
use crate::probe::Endpoint;
use crate::report::explanation::{Explanations, Sources as Shown};
use crate::report::{Format, Report, View};
use std::io::Write;
use std::path::{Path, PathBuf};

/// `kcert explain`. Something recognised is 0, nothing 3.
///
/// # Errors
/// What keeps it from reading the text, or from looking at the sources at all.
pub(super) fn explain(session: &Session, asked: &Explain, out: &mut dyn Write) -> Result<Exit, Error> {
    let format = format(session.output, "explain", SHOW)?;
    let (input, sources) = Input::of(asked)?;
    let mut reader = Explainer::new(session.policy.at);
    match &input {
        Input::Read(path) => text::text(path, &mut |block| reader.feed(block)).map_err(Error::Log)?,
        Input::Typed(text) => reader.feed(text.as_bytes()),
    }
    let explained = reader.finish();
    if sources.is_empty() {
        let (at, look) = (session.policy.at, &session.look);
        Explanations { explained: &explained, at, look, sources: None }.render(format, out)?;
    } else {
        beside(session, &explained, &sources, format, out)?;
    }
    Ok(if explained.explanations.is_empty() { Exit::Unknown } else { Exit::Fine })
}

/// The same with the sources' findings, those whose code belongs to what is explained, and the plan that mends them.
fn beside(session: &Session, explained: &Explained, sources: &Sources, format: Format, out: &mut dyn Write) -> Result<(), Error> {
    let inventory = session.inventory(sources)?;
    let graph = Graph::build(&inventory, &AwsLc);
    let mut audit = audit::preflight(&graph, &session.policy);
    let all = audit.findings.len();
    let kinds = || explained.explanations.iter().map(|one| one.kind);
    audit.findings.retain(|finding| kinds().flat_map(Kind::codes).any(|code| code == finding.code));
    let plan = plan::plan(&graph, &audit, &session.policy);
    let report = Report {
        view: View::Check,
        inventory: &inventory,
        graph: &graph,
        audit: &audit,
        policy: &session.policy,
        look: &session.look,
        plan: Some(&plan).filter(|plan| plan.is_sound() && !plan.steps.is_empty()),
        verifications: &[],
    };
    let shown = Shown { report: &report, others: all - audit.findings.len() };
    Explanations { explained, at: session.policy.at, look: &session.look, sources: Some(shown) }.render(format, out)?;
    Ok(())
}

/// What is to be explained.
#[derive(Debug, PartialEq, Eq)]
enum Input {
    /// A file, or standard input.
    Read(PathBuf),
    /// What was typed.
    Typed(String),
}

impl Input {
    /// What was typed, and where to look. A word that looks like a path and is none is a mistake and no text; several words that are not
    /// all places are a text without its quotation marks, and nothing in it is dialled.
    fn of(asked: &Explain) -> Result<(Self, Sources), Error> {
        let Some(first) = &asked.text else {
            let stdin = PathBuf::from("-");
            return if text::is_typed() { Err(Error::NoText) } else { Ok((Self::Read(stdin), asked.sources.clone())) };
        };
        let further = &asked.sources.sources;
        let stdin = Path::new("-");
        if first == stdin && further.iter().any(|source| source == stdin) {
            return Err(Error::StandardInputTwice);
        }
        if first == stdin || first.exists() {
            return Ok((Self::Read(first.clone()), asked.sources.clone()));
        }
        let typed = first.to_string_lossy();
        if !typed.contains(char::is_whitespace) && further.iter().any(|word| !is_source(word)) {
            let words: Vec<_> = [first].into_iter().chain(further).map(|word| word.to_string_lossy()).collect();
            return Ok((Self::Typed(words.join(" ")), Sources { sources: Vec::new(), ..asked.sources.clone() }));
        }
        if looks_like_a_path(&typed) {
            return Ok((Self::Read(first.clone()), asked.sources.clone()));
        }
        Ok((Self::Typed(typed.into_owned()), asked.sources.clone()))
    }
}

/// Whether a word is a source.
fn is_source(typed: &Path) -> bool {
    typed == Path::new("-") || typed.exists() || Endpoint::is_one(&typed.to_string_lossy())
}

/// One word with a slash or the ending of a log, which is no URL.
fn looks_like_a_path(typed: &str) -> bool {
    let one_word = !typed.contains(char::is_whitespace) && !typed.contains("://");
    one_word && (typed.contains('/') || [".log", ".txt", ".gz", ".out"].iter().any(|ending| typed.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(words: &[&str]) -> (Input, usize) {
        let mut words = words.iter().map(PathBuf::from);
        let text = words.next();
        let asked = Explain { text, sources: Sources { sources: words.collect(), ..Sources::default() } };
        let (input, sources) = Input::of(&asked).unwrap();
        (input, sources.sources.len())
    }

    #[test]
    fn files_are_told_from_texts() {
        let read = |path: &str| Input::Read(path.into());
        let typed = |text: &str| Input::Typed(text.into());
        assert_eq!(input(&["-"]), (read("-"), 0));
        assert_eq!(input(&["Cargo.toml", "src"]), (read("Cargo.toml"), 1));
        assert_eq!(input(&["x509: y"]), (typed("x509: y"), 0));
        assert_eq!(input(&["x509: y", "src"]), (typed("x509: y"), 1));
        assert_eq!(input(&["x509:", "certificate", "has", "expired"]), (typed("x509: certificate has expired"), 0));
        let unquoted = ["Get", "https://localhost:6443/api:", "x509:", "certificate", "has", "expired"];
        assert_eq!(input(&unquoted), (typed(&unquoted.join(" ")), 0), "nobody is dialled for a text");
        assert_eq!(input(&["x509: y", "gone.crt"]), (typed("x509: y"), 1));
        assert_eq!(input(&["/var/log/gone"]), (read("/var/log/gone"), 0));
        assert_eq!(input(&["gone.log"]), (read("gone.log"), 0));
        assert_eq!(input(&["https://localhost:6443/api"]), (typed("https://localhost:6443/api"), 0));
    }
}
