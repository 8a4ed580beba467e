//! Manual pages and completions, from the same description that parses the command line. The pages under `man/` are these.

use super::args::Cli;
use super::error::Error;
use super::exit::Exit;
use crate::audit::CHECKS;
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io::{self, Write};

/// Writes a completion script.
///
/// # Errors
/// Those of `out`.
pub fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> Result<Exit, Error> {
    // clap_complete panics on a closed pipe; memory does not close.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kcert", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Fine)
}

/// Writes the page of kcert (no words) or of one of its commands.
///
/// # Errors
/// No such command; those of `out`.
pub fn page(words: &[String], out: &mut dyn Write) -> Result<Exit, Error> {
    let title = words.iter().fold("kcert".to_owned(), |title, word| format!("{title}-{word}"));
    let (_, text) = pages()?.into_iter().find(|(name, _)| *name == title).ok_or_else(|| Error::Manual(words.join(" ")))?;
    out.write_all(&text)?;
    Ok(Exit::Fine)
}

/// Every page: its name (`kcert-inspect-pki`) and its roff.
///
/// # Errors
/// None in practice: pages are rendered into memory.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    let mut open = vec![("kcert".to_owned(), root)];
    while let Some((name, command)) = open.pop() {
        let below = command.get_subcommands().filter(|below| !below.is_hide_set());
        open.extend(below.map(|below| (format!("{name}-{}", below.get_name()), below.clone())));
        let top = name == "kcert";
        let mut text = Vec::new();
        Man::new(command).title(name.clone()).date("").render(&mut text)?;
        if top {
            finding_codes().to_writer(&mut text)?;
        }
        pages.push((name, text));
    }
    pages.sort();
    Ok(pages)
}

fn finding_codes() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["FINDING CODES"]);
    for check in CHECKS.iter() {
        roff.control("TP", []);
        roff.text([bold(check.code.as_str()), roman(format!(" ({})", check.severity))]);
        roff.text([roman(check.meaning)]);
    }
    roff
}
