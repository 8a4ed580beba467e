//! The handshakes of a preflight.

use super::labels::Value;
use super::{Metric, family};
use crate::model::handshake::Participant;
use crate::model::{Handshake, State};
use std::collections::BTreeMap;
use std::io::{self, Write};

const OK: Metric = (
    "kcert_handshake_ok",
    "gauge",
    "1 if client and server trust each other, 0 if not, now or under the target version; no sample if that cannot be told.",
);
const BREAKS_AT: Metric =
    ("kcert_handshake_breaks_at", "gauge", "Unix timestamp of the first end on the best paths of a handshake's two sides.");

/// Writes the metrics of every handshake. Of several with the same labels the worst counts.
pub(super) fn write(handshakes: &[Handshake], out: &mut dyn Write) -> io::Result<()> {
    let mut ok: BTreeMap<String, u8> = BTreeMap::new();
    let mut breaks: BTreeMap<String, i64> = BTreeMap::new();
    for handshake in handshakes {
        let labels = labels(&handshake.client, &handshake.server);
        if let Some(end) = handshake.breaks_at() {
            let end = end.unix_timestamp();
            breaks.entry(labels.clone()).and_modify(|first| *first = end.min(*first)).or_insert(end);
        }
        let holds = match handshake.state() {
            State::Ok => 1,
            State::Broken => 0,
            State::Unknown => continue,
        };
        ok.entry(labels).and_modify(|worst| *worst = holds.min(*worst)).or_insert(holds);
    }
    family(out, OK, ok)?;
    family(out, BREAKS_AT, breaks)
}

/// Always all four; a host is empty where only one is looked at.
fn labels(client: &Participant, server: &Participant) -> String {
    let (client_name, server_name) = (client.to_string(), server.to_string());
    let host = |participant: &Participant| Value(participant.host.as_deref().unwrap_or_default()).to_string();
    format!(
        "client=\"{}\",server=\"{}\",client_host=\"{}\",server_host=\"{}\"",
        Value(&client_name),
        Value(&server_name),
        host(client),
        host(server)
    )
}
