//! The JSON Schema (2020-12) of what `-o json` and `-o jsonl` write, derived from the types that are written.

use super::json::Document;
use super::json::explanation::ExplanationDocument;
use super::jsonl::{CertificateLine, DefectLine, FindingLine, PeerLine, SummaryLine};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The schema, under the name `urn:kcert:v1`. It allows further properties: fields may be added at any time.
#[must_use]
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let alternatives = [
        generator.subschema_for::<Document<'_>>(),
        generator.subschema_for::<ExplanationDocument<'_>>(),
        generator.subschema_for::<CertificateLine<'_>>(),
        generator.subschema_for::<DefectLine<'_>>(),
        generator.subschema_for::<FindingLine<'_>>(),
        generator.subschema_for::<PeerLine<'_>>(),
        generator.subschema_for::<SummaryLine>(),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:kcert:v1",
        "title": "kcert/v1",
        "description": "The JSON output of kcert: one document (-o json), or lines of certificates, defects, servers and findings, and the summary in which a check ends (-o jsonl).",
        "anyOf": alternatives,
        "$defs": generator.take_definitions(true),
    })
}
