//! HANDSHAKES: who talks to whom in the cluster at hand, each judged in both directions by the program that really judges it.
//!
//! ```text
//! clients     kubeconfigs → API server          table      programs by their files (etcd, kubelet, front proxy)
//! discovery   joining nodes, workloads          calls      webhooks, extension servers, conversions
//! mesh        Istio                             itself     the API server's loopback connection
//! nodes       kubelets that answered            behind     what answered under a call's name, and why nothing did
//!      each asks judge: what is presented × what is believed × the names dialled × the verifier
//!      explain then gives every broken one its finding
//! ```
//!
//! A handshake that is broken has its finding: that of a check, where one names the same fault, else one of its own.

pub(super) mod behind;
mod calls;
mod clients;
pub(super) mod discovery;
pub(super) mod explain;
mod judge;
mod mesh;
mod nodes;
pub(super) mod servers;
mod table;
#[cfg(test)]
mod testing;

use super::Context;
use super::findings::Findings;
use crate::model::handshake::Fault;
use crate::model::{Code, Handshake, Holding, Participant, Party, Side, Standing};
use servers::{ApiServer, api_servers};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The check of codes that come out of judging handshakes and nothing else: there is nothing more to look at.
pub(super) fn found_by_judging(_: &Context<'_>, _: &mut Findings) {}

/// Every handshake of the cluster at hand, in the order of the sketch above.
pub(super) fn judged(context: &Context<'_>) -> Vec<Handshake> {
    let servers = api_servers(context);
    let mut all = clients::handshakes(context, &servers);
    all.extend(loopbacks(context, &servers));
    all.extend(table::handshakes(context));
    all.extend(nodes::handshakes(context));
    all.extend(calls::handshakes(context));
    all.extend(discovery::handshakes(context, &servers));
    all.extend(mesh::handshakes(context));
    told_apart(all)
}

/// Handshakes of one name, such as those of two kubeconfigs of one component, are told apart by where the client's certificate stands,
/// at last by numbers.
fn told_apart(mut all: Vec<Handshake>) -> Vec<Handshake> {
    let count = |all: &[Handshake]| {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for handshake in all {
            *counts.entry(handshake.id()).or_default() += 1;
        }
        counts
    };
    let mut seen = HashSet::new();
    for handshake in all.iter_mut().filter(|handshake| !seen.insert(handshake.id())) {
        let file = |side: &Side| side.origin.as_ref().map(|origin| Arc::clone(&origin.document.source));
        if let (Some(file), None) = (file(&handshake.client_side), &handshake.client.name) {
            handshake.client = handshake.client.clone().named(file.rsplit('/').next().unwrap_or(&file));
        }
    }
    let counts = count(&all);
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for handshake in &mut all {
        let id = handshake.id();
        if counts.get(&id).is_some_and(|count| *count > 1) {
            let number = numbers.entry(id).or_default();
            *number += 1;
            if *number > 1 {
                let name =
                    handshake.server.name.as_deref().map_or_else(|| format!("#{number}"), |name| format!("{name} #{number}"));
                handshake.server = handshake.server.clone().named(name);
            }
        }
    }
    all
}

/// Each API server reaches itself by a certificate that it made when it was started; only asking it tells.
fn loopbacks(context: &Context<'_>, servers: &[ApiServer<'_>]) -> Vec<Handshake> {
    let asked = |holding: &Holding| {
        let loopback = holding.loopback()?;
        let (_, leaf) = holding.certificates().next()?;
        let ended = loopback.ends < context.policy.at;
        let message = "this API server can no longer reach itself".to_owned();
        let fault = Fault { code: Code::LoopbackExpired, certificate: Some(leaf.id), message, since: Some(loopback.ends) };
        let side = Side {
            certificate: Some(leaf.id),
            origin: Some(holding.origin.clone()),
            until: Some(loopback.ends),
            ..Side::only(if ended { Standing::Refused(vec![fault]) } else { Standing::Trusted })
        };
        let server = Participant::of(Party::Apiserver).named(Arc::clone(&holding.origin.document.source));
        Some(to_itself(server, side))
    };
    let asked: Vec<Handshake> = context.outside_secrets().filter_map(asked).collect();
    let was_asked = |server: &ApiServer<'_>| {
        let endpoint = Some(&server.serving.origin.document.source);
        asked.iter().any(|handshake| handshake.server.name.as_ref() == endpoint)
    };
    // A host by itself may be asked under an address that its certificate does not tell.
    let by_itself = servers.len() == 1 && !asked.is_empty();
    let unasked = || Standing::Unknown("the loopback certificate is in no file: give the API server as HOST:PORT".to_owned());
    let with_file = servers.iter().filter(|server| server.serving.origin.role.is_some());
    let unasked = with_file
        .filter(|server| !by_itself && !was_asked(server))
        .map(|server| to_itself(Participant::of(Party::Apiserver).on(server.host), Side::only(unasked())));
    let unasked: Vec<Handshake> = unasked.collect();
    asked.into_iter().chain(unasked).collect()
}

fn to_itself(server: Participant, server_side: Side) -> Handshake {
    Handshake {
        client: Participant { name: None, ..server.clone() },
        server,
        client_side: Side::only(Standing::NotAsked("a token of its own".to_owned())),
        server_side,
    }
}
