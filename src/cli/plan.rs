//! `kcert plan`: the audit, the plan made of it, the rehearsal; and requests for a CA that is elsewhere.

use super::args::{Output, Plan};
use super::commands::{Session, format};
use super::error::Error;
use super::exit::Exit;
use super::requests;
use crate::audit::{self, Policy};
use crate::chain::{AwsLc, Graph};
use crate::plan;
use crate::report::{Format, Report, View};
use std::io::Write;

/// The formats of a plan.
pub(super) const FORMATS: &[(Output, Format)] = &[
    (Output::Text, Format::Text),
    (Output::Json, Format::Json),
    (Output::Markdown, Format::Markdown),
    (Output::Sh, Format::Script),
];

/// `kcert plan`. A plan that the rehearsal refuses is critical, sources without a certificate cannot be fine.
///
/// # Errors
/// What keeps it from looking at all, or from writing a request.
pub(super) fn plan(session: &Session, asked: &Plan, out: &mut dyn Write) -> Result<Exit, Error> {
    let format = format(session.output, "plan", FORMATS)?;
    let warn = asked.within.map_or(session.policy.warn, |share| share.0);
    let policy = Policy { warn, target: asked.target.map(|release| release.0), from: asked.from, ..session.policy };
    let inventory = session.inventory(&asked.sources)?;
    let graph = Graph::build(&inventory, &AwsLc);
    let audit = audit::preflight(&graph, &policy);
    if let Some(directory) = &asked.csr_dir {
        let unsigned = plan::requests(&inventory, &audit.findings);
        return requests::write(session, &inventory, &unsigned, directory, out);
    }
    let plan = plan::plan(&graph, &audit, &policy);
    let report = Report {
        view: View::Plan,
        inventory: &inventory,
        graph: &graph,
        audit: &audit,
        policy: &policy,
        look: &session.look,
        plan: Some(&plan),
        verifications: &[],
    };
    report.render(format, out)?;
    let judged = Exit::judged(&audit.findings);
    let judged = if plan.is_sound() { judged } else { Exit::Critical };
    Ok(if graph.nodes().next().is_none() { judged.max(Exit::Unknown) } else { judged })
}
