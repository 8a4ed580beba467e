//! `kcert merge`: results of several runs as one report.

use super::args::{Merge, Output};
use super::commands::{Session, format};
use super::error::Error;
use super::exit::Exit;
use crate::gather::connection::Unusable;
use crate::gather::text;
use crate::report::Format;
use crate::report::merged::{Merged, Source};
use std::io::Write;

/// The formats of a merged report, besides lines.
const FORMATS: &[(Output, Format)] =
    &[(Output::Text, Format::Text), (Output::Json, Format::Json), (Output::Nagios, Format::Nagios)];

/// `kcert merge`. What cannot be read is a finding, and the rest is merged.
///
/// # Errors
/// A format that it does not have; those of `out`.
pub(super) fn merge(session: &Session, asked: &Merge, out: &mut dyn Write) -> Result<Exit, Error> {
    let format = match session.output {
        Output::Jsonl => None,
        other => Some(format(other, "merge", FORMATS)?),
    };
    let mut merged = Merged::default();
    for file in &asked.files {
        let mut source = Source::new(&file.to_string_lossy(), &mut merged);
        match text::text(file, &mut |block| source.feed(block)) {
            Ok(()) => source.end(),
            // The place says which file it is.
            Err(Unusable::File(_, why)) => source.unreadable(&why.to_string()),
            Err(why) => source.unreadable(&why.to_string()),
        }
    }
    let report = merged.finish(session.policy.at);
    match format {
        Some(format) => report.render(format, &session.look, out)?,
        None => report.lines(out)?,
    }
    Ok(report.worst().into())
}
