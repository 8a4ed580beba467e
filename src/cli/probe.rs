//! `kcert probe`: what was typed becomes dials, what comes of them an inventory, and that a report like any other.

mod admission;
mod apiserver;
mod dials;
mod trust;

use super::args::{Output, Probe, Ways};
use super::collect::Both;
use super::commands::{JUDGE, Session, format};
use super::error::Error;
use super::exit::Exit;
use super::progress::Progress;
use crate::audit::{Area, Audit, CHECKS, audit_for, trust as judging};
use crate::chain::{AwsLc, Graph};
use crate::model::{Code, Collect, Finding, Inventory, OriginKind, Severity};
use crate::probe::{self, Dial, Options};
use crate::report::jsonl::Lines;
use crate::report::{Probed, Report, Verification, View};
use apiserver::Kubeconfig;
use dials::Asked;
use std::io::Write;
use trust::Anchors;

/// `kcert probe`.
///
/// # Errors
/// What keeps it from asking at all.
pub(super) fn probe(session: &Session, asked: &Probe, out: &mut dyn Write) -> Result<Exit, Error> {
    let run = match asked {
        Probe::Loopback(loopback) => Run::of(session, Probed::Loopback, &loopback.ways, Asked::loopback(session, loopback)?),
        Probe::Tls(tls) => {
            let anchors = Anchors::read(session, tls)?;
            Run { anchors, ..Run::of(session, Probed::Tls, &tls.ways, Asked::tls(session, tls)?) }
        }
        Probe::Apiserver(apiserver) => {
            let kubeconfig = Kubeconfig::read(session, &apiserver.login, &apiserver.ways)?;
            let asked = kubeconfig.asked(session);
            Run::of(session, Probed::ApiServer, &apiserver.ways, asked)
        }
    };
    match session.output {
        Output::Jsonl => run.stream(out),
        other => run.report(format(other, "probe", JUDGE)?, out),
    }
}

/// One run of asking.
struct Run<'s> {
    session: &'s Session,
    view: Probed,
    options: Options,
    asked: Asked,
    anchors: Option<Anchors>,
}

impl<'s> Run<'s> {
    fn of(session: &'s Session, view: Probed, ways: &Ways, asked: Asked) -> Self {
        Self { session, view, options: dials::options(session, ways), asked, anchors: None }
    }

    /// Asks everybody, and keeps what comes.
    fn gather(&mut self, out: &mut dyn Collect) -> Result<(), Error> {
        std::mem::take(&mut self.asked.known).drain_into(out);
        if let Some(anchors) = &mut self.anchors {
            std::mem::take(&mut anchors.inventory).drain_into(out);
        }
        let dials: Vec<Dial> = std::mem::take(&mut self.asked.dials);
        let mut progress = Progress::new(dials.len(), &self.session.look, self.session.output);
        let asked = probe::probe(dials, &self.options, &self.session.decoder, out, &mut || progress.step());
        progress.end();
        asked.map_err(Error::Probe)
    }

    fn report(mut self, format: crate::report::Format, out: &mut dyn Write) -> Result<Exit, Error> {
        let mut inventory = Inventory::default();
        self.gather(&mut inventory)?;
        inventory.sort_peers();
        let graph = Graph::build(&inventory, &AwsLc);
        let judged =
            self.anchors.as_ref().map(|anchors| judging::judge(&graph, &anchors.expectation(&graph, self.session.policy.at)));
        let judged = judged.unwrap_or_default();
        let audit = self.audit(&graph, &judged);
        let verifications: Vec<Verification<'_>> = judged
            .iter()
            .map(|judging::Judged { peer, question, verdicts }| Verification {
                peer: Some(&peer.origin),
                question: Some(question),
                verdicts,
            })
            .collect();
        let report = Report {
            view: View::Probe(self.view),
            inventory: &inventory,
            graph: &graph,
            audit: &audit,
            policy: &self.session.policy,
            look: &self.session.look,
            plan: None,
            verifications: &verifications,
        };
        report.render(format, out)?;
        Ok(exit(self.view, &audit.findings, &inventory))
    }

    fn stream(mut self, out: &mut dyn Write) -> Result<Exit, Error> {
        let policy = self.session.policy;
        let mut lines = Lines::new(out, &policy, &AwsLc);
        let mut inventory = Inventory::default();
        self.gather(&mut Both { first: &mut lines, second: &mut inventory })?;
        let graph = Graph::build(&inventory, &AwsLc);
        let judged = self.anchors.as_ref().map(|anchors| judging::judge(&graph, &anchors.expectation(&graph, policy.at)));
        let findings = self.audit(&graph, &judged.unwrap_or_default()).findings;
        for finding in &findings {
            lines.finding(finding);
        }
        lines.finish()?;
        Ok(exit(self.view, &findings, &inventory))
    }

    /// Dates, protocols and what went wrong; of kubeconfigs what concerns their own server. Files that only help to judge have no
    /// findings of their own, unless they cannot be read.
    fn audit(&self, graph: &Graph<'_>, judged: &[judging::Judged<'_>]) -> Audit {
        let of_area =
            |area: Area| matches!(area, Area::Dates | Area::Input | Area::Served | Area::ControlPlane | Area::Kubeconfig);
        let wanted = |code: Code| {
            matches!(
                code,
                Code::NameMismatch
                    | Code::KeyMismatch
                    | Code::KeyMissing
                    | Code::WeakKey
                    | Code::WeakSignature
                    | Code::BundleOrder
            )
        };
        let codes: Vec<Code> =
            CHECKS.iter().filter(|check| of_area(check.area) || wanted(check.code)).map(|check| check.code).collect();
        let mut findings = audit_for(graph, &self.session.policy, &codes).findings;
        findings.retain(concerns_servers);
        findings.extend(judging::findings(judged));
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Audit { findings, ..Audit::default() }
    }
}

/// By the findings; who got no answer does not know. An API server has answered when it has said what it is.
fn exit(view: Probed, findings: &[Finding], inventory: &Inventory) -> Exit {
    let answered = inventory.peers.iter().any(|peer| match view {
        Probed::ApiServer => peer.reply.as_ref().is_some_and(|reply| reply.status == 200),
        Probed::Loopback | Probed::Tls => peer.session.is_some(),
    });
    let judged = Exit::judged(findings);
    if answered { judged } else { judged.max(Exit::Unknown) }
}

fn concerns_servers(finding: &Finding) -> bool {
    let of_server = |kind| matches!(kind, OriginKind::Peer | OriginKind::Kubeconfig);
    let open = finding.severity == Severity::Unknown;
    open || finding.origins.iter().any(|(origin, _)| of_server(origin.document.kind))
}
