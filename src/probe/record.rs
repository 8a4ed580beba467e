//! What came over the wire, as inventory: the chain in a holding, the conversation as a peer.

use super::conversation::{Answered, Outcome};
use super::dial::{Dial, Request};
use crate::decode::{Decoder, distinguished_name};
use crate::model::peer::{ClientAuth, LoginUsed, Reply, ServerVersion, Session};
use crate::model::{Collect, Content, Defect, DefectKind, Document, Holding, Origin, OriginKind, Peer, Slot};
use serde_json::Value;
use std::sync::Arc;
use time::Duration;

/// Hands over what came of every address of an endpoint.
pub(super) fn record(dial: &Dial, outcomes: Vec<Outcome>, decoder: &Decoder, out: &mut dyn Collect) {
    out.examined(1);
    let several = outcomes.len() > 1;
    for outcome in outcomes {
        let origin = origin(dial, &outcome, several);
        let mut contents = contents(&outcome.chain, decoder);
        let defect = outcome.defect.or_else(|| outcome.answer.as_ref().and_then(unexpected));
        contents.extend(defect.map(|kind| Content::Defect(Arc::new(Defect { kind, position: None }))));
        let holding = Holding { origin: origin.clone(), contents: contents.into() };
        if !holding.contents.is_empty() {
            out.holding(holding);
        }
        let session = outcome.session.map(|session| named(session, &outcome.authorities));
        let asked = session.as_ref().map(|session| session.client_auth.clone()).unwrap_or_default();
        out.peer(Peer {
            origin,
            address: outcome.address,
            server_name: dial.sni().map(Box::from),
            session,
            request: if let Request::Get(path) = &dial.request { Some(Arc::clone(path)) } else { None },
            reply: outcome.answer.map(reply),
            login: dial.client.as_ref().map_or(LoginUsed::Anonymous, |client| client.login(&asked)),
            took: Duration::try_from(outcome.took).unwrap_or(Duration::MAX),
        });
    }
}

fn origin(dial: &Dial, outcome: &Outcome, several: bool) -> Origin {
    let mut endpoint = dial.endpoint.clone();
    endpoint.port = outcome.port.unwrap_or(endpoint.port);
    let address = outcome.address.filter(|_| several).map(|address| format!("address={}", address.ip()));
    let field = [dial.label(), address].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Origin {
        document: Arc::new(Document::new(OriginKind::Peer, endpoint.to_string())),
        field: field.into(),
        role: None,
        slot: Slot::Credential,
    }
}

/// The certificates of a chain; one that does not decode is a defect in its place.
fn contents(chain: &[Vec<u8>], decoder: &Decoder) -> Vec<Content> {
    let mut contents: Vec<Content> = chain.iter().take(MOST).map(|certificate| decoder.certificate(certificate)).collect();
    if chain.len() > MOST {
        let reason = format!("more certificates than the {MOST} that are kept").into();
        contents.push(Content::Defect(Arc::new(Defect { kind: DefectKind::Der { what: "chain", reason }, position: None })));
    }
    contents
}

/// Certificates of one chain that are kept, and CAs that a server may list: rustls and Go take chains of a hundred, a hostile server can
/// send a million of nothing.
pub(super) const MOST: usize = 256;

/// Characters that are kept of what a server says of itself.
const LONGEST: usize = 200;

/// Enough of somebody's words.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// What an answer to `GET /version` leaves open. 401 does not: it is about the credential.
fn unexpected(Answered { answer, .. }: &Answered) -> Option<DefectKind> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = body.get("message").and_then(Value::as_str).map(|message| format!(": {}", shortened(message))).unwrap_or_default();
    match answer.status {
        200 if body.get("gitVersion").is_some_and(Value::is_string) => None,
        200 => Some(DefectKind::UnexpectedReply("no version of Kubernetes in it: this is no API server".into())),
        401 => None,
        403 => Some(DefectKind::Forbidden(format!("the API server answers 403 to GET /version{said}").into())),
        status => Some(DefectKind::UnexpectedReply(format!("HTTP {status} to GET /version{said}").into())),
    }
}

fn named(session: Session, authorities: &[Vec<u8>]) -> Session {
    let client_auth = match session.client_auth {
        ClientAuth::NotAsked => ClientAuth::NotAsked,
        ClientAuth::Asked(_) => ClientAuth::Asked(authorities.iter().filter_map(|name| distinguished_name(name)).collect()),
    };
    Session { client_auth, ..session }
}

fn reply(Answered { answer, received }: Answered) -> Reply {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |field: &str| body.get(field).and_then(Value::as_str).map(|text| Box::from(shortened(text)));
    let version = text("gitVersion").map(|git_version| ServerVersion {
        git_version,
        go_version: text("goVersion"),
        platform: text("platform"),
    });
    let refused = answer.status >= 400;
    let reason = text("message").or_else(|| text("reason")).filter(|_| refused);
    Reply { status: answer.status, date: answer.date, received, version, reason }
}
