//! The only place where both columns of the house meet: arguments in, exit code out. Clock, environment and streams are read here and
//! nowhere else.

pub mod args;
mod called;
mod clusters;
mod collect;
mod commands;
pub mod error;
pub mod exit;
mod explain;
pub mod manual;
mod merge;
mod own_servers;
mod plan;
mod probe;
mod progress;
mod requests;
pub mod shard;
mod targets;
mod terminal;
mod textfile;
pub mod values;
mod verify;

use crate::report::escape;
use args::{Cli, Command};
use clap::Parser;
use error::Error;
use exit::Exit;
use std::io::{self, Write};
use std::process::ExitCode;
use time::OffsetDateTime;

/// Runs kcert with the process's own arguments.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli).into(),
        Err(usage) => {
            // Help and version are no errors; a usage error is 3 like everything that could not be told.
            let exit = if usage.use_stderr() { Exit::Unknown } else { Exit::Fine };
            if usage.print().is_err() { Exit::Unknown.into() } else { exit.into() }
        }
    }
}

fn run(cli: Cli) -> Exit {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let outcome = dispatch(cli, &mut out).and_then(|exit| Ok(out.flush().map(|()| exit)?));
    match outcome {
        Ok(exit) => exit,
        // Whoever closed the pipe has seen enough.
        Err(Error::Write(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            let hint = error.hint().map(|hint| format!("\n  {hint}")).unwrap_or_default();
            // Without a standard error there is nobody left to tell.
            drop(writeln!(io::stderr(), "kcert: {}{hint}", escape::visible(&error.to_string())));
            Exit::Unknown
        }
    }
}

fn dispatch(mut cli: Cli, out: &mut dyn Write) -> Result<Exit, Error> {
    let session = commands::Session::new(&cli.common, OffsetDateTime::now_utc())?;
    match shard::narrow(&mut cli.command)? {
        Some(nothing) if !matches!(cli.command, Command::Explain(_)) => return nothing.render(&session, &cli.command, out),
        _ => {}
    }
    match &cli.command {
        Command::Inspect(inspect) => commands::inspect(&session, inspect, out),
        Command::Chain(sources) => commands::chain(&session, sources, out),
        Command::Verify(verify) => verify::verify(&session, verify, out),
        Command::Probe(asked) => probe::probe(&session, asked, out),
        Command::Check(check) => commands::check(&session, check, out),
        Command::Preflight(preflight) => commands::preflight(&session, preflight, out),
        Command::Plan(asked) => plan::plan(&session, asked, out),
        Command::Explain(asked) => explain::explain(&session, asked, out),
        Command::Merge(asked) => merge::merge(&session, asked, out),
        Command::Checks { code } => commands::checks(&session, code.as_deref(), out),
        Command::Schema => commands::schema(out),
        Command::Completions { shell } => manual::completions(*shell, out),
        Command::Man { command } => manual::page(command, out),
    }
}
