//! The API server and the kubelets of nodes whose files nobody gave: each as it answered where its Node says.

use super::super::places::{Files, anchors};
use super::super::{Context, hosts, kubelets, upgrade};
use super::judge::{self, Ask, Judge, Missing};
use super::table::UNVERIFIED;
use crate::model::{ClusterNode, Code, Handshake, Holding, Participant, Party, Role, Sha256, Side, Standing};
use crate::verify::Purpose;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

const VERIFIES: Files = anchors("kube-apiserver", "--kubelet-certificate-authority", &[]);

const MISSING: Missing = Missing {
    credential: "the kubelet presented nothing",
    anchors: "whether the API server verifies kubelets is in its flags (--kubelet-certificate-authority), which were not read",
};

const NOTHING_SHOWN: &str = "nothing was shown to it: whom it believes is in its node's files";
const SELF_MADE: &str = "made by the kubelet itself: an API server that verifies kubelets would never have taken it";

/// What an API server makes of kubelets, as far as its flags are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    Verifies,
    Nowhere,
    Unknown,
}

/// A handshake for each kubelet that answered, but for those of hosts at hand, which are rows of the table.
pub(super) fn handshakes(context: &Context<'_>) -> Vec<Handshake> {
    if context.inventory.facts.nodes.is_empty() {
        return Vec::new();
    }
    let hosts = hosts::all(context);
    let answered: HashMap<&str, &Holding> =
        kubelets::answered(context).map(|holding| (&*holding.origin.document.source, holding)).collect();
    let files = context.with_role(Role::KubeletServing).iter().filter_map(|holding| holding.certificates().next());
    let files: HashSet<Sha256> = files.map(|(_, leaf)| leaf.id).collect();
    let believed: Vec<&Holding> = hosts.iter().flat_map(|host| VERIFIES.on(context, *host)).collect();
    let looks = looks(context);
    let handshake = |node: &ClusterNode| {
        let kubelet = node.kubelet()?;
        let presented = answered.get(&*kubelet.to_string()).copied()?;
        let (_, leaf) = presented.certificates().next()?;
        let is_at_hand = hosts.contains(&Some(&*node.name)) || files.contains(&leaf.id);
        (!is_at_hand).then(|| Handshake {
            client: Participant::of(Party::Apiserver),
            server: Participant::of(Party::Kubelet).named(&*node.name),
            client_side: Side::only(Standing::NotAsked(NOTHING_SHOWN.to_owned())),
            server_side: match looks {
                Looks::Nowhere => Side::only(Standing::NotAsked(UNVERIFIED.to_owned())),
                Looks::Unknown if kubelets::is_self_made(leaf) => Side::only(Standing::NotAsked(SELF_MADE.to_owned())),
                _ => server_side(context, presented, &believed, kubelet.ip()),
            },
        })
    };
    context.inventory.facts.nodes.iter().filter_map(handshake).collect()
}

fn looks(context: &Context<'_>) -> Looks {
    let servers = || context.inventory.facts.components.iter().filter(|component| component.program == VERIFIES.program);
    match servers().next() {
        None => Looks::Unknown,
        Some(_) if servers().any(|server| server.values(VERIFIES.flag).next().is_some()) => Looks::Verifies,
        Some(_) => Looks::Nowhere,
    }
}

/// By dates where nobody knows whom the API server believes.
fn server_side(context: &Context<'_>, presented: &Holding, believed: &[&Holding], address: IpAddr) -> Side {
    judge::side(
        context,
        &Ask {
            presented: Some(presented),
            anchors: believed.to_vec(),
            purpose: Purpose::Server,
            // kubeadm: --kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname
            names: vec![address.to_string()],
            judge: Judge::Go(upgrade::present(context)),
            otherwise: Code::Untrusted,
            usage: Code::UsageWrong,
            missing: MISSING,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scene;
    use super::*;
    use crate::mint::{Identity, Recipe, pki};
    use crate::model::{Content, Slot};
    use crate::model::{Fact, Handshake, Severity, State};

    fn ca() -> Identity {
        pki().ca("kubernetes").self_signed().unwrap()
    }

    fn by_ca(ca: &Identity, twist: fn(Recipe) -> Recipe) -> String {
        twist(pki().leaf("system:node:w1").server().ip([10, 0, 1, 1])).issued_by(ca).unwrap().pem()
    }

    /// What a kubelet makes for itself.
    fn self_made(twist: fn(Recipe) -> Recipe) -> String {
        let ca = twist(pki().ca("w1-ca@1790000000")).self_signed().unwrap();
        let leaf = twist(pki().leaf("w1@1790000000").server().dns("w1")).issued_by(&ca).unwrap();
        leaf.pem() + &ca.pem()
    }

    /// A kubelet that presents this.
    fn kubelet(pem: &str) -> Scene {
        let mut scene = Scene::default();
        let addresses = vec!["10.0.1.1".parse().unwrap()];
        scene.fact(Fact::Node(ClusterNode { name: "w1".into(), addresses, kubelet_version: None, kubelet_port: 10250 }));
        scene.peer("10.0.1.1:10250", None, pem);
        scene
    }

    /// An API server that is started with these flags.
    fn server(scene: &mut Scene, settings: Vec<(&'static str, String)>) {
        let written_in = "m".into();
        scene.fact(Fact::Component(crate::model::Component {
            program: "kube-apiserver",
            host: None,
            version: None,
            written_in,
            settings,
        }));
    }

    /// The state of the handshake, its codes, and the worst that is said.
    fn of(scene: &Scene) -> (State, Vec<Code>, Option<Severity>) {
        let audit = scene.preflight();
        let handshake: Vec<&Handshake> =
            audit.handshakes.iter().filter(|handshake| handshake.server.party == Party::Kubelet).collect();
        let [handshake] = handshake[..] else { panic!("{:?}", audit.handshakes) };
        assert_eq!(handshake.id(), "kube-apiserver→kubelet w1");
        (handshake.state(), handshake.reasons(), audit.worst())
    }

    #[test]
    fn dates_count_where_nobody_knows_whom_the_api_server_believes() {
        let ca = ca();
        assert_eq!(of(&kubelet(&by_ca(&ca, |leaf| leaf))), (State::Unknown, vec![], Some(Severity::Info)));
        let over = of(&kubelet(&by_ca(&ca, Recipe::expired)));
        assert_eq!(over, (State::Broken, vec![Code::Expired], Some(Severity::Critical)));
    }

    #[test]
    fn what_a_kubelet_made_for_itself_ends_and_nobody_looks() {
        assert_eq!(of(&kubelet(&self_made(|recipe| recipe))).0, State::Ok);
        assert_eq!(of(&kubelet(&self_made(Recipe::expired))), (State::Ok, vec![], Some(Severity::Info)));
        let mut scene = kubelet(&by_ca(&ca(), |leaf| leaf));
        server(&mut scene, Vec::new());
        assert_eq!(of(&scene).0, State::Ok, "without the flag");
    }

    #[test]
    fn the_flag_tells_whom_it_believes() {
        let (ca, other) = (ca(), pki().ca("other").self_signed().unwrap());
        let with = |pem: &str, believed: &Identity| {
            let mut scene = kubelet(pem);
            server(&mut scene, vec![(VERIFIES.flag, "/etc/kubernetes/pki/ca.crt".to_owned())]);
            scene.file("/etc/kubernetes/pki/ca.crt", Some(Role::ClusterCa), Slot::Credential, &believed.pem());
            let (state, codes, _) = of(&scene);
            (state, codes)
        };
        let served = by_ca(&ca, |leaf| leaf);
        assert_eq!(with(&served, &ca), (State::Ok, vec![]));
        assert_eq!(with(&served, &other), (State::Broken, vec![Code::Untrusted]));
        let elsewhere = pki().leaf("system:node:w1").server().ip([10, 0, 1, 2]).issued_by(&ca).unwrap().pem();
        assert_eq!(with(&elsewhere, &ca), (State::Broken, vec![Code::NameMismatch]));
        assert_eq!(with(&self_made(|recipe| recipe), &ca).0, State::Broken);
    }

    #[test]
    fn a_kubelet_whose_files_are_at_hand_or_that_did_not_answer_is_no_row() {
        let pem = by_ca(&ca(), |leaf| leaf);
        let mut scene = kubelet(&pem);
        scene.file("/var/lib/kubelet/pki/kubelet.crt", Some(Role::KubeletServing), Slot::Credential, &pem);
        let named =
            |scene: &Scene| scene.preflight().handshakes.iter().any(|handshake| handshake.server.name.as_deref() == Some("w1"));
        assert!(!named(&scene) && named(&kubelet(&pem)));
        let mut silent = kubelet(&pem);
        silent
            .inventory
            .holdings
            .retain(|holding| !holding.contents.iter().any(|content| matches!(content, Content::Certificate(_))));
        assert!(!named(&silent));
    }
}
