//! Conversations with servers in JSON.

use super::certificate::Origin;
use super::values::{Id, Instant, Rows, Text};
use crate::audit::loopback::implies;
use crate::audit::served::{self, Served};
use crate::model::peer::{self, ClientAuth, End, LoginUsed};
use crate::model::{DefectKind, DistinguishedName, Holding, Inventory};
use crate::report::{Report, View};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;
use std::net::SocketAddr;

/// One conversation with one address of an endpoint.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Peer<'r> {
    /// Where what it presented stands: the origin of its certificates.
    origin: Origin<'r>,
    /// The address that was dialled; null when the name led to none, or a proxy was to resolve it.
    address: Option<Text<SocketAddr>>,
    /// The Server Name Indication that was sent; null for none.
    server_name: Option<&'r str>,
    /// Milliseconds from the first packet to the last.
    took_milliseconds: u64,
    /// How the client was ready to show who it is.
    #[schemars(extend("enum" = ["anonymous", "certificate", "token", "password"]))]
    login: &'static str,
    /// What was agreed on; null when it did not come so far.
    session: Option<Session<'r>>,
    /// The chain as presented.
    certificates: Vec<Id>,
    /// What went wrong.
    defects: Vec<Text<&'r DefectKind>>,
    /// What was answered to `GET /version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Reply<'r>>,
    /// What an API server's loopback certificate says.
    #[serde(skip_serializing_if = "Option::is_none")]
    loopback: Option<Loopback>,
    /// The file that the served certificate should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File<'r>>,
}

/// What was answered to a request.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Reply<'r> {
    /// The HTTP status.
    status: u16,
    /// The server's clock.
    date: Option<Instant>,
    /// This machine's clock when the answer came.
    received: Instant,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    /// What the server says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version<'r>>,
}

/// What an API server says it is.
#[derive(Serialize, JsonSchema)]
struct Version<'r> {
    /// `v1.32.4`.
    #[serde(rename = "gitVersion")]
    git: &'r str,
    /// `go1.23.8`.
    #[serde(rename = "goVersion")]
    go: Option<&'r str>,
    /// `linux/amd64`.
    platform: Option<&'r str>,
}

/// What the two sides of a handshake agreed on, as far as it came.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Session<'r> {
    /// The protocol version.
    protocol: Text<peer::ProtocolVersion>,
    /// The cipher suite by its IANA name.
    cipher_suite: Option<&'r str>,
    /// The group of the key exchange.
    key_exchange: Option<&'r str>,
    /// The protocol that the server chose.
    alpn: Option<&'r str>,
    /// Whether an OCSP response was stapled.
    ocsp_staple: bool,
    /// Whether a client certificate was asked for.
    client_certificate_requested: bool,
    /// The CAs that it may come from; empty for any.
    client_certificate_authorities: Vec<Text<&'r DistinguishedName>>,
    /// How it ended.
    #[schemars(extend("enum" = ["completed", "refused", "chain-only", "broken", "distrusted"]))]
    handshake: &'static str,
    /// The alert by which the server refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Text<peer::Alert>>,
    /// Why it broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
}

/// What an API server's loopback certificate says.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Loopback {
    /// When the process was started.
    process_started: Instant,
    /// When it can no longer reach itself.
    not_after: Instant,
    /// How long the certificate lives.
    lifetime_seconds: i64,
    /// What that says of the version.
    implies: &'static str,
}

/// The file that a served certificate should be.
#[derive(Serialize, JsonSchema)]
struct File<'r> {
    /// The file.
    path: &'r str,
    /// The host that it belongs to, where several were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'r str>,
    /// How the served certificate is to the one in the file, by its end.
    #[schemars(extend("enum" = ["same", "older", "newer", "other"]))]
    relation: &'static str,
}

impl<'r> Peer<'r> {
    /// Every conversation; nothing for reports that have none, unless they are about servers.
    pub(super) fn rows(report: &Report<'r>) -> Option<Rows<'r, Self>> {
        let inventory = report.inventory;
        let wanted = !inventory.peers.is_empty() || matches!(report.view, View::Probe(_));
        wanted.then(|| Rows::new(move || rows(inventory).into_iter()))
    }

    /// One conversation and what it presented.
    pub(in crate::report) fn new(peer: &'r peer::Peer, holding: Option<&'r Holding>, file: Option<Served<'r>>) -> Self {
        let certificates = holding.into_iter().flat_map(Holding::certificates);
        let defects = holding.into_iter().flat_map(Holding::defects);
        Self {
            origin: Origin::indexed(&peer.origin, 0),
            address: peer.address.map(Text),
            server_name: peer.server_name.as_deref(),
            took_milliseconds: u64::try_from(peer.took.whole_milliseconds()).unwrap_or(0),
            login: login(peer.login),
            session: peer.session.as_ref().map(Session::new),
            certificates: certificates.map(|(_, certificate)| Id(certificate.id)).collect(),
            defects: defects.map(|(_, defect)| Text(&defect.kind)).collect(),
            reply: peer.reply.as_ref().map(Reply::new),
            loopback: holding.and_then(Holding::loopback).map(|loopback| Loopback {
                process_started: Instant(loopback.started),
                not_after: Instant(loopback.ends),
                lifetime_seconds: loopback.lifetime.whole_seconds(),
                implies: implies(&loopback),
            }),
            file: file.map(|served| File {
                path: served.file.origin.document.path(),
                host: served.file.origin.document.host.as_deref(),
                relation: served.relation.as_str(),
            }),
        }
    }
}

fn rows(inventory: &Inventory) -> Vec<Peer<'_>> {
    let holdings: HashMap<_, &Holding> = inventory.holdings.iter().map(|holding| (holding.origin.place(), holding)).collect();
    let files: HashMap<_, Served<'_>> =
        served::compare(inventory).into_iter().map(|served| (served.peer.origin.place(), served)).collect();
    let row = |peer| Peer::new(peer, holdings.get(&peer.origin.place()).copied(), files.get(&peer.origin.place()).copied());
    inventory.peers.iter().map(row).collect()
}

fn login(login: LoginUsed) -> &'static str {
    match login {
        LoginUsed::Anonymous => "anonymous",
        LoginUsed::Certificate => "certificate",
        LoginUsed::Token => "token",
        LoginUsed::Password => "password",
    }
}

impl<'r> Session<'r> {
    fn new(session: &'r peer::Session) -> Self {
        let (handshake, alert, reason) = match &session.end {
            End::Completed => ("completed", None, None),
            End::Refused(alert) => ("refused", Some(Text(*alert)), None),
            End::ChainOnly => ("chain-only", None, None),
            End::Broken(reason) => ("broken", None, Some(&**reason)),
            End::Distrusted => ("distrusted", None, None),
        };
        let authorities = match &session.client_auth {
            ClientAuth::NotAsked => &[][..],
            ClientAuth::Asked(names) => names,
        };
        Self {
            protocol: Text(session.version),
            cipher_suite: session.cipher_suite.as_deref(),
            key_exchange: session.key_exchange.as_deref(),
            alpn: session.alpn.as_deref(),
            ocsp_staple: session.ocsp_staple,
            client_certificate_requested: session.client_auth != ClientAuth::NotAsked,
            client_certificate_authorities: authorities.iter().map(Text).collect(),
            handshake,
            alert,
            reason,
        }
    }
}

impl<'r> Reply<'r> {
    fn new(reply: &'r peer::Reply) -> Self {
        Self {
            status: reply.status,
            date: reply.date.map(Instant),
            received: Instant(reply.received),
            reason: reply.reason.as_deref(),
            version: reply.version.as_ref().map(|version| Version {
                git: &version.git_version,
                go: version.go_version.as_deref(),
                platform: version.platform.as_deref(),
            }),
        }
    }
}
