//! What was typed. The words here are the manual: clap prints them, clap_mangen and clap_complete are made from them.

use super::values::{Instant, Share};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Finds, explains and checks the certificates that Kubernetes and Istio clusters die of.
///
/// SOURCE is the same everywhere: a file (PEM, DER, a kubeconfig, Kubernetes objects or Envoy dumps as JSON or YAML; sniffed by content), a
/// directory (a known layout of a distribution gets roles, everything in it is read), or - for standard input.
#[derive(Debug, Parser)]
#[command(name = "kcert", version, arg_required_else_help = true, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 fine, 1 warning, 2 critical, 3 could not tell. Where several apply the worst wins: 0 < 1 < 3 < 2."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options that every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options everywhere")]
pub struct Common {
    /// Judge dates as of TIME: RFC 3339, a date, or a distance from now such as +30d.
    #[arg(long, value_name = "TIME", global = true, allow_hyphen_values = true)]
    pub at: Option<Instant>,
    /// How to print: text or json everywhere; jsonl in inspect and check; nagios and prometheus in check.
    #[arg(short, long, value_name = "FORMAT", global = true, value_enum)]
    pub output: Option<Output>,
    /// When to colour; NO_COLOR, CLICOLOR and CLICOLOR_FORCE are honoured.
    #[arg(long, value_name = "WHEN", global = true, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Print the verdict only.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every fact and every place.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Warn when a certificate ends within this: 30d, 720h, or 33% of its lifetime. Default 30d; certificates that live under 90 days get 33% instead of days.
    #[arg(short, long, value_name = "LEFT", global = true)]
    pub warn: Option<Share>,
    /// Critical when a certificate ends within this. Default 7d; certificates that live under 90 days get 10% instead of days.
    #[arg(short, long, value_name = "LEFT", global = true)]
    pub crit: Option<Share>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every certificate, key, request, CRL and credential found, with its place.
    Inspect(Inspect),
    /// Show who issued what: the issuance forest, cross-signs, missing issuers, who trusts which root.
    Chain(Sources),
    /// Check expiry and health, for cron: exit code, Nagios line, Prometheus metrics.
    Check(Check),
    /// Explain the finding codes: all of them, or one.
    Checks {
        /// A code, as findings carry it.
        code: Option<String>,
    },
    /// Print the JSON Schema of the JSON output.
    Schema,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff: of kcert, or of one of its commands.
    Man {
        /// A command, such as `inspect kubeconfig`.
        command: Vec<String>,
    },
}

/// What to inspect.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Inspect {
    /// A narrower question.
    #[command(subcommand)]
    pub subject: Option<Subject>,
    /// Where to look. Without any: this host, else the kubeconfig.
    #[command(flatten)]
    pub sources: Sources,
}

/// Narrower questions.
#[derive(Debug, Subcommand)]
pub enum Subject {
    /// kubeconfigs: contexts, clusters, users; default $KUBECONFIG (merge list) or ~/.kube/config.
    Kubeconfig(Sources),
    /// The files of a control plane or node, by role; default: every known layout on this host.
    Pki(Sources),
    /// The API server's certificates.
    Apiserver(Sources),
    /// Istio's: istio-ca-secret, cacerts, istio-ca-root-cert, istio.* Secrets, proxy secret dumps.
    Istio(Sources),
}

/// Where to look.
#[derive(Clone, Debug, Default, Args)]
pub struct Sources {
    /// A file, a directory, or - for standard input.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// Take DIR as the root of a host's file system and look for known layouts there; absolute links stay within it. Repeatable; NAME=DIR tells hosts apart.
    #[arg(long, value_name = "[NAME=]DIR")]
    pub root: Vec<String>,
    /// Make a small cluster with a few things wrong in a temporary directory, and look at that.
    #[arg(long)]
    pub demo: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Where to look. Without any: this host, else the kubeconfig.
    #[command(flatten)]
    pub sources: Sources,
    /// Also write Prometheus metrics to PATH (written beside it, then renamed), for node_exporter's textfile collector.
    #[arg(long, value_name = "PATH")]
    pub textfile: Option<PathBuf>,
}

/// Output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object; see `kcert schema`.
    Json,
    /// One JSON object for each certificate, streamed.
    Jsonl,
    /// A Nagios plugin's line.
    Nagios,
    /// Prometheus text format.
    Prometheus,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
