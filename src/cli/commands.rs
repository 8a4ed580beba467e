//! The verbs: about ten lines each, the data flow itself.

use super::args::{Check, Common, Inspect, Output, Preflight, Sources, Subject};
use super::clusters::{Label, Labelled, Reader};
use super::collect::{self, Both, Keep, Narrowed};
use super::error::Error;
use super::exit::Exit;
use super::progress::Progress;
use super::targets::Targets;
use super::{own_servers, targets, terminal, textfile};
use crate::audit::{self, Audit, Policy};
use crate::chain::{AwsLc, Graph};
use crate::decode::{Decoder, Limits};
use crate::gather::{self, gather};
use crate::model::{Collect, Holding, Inventory, OriginKind};
use crate::probe::{self, Dial, Options};
use crate::report::checks::Explained;
use crate::report::jsonl::Lines;
use crate::report::{self, Format, Look, Report, View};
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use time::OffsetDateTime;

/// What holds for the whole run: the instant, the thresholds, the format, the looks.
pub(super) struct Session {
    pub(super) policy: Policy,
    pub(super) output: Output,
    pub(super) look: Look,
    pub(super) decoder: Decoder,
    /// What one server may take.
    pub(super) timeout: std::time::Duration,
    /// This machine's time, whatever `--at` says.
    pub(super) now: OffsetDateTime,
}

impl Session {
    /// Makes sense of the common options.
    ///
    /// # Errors
    /// `--at` outside the calendar, passwords that cannot be read.
    pub(super) fn new(common: &Common, now: OffsetDateTime) -> Result<Self, Error> {
        let at = common.at.map_or(Some(now), |at| at.resolve(now)).ok_or(Error::At)?;
        let mut policy = Policy::at(at);
        policy.warn = common.warn.map_or(policy.warn, |share| share.0);
        policy.crit = common.crit.map_or(policy.crit, |share| share.0);
        let output = common.output.unwrap_or(Output::Text);
        let decoder = Decoder::with_passwords(Limits::default(), targets::passwords(common.password_file.as_deref())?);
        Ok(Self { policy, output, look: terminal::look(common), decoder, timeout: common.timeout.0, now })
    }

    /// The instant, for what is made for it.
    fn at(&self) -> OffsetDateTime {
        self.policy.at
    }

    /// Gathers what was asked for into `out`. Of several clusters everything carries its cluster's name.
    fn gather(&self, ask: &Ask<'_>, mut targets: Targets, out: &mut dyn Collect) -> Result<(), Error> {
        let mut clusters = mem::take(&mut targets.clusters);
        if clusters.len() > 1 {
            for (name, found) in self.reader().all(clusters, &targets.selection) {
                let mut narrowed = Narrowed::new(ask.keep, out);
                found.drain_into(&mut Labelled { label: &mut Label::new(name), out: &mut narrowed });
            }
        } else if let Some(cluster) = clusters.pop() {
            self.reader().one(cluster, &targets.selection, &mut Narrowed::new(ask.keep, out));
        }
        self.gather_others(ask, targets, &mut Narrowed::new(ask.keep, out))
    }

    fn targets(&self, ask: &Ask<'_>) -> Result<Targets, Error> {
        targets::targets(ask.sources, self.at(), self.timeout)
    }

    fn reader(&self) -> Reader<'_> {
        Reader { decoder: &self.decoder, look: &self.look, output: self.output }
    }

    /// Gathers what is no cluster; where nothing was named, what is looked at then.
    fn gather_others(&self, ask: &Ask<'_>, targets: Targets, narrowed: &mut dyn Collect) -> Result<(), Error> {
        if !targets.list.is_empty() || !targets.dials.is_empty() {
            gather(&targets.list, &self.decoder, narrowed);
            match ask.view {
                View::Preflight => self.dial_twice(targets.dials, narrowed)?,
                _ => self.dial(targets.dials, narrowed)?,
            }
        } else if !ask.sources.is_empty() {
            // Clusters alone.
        } else if ask.fallback == Fallback::Kubeconfig || !gather::has_layout(Path::new("/")) {
            gather(&[targets::own_kubeconfigs()], &self.decoder, narrowed);
        } else {
            self.this_host(ask.view, narrowed)?;
        }
        Ok(())
    }

    /// The files of this host, and for a preflight what its servers really serve.
    fn this_host(&self, view: View, out: &mut dyn Collect) -> Result<(), Error> {
        let mut files = Inventory::default();
        gather(&[targets::this_host()], &self.decoder, &mut files);
        let dials = if view == View::Preflight { own_servers::dials(&files) } else { Vec::new() };
        files.drain_into(out);
        let mut asked = Inventory::default();
        self.dial_twice(dials, &mut asked)?;
        own_servers::answered(asked).drain_into(out);
        Ok(())
    }

    /// Asks servers that were named as sources.
    fn dial(&self, dials: Vec<Dial>, out: &mut dyn Collect) -> Result<(), Error> {
        if dials.is_empty() {
            return Ok(());
        }
        let options = Options { timeout: self.timeout, ..Options::new(OffsetDateTime::now_utc) };
        let mut progress = Progress::new(dials.len(), &self.look, self.output);
        let asked = probe::probe(dials, &options, &self.decoder, out, &mut || progress.step());
        progress.end();
        asked.map_err(Error::Probe)
    }

    /// The same, and those that turn out to be API servers are asked for their loopback certificate, unless they were.
    fn dial_twice(&self, dials: Vec<Dial>, out: &mut dyn Collect) -> Result<(), Error> {
        let loopbacks: Vec<Dial> = dials.iter().map(|dial| Dial::loopback(dial.endpoint.clone())).collect();
        let both = dials.iter().zip(&loopbacks).filter(|(dial, loopback)| dial.server_name == loopback.server_name);
        let mut asked: HashSet<String> = both.map(|(_, loopback)| loopback.endpoint.to_string()).collect();
        let mut first = Inventory::default();
        self.dial(dials, &mut first)?;
        let is_server = |holding: &&Holding| holding.origin.document.kind == OriginKind::Peer && holding.is_api_server();
        let servers: HashSet<Arc<str>> =
            first.holdings.iter().filter(is_server).map(|holding| Arc::clone(&holding.origin.document.source)).collect();
        first.drain_into(out);
        let second = loopbacks.into_iter().filter(|dial| {
            let endpoint = dial.endpoint.to_string();
            servers.contains(endpoint.as_str()) && asked.insert(endpoint)
        });
        self.dial(second.collect(), out)
    }

    /// Everything that sources hold, their servers asked as for a preflight: of one cluster.
    ///
    /// # Errors
    /// What keeps it from looking at all; several clusters.
    pub(super) fn inventory(&self, sources: &Sources) -> Result<Inventory, Error> {
        if sources.live.context.iter().collect::<HashSet<_>>().len() > 1 {
            return Err(Error::SeveralClusters);
        }
        let (keep, fallback) = (collect::EVERYTHING, Fallback::Host);
        let ask = Ask { view: View::Preflight, sources, keep, fallback, textfile: None, policy: self.policy };
        Ok(self.judged(&ask)?.0)
    }

    /// Gathers; several clusters, and beside them everything that is none, are judged each by itself.
    fn judged(&self, ask: &Ask<'_>) -> Result<(Inventory, Option<Audit>), Error> {
        let mut targets = self.targets(ask)?;
        if targets.clusters.len() < 2 {
            let mut inventory = Inventory::default();
            if let Some(cluster) = targets.clusters.pop() {
                self.reader().one(cluster, &targets.selection, &mut Narrowed::new(ask.keep, &mut inventory));
                self.dial_for(ask, &targets.dials, &mut inventory)?;
            }
            self.gather_others(ask, targets, &mut Narrowed::new(ask.keep, &mut inventory))?;
            if !inventory.peers.is_empty() {
                inventory.sort_peers();
            }
            return Ok((inventory, None));
        }
        let clusters = self.reader().all(mem::take(&mut targets.clusters), &targets.selection);
        let (mut whole, mut audit) = (Inventory::default(), Audit::default());
        for (name, found) in clusters {
            let mut part = Inventory::default();
            found.drain_into(&mut Narrowed::new(ask.keep, &mut part));
            self.dial_for(ask, &[], &mut part)?;
            let mut label = Label::new(name);
            audit = audit.and(label.audit(ask.judge(&part)));
            part.drain_into(&mut Labelled { label: &mut label, out: &mut whole });
        }
        let mut others = Inventory::default();
        self.gather_others(ask, targets, &mut Narrowed::new(ask.keep, &mut others))?;
        others.sort_peers();
        audit = audit.and(ask.judge(&others));
        others.drain_into(&mut whole);
        Ok((whole, Some(audit)))
    }

    /// For a preflight the servers of a cluster are asked too.
    fn dial_for(&self, ask: &Ask<'_>, named: &[Dial], cluster: &mut Inventory) -> Result<(), Error> {
        if ask.view == View::Preflight { self.dial_called(named, cluster) } else { Ok(()) }
    }

    /// Gathers, links, judges and prints.
    fn report(&self, ask: &Ask<'_>, format: Format, out: &mut dyn Write) -> Result<Outcome, Error> {
        let (inventory, judged) = self.judged(ask)?;
        let graph = Graph::build(&inventory, &AwsLc);
        let audit = judged.unwrap_or_else(|| ask.judge_graph(&graph));
        let report = Report {
            view: ask.view,
            inventory: &inventory,
            graph: &graph,
            audit: &audit,
            policy: &ask.policy,
            look: &self.look,
            plan: None,
            verifications: &[],
        };
        report.render(format, out)?;
        if let Some(path) = ask.textfile {
            textfile::write(path, |file| report.render(Format::Prometheus, file))?;
        }
        let outcome = Outcome {
            judged: Exit::judged(&audit.findings),
            shown: Exit::shown(&audit.findings),
            empty: graph.nodes().next().is_none(),
        };
        // The process is about to end: giving back a million allocations one by one would only take time.
        mem::forget((audit, graph));
        mem::forget(inventory);
        Ok(outcome)
    }

    /// Gathers and prints certificate by certificate, without looking back.
    fn stream(&self, ask: &Ask<'_>, out: &mut dyn Write) -> Result<Outcome, Error> {
        let mut lines = Lines::new(out, &self.policy, &AwsLc);
        self.gather(ask, self.targets(ask)?, &mut lines)?;
        let summary = lines.finish()?;
        let shown = if summary.unread { Exit::Unknown } else { Exit::Fine };
        Ok(Outcome { judged: shown, shown, empty: summary.certificates == 0 })
    }

    /// The same, and judges in the end.
    fn stream_and_judge(&self, ask: &Ask<'_>, out: &mut dyn Write) -> Result<Outcome, Error> {
        let mut lines = Lines::new(out, &self.policy, &AwsLc);
        let findings = if ask.sources.live.context.len() > 1 {
            // They are judged one after the other before anything is written.
            let (inventory, judged) = self.judged(ask)?;
            let audit = judged.unwrap_or_else(|| ask.judge(&inventory));
            inventory.drain_into(&mut lines);
            audit.findings
        } else {
            let mut inventory = Inventory::default();
            self.gather(ask, self.targets(ask)?, &mut Both { first: &mut lines, second: &mut inventory })?;
            ask.judge(&inventory).findings
        };
        for finding in &findings {
            lines.finding(finding);
        }
        lines.summary(&findings);
        let summary = lines.finish()?;
        Ok(Outcome { judged: Exit::judged(&findings), shown: Exit::shown(&findings), empty: summary.certificates == 0 })
    }

    /// One or the other, as the format wants.
    fn run(
        &self,
        ask: &Ask<'_>,
        command: &'static str,
        formats: &[(Output, Format)],
        out: &mut dyn Write,
    ) -> Result<Outcome, Error> {
        match self.output {
            Output::Jsonl if ask.view == View::Inspection => self.stream(ask, out),
            Output::Jsonl if ask.view == View::Check => self.stream_and_judge(ask, out),
            other => self.report(ask, format(other, command, formats)?, out),
        }
    }
}

/// What a command asks for.
struct Ask<'a> {
    view: View,
    sources: &'a Sources,
    keep: Keep,
    fallback: Fallback,
    textfile: Option<&'a Path>,
    policy: Policy,
}

impl Ask<'_> {
    /// What is to be said of an inventory.
    fn judge(&self, inventory: &Inventory) -> Audit {
        self.judge_graph(&Graph::build(inventory, &AwsLc))
    }

    fn judge_graph(&self, graph: &Graph<'_>) -> Audit {
        let judge = if self.view == View::Preflight { audit::preflight } else { audit::audit };
        judge(graph, &self.policy)
    }
}

/// Where to look when nothing was named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fallback {
    /// This host's layouts; without any, the kubeconfig.
    Host,
    /// The user's kubeconfig.
    Kubeconfig,
}

/// How a run ended, as each verb may want to know it.
struct Outcome {
    judged: Exit,
    shown: Exit,
    empty: bool,
}

impl Outcome {
    /// How a verb that judges ends: where there is nothing to judge it cannot tell.
    fn of_something(&self) -> Exit {
        if self.empty { self.judged.max(Exit::Unknown) } else { self.judged }
    }
}

/// `kcert inspect`.
///
/// # Errors
/// What keeps it from looking at all.
pub(super) fn inspect(session: &Session, inspect: &Inspect, out: &mut dyn Write) -> Result<Exit, Error> {
    let (keep, sources, fallback): (Keep, _, _) = match &inspect.subject {
        None => (collect::EVERYTHING, Cow::Borrowed(&inspect.sources), Fallback::Host),
        Some(Subject::Kubeconfig(sources)) => (collect::KUBECONFIGS, sources.about_kubeconfigs(), Fallback::Kubeconfig),
        Some(Subject::Pki(sources)) => (collect::EVERYTHING, Cow::Borrowed(sources), Fallback::Host),
        Some(Subject::Apiserver(sources)) => (collect::APISERVER_FILES, Cow::Borrowed(sources), Fallback::Host),
        Some(Subject::Istio(sources)) => (collect::ISTIO, Cow::Borrowed(sources), Fallback::Host),
    };
    let ask = Ask { view: View::Inspection, sources: &sources, keep, fallback, textfile: None, policy: session.policy };
    Ok(session.run(&ask, "inspect", SHOW, out)?.shown)
}

/// `kcert chain`.
///
/// # Errors
/// What keeps it from looking at all.
pub(super) fn chain(session: &Session, sources: &Sources, out: &mut dyn Write) -> Result<Exit, Error> {
    let ask = Ask {
        view: View::Chains,
        sources,
        keep: collect::EVERYTHING,
        fallback: Fallback::Host,
        textfile: None,
        policy: session.policy,
    };
    Ok(session.run(&ask, "chain", SHOW, out)?.shown)
}

/// `kcert check`. Sources without a single certificate cannot be fine: 3.
///
/// # Errors
/// What keeps it from looking at all.
pub(super) fn check(session: &Session, check: &Check, out: &mut dyn Write) -> Result<Exit, Error> {
    let ask = Ask {
        view: View::Check,
        sources: &check.sources,
        keep: collect::EVERYTHING,
        fallback: Fallback::Host,
        textfile: check.textfile.as_deref(),
        policy: session.policy,
    };
    Ok(session.run(&ask, "check", JUDGE, out)?.of_something())
}

/// `kcert preflight`: the same, and every handshake.
///
/// # Errors
/// What keeps it from looking at all.
pub(super) fn preflight(session: &Session, preflight: &Preflight, out: &mut dyn Write) -> Result<Exit, Error> {
    let target = preflight.target.map(|release| release.0);
    let ask = Ask {
        view: View::Preflight,
        sources: &preflight.sources,
        keep: collect::EVERYTHING,
        fallback: Fallback::Host,
        textfile: None,
        policy: Policy { target, from: preflight.from, ..session.policy },
    };
    Ok(session.run(&ask, "preflight", PREFLIGHT, out)?.of_something())
}

/// `kcert checks`.
///
/// # Errors
/// An unknown code; a format other than text and json.
pub(super) fn checks(session: &Session, code: Option<&str>, out: &mut dyn Write) -> Result<Exit, Error> {
    let explained = Explained::of(code).ok_or_else(|| Error::Code(code.unwrap_or_default().to_owned()))?;
    match format(session.output, "checks", SHOW)? {
        Format::Json => report::checks::json(&explained, out)?,
        _ => report::checks::text(&explained, session.look.width, out)?,
    }
    Ok(Exit::Fine)
}

/// `kcert schema`.
///
/// # Errors
/// Those of `out`.
pub(super) fn schema(out: &mut dyn Write) -> Result<Exit, Error> {
    writeln!(out, "{:#}", report::schema::schema())?;
    Ok(Exit::Fine)
}

/// The format of a verb, or the error that it has none such.
pub(super) fn format(output: Output, command: &'static str, formats: &[(Output, Format)]) -> Result<Format, Error> {
    let name = match output {
        Output::Text => "text",
        Output::Json => "json",
        Output::Jsonl => "jsonl",
        Output::Nagios => "nagios",
        Output::Prometheus => "prometheus",
        Output::Markdown => "markdown",
        Output::Sh => "sh",
    };
    formats.iter().find(|(known, _)| *known == output).map(|(_, format)| *format).ok_or(Error::Format(name, command))
}

/// The formats of verbs that show.
pub(super) const SHOW: &[(Output, Format)] = &[(Output::Text, Format::Text), (Output::Json, Format::Json)];
/// The formats of verbs that judge.
pub(super) const JUDGE: &[(Output, Format)] = &[
    (Output::Text, Format::Text),
    (Output::Json, Format::Json),
    (Output::Nagios, Format::Nagios),
    (Output::Prometheus, Format::Prometheus),
];
/// The formats of `preflight`.
pub(super) const PREFLIGHT: &[(Output, Format)] = &[
    (Output::Text, Format::Text),
    (Output::Json, Format::Json),
    (Output::Nagios, Format::Nagios),
    (Output::Prometheus, Format::Prometheus),
    (Output::Markdown, Format::Markdown),
];
