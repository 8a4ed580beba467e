//! `kcert verify`: everything that was named stands in one inventory, each file with the part that it plays.
//!
//! The rule: what cannot be read is said and never replaced. Of a file that holds something, the good ones count; a file that holds
//! nothing of what it was named for leaves the question open, and so does a revocation list that cannot be read.

mod inputs;

use super::args::Verify;
use super::commands::{SHOW, Session, format};
use super::error::Error;
use super::exit::Exit;
use super::values::Judge;
use crate::chain::{AwsLc, Graph, NodeId};
use crate::model::{Certificate, CertificateList, Content, Holding, PublicKey, Sha256, Slot};
use crate::report::{Report, Verification, View};
use crate::verify::{self, Question, Verdict};
use inputs::{Inputs, Part};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `kcert verify`.
///
/// # Errors
/// What keeps it from looking at all.
pub(super) fn verify(session: &Session, asked: &Verify, out: &mut dyn Write) -> Result<Exit, Error> {
    let format = format(session.output, "verify", SHOW)?;
    let inputs = Inputs::read(&session.decoder, &files(asked))?;
    let inventory = &inputs.inventory;
    let graph = Graph::build(inventory, &AwsLc);
    let audit = inputs.audit(&graph, &session.policy);
    let end_entity = end_entity(&graph, &inputs.holdings(Part::Leaf));
    let question = end_entity.map(|end_entity| Question {
        end_entity,
        intermediates: intermediates(&graph, &inputs, end_entity),
        anchors: anchors(&graph, &inputs),
        purpose: asked.purpose.into(),
        names: asked.names.clone(),
        at: session.policy.at,
        crls: revocation_lists(&inputs.holdings(Part::Crls)),
        max_depth: asked.max_depth,
    });
    let verdicts = verdicts(&graph, question.as_ref(), &asked.judges);
    let exit = verdicts.iter().map(|verdict| verdict.outcome.into()).chain([Exit::answered(&audit.findings)]).max();
    let report = Report {
        view: View::Verification,
        inventory,
        graph: &graph,
        audit: &audit,
        policy: &session.policy,
        look: &session.look,
        plan: None,
        verifications: &[Verification { peer: None, question: question.as_ref(), verdicts: &verdicts }],
    };
    report.render(format, out)?;
    Ok(exit.unwrap_or(Exit::Unknown))
}

/// Every file that was named, with its part.
fn files(asked: &Verify) -> Vec<(Part, &Path)> {
    let leaf = std::slice::from_ref(&asked.parties.leaf);
    let parts: [(Part, &[PathBuf]); 4] = [
        (Part::Leaf, leaf),
        (Part::Intermediates, &asked.intermediates),
        (Part::Trust, &asked.parties.trust),
        (Part::Crls, &asked.crls),
    ];
    parts.into_iter().flat_map(|(part, paths)| paths.iter().map(move |path| (part, path.as_path()))).collect()
}

fn verdicts(graph: &Graph<'_>, question: Option<&Question<'_>>, judges: &[Judge]) -> Vec<Verdict> {
    let verifiers = Judge::verifiers(judges).into_iter();
    match question {
        None => verifiers.map(|verifier| Verdict::unasked(verifier, "there is no certificate to judge")).collect(),
        Some(question) if question.anchors.is_empty() => {
            verifiers.map(|verifier| Verdict::unasked(verifier, "there is no trust anchor to judge by")).collect()
        }
        Some(question) => verifiers.map(|verifier| verify::verify(graph, question, verifier)).collect(),
    }
}

/// The first certificate of the file. A kubeconfig or Secret has places for what is to be presented: only those count, even if they
/// cannot be read. Of an object without such places, the first certificate whose key lies beside it.
fn end_entity(graph: &Graph<'_>, holdings: &[&Holding]) -> Option<NodeId> {
    let presented: Vec<&Holding> = holdings.iter().filter(|holding| holding.origin.slot == Slot::Credential).copied().collect();
    let certificate = match (presented.as_slice(), holdings) {
        ([], [holding]) => first_certificate(holding),
        ([], _) => with_key(holdings).or_else(|| holdings.iter().find_map(|holding| first_certificate(holding))),
        (presented, _) => presented.iter().find_map(|holding| first_certificate(holding)),
    };
    certificate.and_then(|certificate| graph.node(&certificate.id))
}

/// The certificate that comes first; none if something that cannot be read comes before it.
fn first_certificate(holding: &Holding) -> Option<&Certificate> {
    let first = |content: &&Content| matches!(content, Content::Certificate(_) | Content::Defect(_));
    holding.contents.iter().find(first).and_then(|content| match content {
        Content::Certificate(certificate) => Some(&**certificate),
        _ => None,
    })
}

fn with_key<'h>(holdings: &[&'h Holding]) -> Option<&'h Certificate> {
    let contents = || holdings.iter().flat_map(|holding| holding.contents.iter());
    let keys: Vec<&PublicKey> = contents()
        .filter_map(|content| match content {
            Content::PrivateKey(key) => key.public(),
            _ => None,
        })
        .collect();
    contents().find_map(|content| match content {
        Content::Certificate(certificate) if keys.contains(&&certificate.public_key) => Some(&**certificate),
        _ => None,
    })
}

fn intermediates(graph: &Graph<'_>, inputs: &Inputs, end_entity: NodeId) -> Vec<NodeId> {
    let mut holdings = inputs.holdings(Part::Leaf);
    holdings.extend(inputs.holdings(Part::Intermediates));
    nodes(graph, &holdings).filter(|node| *node != end_entity).collect()
}

/// Every anchor of the files to trust.
fn anchors(graph: &Graph<'_>, inputs: &Inputs) -> Vec<NodeId> {
    let files = inputs.files(Part::Trust);
    files.flat_map(|holdings| anchors_among(&holdings)).filter_map(|id| graph.node(&id)).collect()
}

/// The anchors in a file: every certificate of plain files. A kubeconfig or Secret has places for anchors; one without any of these has
/// the CAs in it.
pub(super) fn anchors_among(holdings: &[&Holding]) -> Vec<Sha256> {
    let certificates = |holding: &&Holding| holding.certificates().map(|(_, it)| Arc::clone(it)).collect::<Vec<_>>();
    let is_for_trust = |holding: &&&Holding| matches!(holding.origin.slot, Slot::Trust | Slot::Unknown);
    let meant: Vec<_> = holdings.iter().filter(is_for_trust).flat_map(certificates).collect();
    if meant.is_empty() {
        return holdings.iter().flat_map(certificates).filter(|it| it.is_ca()).map(|it| it.id).collect();
    }
    meant.iter().map(|it| it.id).collect()
}

fn nodes<'n>(graph: &'n Graph<'_>, holdings: &'n [&Holding]) -> impl Iterator<Item = NodeId> + 'n {
    let certificates = holdings.iter().flat_map(|holding| holding.certificates());
    certificates.filter_map(|(_, certificate)| graph.node(&certificate.id))
}

fn revocation_lists<'h>(holdings: &[&'h Holding]) -> Vec<&'h CertificateList> {
    let contents = holdings.iter().flat_map(|holding| holding.contents.iter());
    let list = |content: &'h Content| if let Content::Crl(list) = content { Some(&**list) } else { None };
    contents.filter_map(list).collect()
}
