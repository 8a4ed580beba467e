//! What was typed. The words here are the manual: clap prints them, clap_mangen and clap_complete are made from them.

use super::shard::Shard;
use super::values::{Instant, Judge, Namespace, ProxyUrl, Release, Resolved, ServerName, Share, Wait};
use crate::probe::StartTls;
use crate::verify::{KubernetesVersion, Name, Purpose};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Finds, explains and checks the certificates that Kubernetes and Istio clusters die of.
///
/// SOURCE is the same everywhere: a file (PEM, DER, PKCS#7, a keystore, a kubeconfig, Kubernetes objects or Envoy dumps as JSON or YAML;
/// sniffed by content, compressed or in a tar archive too), a directory (a known layout of a distribution gets roles, everything in it is
/// read), - for standard input, or a server as HOST:PORT or https://HOST. --live reads the API
/// of a cluster.
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
    /// How long one server may take, name resolution, handshake and reply included: 3s, 500ms.
    #[arg(long, value_name = "DURATION", global = true, default_value = "10s")]
    pub timeout: Wait,
    /// How to print: text or json everywhere; jsonl in inspect, check, merge and probe; nagios in check, merge, preflight and probe, prometheus in all of them but merge; markdown in preflight and plan; sh in plan.
    #[arg(short, long, value_name = "FORMAT", global = true, value_enum)]
    pub output: Option<Output>,
    /// Passwords to try on keystores (PKCS#12, JKS, JCEKS), one a line. Tried in any case: $KCERT_PASSWORD, those that Secrets of its namespace hold or a Certificate of cert-manager names, none, changeit.
    #[arg(long, value_name = "FILE", global = true)]
    pub password_file: Option<PathBuf>,
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
    /// Ask one trust question: is LEAF trusted, by whom, and if not, why not and what would help.
    ///
    /// Exit codes: 0 every verifier trusts it, 2 one does not, 3 could not tell (nothing to trust, unreadable input).
    Verify(Verify),
    /// Ask servers: what they present, whether it is what it should be, and until when.
    #[command(subcommand)]
    Probe(Box<Probe>),
    /// Check expiry and health, for cron: exit code, Nagios line, Prometheus metrics.
    Check(Check),
    /// Judge every handshake of the cluster, now and under the version that it is to be upgraded to: go or no-go.
    ///
    /// Who talks to whom, and whether each still believes the other: kubelets, controllers and people to the API server, the API server to
    /// etcd, kubelets, webhooks and extension servers, etcd to etcd, nodes that join, Istio. Each is judged as the program that really
    /// judges it would, with the names that are dialled, and gets the date on which it breaks. What was not looked at is said, and never
    /// taken for fine. API servers given as HOST:PORT are asked for their loopback certificate too.
    ///
    /// With --live (and in plan and explain with --live) the servers of the cluster are dialled for what they really serve: two ready
    /// endpoints of each Service that a webhook, CRD or APIService calls, and every node's kubelet, 2,000 at most, each within --timeout. A
    /// TLS handshake goes out and no credential; no loopback, link-local or multicast address is dialled. One that does not answer is no
    /// finding. inspect, chain and check dial none of them.
    ///
    /// Exit codes: 0 go, 1 go with warnings, 2 no-go, 3 could not tell.
    Preflight(Preflight),
    /// Plan what to renew, in which order: steps that were rehearsed on a copy of what was found before they are printed.
    ///
    /// Each step says what it is for, where it runs, what it needs and disturbs, how to see that it worked and how to take it back.
    /// Backups first, one control-plane node at a time, trust before use and use before distrust. After each step every handshake is
    /// judged again on the copy; a plan that would break one that it does not announce is reordered or refused. kcert itself changes
    /// nothing: -o sh writes the script, -o markdown the ticket.
    ///
    /// Exit codes: those of the findings: 0 nothing to do, 1 warnings, 2 critical or refused, 3 could not tell.
    Plan(Plan),
    /// Explain an error from a log: which handshake spoke, who refused, why, what to run and what to do.
    ///
    /// Knows the words of Go, OpenSSL, BoringSSL, rustls and Java in the logs of Kubernetes, etcd, Istio and Envoy, kubectl, curl and helm.
    /// The same error is told once, with how often and from when to when; those that others follow from come first. With sources the
    /// findings that belong to it are shown below. Secrets in the text are not repeated.
    ///
    /// Exit codes: 0 recognised, 3 not.
    Explain(Explain),
    /// Join what several runs of check -o jsonl found into one report.
    ///
    /// Certificates are one by their id, with every place; findings are one where they say the same. Nothing is judged anew: dates are
    /// as of the latest of the runs. A line that kcert did not write, a file that cannot be read, and results without the summary in
    /// which a check ends (inspect writes none, and a run that was cut off) are findings of severity unknown.
    ///
    /// Exit codes: those of the findings, as in check.
    Merge(Merge),
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

/// What to ask of servers.
#[derive(Debug, Subcommand)]
pub enum Probe {
    /// The certificate by which an API server reaches itself: made in memory at its start, in no file, never renewed.
    ///
    /// Asked for by SNI apiserver-loopback-client; no credential is needed. Its dates tell when the process was started and when it has to
    /// be restarted. Without a HOST: every API server of the kubeconfig's cluster.
    Loopback(Loopback),
    /// Any TLS server: chain, protocol and dates, also of what it would be refused for.
    Tls(Tls),
    /// The API server as the kubeconfig sees it: what kubectl would do, step by step.
    ///
    /// Mutual TLS, then GET /version. No credential goes to a server that the kubeconfig's CA does not vouch for, so
    /// none with insecure-skip-tls-verify; credential plugins are not run.
    Apiserver(Apiserver),
}

/// Arguments of `probe loopback`.
#[derive(Debug, Args)]
pub struct Loopback {
    /// API servers, each by its own address. Default port 6443; where nothing answers there, others that API servers are known by.
    #[arg(value_name = "HOST[:PORT]")]
    pub hosts: Vec<String>,
    /// More of them, one a line, # begins a comment; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The kubeconfig that tells the API servers.
    #[command(flatten)]
    pub login: Login,
    /// How to go about it.
    #[command(flatten)]
    pub ways: Ways,
}

/// Arguments of `probe tls`.
#[derive(Debug, Args)]
pub struct Tls {
    /// Servers.
    #[arg(value_name = "HOST:PORT")]
    pub endpoints: Vec<String>,
    /// More of them, one a line, # begins a comment; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The name to ask for (Server Name Indication) instead of the host; empty for none.
    #[arg(long, value_name = "NAME")]
    pub sni: Option<ServerName>,
    /// Trust anchors: judge what is served by them, as a server under its name. Repeatable.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub trust: Vec<PathBuf>,
    /// With --trust: a name that it must be valid for, instead of the host. Repeatable: valid for all of them.
    #[arg(long = "name", value_name = "NAME", requires = "trust")]
    pub names: Vec<Name>,
    /// With --trust: judge as this program, as in kcert verify. Repeatable; default go.
    #[arg(long = "as", value_name = "VERIFIER", requires = "trust")]
    pub judges: Vec<Judge>,
    /// Present this certificate, its chain included, to the servers named.
    #[arg(long, value_name = "FILE")]
    pub client_cert: Option<PathBuf>,
    /// Its private key; default: in the same file.
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Begin with a plain protocol and change to TLS.
    #[arg(long, value_name = "PROTOCOL", value_enum)]
    pub starttls: Option<Plain>,
    /// The kubeconfig whose credential is presented, if its own server is among the endpoints.
    #[command(flatten)]
    pub login: Login,
    /// How to go about it.
    #[command(flatten)]
    pub ways: Ways,
}

/// Arguments of `probe apiserver`.
#[derive(Debug, Args)]
pub struct Apiserver {
    /// The kubeconfig.
    #[command(flatten)]
    pub login: Login,
    /// How to go about it.
    #[command(flatten)]
    pub ways: Ways,
}

/// Which kubeconfig.
#[derive(Clone, Debug, Default, Args)]
pub struct Login {
    /// The kubeconfig; default $KUBECONFIG (merge list), then ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; default its current one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// How to reach servers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Ways")]
pub struct Ways {
    /// Conversations at the same time.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub jobs: u16,
    /// The time that all endpoints together may take.
    #[arg(long, value_name = "DURATION")]
    pub deadline: Option<Wait>,
    /// Dial ADDRESS for HOST. Repeatable.
    #[arg(long, value_name = "HOST=ADDRESS")]
    pub resolve: Vec<Resolved>,
    /// IPv4 addresses only.
    #[arg(short = '4', long = "ipv4", conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// IPv6 addresses only.
    #[arg(short = '6', long = "ipv6")]
    pub ipv6: bool,
    /// An HTTP proxy to go through by CONNECT: http://HOST:PORT, with USER:PASSWORD@ before the host where it asks who comes.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<ProxyUrl>,
    /// Start small servers with a few things wrong on loopback, and ask them.
    #[arg(long)]
    pub demo: bool,
}

/// Plain protocols that change to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plain {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Mail transfer.
    Smtp,
    /// Mail access.
    Imap,
    /// Mail retrieval.
    Pop3,
    /// File transfer.
    Ftp,
    /// Directory access.
    Ldap,
}

impl From<Plain> for StartTls {
    fn from(typed: Plain) -> Self {
        match typed {
            Plain::Postgres => Self::Postgres,
            Plain::Mysql => Self::Mysql,
            Plain::Smtp => Self::Smtp,
            Plain::Imap => Self::Imap,
            Plain::Pop3 => Self::Pop3,
            Plain::Ftp => Self::Ftp,
            Plain::Ldap => Self::Ldap,
        }
    }
}

/// Where to look.
#[derive(Clone, Debug, Default, Args)]
pub struct Sources {
    /// A file, a directory, - for standard input, HOST:PORT or https://HOST.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// Take DIR as the root of a host's file system and look for known layouts there; absolute links stay within it. Repeatable; NAME=DIR tells hosts apart.
    #[arg(long, value_name = "[NAME=]DIR")]
    pub root: Vec<String>,
    /// Look only at those of the sources named (SOURCE, --root, --context, --live by its --kubeconfig) that fall to shard I of N, by a hash that is the same everywhere. kcert merge joins what N runs say.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Make a small cluster with a few things wrong in a temporary directory, and look at that.
    #[arg(long)]
    pub demo: bool,
    /// The API of a cluster.
    #[command(flatten)]
    pub live: Live,
}

impl Sources {
    /// Whether anything was named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.root.is_empty() && !self.demo && !self.live.is_meant()
    }

    /// The same for a question about kubeconfigs: where no cluster is to be read, the one that should lead there is looked at itself.
    #[must_use]
    pub fn about_kubeconfigs(&self) -> Cow<'_, Self> {
        if self.live.is_meant() || self.live.kubeconfig.is_none() {
            return Cow::Borrowed(self);
        }
        let mut sources = self.clone();
        // A file whatever its name is: SOURCE may also be a server, or standard input.
        sources.sources.extend(sources.live.kubeconfig.take().map(|file| Path::new(".").join(file)));
        Cow::Owned(sources)
    }
}

/// The API of a cluster, and what is read of it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "A live cluster")]
pub struct Live {
    /// Read the cluster of the kubeconfig's current context: Secrets, ConfigMaps, whatever else holds certificates, and what tells who dials whom. Lists only, nothing is written.
    #[arg(long)]
    pub live: bool,
    /// Read the cluster of this context. Repeatable: each cluster is judged by itself.
    #[arg(long, value_name = "NAME")]
    pub context: Vec<String>,
    /// Read the objects of this namespace, and nothing that belongs to none. Repeatable.
    #[arg(short = 'n', long = "namespace", value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    pub namespaces: Vec<Namespace>,
    /// Read the objects of all namespaces and those that belong to none; what happens without -n.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Read the objects with these labels: app=web, 'tier in (a,b)'.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// The kubeconfig that leads to the cluster; default $KUBECONFIG (merge list), then ~/.kube/config, then a pod's service account.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

impl Live {
    /// Whether a cluster is to be read: whoever says what of it is to be read says so too.
    #[must_use]
    pub fn is_meant(&self) -> bool {
        self.live || self.all_namespaces || !self.context.is_empty() || !self.namespaces.is_empty() || self.selector.is_some()
    }
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Also write Prometheus metrics to PATH (written beside it, then renamed), for node_exporter's textfile collector.
    #[arg(long, value_name = "PATH")]
    pub textfile: Option<PathBuf>,
    /// Where to look. Without any: this host, else the kubeconfig.
    #[command(flatten)]
    pub sources: Sources,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct Merge {
    /// Results; - for standard input.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Arguments of `preflight`.
#[derive(Debug, Args)]
pub struct Preflight {
    /// The Kubernetes version that the cluster is to be upgraded to: 1.34, v1.34 or 1.34.2. Default: the one that it has.
    #[arg(long, value_name = "VERSION")]
    pub target: Option<Release>,
    /// The version that it has. Default: what its manifests, kubelets and API servers say.
    #[arg(long, value_name = "VERSION")]
    pub from: Option<KubernetesVersion>,
    /// Where to look. Without any: this host and what its servers serve on loopback, else the kubeconfig.
    #[command(flatten)]
    pub sources: Sources,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Renew what ends within this time: 60d, 720h, or 33% of its lifetime. Default: --warn.
    #[arg(long, value_name = "TIME")]
    pub within: Option<Share>,
    /// The Kubernetes version that the cluster is to be upgraded to: what it will refuse is renewed too.
    #[arg(long, value_name = "VERSION")]
    pub target: Option<Release>,
    /// The version that it has. Default: what its manifests, kubelets and API servers say.
    #[arg(long, value_name = "VERSION")]
    pub from: Option<KubernetesVersion>,
    /// Write a certification request for each certificate that is due into DIR, from the key that it has: for a CA whose key is elsewhere.
    #[arg(long, value_name = "DIR")]
    pub csr_dir: Option<PathBuf>,
    /// Where to look. Without any: this host and what its servers serve on loopback, else the kubeconfig.
    #[command(flatten)]
    pub sources: Sources,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(override_usage = "kcert explain [OPTIONS] [TEXT | FILE | -] [SOURCE]...")]
pub struct Explain {
    /// A log file of that name, - for standard input, else the text itself (in quotation marks). Without any: standard input.
    #[arg(value_name = "TEXT | FILE | -")]
    pub text: Option<PathBuf>,
    /// Where to look for the reason.
    #[command(flatten)]
    pub sources: Sources,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(override_usage = "kcert verify [OPTIONS] <LEAF> --trust <FILE>...")]
pub struct Verify {
    /// Whom and what it is about.
    #[command(flatten)]
    pub parties: Parties,
    /// Certificates that are at hand and not trusted, such as a served chain. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub intermediates: Vec<PathBuf>,
    /// What the certificate is to be used for.
    #[arg(long, value_name = "PURPOSE", value_enum, default_value_t = Use::Any)]
    pub purpose: Use,
    /// A name that it must be valid for: DNS name, IP address, e-mail address or URI. Repeatable: valid for all of them.
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<Name>,
    /// Revocation lists. Without any, revocation is not looked at. Repeatable.
    #[arg(long = "crl", value_name = "FILE")]
    pub crls: Vec<PathBuf>,
    /// Certificates between LEAF and trust anchor at most. Default: the verifier's own limit.
    #[arg(long, value_name = "N")]
    pub max_depth: Option<usize>,
    /// Judge as this program: rfc5280 (strict), go (the newest known), go1.15 to go1.27 with or without a patch level, kubernetes-1.32 (its Go and GODEBUG defaults), openssl, envoy, rustls, or all. Repeatable; default go.
    #[arg(long = "as", value_name = "VERIFIER")]
    pub judges: Vec<Judge>,
}

/// The end entity and its trust anchors. `--trust` takes several files at once, and LEAF may follow them, as people write it after
/// years of `openssl verify -CAfile ca.crt leaf.crt`.
#[derive(Clone, Debug)]
pub struct Parties {
    /// The file whose first certificate is in question.
    pub leaf: PathBuf,
    /// Files of trust anchors.
    pub trust: Vec<PathBuf>,
}

impl Args for Parties {
    fn augment_args(command: clap::Command) -> clap::Command {
        let file = || clap::value_parser!(PathBuf);
        let leaf = "The certificate in question: the first one in this file; the rest of it counts as intermediates. - for standard input";
        let trust = "Trust anchors: every certificate in these files, of a kubeconfig or Secret its CAs. Repeatable";
        command.arg(Arg::new("leaf").value_name("LEAF").value_parser(file()).help(leaf)).arg(
            Arg::new("trust")
                .long("trust")
                .value_name("FILE")
                .value_parser(file())
                .num_args(1..)
                .action(clap::ArgAction::Append)
                .required(true)
                .help(trust),
        )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Parties {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let occurrences = matches.get_occurrences::<PathBuf>("trust").into_iter().flatten();
        let mut trust: Vec<Vec<PathBuf>> = occurrences.map(|files| files.cloned().collect()).collect();
        let after = |trust: &mut Vec<Vec<PathBuf>>| trust.last_mut().filter(|files| files.len() > 1).and_then(Vec::pop);
        let leaf = matches.get_one::<PathBuf>("leaf").cloned().or_else(|| after(&mut trust));
        let missing = || clap::Error::raw(ErrorKind::MissingRequiredArgument, "LEAF is missing: kcert verify LEAF --trust FILE");
        Ok(Self { leaf: leaf.ok_or_else(missing)?, trust: trust.concat() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Use {
    /// TLS servers: extended key usage serverAuth.
    Server,
    /// TLS clients: extended key usage clientAuth.
    Client,
    /// Anything.
    Any,
}

impl From<Use> for Purpose {
    fn from(typed: Use) -> Self {
        match typed {
            Use::Server => Self::Server,
            Use::Client => Self::Client,
            Use::Any => Self::Any,
        }
    }
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
    /// Markdown, for a change ticket.
    Markdown,
    /// A script for bash that follows a plan.
    Sh,
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
