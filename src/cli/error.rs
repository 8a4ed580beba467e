//! Why a command could not do its work at all. Problems of certificates are findings, not errors.

use crate::demo;
use crate::gather::cluster::NoCluster;
use crate::gather::connection::Unusable;
use crate::probe::{Endpoint, NotAProxy, NotAnEndpoint, UnusableKey};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The error, and with [`Error::hint`] what to do about it.
#[derive(Debug)]
pub enum Error {
    /// `--root` names no directory.
    Root(PathBuf),
    /// An endpoint where a file belongs.
    Endpoint(Endpoint),
    /// Text that is no endpoint.
    NotAnEndpoint(NotAnEndpoint),
    /// A kubeconfig was named, and its server is not among those that are asked.
    OtherServer(Endpoint),
    /// Nobody to ask.
    NoEndpoint,
    /// A kubeconfig, a list or a credential that cannot be used.
    Unusable(Unusable),
    /// A cluster that a kubeconfig does not lead to.
    Cluster(NoCluster),
    /// Several clusters where one belongs.
    SeveralClusters,
    /// A shard of no sources.
    NothingToShare,
    /// A kubeconfig, and nothing that it is for.
    KubeconfigAlone,
    /// The kubeconfig's proxy.
    Proxy(NotAProxy),
    /// A client certificate without certificate or key in it.
    NoClientCertificate,
    /// A client's key.
    ClientKey(UnusableKey),
    /// The operating system gives no sockets.
    Probe(io::Error),
    /// A directory where a file belongs.
    Directory(PathBuf),
    /// Standard input is named for two things.
    StandardInputTwice,
    /// The demo could not be made.
    Demo(demo::Error),
    /// A format that the command does not have; format and command.
    Format(&'static str, &'static str),
    /// `--at` lies outside the calendar.
    At,
    /// Nothing to explain.
    NoText,
    /// A log that is not there or cannot be read.
    Log(Unusable),
    /// A file of passwords that is not there or cannot be read.
    Passwords(Unusable),
    /// An unknown finding code.
    Code(String),
    /// An unknown command in `kcert man`.
    Manual(String),
    /// The report could not be written.
    Write(io::Error),
    /// A request could not be written.
    Request(PathBuf, io::Error),
    /// The textfile could not be written.
    Textfile(PathBuf, io::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Root(_) => Some(
                "--root takes a directory that holds a host's files, such as / or a copy of it; NAME=DIR tells several apart",
            ),
            Self::Endpoint(_) => Some("a file belongs here; servers are asked by: kcert probe tls HOST:PORT --trust FILE"),
            Self::NotAnEndpoint(_) => Some("name a server as HOST:PORT, such as 10.0.0.1:6443"),
            Self::OtherServer(_) => {
                Some("its credential goes to its own server only; name that one, or give --client-cert and --client-key")
            }
            Self::NoEndpoint => Some("name servers: kcert probe tls HOST:PORT, or a list of them with --input FILE"),
            Self::Unusable(_) => Some("name another with --kubeconfig FILE, and the context in it with --context NAME"),
            Self::Cluster(NoCluster::Context(_) | NoCluster::NoContext) => {
                Some("kcert inspect kubeconfig lists the contexts; name one with --context NAME")
            }
            Self::Cluster(_) => Some("name another kubeconfig with --kubeconfig FILE"),
            Self::SeveralClusters => Some("name one --context, and ask for each"),
            Self::NothingToShare => {
                Some("name all sources in every run: kcert check --shard 1/8 kubeconfigs/*; each run takes its own of them")
            }
            Self::KubeconfigAlone => {
                Some("--live reads the cluster that it leads to; to look at the kubeconfig itself, name it as SOURCE")
            }
            Self::Proxy(_) => Some("name another way with --proxy http://HOST:PORT"),
            Self::NoClientCertificate | Self::ClientKey(_) => Some(
                "certificate and key as PEM: --client-cert FILE --client-key FILE, or client-certificate and client-key of the kubeconfig",
            ),
            Self::Probe(_) => Some("look at the limit of open files: ulimit -n"),
            Self::Directory(_) => Some("name its files, such as DIRECTORY/*.crt"),
            Self::StandardInputTwice => Some("there is one standard input: write one of the two to a file"),
            Self::Demo(_) => Some("the demo is written below $TMPDIR, else /tmp"),
            Self::Format(..) => Some(
                "text and json go everywhere; jsonl with inspect, check and merge; nagios and prometheus with check and preflight, nagios with merge; markdown with preflight and plan; sh with plan",
            ),
            Self::At => Some("give a date between the years 0001 and 9999"),
            Self::NoText => Some("kcert explain 'x509: …', kcert explain FILE, or COMMAND 2>&1 | kcert explain"),
            Self::Log(_) => Some("name a log file, - for standard input, or give the text itself in quotation marks"),
            Self::Passwords(_) => Some("name a file with one password a line, or set KCERT_PASSWORD"),
            Self::Code(_) => Some("kcert checks lists them"),
            Self::Manual(_) => Some("kcert --help lists the commands"),
            Self::Textfile(..) | Self::Request(..) => Some("the directory has to exist and be writable"),
            Self::Write(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(path) => write!(f, "{} is not a directory", path.display()),
            Self::Endpoint(endpoint) => write!(f, "{endpoint} is a server"),
            Self::NotAnEndpoint(cause) => cause.fmt(f),
            Self::OtherServer(endpoint) => write!(f, "the kubeconfig's server is {endpoint}, which is not among those to ask"),
            Self::NoEndpoint => f.write_str("there is no server to ask"),
            Self::Unusable(cause) | Self::Log(cause) | Self::Passwords(cause) => cause.fmt(f),
            Self::Cluster(cause) => cause.fmt(f),
            Self::SeveralClusters => f.write_str("several clusters are named where one belongs"),
            Self::NothingToShare => f.write_str("--shard shares out the sources that are named, and none is"),
            Self::KubeconfigAlone => f.write_str("--kubeconfig is there, and no --live or --context"),
            Self::Proxy(cause) => cause.fmt(f),
            Self::NoClientCertificate => f.write_str("there is no client certificate with its key"),
            Self::ClientKey(cause) => cause.fmt(f),
            Self::Probe(cause) => write!(f, "no server could be asked: {cause}"),
            Self::Directory(path) => write!(f, "{} is a directory", path.display()),
            Self::StandardInputTwice => f.write_str("standard input is named for two things"),
            Self::Demo(cause) => write!(f, "the demo could not be made: {cause}"),
            Self::Format(format, command) => write!(f, "{command} has no output format {format}"),
            Self::At => f.write_str("--at lies outside the calendar"),
            Self::NoText => f.write_str("there is nothing to explain"),
            Self::Code(code) => write!(f, "there is no finding code {code}"),
            Self::Manual(command) => write!(f, "there is no command {command}"),
            Self::Write(cause) => write!(f, "the report could not be written: {cause}"),
            Self::Textfile(path, cause) | Self::Request(path, cause) => {
                write!(f, "{} could not be written: {cause}", path.display())
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        Self::Write(cause)
    }
}
