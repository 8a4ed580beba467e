//! Defects of the input, as findings.

use super::Context;
use super::findings::{Draft, Findings};
use crate::model::{Code, Defect, Evidence, Severity};
use std::collections::HashMap;

pub(super) fn truncated(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::BundleTruncated);
}

pub(super) fn unreadable(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::Unreadable);
}

pub(super) fn malformed(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::Malformed);
    for (node, certificate) in context.graph.nodes() {
        // A malformed subject alternative name has a code of its own.
        for (oid, reason) in certificate.malformed_extensions.iter().filter(|(oid, _)| &**oid != super::chain::SAN_OID) {
            let message = format!("{}: extension {oid} does not decode: {reason}", certificate.display_name());
            findings.add(super::dates::about(context, node, Draft::new(Code::Malformed, Severity::Warning, message)));
        }
    }
}

pub(super) fn empty(context: &Context<'_>, findings: &mut Findings) {
    defects(context, findings, Code::EmptyBundle);
}

fn defects(context: &Context<'_>, findings: &mut Findings, code: Code) {
    // A dump can hold the same defect a hundred thousand times: it is worded once.
    let mut places: HashMap<&Defect, Draft> = HashMap::new();
    let mut order = Vec::new();
    for holding in &context.inventory.holdings {
        for (index, defect) in holding.defects().filter(|(_, defect)| defect.kind.code() == code) {
            let draft = places.entry(defect).or_insert_with(|| {
                order.push(&**defect);
                draft(defect, code)
            });
            draft.push(&holding.origin, u32::try_from(index).unwrap_or(u32::MAX));
        }
    }
    order.iter().filter_map(|defect| places.remove(defect)).for_each(|draft| findings.add(draft));
}

fn draft(defect: &Defect, code: Code) -> Draft {
    let sentence = match defect.position {
        Some(position) => format!("{position}: {}", defect.kind),
        None => defect.kind.to_string(),
    };
    let draft = Draft::new(code, defect.kind.severity(), sentence);
    let Some(position) = defect.position else { return draft };
    let line = i64::try_from(position.line).unwrap_or(i64::MAX);
    let column = i64::try_from(position.column).unwrap_or(i64::MAX);
    draft.evidence("line", Evidence::Number(line)).evidence("column", Evidence::Number(column))
}
