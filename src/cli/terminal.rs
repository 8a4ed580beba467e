//! What the terminal can show, from the environment.

use super::args::{Colour, Common};
use crate::report::{Detail, Look};
use std::io::IsTerminal;
use terminal_size::{Width, terminal_size_of};

/// Columns of a report that no terminal limits: wide enough for whole names, narrow enough for a ticket.
const PIPED_WIDTH: usize = 120;

/// How text should look on standard output.
#[must_use]
pub(super) fn look(common: &Common) -> Look {
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let measured = terminal_size_of(&stdout).map(|(Width(columns), _)| usize::from(columns)).filter(|columns| *columns > 0);
    Look {
        colour: colour(common.color, terminal),
        unicode: terminal && speaks_utf8(),
        width: measured.or(columns).unwrap_or(PIPED_WIDTH),
        detail: detail(common),
        home: std::env::var("HOME").ok().filter(|home| home.len() > 1),
    }
}

fn detail(common: &Common) -> Detail {
    match (common.quiet, common.verbose) {
        (true, _) => Detail::Quiet,
        (_, true) => Detail::Verbose,
        _ => Detail::Normal,
    }
}

/// The order of no-color.org and bixense.com/clicolors; an explicit `--color` beats all.
fn colour(asked: Colour, terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is = |name, wanted: &str| std::env::var_os(name).is_some_and(|value| value == wanted);
    match asked {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if set("NO_COLOR") => false,
        Colour::Auto if (set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0")) || set("FORCE_COLOR") => true,
        Colour::Auto => terminal && !is("TERM", "dumb") && !is("CLICOLOR", "0"),
    }
}

/// The first of the locale variables that is set decides (POSIX, XBD 8.2).
fn speaks_utf8() -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
