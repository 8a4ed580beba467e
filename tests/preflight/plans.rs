//! Plans for these clusters: they end healthy on the copy, and sabotage is caught there.

use super::cluster::{AT, Cluster, days, pki};
use super::istio::{
    self, ca_secret, cacerts, citadel_workload, injector, keep, plugged_intermediate, plugged_root, root_map, self_signed,
    workload_secret,
};
use super::kubeadm::{WORKER, kubeadm, three, with_pods, without_ca_key};
use super::objects::{self, bundle, tls_secret, webhook};
use super::{others, rancher};
use kcert::audit::{self, Policy, Threshold};
use kcert::chain::{AwsLc, Graph};
use kcert::decode::{Decoder, Limits};
use kcert::gather::{Target, gather};
use kcert::mint::Recipe;
use kcert::model::{Inventory, State};
use kcert::plan::{self, Fault, Plan};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use time::Duration;

/// Everything of a cluster, as it is gathered.
fn gathered(cluster: &Cluster) -> Inventory {
    let directory = tempfile::tempdir().unwrap();
    let arguments = cluster.build().write(directory.path());
    let mut targets = Vec::new();
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        targets.push(if word == "--root" {
            let root = words.next().unwrap();
            let (name, path) = root.split_once('=').map_or((None, root.as_str()), |(name, path)| (Some(name), path));
            Target::Root { name: name.map(str::to_owned), directory: PathBuf::from(path) }
        } else {
            Target::Path(PathBuf::from(word))
        });
    }
    let mut inventory = Inventory::default();
    gather(&targets, &Decoder::new(Limits::default()), &mut inventory);
    inventory
}

fn policy() -> Policy {
    Policy::at(AT)
}

/// Makes the plan for a cluster, and looks at it.
fn planned<T>(cluster: &Cluster, policy: &Policy, look: impl FnOnce(&Plan) -> T) -> T {
    let inventory = gathered(cluster);
    let graph = Graph::build(&inventory, &AwsLc);
    let audit = audit::preflight(&graph, policy);
    look(&plan::plan(&graph, &audit, policy))
}

/// What is wrong with a plan that should end healthy.
fn complaints(plan: &Plan) -> Vec<String> {
    let mut wrong: Vec<String> = plan.rehearsal.faults.iter().map(ToString::to_string).collect();
    wrong.extend(plan.left.iter().map(|finding| format!("left: {}: {}", finding.code, finding.message)));
    let broken = plan.rehearsal.rows.iter().filter(|row| row.cells.last().map_or(row.before, |cell| cell.after) == State::Broken);
    wrong.extend(broken.map(|row| format!("broken in the end: {}", row.handshake)));
    wrong
}

fn expired(recipe: Recipe) -> Recipe {
    recipe.expired()
}

fn soon(recipe: Recipe) -> Recipe {
    days(recipe, 20)
}

fn mesh(root: fn(Recipe) -> Recipe) -> Cluster {
    Cluster::objects_only().edit(move |site| {
        let root = keep(site, "istio-root", root(self_signed()).self_signed().unwrap());
        let shop = citadel_workload("web/shop").issued_by(&root).unwrap();
        site.add([
            ca_secret(&root, ""),
            root_map("web", &root.pem()),
            injector(&bundle(&[&root])),
            workload_secret("web/shop", &shop, &[], &root.pem()),
        ]);
    })
}

fn plugged(root: fn(Recipe) -> Recipe, ca: fn(Recipe) -> Recipe) -> Cluster {
    Cluster::objects_only().edit(move |site| {
        let root = root(plugged_root()).self_signed().unwrap();
        let ca = ca(plugged_intermediate()).issued_by(&root).unwrap();
        let shop = days(citadel_workload("web/shop"), 10).issued_by(&ca).unwrap();
        site.add([
            cacerts(&ca, &[&ca, &root], &root.pem()),
            root_map("web", &root.pem()),
            workload_secret("web/shop", &shop, &[&ca], &root.pem()),
        ]);
    })
}

/// A certificate of cert-manager that ends in 20 days, with what its Certificate says of it.
fn of_cert_manager(status: &Value) -> Cluster {
    let reference = json!({"create": true, "passwordSecretRef": {"name": "stores", "key": "p12"}});
    let certificate = json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"secretName": "web-tls", "keystores": {"pkcs12": reference}}, "status": status,
    });
    Cluster::objects_only().edit(move |site| {
        let ca = pki().ca("shop CA").self_signed().unwrap();
        let leaf = soon(pki().leaf("web").server().dns("web.shop.svc")).issued_by(&ca).unwrap();
        site.add([tls_secret("shop/web-tls", &leaf, &ca)]);
        if !certificate["status"].is_null() {
            site.add([certificate.clone()]);
        }
    })
}

/// Things of two kinds with one name, and names that a script would spell alike: cert-manager's own webhooks are such.
fn called_alike() -> Cluster {
    Cluster::objects_only().edit(|site| {
        let ca = pki().ca("hook CA").self_signed().unwrap();
        let other = pki().ca("hook CA").self_signed().unwrap();
        let leaf = |name: &str| soon(pki().leaf(name).server().dns(&format!("{name}.web.svc"))).issued_by(&ca).unwrap();
        let stale = bundle(&[&other]);
        site.add([
            tls_secret("web/hook.tls", &leaf("hook"), &ca),
            tls_secret("web/hook-tls", &leaf("old-hook"), &ca),
            webhook("ValidatingWebhookConfiguration", "hook", "web/hook", Some(&stale)),
            webhook("MutatingWebhookConfiguration", "hook", "web/hook", Some(&stale)),
        ]);
    })
}

#[test]
fn things_that_are_called_alike_are_steps_of_their_own() {
    planned(&called_alike(), &policy(), |plan| {
        assert_eq!(complaints(plan), Vec::<String>::new());
        let mut ids: Vec<&str> = plan.steps.iter().map(|step| &*step.id).collect();
        ids.sort_unstable();
        let bundle = |kind| format!("bundle-{kind}-hook-webhooks-hook-example-com--clientConfig-caBundle");
        let (mutating, validating) = (bundle("mutatingwebhookconfiguration"), bundle("validatingwebhookconfiguration"));
        assert_eq!(ids, [&*mutating, &validating, "secret-web-hook-tls", "secret-web-hook-tls-2"]);
    });
}

/// A Secret that holds its certificate twice, once with the key behind it; the key that lies beside it is another one.
fn held_twice(name: &'static str) -> Cluster {
    Cluster::objects_only().edit(move |site| {
        let ca = pki().ca("shop CA").self_signed().unwrap();
        let leaf = soon(pki().leaf("shop").server().dns("shop.web.svc")).issued_by(&ca).unwrap();
        let (alone, both, other) =
            (leaf.pem(), leaf.pem() + leaf.key_pem().as_str(), pki().leaf("other").issued_by(&ca).unwrap().key_pem());
        let data = [(name, &*both), ("ca.crt", &*ca.pem()), ("tls.crt", &*alone), ("tls.key", other.as_str())];
        site.add([objects::secret("web/shop-tls", "kubernetes.io/tls", &data)]);
    })
}

#[test]
fn what_a_secret_holds_twice_is_issued_once() {
    for name in ["a.pem", "z.pem"] {
        planned(&held_twice(name), &policy(), |plan| {
            assert_eq!(complaints(plan), Vec::<String>::new(), "{name}");
            let [step] = &plan.steps[..] else { panic!("{name}: {:?}", plan.steps) };
            let codes: Vec<_> = step.reasons.iter().filter_map(|reason| reason.code).map(|code| code.to_string()).collect();
            assert_eq!(codes, ["key-mismatch", "expiring"], "{name}");
        });
    }
}

#[test]
fn workloads_that_are_called_alike_are_steps_of_their_own() {
    let cluster = Cluster::objects_only().edit(|site| {
        let root = keep(site, "istio-root", self_signed().self_signed().unwrap());
        let workloads = [("web/a.b", "x"), ("web/a-b", "y")].map(|(place, account)| {
            let leaf = soon(citadel_workload(&format!("web/{account}"))).issued_by(&root).unwrap();
            workload_secret(place, &leaf, &[], &root.pem())
        });
        site.add([ca_secret(&root, ""), root_map("web", &root.pem())]);
        site.add(workloads);
    });
    planned(&cluster, &policy(), |plan| {
        assert_eq!(complaints(plan), Vec::<String>::new());
        let ids: Vec<&str> = plan.steps.iter().map(|step| &*step.id).collect();
        assert_eq!(ids, ["workload-web-istio-a-b", "workload-web-istio-a-b-2"]);
    });
}

#[test]
fn cert_manager_is_asked_to_renew_what_it_renews() {
    let lines = |status: &Value| {
        planned(&of_cert_manager(status), &policy(), |plan| {
            assert!(plan.is_sound() && plan.left.is_empty(), "{:?}", plan.left);
            let [step] = &plan.steps[..] else { panic!("{:?}", plan.steps) };
            let commands = step.commands.iter().chain(step.checks.iter().map(|check| &check.command)).map(plan::Command::line);
            let needs = step.needs.iter().map(|need| need.what.clone());
            let reasons = step.reasons.iter().map(|reason| reason.message.clone());
            commands.chain(needs).chain(reasons).collect::<Vec<_>>()
        })
    };
    let renewed = lines(&json!({"renewalTime": "2026-12-01T00:00:00Z", "conditions": [{"type": "Ready", "status": "True"}]}));
    assert_eq!(renewed[0], "cmctl renew --namespace shop web");
    let check = "kubectl -n shop get certificates.cert-manager.io/web secret/web-tls secret/stores -o yaml | kcert check -q -";
    assert!(renewed.iter().any(|line| line == check), "with what opens its keystores: {renewed:?}");
    assert!(
        renewed.iter().any(|line| line == "cert-manager renews it by itself on 2026-12-01: this has it done before"),
        "{renewed:?}"
    );
    let condition = json!({"type": "Ready", "status": "False", "reason": "Pending", "message": "waits for \u{1b}[2J"});
    let hindered = lines(&json!({"renewalTime": "2026-12-01T00:00:00Z", "conditions": [condition]}));
    assert!(
        hindered.iter().any(|line| line.contains("is mended: Certificate shop/web is not ready: Pending: waits for")),
        "{hindered:?}"
    );
    let unknown = lines(&Value::Null);
    assert!(unknown[0].starts_with("If cert-manager issued it: cmctl renew --namespace shop CERTIFICATE"), "{unknown:?}");
}

/// A cluster, its name, the beginnings of the names of steps that must be in the plan.
type Case = (&'static str, fn() -> Cluster, &'static [&'static str]);

/// Every one of them ends healthy, with nothing left.
const CASES: &[Case] = &[
    ("one leaf ends", || with_pods().twist("apiserver", soon), &["backup", "renew", "restart-kube-apiserver"]),
    (
        "every leaf has ended",
        || with_pods().twist("*leaf", expired),
        &["backup", "renew", "restart-etcd", "kubelet-new", "kubelet-current"],
    ),
    ("RSA, every leaf has ended", || kubeadm().rsa().twist("*leaf", expired), &["renew", "restart-kube-scheduler"]),
    (
        "three masters, all ended",
        || three().twist("*leaf", expired),
        &["renew@cp-1", "renew@cp-3", "restart-etcd@cp-2", "kubelet-new@cp-2"],
    ),
    ("one master of three was forgotten", || three().twist("cp-2:apiserver", expired), &["backup@cp-2", "renew@cp-2"]),
    (
        "a worker's kubelet has ended",
        || with_pods().worker(WORKER).twist("worker-1:kubelet-client", expired),
        &["kubelet-new-worker-1-make@cp-1", "kubelet-new-worker-1-carry", "kubelet-new@worker-1"],
    ),
    (
        "the kubelet's serving certificate has ended",
        || with_pods().twist("kubelet", expired),
        &["kubelet-serving", "restart-kubelet"],
    ),
    ("the cluster's CA ends", || with_pods().twist("ca", soon), &["ca-make", "ca-trust", "ca-issue", "ca-drop"]),
    (
        "the cluster's CA of three masters and a worker ends",
        || three().worker(WORKER).twist("ca", soon),
        &["ca-trust@cp-3", "ca-drop@worker-1"],
    ),
    ("the cluster's CA has ended", || with_pods().twist("ca", expired), &["ca-make", "ca-replace"]),
    ("the front proxy's CA ends", || with_pods().twist("front-proxy-ca", soon), &["front-proxy-ca-trust", "front-proxy-ca-drop"]),
    ("etcd's CA ends", || with_pods().twist("etcd/ca", soon), &["etcd-ca-trust", "etcd-ca-issue", "etcd-ca-drop"]),
    ("etcd's CA of three masters has ended", || three().twist("etcd/ca", expired), &["etcd-ca-replace@cp-1"]),
    ("the CA is elsewhere", || with_pods().edit(without_ca_key).twist("apiserver", soon), &["request", "install"]),
    (
        "masters sign tokens by keys of their own",
        || three().own("cp-2:sa"),
        &["sa-carry-cp-1", "sa-verify@cp-1", "restart-kube-apiserver@cp-2"],
    ),
    ("Istio's own root has ended", || mesh(Recipe::expired), &["istio-root", "istio-workloads"]),
    ("Istio's own root ends", || mesh(soon), &["istio-root"]),
    ("a plugged-in root ends", || plugged(soon, soon), &["istio-trust", "istio-ca", "istio-workloads", "istio-drop"]),
    ("a plugged-in intermediate ends", || plugged(|root| root, soon), &["istio-ca"]),
    ("a certificate of cert-manager ends", || of_cert_manager(&json!({})), &["secret-shop-web-tls"]),
    ("k3s", || rancher::k3s().twist("*leaf", expired), &["rotate"]),
    ("RKE2", || rancher::rke2().twist("*leaf", soon), &["rotate"]),
    ("MicroK8s", || others::microk8s().twist("server", soon), &["refresh-certs"]),
];

#[test]
fn plans_end_healthy() {
    let mut failures = Vec::new();
    for (name, cluster, wanted) in CASES {
        planned(&cluster(), &policy(), |plan| {
            let mut wrong = complaints(plan);
            let has = |wanted: &&str| plan.steps.iter().any(|step| step.id.starts_with(wanted));
            wrong.extend(wanted.iter().filter(|wanted| !has(wanted)).map(|wanted| format!("no step {wanted}")));
            if !wrong.is_empty() {
                let steps: Vec<&str> = plan.steps.iter().map(|step| &*step.id).collect();
                failures.push(format!("{name}: {steps:?}\n    {}", wrong.join("\n    ")));
            }
        });
    }
    assert!(failures.is_empty(), "{} of {} plans\n{}", failures.len(), CASES.len(), failures.join("\n"));
}

/// Steps without which the copy is as well off: requests and files on their way change nothing that a program reads, one API server or etcd alone is at both ends of its
/// handshakes, an old root that is
/// still believed beside the new one harms nobody at once, and objects that were not read do not change;
/// and where one host knows every key that signs tokens, the check has nothing to say of the others.
const HARMLESS: &[&str] = &[
    "request",
    "front-proxy-ca-trusting-restart",
    "front-proxy-ca-issued-restart",
    "etcd-ca-trusting-restart",
    "etcd-ca-issued-restart",
    "ca-drop@worker-1",
    "istio-drop",
    "clean",
    "ca-carry",
    "ca-kubelet-worker-1",
    "etcd-ca-carry",
    "kubelet-new-worker-1",
    "kubelet-current",
    "kubelet-approve",
    "ca-objects",
    "sa-carry",
    "sa-verify",
];

#[test]
fn a_step_that_is_missing_is_caught() {
    let mut missed = Vec::new();
    for (name, cluster, _) in CASES {
        planned(&cluster(), &policy(), |plan| {
            // Of long plans every fourth step will do: they repeat themselves from host to host.
            let stride = if plan.steps.len() > 15 { 4 } else { 1 };
            for without in (0..plan.steps.len()).step_by(stride) {
                let order: Vec<usize> = (0..plan.steps.len()).filter(|number| *number != without).collect();
                let step = &plan.steps[without];
                let played = plan.rearranged(&order, &policy());
                let is_worse = !played.faults.is_empty() || played.left.len() > plan.rehearsal.left.len();
                // The kubelet is restarted once more when it has a certificate that it rotates.
                let again = step.id.starts_with("restart-kubelet")
                    && plan.steps.iter().any(|other| other.id.starts_with("kubelet-current"));
                if !is_worse && !again && !HARMLESS.iter().any(|harmless| step.id.starts_with(harmless)) {
                    missed.push(format!("{name}: without {}", step.id));
                }
            }
        });
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn steps_in_the_wrong_order_are_caught() {
    let mut missed = Vec::new();
    for (name, cluster, _) in CASES {
        planned(&cluster(), &policy(), |plan| {
            let order: Vec<usize> = (0..plan.steps.len()).rev().collect();
            if order.len() > 1 && plan.rearranged(&order, &policy()).faults.is_empty() {
                missed.push(*name);
            }
        });
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn the_old_ca_is_not_dropped_before_the_new_one_is_in_use() {
    planned(&with_pods().twist("ca", soon), &policy(), |plan| {
        let at = |id: &str| plan.steps.iter().position(|step| step.id.starts_with(id)).unwrap();
        let mut order: Vec<usize> = (0..plan.steps.len()).collect();
        order.swap(at("ca-issue"), at("ca-trust"));
        let played = plan.rearranged(&order, &policy());
        assert!(
            played.faults.iter().any(|fault| matches!(fault, Fault::Breaks { .. } | Fault::Impossible { .. })),
            "{:?}",
            played.faults
        );
    });
}

#[test]
fn healthy_clusters_need_nothing() {
    for cluster in [with_pods(), three(), istio::mesh(), rancher::k3s()] {
        planned(&cluster, &policy(), |plan| assert!(plan.steps.is_empty() && plan.left.is_empty(), "{:?}", plan.steps));
    }
}

#[test]
fn what_renewing_does_not_mend_is_left_to_people() {
    let wrong_name = with_pods().twist("apiserver", |_| pki().leaf("kube-apiserver").server());
    planned(&wrong_name, &policy(), |plan| {
        assert!(plan.is_sound());
        assert!(!plan.left.is_empty(), "a certificate without names is renewed without names");
    });
    let forged = with_pods().edit(|site| {
        let ca = site.made("ca").clone();
        site.add(objects::cluster_info(&ca, true));
    });
    planned(&forged, &policy(), |plan| assert!(plan.steps.is_empty() && plan.left.len() == 1));
}

#[test]
fn the_window_decides_what_is_renewed() {
    let cluster = || with_pods().twist("apiserver", |recipe| days(recipe, 50));
    planned(&cluster(), &policy(), |plan| assert!(plan.steps.is_empty()));
    let wider = Policy { warn: Threshold::Before(Duration::days(60)), ..policy() };
    planned(&cluster(), &wider, |plan| assert!(plan.steps.iter().any(|step| step.id == "renew")));
}

#[test]
fn one_api_server_at_a_time() {
    planned(&three().twist("*leaf", expired), &policy(), |plan| {
        for step in &plan.steps {
            assert!(step.disturbs.len() <= 1, "{} disturbs in several ways", step.id);
        }
        let restarts: Vec<&str> =
            plan.steps.iter().map(|step| &*step.id).filter(|id| id.starts_with("restart-kube-apiserver")).collect();
        assert_eq!(restarts.len(), 3);
    });
}

/// What the binary prints of a cluster's plan.
fn printed(cluster: &Cluster, format: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let arguments = cluster.build().write(directory.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_kcert"));
    command.env_clear().args(["plan", "--at", "2026-11-21T20:00:00Z", "--color", "never", "-o", format]).args(arguments);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn plans_follow_the_schema_and_end_as_their_findings() {
    let output = Command::new(env!("CARGO_BIN_EXE_kcert")).arg("schema").output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let clusters = [
        (0, with_pods()),
        (1, with_pods().twist("ca", soon)),
        (2, three().twist("*leaf", expired)),
        (3, Cluster::objects_only().edit(|site| site.source("note.txt", "nothing"))),
    ];
    for (exit, cluster) in clusters {
        let (code, text) = printed(&cluster, "json");
        let plan: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&plan).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!((plan["kind"].as_str(), plan["plan"]["rehearsal"]["sound"].as_bool()), (Some("Plan"), Some(true)));
        assert_eq!(code, Some(exit));
        let steps = plan["plan"]["steps"].as_array().unwrap().len();
        for row in plan["plan"]["rehearsal"]["handshakes"].as_array().unwrap() {
            assert_eq!(row["after"].as_array().unwrap().len(), steps);
        }
    }
}

/// What may be due on a control plane.
const LABELS: &[&str] = &[
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-client",
    "etcd/server",
    "etcd/peer",
    "etcd/healthcheck-client",
    "apiserver-etcd-client",
    "admin.conf",
    "controller-manager.conf",
    "scheduler.conf",
    "ca",
    "etcd/ca",
    "front-proxy-ca",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever has ended or ends soon, on one host or three, with or without static pods and a worker: the plan ends healthy.
    #[test]
    fn any_part_of_a_control_plane_may_be_due(
        due in proptest::collection::vec((0..LABELS.len(), any::<bool>()), 0..5),
        masters in 1_usize..4,
        has_pods in any::<bool>(),
        has_worker in any::<bool>(),
    ) {
        let base = if has_pods { with_pods() } else { kubeadm() };
        let base = if masters > 1 { base.masters(masters).behind("api.example.internal") } else { base };
        let base = if has_worker { base.worker(WORKER) } else { base };
        let cluster = due.iter().fold(base, |cluster, (label, is_over)| {
            cluster.twist(LABELS[*label], if *is_over { expired } else { soon })
        });
        let wrong = planned(&cluster, &policy(), complaints);
        prop_assert!(wrong.is_empty(), "{due:?} {masters} {has_pods} {has_worker}: {wrong:#?}");
    }
}
