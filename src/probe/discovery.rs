//! The API servers of a cluster, as it knows them itself: the endpoints of the Service `default/kubernetes`.

use super::conversation::converse;
use super::dial::{Dial, Request};
use super::run::runtime;
use super::tls::Templates;
use super::{Endpoint, Options, connect};
use serde_json::Value;
use std::io;
use tokio::time::{Instant, timeout_at};

/// Where they stand, the newest first: EndpointSlices are v1 since 1.21, and Endpoints are everywhere.
const PATHS: &[&str] = &[
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes",
    "/api/v1/namespaces/default/endpoints/kubernetes",
];

/// API servers of one cluster that are listed: the largest control planes have seven.
const MOST: usize = 100;

/// What the API server that is dialled says of all of them; empty where it does not say, or may not be asked.
///
/// # Errors
/// The operating system gives no event queue.
pub fn api_servers(dial: &Dial, options: &Options) -> io::Result<Vec<Endpoint>> {
    let templates = Templates::new().map_err(io::Error::other)?;
    let runtime = runtime(1)?;
    let found = runtime.block_on(ask(dial, options, &templates));
    runtime.shutdown_background();
    Ok(found)
}

async fn ask(dial: &Dial, options: &Options, templates: &Templates) -> Vec<Endpoint> {
    let deadline = Instant::now() + options.timeout;
    let addresses = match dial.proxy {
        Some(_) => vec![None],
        None => match timeout_at(deadline, connect::addresses(dial, options)).await {
            Ok(Ok(addresses)) => addresses.into_iter().map(Some).collect(),
            _ => return Vec::new(),
        },
    };
    for address in addresses {
        for path in PATHS {
            let dial = Dial { request: Request::Get(path), ..dial.clone() };
            let outcome = converse(&dial, address, options, templates, deadline).await;
            let Some(answered) = outcome.answer.filter(|answered| answered.answer.status == 200) else { continue };
            let found = endpoints(&serde_json::from_slice(&answered.answer.body).unwrap_or_default());
            if !found.is_empty() {
                return found;
            }
        }
    }
    Vec::new()
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
