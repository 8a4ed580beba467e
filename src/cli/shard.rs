//! `--shard I/N`: which of the sources that were named are this run's.
//!
//! Each source falls to one shard by the SHA-256 of what was typed, so that every run of a fleet, on whatever machine and of whatever
//! release, comes to the same answer without asking anybody.

use super::args::{Command, Inspect, Live, Output, Sources, Subject};
use super::commands::{JUDGE, PREFLIGHT, SHOW, Session, format};
use super::error::Error;
use super::exit::Exit;
use super::{plan, textfile};
use crate::decode::sha256;
use crate::report::idle::Idle;
use crate::report::{Format, View};
use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

/// What the current context's cluster is called among sources where no kubeconfig was named beside the option.
const LIVE: &str = "--live";
/// The same for the demo.
const DEMO: &str = "--demo";

/// One of so many shards.
///
/// ```
/// use kcert::cli::shard::Shard;
/// let shards: Vec<Shard> = (1..=3).map(|index| format!("{index}/3").parse().unwrap()).collect();
/// assert_eq!(shards.iter().filter(|shard| shard.takes("prod.kubeconfig".as_ref())).count(), 1);
/// assert!("0/3".parse::<Shard>().is_err() && "4/3".parse::<Shard>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    index: u32,
    count: u32,
}

impl Shard {
    /// Whether a source falls to it: the first eight octets of the digest of what was typed, as a number, modulo the number of shards.
    #[must_use]
    pub fn takes(self, typed: &OsStr) -> bool {
        let digest = sha256(typed.as_encoded_bytes()).0;
        let number = digest.iter().take(8).fold(0, |number: u64, octet| (number << 8) | u64::from(*octet));
        number % u64::from(self.count) == u64::from(self.index) - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Text that names no shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAShard;

impl fmt::Display for NotAShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected I/N with I from 1 to N, such as 2/8")
    }
}

impl std::error::Error for NotAShard {}

impl FromStr for Shard {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<Self, NotAShard> {
        let (index, count) = text.split_once('/').ok_or(NotAShard)?;
        let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        let (index, count): (u32, u32) = number(index).zip(number(count)).ok_or(NotAShard)?;
        if (1..=count).contains(&index) { Ok(Self { index, count }) } else { Err(NotAShard) }
    }
}

/// A shard to which none of the sources fell.
pub(super) struct Nothing {
    shard: Shard,
    /// How many there are.
    sources: usize,
}

/// Leaves of a command's sources those that fall to its shard, and tells where that is none.
///
/// # Errors
/// There are no sources to share out.
pub(super) fn narrow(command: &mut Command) -> Result<Option<Nothing>, Error> {
    let Some(sources) = sources(command) else { return Ok(None) };
    let Some(shard) = sources.shard else { return Ok(None) };
    let all = count(sources);
    if all == 0 {
        return Err(Error::NothingToShare);
    }
    let takes = |typed: &str| shard.takes(OsStr::new(typed));
    sources.sources.retain(|source| shard.takes(source.as_os_str()));
    sources.root.retain(|root| takes(root));
    sources.demo &= takes(DEMO);
    let live = &mut sources.live;
    let is_meant = live.is_meant();
    let alone = live.kubeconfig.as_ref().map_or(OsStr::new(LIVE), |path| path.as_os_str());
    let is_ours = if live.context.is_empty() { shard.takes(alone) } else { live.context.iter().any(|context| takes(context)) };
    live.context.retain(|context| takes(context));
    if is_meant && !is_ours {
        // Whatever says how a cluster is read goes with it.
        *live = Live::default();
    }
    Ok((count(sources) == 0).then_some(Nothing { shard, sources: all }))
}

/// How many sources were named.
fn count(sources: &Sources) -> usize {
    let contexts = sources.live.context.len();
    let clusters = if contexts == 0 { usize::from(sources.live.is_meant()) } else { contexts };
    sources.sources.len() + sources.root.len() + usize::from(sources.demo) + clusters
}

/// Where a command looks. What `explain` explains is no source, and is explained by every shard.
fn sources(command: &mut Command) -> Option<&mut Sources> {
    match command {
        Command::Inspect(Inspect { subject: None, sources }) | Command::Chain(sources) => Some(sources),
        Command::Inspect(Inspect { subject: Some(subject), .. }) => Some(match subject {
            Subject::Kubeconfig(sources) | Subject::Pki(sources) | Subject::Apiserver(sources) | Subject::Istio(sources) => {
                sources
            }
        }),
        Command::Check(check) => Some(&mut check.sources),
        Command::Preflight(preflight) => Some(&mut preflight.sources),
        Command::Plan(plan) => Some(&mut plan.sources),
        Command::Explain(explain) => Some(&mut explain.sources),
        _ => None,
    }
}

impl Nothing {
    /// What the command prints then. Nothing to do is fine.
    ///
    /// # Errors
    /// A format that the command does not have; those of `out`.
    pub(super) fn render(&self, session: &Session, command: &Command, out: &mut dyn Write) -> Result<Exit, Error> {
        let (view, name, formats, textfile): (View, &str, &[(Output, Format)], Option<&Path>) = match command {
            Command::Chain(_) => (View::Chains, "chain", SHOW, None),
            Command::Check(check) => (View::Check, "check", JUDGE, check.textfile.as_deref()),
            Command::Preflight(_) => (View::Preflight, "preflight", PREFLIGHT, None),
            Command::Plan(_) => (View::Plan, "plan", plan::FORMATS, None),
            _ => (View::Inspection, "inspect", SHOW, None),
        };
        let idle =
            Idle { view, shard: self.shard.to_string(), sources: self.sources, policy: &session.policy, look: &session.look };
        match session.output {
            Output::Jsonl if view == View::Check => idle.summary_line(out)?,
            Output::Jsonl if view == View::Inspection => {}
            output => idle.render(format(output, name, formats)?, out)?,
        }
        if let Some(path) = textfile {
            textfile::write(path, |file| idle.render(Format::Prometheus, file))?;
        }
        Ok(Exit::Fine)
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::Parser;
    use proptest::prelude::*;

    /// What is left of a command line in each shard: sources, roots, contexts, whether the current context and the demo are.
    fn remaining(line: &str, count: u32) -> Vec<(Vec<String>, bool)> {
        let shards = (1..=count).map(|index| {
            let typed = format!("kcert {line} --shard {index}/{count}");
            let mut cli = Cli::parse_from(typed.split(' '));
            let nothing = narrow(&mut cli.command).unwrap();
            let sources = sources(&mut cli.command).unwrap();
            let named = sources.sources.iter().map(|source| source.display().to_string());
            let demo = sources.demo.then(|| DEMO.to_owned());
            let current = (sources.live.is_meant() && sources.live.context.is_empty()).then(|| LIVE.to_owned());
            let all: Vec<_> =
                named.chain(sources.root.clone()).chain(sources.live.context.clone()).chain(demo).chain(current).collect();
            assert_eq!(nothing.is_some(), all.is_empty());
            (all, sources.live.kubeconfig.is_some())
        });
        shards.collect()
    }

    fn parted(line: &str, count: u32) -> Vec<String> {
        let mut all: Vec<_> = remaining(line, count).into_iter().flat_map(|(sources, _)| sources).collect();
        all.sort();
        all
    }

    const VECTORS: &[(&str, u32)] =
        &[("prod.kubeconfig", 4), ("/etc/kubernetes", 1), ("cp-1=/mnt/cp-1", 3), ("10.0.0.1:6443", 6), ("größe", 8)];

    #[test]
    fn the_hash_is_the_same_everywhere() {
        // printf %s SOURCE | sha256sum | cut -c 1-16, as a number modulo 8, plus 1.
        for (source, index) in VECTORS {
            let takers: Vec<u32> = (1..=8).filter(|index| Shard { index: *index, count: 8 }.takes(source.as_ref())).collect();
            assert_eq!(takers, [*index], "{source}");
        }
    }

    #[test]
    fn every_kind_of_source_is_in_one_shard() {
        for count in [1, 2, 3, 16] {
            let all = "check a b 10.0.0.1:6443 - --root /mnt --root cp=/mnt2 --context prod --context stage --demo";
            let wanted = ["-", "--demo", "/mnt", "10.0.0.1:6443", "a", "b", "cp=/mnt2", "prod", "stage"];
            assert_eq!(parted(all, count), wanted);
            assert_eq!(parted("preflight --live x", count), ["--live", "x"]);
            assert_eq!(parted("inspect pki -A", count), ["--live"]);
        }
    }

    #[test]
    fn the_current_context_goes_by_its_kubeconfig() {
        let shard_of = |path: &str| remaining(&format!("check --live --kubeconfig {path}"), 64).iter().position(|(_, has)| *has);
        let shards: std::collections::HashSet<_> = ["a", "b", "c", "d"].map(shard_of).into();
        assert!(shards.len() > 1 && !shards.contains(&None), "{shards:?}");
    }

    #[test]
    fn without_sources_there_is_nothing_to_share() {
        for line in ["check --shard 1/2", "plan --shard 1/2 --kubeconfig x", "explain text --shard 1/2"] {
            let mut cli = Cli::parse_from(format!("kcert {line}").split(' '));
            assert!(matches!(narrow(&mut cli.command), Err(Error::NothingToShare)), "{line}");
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["", "/", "1", "0/1", "2/1", "-1/2", "+1/2", "1/0", "1/2/3", "1/4294967296", "a/b", " 1/2"] {
            assert_eq!(text.parse::<Shard>(), Err(NotAShard), "{text}");
        }
        assert_eq!("4294967295/4294967295".parse::<Shard>().unwrap().to_string(), "4294967295/4294967295");
    }

    proptest! {
        #[test]
        fn shards_part_whatever_is_named(typed in ".*", count in 1_u32..200) {
            let takers = (1..=count).filter(|index| Shard { index: *index, count }.takes(typed.as_ref())).count();
            prop_assert_eq!(takers, 1);
        }
    }
}
