//! The servers of a live cluster that nobody named: the endpoints of the Services that its API server calls, and its kubelets. What they
//! serve is what a preflight is about; what stands in a Secret is only what they should.
//!
//! Rules. Nothing goes out but a ClientHello, under the name that the API server asks for. Addresses come from the API, which may be
//! hostile: none is dialled that leads back to this machine, to its link, or to many. One that does not answer is nothing to report: it
//! may be out of reach from here, and nobody asked for it.

use super::commands::Session;
use super::error::Error;
use super::progress::Progress;
use crate::model::{
    Call, ClusterNode, Content, Defect, DefectKind, Destination, Document, EndpointSlice, Holding, Inventory, Origin, OriginKind,
    Service, ServicePort, TargetPort,
};
use crate::probe::{self, Dial, Endpoint, Options, Sni};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use time::OffsetDateTime;

/// Endpoints of one Service: two of them tell whether all were restarted.
const EACH: usize = 2;
/// Servers of one cluster.
const MOST: usize = 2_000;
/// Servers at the same time, so that a cluster none of whose servers can be reached from here takes four times `--timeout` at most.
const AT_ONCE: usize = 512;

impl Session {
    /// Asks the servers of a cluster that was read what they serve, but for those that are dialled anyway.
    ///
    /// # Errors
    /// The operating system gives no event queue.
    pub(super) fn dial_called(&self, named: &[Dial], cluster: &mut Inventory) -> Result<(), Error> {
        let Chosen { dials, beyond } = choose(cluster, named, is_ordinary);
        if let Some((first, left_out)) = beyond {
            cluster.holdings.push(not_dialled(&first, left_out));
        }
        if dials.is_empty() {
            return Ok(());
        }
        let options = Options { timeout: self.timeout, jobs: AT_ONCE, ..Options::new(OffsetDateTime::now_utc) };
        let mut progress = Progress::new(dials.len(), &self.look, self.output);
        let mut asked = Inventory::default();
        let outcome = probe::probe(dials, &options, &self.decoder, &mut asked, &mut || progress.step());
        progress.end();
        outcome.map_err(Error::Probe)?;
        heard(asked).drain_into(cluster);
        Ok(())
    }
}

/// Which servers are dialled.
#[derive(Debug)]
struct Chosen {
    dials: Vec<Dial>,
    /// The first one beyond [`MOST`], and how many there are.
    beyond: Option<(Endpoint, usize)>,
}

/// The servers of a cluster: endpoints of Services first, for less is known of them. An address is dialled where `may` lets it.
fn choose(cluster: &Inventory, named: &[Dial], may: fn(IpAddr) -> bool) -> Chosen {
    let kubelets = cluster.facts.nodes.iter().filter_map(ClusterNode::kubelet).filter(|kubelet| may(kubelet.ip()));
    let kubelets = kubelets.map(|kubelet| dial(kubelet, Sni::Host));
    let mut seen = HashSet::new();
    let is_named =
        |dial: &Dial| named.iter().any(|named| named.endpoint == dial.endpoint && named.server_name == dial.server_name);
    let mut dials: Vec<Dial> = endpoints(cluster, may)
        .into_iter()
        .chain(kubelets)
        .filter(|dial| !is_named(dial) && seen.insert((dial.endpoint.clone(), format!("{:?}", dial.server_name))))
        .collect();
    let beyond = dials.get(MOST).map(|first| (first.endpoint.clone(), dials.len() - MOST));
    dials.truncate(MOST);
    Chosen { dials, beyond }
}

fn dial(to: SocketAddr, server_name: Sni) -> Dial {
    let endpoint = Endpoint { host: to.ip().to_string().into(), port: to.port() };
    Dial { server_name, ..Dial::new(endpoint) }
}

/// The first endpoints of every Service that is called by somebody who verifies what it serves.
fn endpoints(cluster: &Inventory, may: fn(IpAddr) -> bool) -> Vec<Dial> {
    let services: HashMap<(&str, &str), &Service> =
        cluster.facts.services.iter().map(|service| ((&*service.namespace, &*service.name), service)).collect();
    let mut slices: HashMap<(&str, &str), Vec<&EndpointSlice>> = HashMap::new();
    for slice in &cluster.facts.endpoint_slices {
        slices.entry((&slice.namespace, &slice.service)).or_default().push(slice);
    }
    let called: BTreeSet<(&str, &str, u16)> = cluster.facts.calls.iter().filter_map(called).collect();
    let mut dials = Vec::new();
    for (namespace, name, port) in called {
        let port = services.get(&(namespace, name)).and_then(|service| service.ports.iter().find(|known| known.port == port));
        let server_name = Sni::named(&format!("{name}.{namespace}.svc"));
        let (Some(port), Some(server_name)) = (port, server_name) else { continue };
        let slices = slices.get(&(namespace, name)).into_iter().flatten();
        let addresses = slices.flat_map(|slice| {
            let port = port_in(slice, port);
            slice.ready.iter().filter_map(move |address| Some(SocketAddr::new(*address, port?)))
        });
        let mut seen = HashSet::new();
        let first = addresses.filter(|address| may(address.ip()) && seen.insert(*address)).take(EACH);
        dials.extend(first.map(|address| dial(address, server_name.clone())));
    }
    dials
}

/// The Service of a call, and its port.
fn called(call: &Call) -> Option<(&str, &str, u16)> {
    match &call.to {
        Destination::Service { namespace, name, port } if !call.skips_verification => Some((namespace, name, *port)),
        _ => None,
    }
}

/// The port of a slice's endpoints that a Service's port leads to: the one of its name.
fn port_in(slice: &EndpointSlice, wanted: &ServicePort) -> Option<u16> {
    let port = slice.ports.iter().find(|port| port.name == wanted.name)?.port;
    port.or(match wanted.target {
        TargetPort::Number(number) => Some(number),
        TargetPort::Name(_) => None,
    })
}

/// Whether an address is one that Kubernetes takes for an endpoint's (kubernetes/kubernetes pkg/apis/core/validation:
/// `ValidateNonSpecialIP`), and one machine's.
fn is_ordinary(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_special = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(is_special || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

/// What those presented that answered; of a Service also that the others were dialled in vain.
fn heard(mut asked: Inventory) -> Inventory {
    let talked: HashSet<_> = asked.peers.iter().filter(|peer| peer.session.is_some()).map(|peer| peer.origin.place()).collect();
    asked.holdings.retain(|holding| talked.contains(&holding.origin.place()));
    asked.examined = u64::try_from(talked.len()).unwrap_or(u64::MAX);
    drop(talked);
    asked.peers.retain(|peer| peer.session.is_some() || peer.server_name.is_some());
    asked
}

fn not_dialled(first: &Endpoint, left_out: usize) -> Holding {
    let kind = DefectKind::NotDialled { left_out, limit: MOST };
    let defect = Content::Defect(Arc::new(Defect { kind, position: None }));
    let origin = Origin::whole(Document::new(OriginKind::Peer, first.to_string()));
    Holding { origin, contents: Arc::from([defect]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EndpointPort, Fact};

    fn call(to: Destination) -> Call {
        Call {
            document: Arc::new(Document::new(OriginKind::Webhook, "ValidatingWebhookConfiguration/w")),
            field: "webhooks[a.b].clientConfig.caBundle".into(),
            name: "a.b".into(),
            to,
            has_bundle: true,
            skips_verification: false,
        }
    }

    fn to_service(name: &str, port: u16) -> Call {
        call(Destination::Service { namespace: "web".into(), name: name.into(), port })
    }

    fn service(name: &str, target: TargetPort) -> Service {
        let port = |name: &str, port, target| ServicePort { name: name.into(), port, target };
        let ports = vec![port("metrics", 9090, TargetPort::Number(9090)), port("https", 443, target)];
        Service { namespace: "web".into(), name: name.into(), external_name: None, ports }
    }

    fn slice(service: &str, addresses: &[&str], number: Option<u16>) -> EndpointSlice {
        let port = |name: &str, port| EndpointPort { name: name.into(), port };
        EndpointSlice {
            namespace: "web".into(),
            service: service.into(),
            ready: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            ports: vec![port("metrics", Some(9090)), port("https", number)],
        }
    }

    fn node(address: &str) -> ClusterNode {
        let addresses = vec![address.parse().unwrap()];
        ClusterNode { name: "w1".into(), addresses, kubelet_version: None, kubelet_port: 10250 }
    }

    fn cluster(facts: impl IntoIterator<Item = Fact>) -> Inventory {
        let mut cluster = Inventory::default();
        facts.into_iter().for_each(|fact| cluster.facts.push(fact));
        cluster
    }

    fn shown(chosen: &Chosen) -> Vec<String> {
        let name = |dial: &Dial| match &dial.server_name {
            Sni::Name(name) => format!(" {name}"),
            Sni::Host | Sni::None => String::new(),
        };
        chosen.dials.iter().map(|dial| format!("{}{}", dial.endpoint, name(dial))).collect()
    }

    fn of(facts: impl IntoIterator<Item = Fact>) -> Vec<String> {
        shown(&choose(&cluster(facts), &[], is_ordinary))
    }

    #[test]
    fn endpoints_are_dialled_under_the_services_name_at_their_own_port() {
        let slice = slice("hook", &["10.0.0.1", "10.0.0.2", "10.0.0.3"], Some(9443));
        let known = || Fact::Service(service("hook", TargetPort::Name("web".into())));
        let facts = [
            Fact::Call(to_service("hook", 443)),
            Fact::Call(to_service("hook", 443)),
            known(),
            Fact::EndpointSlice(slice.clone()),
        ];
        let two = ["10.0.0.1:9443 hook.web.svc", "10.0.0.2:9443 hook.web.svc"];
        assert_eq!(of(facts.clone()), two);
        let more = facts.into_iter().chain([Fact::Node(node("10.0.1.1")), Fact::Node(node("fd00::1"))]);
        assert_eq!(of(more), [&two[..], &["10.0.1.1:10250", "[fd00::1]:10250"]].concat());
        for (what, facts) in [
            ("nobody calls it", vec![known(), Fact::EndpointSlice(slice.clone())]),
            ("another port", vec![Fact::Call(to_service("hook", 8443)), known(), Fact::EndpointSlice(slice.clone())]),
            ("no such Service", vec![Fact::Call(to_service("hook", 443)), Fact::EndpointSlice(slice.clone())]),
            ("no endpoint", vec![Fact::Call(to_service("hook", 443)), known()]),
        ] {
            assert_eq!(of(facts), [""; 0], "{what}");
        }
        let unverified = Call { skips_verification: true, ..to_service("hook", 443) };
        assert_eq!(of([Fact::Call(unverified), known(), Fact::EndpointSlice(slice)]), [""; 0]);
        let url = call(Destination::Host { name: "10.0.0.1".into(), port: 443 });
        assert_eq!(of([Fact::Call(url)]), [""; 0]);
    }

    #[test]
    fn a_slice_without_a_port_has_the_services() {
        let with = |target| {
            let slice = Fact::EndpointSlice(slice("hook", &["10.0.0.1"], None));
            of([Fact::Call(to_service("hook", 443)), Fact::Service(service("hook", target)), slice])
        };
        assert_eq!(with(TargetPort::Number(8443)), ["10.0.0.1:8443 hook.web.svc"]);
        assert_eq!(with(TargetPort::Name("web".into())), [""; 0]);
    }

    #[test]
    fn nothing_special_is_dialled() {
        let special = [
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "::",
            "169.254.169.254",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "::ffff:169.254.169.254",
        ];
        for address in special {
            assert!(!is_ordinary(address.parse().unwrap()), "{address}");
            assert_eq!(of([Fact::Node(node(address))]), [""; 0], "{address}");
        }
        let facts = [
            Fact::Call(to_service("hook", 443)),
            Fact::Service(service("hook", TargetPort::Number(443))),
            Fact::EndpointSlice(slice("hook", &["127.0.0.1", "169.254.169.254", "10.0.0.1"], Some(22))),
        ];
        assert_eq!(of(facts), ["10.0.0.1:22 hook.web.svc"]);
        for address in ["10.0.0.1", "192.0.2.1", "203.0.113.9", "fd00::1", "2001:db8::1"] {
            assert!(is_ordinary(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn there_is_an_end_and_it_is_said() {
        let nodes = (0..2_100_u16).map(|number| Fact::Node(node(&format!("10.1.{}.{}", number / 250, number % 250))));
        let mut cluster = cluster(nodes);
        let chosen = choose(&cluster, &[], is_ordinary);
        assert_eq!(
            (chosen.dials.len(), chosen.beyond.map(|(first, number)| (first.to_string(), number))),
            (2_000, Some(("10.1.8.0:10250".to_owned(), 100)))
        );
        cluster.facts.nodes.truncate(2_000);
        assert!(choose(&cluster, &[], is_ordinary).beyond.is_none());
        let said = not_dialled(&Endpoint { host: "h".into(), port: 1 }, 100).defects().next().unwrap().1.kind.to_string();
        assert_eq!(said, "not dialled, 100 servers in all: one run dials 2000 of those that nobody named");
    }

    #[test]
    fn a_server_that_is_dialled_anyway_is_not_dialled_twice() {
        let named = [Dial::new(Endpoint { host: "10.0.1.1".into(), port: 10250 })];
        let cluster = cluster([Fact::Node(node("10.0.1.1")), Fact::Node(node("10.0.1.1"))]);
        assert!(choose(&cluster, &named, is_ordinary).dials.is_empty());
        assert_eq!(choose(&cluster, &[], is_ordinary).dials.len(), 1, "two nodes of one address");
    }

    /// Who may be dialled is the one thing that a test on loopback has to choose.
    #[test]
    fn those_that_answer_are_heard_and_of_the_others_that_they_did_not() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let facts = [
            Fact::Call(to_service("hook", 443)),
            Fact::Service(service("hook", TargetPort::Number(443))),
            Fact::EndpointSlice(slice("hook", &["127.0.0.1"], Some(closed))),
            Fact::Node(ClusterNode { kubelet_port: closed, ..node("127.0.0.1") }),
        ];
        let chosen = choose(&cluster(facts), &[], |_| true);
        assert_eq!(chosen.dials.len(), 2);
        let (mut asked, decoder) = (Inventory::default(), crate::decode::Decoder::new(crate::decode::Limits::default()));
        let options = Options::new(|| OffsetDateTime::UNIX_EPOCH);
        probe::probe(chosen.dials, &options, &decoder, &mut asked, &mut || ()).unwrap();
        assert_eq!((asked.holdings.len(), asked.peers.len()), (2, 2));
        let heard = heard(asked);
        let left: Vec<_> = heard.peers.iter().map(|peer| (peer.server_name.as_deref(), peer.session.is_some())).collect();
        assert_eq!((heard.holdings.len(), heard.examined, left), (0, 0, vec![(Some("hook.web.svc"), false)]));
    }
}
