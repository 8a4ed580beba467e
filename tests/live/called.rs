//! The servers of a cluster that nobody named: endpoints of Services that are called, and kubelets, at an address of this machine that is
//! not loopback, where it has one.

use crate::server::{Home, Reply, Run, Server, authority, cluster, kubeconfig, pki, secret, server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kcert::mint::Identity;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

const USER: &str = "token: t0k3n-t0k3n-t0k3n";
const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

/// An address of this machine that others could dial. Nothing is sent for it.
fn own_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if !address.is_loopback() && !address.is_link_local() && !address.is_unspecified() => Some(address),
        _ => None,
    }
}

/// A cluster with a webhook whose bundle is this CA, and whose only endpoint is there.
fn calling(bundle: &Identity, secrets: Vec<Value>, endpoint: Ipv4Addr, port: u16) -> Server {
    let service = json!({"service": {"namespace": "web", "name": "hook"}, "caBundle": STANDARD.encode(bundle.pem())});
    let webhook = json!({"metadata": {"name": "w"}, "webhooks": [{"name": "hook.test", "clientConfig": service}]});
    let metadata = json!({"namespace": "web", "name": "hook", "labels": {"kubernetes.io/service-name": "hook"}});
    let ports = json!([{"name": "https", "port": 443, "targetPort": port}]);
    let slice = json!({"metadata": metadata, "addressType": "IPv4", "endpoints": [{"addresses": [endpoint], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": port}]});
    server(secrets)
        .with(WEBHOOKS, Reply::List("ValidatingWebhookConfiguration", vec![webhook]))
        .with(
            "/api/v1/namespaces/web/services",
            Reply::List("Service", vec![json!({"metadata": metadata, "spec": {"ports": ports}})]),
        )
        .with("/apis/discovery.k8s.io/v1/namespaces/web/endpointslices", Reply::List("EndpointSlice", vec![slice]))
}

fn hook(ca: &Identity) -> Identity {
    pki().leaf("hook").server().dns("hook.web.svc").issued_by(ca).unwrap()
}

/// A kubeconfig for a server that is started.
fn home(server: Server) -> Home {
    let ca = authority("kubernetes");
    Home::new(&kubeconfig(&[("here", &cluster(&server.start(&ca).url(), &ca), USER)]))
}

fn handshake(run: &Run) -> Value {
    let json = run.json();
    let all = json["handshakes"].as_array().unwrap();
    all.iter().find(|handshake| handshake["id"] == "kube-apiserver→webhook hook.test").unwrap().clone()
}

#[test]
fn a_webhook_is_judged_by_what_it_serves() {
    let Some(address) = own_address() else { return };
    let (ca, old) = (authority("hook CA"), authority("hook CA"));
    let stored = || vec![secret("web", "hook-tls", &hook(&ca).pem())];
    let (good, bad) = (server(Vec::new()).present(&hook(&ca), address), server(Vec::new()).present(&hook(&old), address));
    let served = |secrets, port| home(calling(&ca, secrets, address, port));
    for secrets in [Vec::new(), stored()] {
        let run = served(secrets, good.port).run(&["preflight", "--live"]);
        assert_eq!((run.code, &handshake(&run)["verdict"]), (0, &json!("ok")), "{}{}", run.out, run.err);
        let peer = &run.json()["peers"][0];
        assert_eq!(peer["origin"]["source"], format!("{address}:{}", good.port));
        assert_eq!((&peer["serverName"], &peer["login"]), (&json!("hook.web.svc"), &json!("anonymous")));
    }
    for (secrets, words) in [(Vec::new(), "serves it"), (stored(), "the process has not reloaded")] {
        let home = served(secrets, bad.port);
        let run = home.run(&["preflight", "--live"]);
        assert_eq!((run.code, &handshake(&run)["verdict"]), (2, &json!("broken")), "{}{}", run.out, run.err);
        assert!(run.out.contains("cabundle-stale") && run.out.contains(words), "{}", run.out);
        let plan = home.run(&["plan", "--live"]);
        assert!(plan.code == 2 && plan.out.contains("cabundle-stale"), "{}{}", plan.out, plan.err);
    }
    assert!(good.asked().is_empty() && bad.asked().is_empty(), "a handshake, and no request");
    let home = served(Vec::new(), bad.port);
    for verb in ["inspect", "chain", "check"] {
        let run = home.run(&[verb, "--live"]);
        assert!(run.code == 0 && run.json().get("peers").is_none(), "{verb} {}{}", run.out, run.err);
    }
}

#[test]
fn a_plan_renews_a_secret_and_what_serves_it() {
    let Some(address) = own_address() else { return };
    let ca = authority("hook CA");
    let over = pki().leaf("hook").server().dns("hook.web.svc").expired().issued_by(&ca).unwrap();
    let served = server(Vec::new()).present(&over, address);
    let mut stored = secret("web", "hook-tls", &over.pem());
    stored["data"]["tls.key"] = STANDARD.encode(over.key_pem().as_str()).into();
    let home = home(calling(&ca, vec![stored, secret("web", "hook-ca", &ca.pem())], address, served.port));
    let run = home.run(&["plan", "--live"]);
    let plan = &run.json()["plan"];
    let steps: Vec<_> = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!((run.code, &steps[..]), (2, &["secret-web-hook-tls"][..]), "{}", run.out);
    assert!(run.out.contains(&format!("Restart what serves it at {address}:{}", served.port)), "{}", run.out);
    assert_eq!(
        (&plan["rehearsal"]["faults"], &plan["rehearsal"]["handshakes"][0]["after"]),
        (&json!([]), &json!(["ok"])),
        "{plan}"
    );
}

#[test]
fn a_plan_puts_the_ca_of_what_is_served_into_the_bundle() {
    let Some(address) = own_address() else { return };
    let (ca, old) = (authority("hook CA"), authority("hook CA"));
    let served = server(Vec::new()).present(&hook(&ca), address);
    let home = home(calling(&old, vec![secret("web", "hook-ca", &ca.pem())], address, served.port));
    let run = home.run(&["plan", "--live"]);
    let plan = &run.json()["plan"];
    let steps: Vec<_> = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["bundle-validatingwebhookconfiguration-w-webhooks-hook-test--clientConfig-caBundle"], "{}", run.out);
    assert_eq!(plan["rehearsal"]["handshakes"][0]["after"], json!(["ok"]), "{plan}");
}

#[test]
fn one_that_does_not_answer_is_no_finding_and_loopback_is_not_dialled() {
    let Some(address) = own_address() else { return };
    let ca = authority("hook CA");
    let closed = std::net::TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
    let run = home(calling(&ca, Vec::new(), address, closed)).run(&["preflight", "--live"]);
    assert_eq!((run.code, run.unread(), &handshake(&run)["verdict"]), (0, vec![], &json!("unknown")), "{}", run.out);
    assert!(
        run.out.contains(&format!("the endpoints of hook.web.svc do not answer from here ({address}:{closed})")),
        "{}",
        run.out
    );
    let own = server(Vec::new()).present(&hook(&ca), Ipv4Addr::LOCALHOST);
    let run = home(calling(&ca, Vec::new(), Ipv4Addr::LOCALHOST, own.port)).run(&["preflight", "--live"]);
    assert!(run.code == 0 && run.json().get("peers").is_none(), "{}", run.out);
}

#[test]
fn kubelets_are_asked_where_their_nodes_say() {
    let Some(address) = own_address() else { return };
    let ca = authority("kubernetes");
    let of_node = |name: &str, port: u16| {
        let addresses = json!([{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]);
        json!({"metadata": {"name": name}, "status": {"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}})
    };
    let leaf = pki().leaf("system:node:w1").server().ip(address.octets());
    let sound = server(Vec::new()).present(&leaf.clone().issued_by(&ca).unwrap(), address);
    let over = server(Vec::new()).present(&leaf.expired().issued_by(&ca).unwrap(), address);
    let nodes = |nodes: Vec<Value>| home(server(Vec::new()).with("/api/v1/nodes", Reply::List("Node", nodes)));
    let run = nodes(vec![of_node("w1", sound.port), of_node("w2", over.port)]).run(&["preflight", "--live"]);
    let json = run.json();
    assert_eq!(run.code, 2, "{}", run.out);
    assert_eq!(verdicts(&json), [("kube-apiserver→kubelet w1", "unknown"), ("kube-apiserver→kubelet w2", "broken")]);
    let run = nodes(vec![of_node("w1", sound.port)]).run(&["preflight", "--live"]);
    assert_eq!(run.code, 0, "{}", run.out);
}

/// Every handshake by its id, with its verdict.
fn verdicts(json: &Value) -> Vec<(&str, &str)> {
    let handshakes = json["handshakes"].as_array().unwrap().iter();
    handshakes.map(|it| (it["id"].as_str().unwrap(), it["verdict"].as_str().unwrap())).collect()
}

#[test]
fn each_cluster_has_its_own_servers() {
    let Some(address) = own_address() else { return };
    let (ca, old, api) = (authority("hook CA"), authority("hook CA"), authority("kubernetes"));
    let ports = [&ca, &old].map(|ca| server(Vec::new()).present(&hook(ca), address).port);
    let [prod, stage] = ports.map(|port| cluster(&calling(&ca, Vec::new(), address, port).start(&api).url(), &api));
    let home = Home::new(&kubeconfig(&[("prod", &prod, USER), ("stage", &stage, USER)]));
    let run = home.run(&["preflight", "--context", "prod", "--context", "stage"]);
    let json = run.json();
    let expected = [("kube-apiserver→webhook hook.test (prod)", "ok"), ("kube-apiserver→webhook hook.test (stage)", "broken")];
    assert_eq!((run.code, &verdicts(&json)[..]), (2, &expected[..]), "{}", run.out);
}
