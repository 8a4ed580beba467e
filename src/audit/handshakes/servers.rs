//! The API servers at hand: what each serves, whom it takes clients from, and which of them a client reaches by a name.

use super::super::places::{self, CLIENT_CA, authentication};
use super::super::upgrade::{self, Version};
use super::super::{Context, hosts, served};
use crate::model::{GeneralName, Holding, OriginKind, Role, Slot};
use std::collections::HashMap;
use std::net::IpAddr;

/// One API server.
pub(in super::super) struct ApiServer<'a> {
    /// Its host, where several are looked at.
    pub(in super::super) host: Option<&'a str>,
    /// What it presents: the process's own word where it was asked, else its file.
    pub(in super::super) serving: &'a Holding,
    /// What else it may present: k3s' supervisor, and certificates for names of their own (`--tls-sni-cert-key`).
    pub(in super::super) others: Vec<&'a Holding>,
    /// What it takes client certificates from.
    pub(in super::super) client_cas: Vec<&'a Holding>,
    /// Its own addresses and names, as far as command lines and kubelets tell.
    own: Vec<String>,
    /// Its version.
    pub(in super::super) version: Version,
}

/// All of them: by their files, by what was probed, by a certificate that was given by itself.
pub(in super::super) fn api_servers<'a>(context: &Context<'a>) -> Vec<ApiServer<'a>> {
    let served: HashMap<*const Holding, &'a Holding> = served::among(context.outside_secrets())
        .into_iter()
        .map(|served| (std::ptr::from_ref(served.file), served.peer))
        .collect();
    let probed: Vec<*const Holding> = served.values().map(|peer| std::ptr::from_ref(*peer)).collect();
    let is_extra = |holding: &Holding| probed.contains(&std::ptr::from_ref(holding)) || holding.loopback().is_some();
    let found = context.outside_secrets().filter(|holding| holding.is_api_server() && !is_extra(holding));
    found.map(|file| server(context, served.get(&std::ptr::from_ref(file)).copied().unwrap_or(file), file)).collect()
}

fn server<'a>(context: &Context<'a>, serving: &'a Holding, file: &'a Holding) -> ApiServer<'a> {
    let host = hosts::host(file);
    // One that was given by itself, or probed, may be another cluster's: the host's files say nothing of it.
    if file.origin.role.is_none() {
        let (others, own, version) = (Vec::new(), Vec::new(), upgrade::present(context));
        return ApiServer { host, serving, others, client_cas: authentication(context, "client-ca-file"), own, version };
    }
    let others = [Role::Supervisor, Role::ApiserverSni].into_iter();
    let others = others.flat_map(|role| hosts::places(context, host, role, &[Slot::Credential]));
    let others = others.filter(|holding| holding.origin.document.kind == OriginKind::File && hosts::host(holding) == host);
    let client_cas = match CLIENT_CA.on(context, host) {
        none if none.is_empty() => authentication(context, "client-ca-file"),
        known => known,
    };
    ApiServer {
        host,
        serving,
        others: others.filter(|holding| is_for_servers(holding)).collect(),
        client_cas,
        own: own_names(context, host),
        version: upgrade::of_component(context, "kube-apiserver", host),
    }
}

fn is_for_servers(holding: &Holding) -> bool {
    holding
        .certificates()
        .next()
        .is_some_and(|(_, leaf)| leaf.allows(&crate::model::ExtendedKeyUsage::ServerAuth) && !leaf.is_ca())
}

/// `--advertise-address`, and the name of the node.
fn own_names(context: &Context<'_>, host: Option<&str>) -> Vec<String> {
    let components = places::components(context.inventory, "kube-apiserver", host);
    let mut own: Vec<String> =
        components.flat_map(|component| component.values("--advertise-address")).map(str::to_owned).collect();
    let kubelets =
        hosts::places(context, host, Role::Kubelet, &[Slot::Credential]).filter(|holding| hosts::host(holding) == host);
    let nodes =
        kubelets.filter_map(|holding| holding.certificates().next()?.1.subject.common_name()?.strip_prefix("system:node:"));
    own.extend(nodes.map(str::to_owned));
    own
}

/// The API servers that a client on a host reaches by a name. A name that is one server's own leads there; any other is a load
/// balancer's, or an alias, and leads to all.
pub(in super::super) fn reached<'s, 'a>(servers: &'s [ApiServer<'a>], host: Option<&str>, name: &str) -> Vec<&'s ApiServer<'a>> {
    let here: Vec<&ApiServer<'a>> = servers.iter().filter(|server| server.host == host).collect();
    if is_loopback(name) && !here.is_empty() {
        return here;
    }
    let own: Vec<&ApiServer<'a>> =
        servers.iter().filter(|server| server.own.iter().any(|own| own.eq_ignore_ascii_case(name))).collect();
    if !own.is_empty() {
        return own;
    }
    let holders: Vec<&ApiServer<'a>> = servers.iter().filter(|server| server.has_name(name)).collect();
    let all_known = servers.iter().all(|server| server.own.iter().any(|own| own.parse::<IpAddr>().is_ok()));
    let is_address = name.parse::<IpAddr>().is_ok();
    match (holders.is_empty(), here.is_empty()) {
        // An address that one server alone has, and nobody knows whose it is: that server's.
        (false, _) if is_address && !all_known && holders.len() < servers.len() && !is_loopback(name) => holders,
        (true, false) if !is_loopback(name) && !all_known => here,
        _ => servers.iter().collect(),
    }
}

/// Whether it is a name of the machine that dials it.
pub(in super::super) fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl<'a> ApiServer<'a> {
    /// Everything that it may present.
    pub(in super::super) fn presented(&self) -> impl Iterator<Item = &'a Holding> {
        std::iter::once(self.serving).chain(self.others.iter().copied())
    }

    /// Whether what it presents has the name.
    pub(in super::super) fn has_name(&self, name: &str) -> bool {
        self.presented().any(|holding| has_name(holding, name))
    }
}

/// Whether the first certificate of a place has a name among its subject alternative names; wildcards count.
pub(in super::super) fn has_name(holding: &Holding, name: &str) -> bool {
    let address: Option<IpAddr> = name.parse().ok();
    let covers = |pattern: &str| {
        pattern.eq_ignore_ascii_case(name)
            || pattern
                .strip_prefix("*.")
                .is_some_and(|parent| name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)))
    };
    holding.certificates().next().is_some_and(|(_, leaf)| {
        leaf.sans.iter().any(|san| match san {
            GeneralName::Dns(pattern) => covers(pattern),
            GeneralName::Ip(ip) => Some(*ip) == address,
            _ => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::inventory_of;
    use crate::mint::pki;

    /// The hosts that a client on a host reaches by a name, of two that share the name of a load balancer. Whether they know their own
    /// addresses and names.
    fn reached_from(host: &str, name: &str, is_known: bool) -> Vec<String> {
        let serving = |address| {
            let recipe = pki().leaf("kube-apiserver").server().dns("*.test").ip([10, 0, 0, address]);
            recipe.self_signed().unwrap().der().to_vec()
        };
        let inventory = inventory_of(&[&serving(11), &serving(12)]);
        let server = |serving, host, address: &str| ApiServer {
            host: Some(host),
            serving,
            others: Vec::new(),
            client_cas: Vec::new(),
            own: if is_known { vec![address.to_owned(), host.to_owned()] } else { Vec::new() },
            version: Version::Unknown,
        };
        let [one, two] = inventory.holdings.as_slice() else { panic!("{inventory:?}") };
        let servers = [server(one, "cp-1", "10.0.0.11"), server(two, "cp-2", "10.0.0.12")];
        reached(&servers, Some(host), name).into_iter().filter_map(|server| Some(server.host?.to_owned())).collect()
    }

    #[test]
    fn a_name_leads_to_its_server_and_a_load_balancers_to_all() {
        let all = ["cp-1", "cp-2"].as_slice();
        for (host, name, is_known, expected) in [
            ("cp-1", "127.0.0.1", false, &all[..1]),
            ("cp-2", "localhost", true, &all[1..]),
            ("cp-2", "::1", true, &all[1..]),
            // A proxy of the worker itself.
            ("worker", "127.0.0.1", true, all),
            ("cp-1", "10.0.0.12", true, &all[1..]),
            ("cp-1", "CP-2", true, &all[1..]),
            ("cp-1", "api.test", true, all),
            ("cp-1", "api.test", false, all),
            ("worker", "10.0.0.11", false, &all[..1]),
            // Nobody has it: a load balancer's, if everybody else's is known; else perhaps that of the host itself.
            ("cp-1", "10.0.0.1", true, all),
            ("cp-1", "10.0.0.1", false, &all[..1]),
            ("worker", "10.0.0.1", false, all),
        ] {
            assert_eq!(reached_from(host, name, is_known), expected, "{name} from {host}");
        }
    }
}
