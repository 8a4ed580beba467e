//! The health of what was read. A source is one file, be it a certificate or the dump of a cluster.

use super::family;
use super::labels::{Value, source_kind};
use crate::model::{DefectKind, Inventory};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What became of a source.
#[derive(Default)]
struct Source {
    unreadable: bool,
    errors: BTreeMap<&'static str, u64>,
}

/// Writes the metrics of every source.
pub(super) fn write(inventory: &Inventory, out: &mut dyn Write) -> io::Result<()> {
    let mut sources: BTreeMap<(&str, &str), Source> = BTreeMap::new();
    for holding in &inventory.holdings {
        let document = &*holding.origin.document;
        let source = sources.entry((source_kind(document.kind), document.path())).or_default();
        for (_, defect) in holding.defects() {
            source.unreadable |= is_unreadable(&defect.kind);
            *source.errors.entry(reason(&defect.kind)).or_default() += 1;
        }
    }
    let named = |(kind, name): &(&str, &str)| format!("source_kind=\"{kind}\",source_name=\"{}\"", Value(name));
    let up = sources.iter().map(|(key, source)| (named(key), u8::from(!source.unreadable)));
    family(out, ("x509_source_up", "gauge", "1 if the source could be read, 0 otherwise."), up)?;
    let errors = sources.iter().flat_map(|(key, source)| {
        source.errors.iter().map(move |(reason, count)| (format!("{},reason=\"{reason}\"", named(key)), count))
    });
    family(out, ("x509_source_errors_total", "counter", "Errors met in sources in this run, by reason code."), errors)
}

/// Whether the source as a whole could not be looked at.
fn is_unreadable(kind: &DefectKind) -> bool {
    kind.is_of_server()
        || matches!(kind, DefectKind::Io(_) | DefectKind::NotAFile(_) | DefectKind::Link | DefectKind::TooLarge(_))
        // Of a cluster that is asked for its objects every list that is missing counts.
        || matches!(kind, DefectKind::Forbidden(_) | DefectKind::NotAdmitted(_))
        || matches!(kind, DefectKind::Unverified(_) | DefectKind::NoCredential(_))
}

/// The exporter's reason codes (pkg/cert/reason.go).
fn reason(kind: &DefectKind) -> &'static str {
    match kind {
        DefectKind::Io(_)
        | DefectKind::NotAFile(_)
        | DefectKind::TooLarge(_)
        | DefectKind::Unreachable { .. }
        | DefectKind::NotTls(_)
        | DefectKind::Forbidden(_)
        | DefectKind::NotAdmitted(_)
        | DefectKind::Unverified(_)
        | DefectKind::NoCredential(_)
        | DefectKind::NotDialled { .. }
        | DefectKind::UnexpectedReply(_) => "read_failed",
        DefectKind::Link => "broken_symlink",
        DefectKind::Empty | DefectKind::NothingFound => "no_certificate_found",
        DefectKind::Truncated(_)
        | DefectKind::LabelMismatch(..)
        | DefectKind::MissingNewline
        | DefectKind::ByteOrderMark
        | DefectKind::DerNotPem => "bad_pem",
        DefectKind::Locked(_) => "bad_passphrase",
        _ => "decode_failed",
    }
}
