//! The API servers of a cluster, as it knows them itself: the endpoints of the Service `default/kubernetes`.

use super::conversation::converse;
use super::dial::{Dial, Request, VERSION};
use super::fault::Fault;
use super::run::runtime;
use super::tls::Templates;
use super::{Endpoint, Options, connect};
use crate::model::DefectKind;
use crate::model::defect::Phase;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use tokio::time::{Instant, timeout_at};

/// Where they stand, the newest first: EndpointSlices are v1 since 1.21, and Endpoints are everywhere.
const PATHS: &[&str] = &[
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes",
    "/api/v1/namespaces/default/endpoints/kubernetes",
];

/// API servers of one cluster that are listed: the largest control planes have seven.
const MOST: usize = 100;

/// What the API server that is dialled ([`Dial::api_server`]) says of all of them, or why it does not.
///
/// # Errors
/// The operating system gives no event queue.
pub fn api_servers(dial: &Dial, options: &Options) -> io::Result<Result<Vec<Endpoint>, DefectKind>> {
    let templates = Templates::new().map_err(io::Error::other)?;
    let runtime = runtime()?;
    let found = runtime.block_on(ask(dial, options, &templates));
    runtime.shutdown_background();
    Ok(found)
}

async fn ask(dial: &Dial, options: &Options, templates: &Templates) -> Result<Vec<Endpoint>, DefectKind> {
    let all = Instant::now() + options.timeout;
    let base = if let Request::Get(path) = &dial.request { path.strip_suffix(VERSION) } else { None };
    let addresses = match dial.proxy {
        Some(_) => vec![None::<SocketAddr>],
        None => match timeout_at(all, connect::addresses(dial, options)).await.unwrap_or(Err(Fault::Timeout)) {
            Ok(addresses) => addresses.into_iter().map(Some).collect(),
            Err(fault) => return Err(fault.into_defect(Phase::Resolve)),
        },
    };
    let mut why = DefectKind::UnexpectedReply("the API server does not say which others there are".into());
    // One address that does not answer leaves time for the others.
    let share = all.saturating_duration_since(Instant::now()) / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    for address in addresses {
        let deadline = Instant::now() + share;
        for path in PATHS {
            let request = Request::Get(format!("{}{path}", base.unwrap_or_default()).into());
            let outcome = converse(&Dial { request, ..dial.clone() }, address, options, templates, deadline).await;
            match (outcome.answer, outcome.defect) {
                (Some(answered), _) if answered.answer.status == 200 => {
                    let found = endpoints(&serde_json::from_slice(&answered.answer.body).unwrap_or_default());
                    if !found.is_empty() {
                        return Ok(found);
                    }
                }
                (Some(answered), _) if matches!(answered.answer.status, 401 | 403) => {
                    let reason = format!("the API server does not list the others ({})", answered.answer.status);
                    why = DefectKind::Forbidden(reason.into());
                }
                (None, Some(defect)) => why = defect,
                _ => {}
            }
        }
    }
    Err(why)
}

/// The endpoints in an EndpointSliceList or an Endpoints object.
fn endpoints(body: &Value) -> Vec<Endpoint> {
    let list = |value: &Value, field: &str| value.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let slices = list(body, "items").into_iter().map(|slice| (list(&slice, "endpoints"), list(&slice, "ports")));
    let subsets = list(body, "subsets").into_iter().map(|subset| (list(&subset, "addresses"), list(&subset, "ports")));
    let mut found = Vec::new();
    for (endpoints, ports) in slices.chain(subsets) {
        let port =
            ports.iter().find_map(|port| port.get("port").and_then(Value::as_u64)).and_then(|port| u16::try_from(port).ok());
        let addresses = endpoints.iter().flat_map(|endpoint| {
            let many = list(endpoint, "addresses").into_iter();
            many.chain(endpoint.get("ip").cloned())
        });
        for address in addresses.filter_map(|address| address.as_str().map(str::to_owned)) {
            if let (Some(port), Ok(_), true) = (port, address.parse::<std::net::IpAddr>(), found.len() < MOST) {
                found.push(Endpoint { host: address.into(), port });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_kinds_of_object_are_read() {
        let shown = |body: &Value| endpoints(body).iter().map(ToString::to_string).collect::<Vec<_>>();
        let slices =
            json!({"items": [{"endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["::1"]}], "ports": [{"port": 6443}]}]});
        assert_eq!(shown(&slices), ["10.0.0.1:6443", "[::1]:6443"]);
        let endpoints = json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"name": "https", "port": 16443}]}]});
        assert_eq!(shown(&endpoints), ["10.0.0.1:16443"]);
        for odd in
            [json!({}), json!({"items": 7}), json!({"subsets": [{"addresses": [{"ip": "x; rm"}], "ports": [{"port": 1}]}]})]
        {
            assert!(shown(&odd).is_empty());
        }
    }
}
