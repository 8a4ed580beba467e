//! The servers of this very host: what a preflight that was given no source asks besides the files, so that a file that was renewed and a
//! process that was not restarted are told apart.

use super::targets::on_loopback;
use crate::model::{Inventory, Role, Slot};
use crate::probe::Dial;
use std::collections::HashSet;

/// A server by the file that it is to serve, the flag that names its port, and the port without the flag.
struct Server {
    role: Role,
    flag: Option<(&'static str, &'static str)>,
    port: u16,
}

const SERVERS: &[Server] = &[
    Server { role: Role::Apiserver, flag: Some(("kube-apiserver", "--secure-port")), port: 6443 },
    Server { role: Role::EtcdServer, flag: None, port: 2379 },
    Server { role: Role::KubeletServing, flag: None, port: 10250 },
    Server { role: Role::ControllerManagerServing, flag: None, port: 10257 },
    Server { role: Role::SchedulerServing, flag: None, port: 10259 },
];

/// Those of which there is a file, each at its port on loopback.
pub(super) fn dials(inventory: &Inventory) -> Vec<Dial> {
    let is_here = |role: Role| {
        let mut places = inventory
            .holdings
            .iter()
            .filter(|holding| holding.origin.role == Some(role) && holding.origin.slot == Slot::Credential);
        places.any(|holding| holding.certificates().next().is_some())
    };
    let here = SERVERS.iter().filter(|server| is_here(server.role));
    here.map(|server| Dial::new(on_loopback(server.port_on(inventory)))).collect()
}

impl Server {
    fn port_on(&self, inventory: &Inventory) -> u16 {
        let said = self.flag.and_then(|(program, flag)| {
            let components = inventory.facts.components.iter().filter(|component| component.program == program);
            components.flat_map(|component| component.values(flag)).find_map(|port| port.parse().ok())
        });
        said.unwrap_or(self.port)
    }
}

/// What those presented that answered. Nobody named them, so that one that is not running is nothing to report.
pub(super) fn answered(mut asked: Inventory) -> Inventory {
    asked.peers.retain(|peer| peer.session.is_some());
    let talked: HashSet<_> = asked.peers.iter().map(|peer| peer.origin.place()).collect();
    asked.holdings.retain(|holding| talked.contains(&holding.origin.place()));
    asked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Component;

    #[test]
    fn a_port_is_what_the_flag_says() {
        let mut inventory = Inventory::default();
        assert!(dials(&inventory).is_empty(), "there is no file");
        assert_eq!(SERVERS[0].port_on(&inventory), 6443);
        inventory.facts.components.push(Component {
            program: "kube-apiserver",
            host: None,
            version: None,
            written_in: "m".into(),
            settings: vec![("--secure-port", "16443".to_owned())],
        });
        assert_eq!(SERVERS[0].port_on(&inventory), 16443);
    }
}
