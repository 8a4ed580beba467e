//! Istio: its CA, the roots that workloads are handed, and the webhooks that lean on it.
//!
//! Three ways, by what the CA is and what is left of it. A self-signed root that has ended: delete the Secret, nothing is lost that
//! works (istio.io "Plug in CA Certificates", istio/istio pilot/pkg/bootstrap/istio_ca.go). One that ends soon: a new certificate for
//! the same key, so that old and new workloads go on believing each other (istio/tools bin/root-transition.sh). A plugged-in root:
//! trust both, switch, drop the old one.

use super::super::effect::{Authority, Effect, Lifetime, NewKey, Place};
use super::super::program::{Process, Program};
use super::super::step::{Command, Reason, Step};
use super::secrets::anew;
use super::users::issuer;
use super::{Site, Task, Tasks, few, is_mended_by_issuing, issue, quoted};
use crate::model::{Code, OriginKind, Role, Sha256, Slot};
use std::collections::BTreeSet;

/// What the new CA is called in the rehearsal.
const CA: &str = "Istio CA";
/// What its root is called, where the CA is below one.
const ROOT: &str = "Istio root";

/// The step in which all workloads get new certificates.
const WORKLOADS: &str = "istio-workloads";

/// Where Secrets are kept while they are changed.
const DIRECTORY: &str = "/root/kcert-istio";

/// A mesh's control plane.
struct Mesh {
    /// The namespace of the CA's Secret.
    namespace: String,
    /// The Secret's name.
    secret: String,
    ca: Place,
    key: Option<Place>,
    /// Who signs for workloads: istiod, or Citadel with its Secrets.
    label: &'static str,
    workloads: &'static [&'static str],
}

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let is_istio = |place: &Place| site.role(*place).is_some_and(|role| OF_ISTIO.contains(&role));
    // A root that ended stands in webhooks too: the whole finding goes with the mesh.
    let concerned: BTreeSet<*const crate::model::Finding> =
        tasks.iter().filter(|task| is_istio(&task.place)).map(|task| std::ptr::from_ref(task.finding)).collect();
    let mine = tasks.take(|task| {
        concerned.contains(&std::ptr::from_ref(task.finding))
            && (is_mended_by_issuing(task.finding.code) || OWN.contains(&task.finding.code))
    });
    let is_ca = |task: &&Task<'_>| matches!(site.role(task.place), Some(Role::IstioCa | Role::IstioRoot | Role::IstioCaChain));
    let (of_ca, mut of_workloads): (Vec<Task<'_>>, Vec<Task<'_>>) =
        mine.into_iter().partition(|task| is_ca(&task) || !is_istio(&task.place));
    let mesh = mesh(site);
    let mut steps = match &mesh {
        Some(mesh) if !of_ca.is_empty() => of_mesh(site, mesh, &of_ca),
        _ => Vec::new(),
    };
    if let Some(all) = steps.iter_mut().find(|step| step.id == WORKLOADS) {
        *all = all.clone().because(site.reasons(&of_workloads));
        return steps;
    }
    of_workloads.sort_by_key(|task| task.place);
    // Workloads whose CA is good, or was made good.
    let signer = |place| signer(site, mesh.as_ref(), place);
    let secrets = anew(site, "workload", &of_workloads, signer, |id, place| workload(site, id, place));
    steps.extend(few(secrets, WORKLOADS, "have Istio issue a workload's Secret anew"));
    steps
}

/// Who issues a workload's certificate: the mesh, where its CA is the one that did.
fn signer(site: &Site<'_>, mesh: Option<&Mesh>, place: Place) -> Option<Authority> {
    let issuer = issuer(site, place)?;
    let of_mesh = mesh.filter(|mesh| site.leaf(mesh.ca).is_some_and(|ca| ca.public_key == issuer.public_key));
    Some(match of_mesh {
        Some(mesh) => Authority::At { ca: mesh.ca, key: mesh.key },
        None => Authority::Elsewhere(issuer),
    })
}

/// Has a Secret made anew.
fn workload(site: &Site<'_>, id: &str, place: Place) -> Step {
    let source = &site.holding(place).origin.document.source;
    let (namespace, name) = source.split_once('/').unwrap_or(("", source));
    let (namespace, name) = (&quoted(namespace), &quoted(name));
    Step::new(id, None, format!("have Istio issue Secret {namespace}/{name} anew"))
        .on(format!("Secret {namespace}/{name}"))
        .run(Command::objects(format!("kubectl -n {namespace} delete secret {name}")))
        .run(Command::hand("Restart the pods that mount it."))
        .check(
            Command::objects(format!("kubectl -n {namespace} get secret {name} -o yaml | kcert check -q -")),
            "nothing to say of it",
        )
}

const OF_ISTIO: &[Role] = &[Role::IstioCa, Role::IstioRoot, Role::IstioCaChain, Role::IstioWorkload];
const OWN: &[Code] = &[
    Code::CaExpiring,
    Code::IstioCaBundleInvalid,
    Code::IstioRootStale,
    Code::IstioLeafOutlivesCa,
    Code::IssuerExpiresFirst,
    Code::OutlivesIssuer,
];

fn mesh(site: &Site<'_>) -> Option<Mesh> {
    let is_ca = |place: &Place| {
        let origin = &site.holding(*place).origin;
        origin.role == Some(Role::IstioCa) && origin.slot == Slot::Credential && origin.document.kind == OriginKind::Secret
    };
    let mut cas: Vec<Place> =
        (0..site.inventory.holdings.len()).filter(is_ca).filter(|place| site.leaf(*place).is_some()).collect();
    // A complete cacerts comes before istio-ca-secret.
    cas.sort_by_key(|place| !site.holding(*place).origin.document.source.ends_with("/cacerts"));
    let ca = cas.first().copied()?;
    let (namespace, secret) = site.holding(ca).origin.document.source.split_once('/')?;
    let has_citadel =
        site.inventory.holdings.iter().any(|holding| holding.origin.document.subtype.as_deref() == Some("istio.io/key-and-cert"));
    let (label, workloads): (_, &'static [&'static str]) = if has_citadel {
        ("istio=citadel", &["kubectl delete secret -A --field-selector type=istio.io/key-and-cert"])
    } else {
        (
            "app=istiod",
            &[
                "kubectl get namespace -l istio-injection=enabled -o name | cut -d/ -f2 | xargs -r -n1 kubectl rollout restart deployment,statefulset,daemonset -n",
                "kubectl get namespace -l istio.io/rev -o name | cut -d/ -f2 | xargs -r -n1 kubectl rollout restart deployment,statefulset,daemonset -n",
            ],
        )
    };
    Some(Mesh { namespace: quoted(namespace), secret: quoted(secret), ca, key: site.key(ca), label, workloads })
}

impl Mesh {
    fn restarted(&self, step: Step) -> Step {
        let Self { namespace, label, .. } = self;
        step.run(Command::objects(self.restart())).run(Command::objects(format!(
            "kubectl -n {namespace} get deployment -l {label} -o name | xargs -r -n1 kubectl -n {namespace} rollout status --timeout=180s"
        )))
    }

    fn restart(&self) -> String {
        let Self { namespace, label, .. } = self;
        format!("kubectl -n {namespace} rollout restart deployment -l {label}")
    }

    /// Keeps the Secret as it is before a step, and says how it comes back.
    fn saved(&self, step: Step) -> Step {
        let Self { namespace, secret, .. } = self;
        let file = format!("{DIRECTORY}/{}-{secret}.yaml", step.id);
        step.run(Command::objects(format!("install -d -m 700 {DIRECTORY}")))
            .run(Command::objects(format!("(umask 077 && kubectl -n {namespace} get secret {secret} -o yaml > {file})")))
            .undo(Command::objects(format!("kubectl -n {namespace} replace --force -f {file}")))
            .undo(Command::objects(self.restart()))
    }

    fn check(&self) -> Command {
        let Self { namespace, secret, .. } = self;
        Command::objects(format!("kubectl -n {namespace} get secret {secret} -o yaml | kcert check -q -"))
    }
}

fn of_mesh(site: &Site<'_>, mesh: &Mesh, tasks: &[Task<'_>]) -> Vec<Step> {
    let Some(ca) = site.leaf(mesh.ca) else { return Vec::new() };
    let is_over = ca.validity.is_over(site.policy.at);
    let is_plugged = mesh.secret == "cacerts";
    let is_self_signed = ca.is_self_issued();
    let reasons = site.reasons(tasks);
    match (is_plugged, is_self_signed, is_over) {
        (false, _, true) => new_root(site, mesh, ca.id, reasons),
        (false, _, false) => vec![same_key(site, mesh, ca.id, reasons)],
        (true, false, _) if !root_is_due(site, mesh, tasks) => new_intermediate(site, mesh, reasons).into_iter().collect(),
        (true, _, _) => two_roots(site, mesh, reasons),
    }
}

/// What the restart of istiod does, once everything is in its place.
fn read(step: Step) -> Step {
    step.effect(Effect::Restart(Process::new(Program::Istiod, None)))
}

/// The places that believe one of these certificates: what istiod hands out, and what was patched with it.
fn believers(site: &Site<'_>, roots: &[Sha256]) -> Vec<Place> {
    let believes = |place: &Place| {
        let holding = site.holding(*place);
        let is_bundle = holding.origin.slot == Slot::Trust && holding.origin.document.kind != OriginKind::Peer;
        is_bundle && holding.certificates().any(|(_, one)| roots.contains(&one.id))
    };
    (0..site.inventory.holdings.len()).filter(believes).collect()
}

fn workloads(site: &Site<'_>) -> Vec<Place> {
    let is_one = |place: &Place| {
        let origin = &site.holding(*place).origin;
        origin.role == Some(Role::IstioWorkload) && origin.slot == Slot::Credential
    };
    (0..site.inventory.holdings.len()).filter(is_one).filter(|place| site.leaf(*place).is_some()).collect()
}

/// The root has ended: istiod makes another one, and everything below it is issued anew.
fn new_root(site: &Site<'_>, mesh: &Mesh, old: Sha256, reasons: Vec<Reason>) -> Vec<Step> {
    let Mesh { namespace, secret, .. } = mesh;
    let root = Step::new("istio-root", None, format!("have Istio make a new root: delete {secret}"))
        .on(format!("Secret {namespace}/{secret}, istiod"))
        .because(reasons)
        .needs("nothing in the mesh that still works by the old root: it has ended", true);
    let root = mesh
        .restarted(mesh.saved(root).run(Command::objects(format!("kubectl -n {namespace} delete secret {secret}"))))
        .check(mesh.check(), "a CA that istiod takes, valid for years")
        .effect(Effect::Make { name: CA, like: mesh.ca, key: NewKey::Fresh })
        .effect(Effect::Install { name: CA, at: mesh.ca, key_at: mesh.key })
        .effect(Effect::TrustOnly { name: CA, at: believers(site, &[old]) });
    vec![read(root), reissue(site, mesh, CA)]
}

/// Workloads get certificates from the new CA.
fn reissue(site: &Site<'_>, mesh: &Mesh, by: &'static str) -> Step {
    let step = Step::new(WORKLOADS, None, "have the workloads fetch new certificates")
        .on("workloads with a sidecar, webhooks of Istio")
        .because([Reason::wanted("what the old CA signed is not believed any more")])
        .run_all(mesh.workloads)
        .run(Command::hand(
            "Wait until the pods are ready; gateways and workloads outside these namespaces are restarted the same way.",
        ))
        .needs("istiod ready, and its ConfigMap istio-ca-root-cert in the namespaces", false)
        .check(
            Command::objects(
                "kubectl get configmap -A --field-selector metadata.name=istio-ca-root-cert -o yaml | kcert check -q -",
            ),
            "nothing to say of the roots that workloads are handed",
        );
    workloads(site)
        .into_iter()
        .fold(step, |step, place| step.effect(issue(place, site.key(place), Authority::Made(by), Lifetime::AsBefore)))
}

/// A new certificate for the same key: nothing that the old one signed is lost.
fn same_key(site: &Site<'_>, mesh: &Mesh, old: Sha256, reasons: Vec<Reason>) -> Step {
    let Mesh { namespace, secret, .. } = mesh;
    let take = |name: &str| {
        format!(
            "(umask 077 && kubectl -n {namespace} get secret {secret} -o jsonpath='{{.data.{}}}' | base64 -d > /root/kcert-istio/{name})",
            name.replace('.', "\\.")
        )
    };
    let step = Step::new("istio-root", None, "a new certificate for the root of Istio, with the same key")
        .on(format!("Secret {namespace}/{secret}, istiod"))
        .because(reasons)
        .needs("istiod's own rotation has not done it: it renews with the same key in the last fifth of the root's life, checked hourly", false);
    let step = mesh
        .saved(step)
        .run(Command::objects(take("ca-cert.pem")))
        .run(Command::objects(take("ca-key.pem")))
        .run(Command::objects("openssl x509 -in /root/kcert-istio/ca-cert.pem -signkey /root/kcert-istio/ca-key.pem -days 3650 -out /root/kcert-istio/new.pem"))
        .run(Command::objects(format!(
            "kubectl -n {namespace} create secret generic {secret} --type=istio.io/ca-root --from-file=ca-cert.pem=/root/kcert-istio/new.pem --from-file=ca-key.pem=/root/kcert-istio/ca-key.pem --dry-run=client -o yaml | kubectl replace --force -f -"
        )));
    let step = mesh
        .restarted(step)
        .run(Command::objects("rm -f /root/kcert-istio/ca-key.pem"))
        .check(mesh.check(), "a CA that istiod takes, valid for years")
        .effect(Effect::Make { name: CA, like: mesh.ca, key: NewKey::Kept })
        .effect(Effect::Install { name: CA, at: mesh.ca, key_at: mesh.key })
        .effect(Effect::TrustOnly { name: CA, at: believers(site, &[old]) });
    read(step)
}

/// Whether the root above a plugged-in CA is what ends.
fn root_is_due(site: &Site<'_>, mesh: &Mesh, tasks: &[Task<'_>]) -> bool {
    let source = &site.holding(mesh.ca).origin.document.source;
    tasks.iter().any(|task| {
        let origin = &site.holding(task.place).origin;
        origin.role == Some(Role::IstioRoot) && origin.document.source == *source && task.finding.code != Code::IstioRootStale
    })
}

/// The plugged-in CA ends and its root does not: the root signs it again.
fn new_intermediate(site: &Site<'_>, mesh: &Mesh, reasons: Vec<Reason>) -> Option<Step> {
    let root = issuer(site, mesh.ca)?;
    let Mesh { namespace, .. } = mesh;
    let step = Step::new("istio-ca", None, "have the root sign the CA that is plugged into Istio anew")
        .on(format!("Secret {namespace}/cacerts, istiod"))
        .because(reasons)
        .needs(format!("the key of {}, which is not in the cluster", root.display_name()), false);
    let step = mesh
        .saved(step)
        .run(Command::hand(
            "Where the root's key is, sign the CA's certificate anew with the same subject and key (Istio's tools/certs: make -f Makefile.selfsigned.mk NAME-cacerts), and put ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem into /root/kcert-istio.",
        ))
        .run(Command::objects(replaced(namespace)));
    let (by, key, lifetime) = (Authority::Elsewhere(root), NewKey::Kept, Lifetime::AsBefore);
    let step = mesh.restarted(step).check(mesh.check(), "a CA that istiod takes");
    Some(read(step.effect(Effect::Issue { at: mesh.ca, key_at: None, by, key, lifetime })))
}

fn replaced(namespace: &str) -> String {
    let files: Vec<String> = ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"]
        .iter()
        .map(|name| format!("--from-file=/root/kcert-istio/{name}"))
        .collect();
    format!(
        "kubectl -n {namespace} create secret generic cacerts {} --dry-run=client -o yaml | kubectl replace -f -",
        files.join(" ")
    )
}

/// The root itself is to be another one: both are trusted, then the new one signs, then the old one goes.
fn two_roots(site: &Site<'_>, mesh: &Mesh, reasons: Vec<Reason>) -> Vec<Step> {
    let Mesh { namespace, .. } = mesh;
    let in_secret = |place: &Place| site.holding(*place).origin.document == site.holding(mesh.ca).origin.document;
    let is_root = |place: &Place| site.role(*place) == Some(Role::IstioRoot);
    let roots: Vec<Place> = (0..site.inventory.holdings.len()).filter(|place| in_secret(place) && is_root(place)).collect();
    let like = roots.first().copied().unwrap_or(mesh.ca);
    let old: Vec<Sha256> =
        roots.iter().flat_map(|place| site.holding(*place).certificates().map(|(_, one)| one.id).collect::<Vec<_>>()).collect();
    let trusting = believers(site, &old);
    let chain: Vec<Place> = (0..site.inventory.holdings.len())
        .filter(|place| in_secret(place) && site.role(*place) == Some(Role::IstioCaChain))
        .collect();
    let both = Step::new("istio-trust", None, "have the mesh trust the new root beside the old one")
        .on(format!("Secret {namespace}/cacerts: root-cert.pem"))
        .because([Reason::wanted("trust before use")]);
    let both = mesh
        .saved(both)
        .run(Command::hand("Make a new root and a CA below it (Istio's tools/certs), keep them apart; write root-cert.pem of both roots, the rest of cacerts as it is, into /root/kcert-istio."))
        .run(Command::objects(replaced(namespace)));
    let both = mesh
        .restarted(both)
        .run(Command::hand("Wait until every workload has the new bundle: twice the lifetime of a workload's certificate at most, or restart them."))
        .check(mesh.check(), "a CA that istiod takes")
        .effect(Effect::Make { name: ROOT, like, key: NewKey::Fresh })
        .effect(Effect::Trust { name: ROOT, at: trusting.clone() });
    let switch = Step::new("istio-ca", None, "have the new root's CA sign")
        .on(format!("Secret {namespace}/cacerts: ca-cert.pem, ca-key.pem, cert-chain.pem"))
        .because(reasons);
    let switch = mesh
        .saved(switch)
        .run(Command::hand("Put the new CA's ca-cert.pem, ca-key.pem and cert-chain.pem beside the root-cert.pem of both roots in /root/kcert-istio."))
        .run(Command::objects(replaced(namespace)));
    let mut switch = mesh.restarted(switch).check(mesh.check(), "a CA that istiod takes");
    switch = if site.leaf(mesh.ca).is_some_and(|ca| ca.is_self_issued()) {
        switch.effect(Effect::Install { name: ROOT, at: mesh.ca, key_at: mesh.key })
    } else {
        switch.effect(issue(mesh.ca, mesh.key, Authority::Made(ROOT), Lifetime::AsBefore))
    };
    switch = chain.iter().fold(switch, |step, place| step.effect(Effect::Copy { from: mesh.ca, to: *place }));
    let mut reissued = Step::new(WORKLOADS, None, "have the workloads fetch new certificates")
        .on("workloads with a sidecar")
        .because([Reason::wanted("what the old CA signed is not believed after the next step")])
        .run_all(mesh.workloads);
    for place in workloads(site) {
        let by = Authority::At { ca: mesh.ca, key: mesh.key };
        reissued = reissued.effect(issue(place, site.key(place), by, Lifetime::AsBefore));
    }
    let drop = Step::new("istio-drop", None, "drop the old root")
        .on(format!("Secret {namespace}/cacerts: root-cert.pem"))
        .because([Reason::wanted("use before distrust: nothing is left that needs it")]);
    let drop = mesh
        .saved(drop)
        .run(Command::hand("Write root-cert.pem of the new root alone into /root/kcert-istio."))
        .run(Command::objects(replaced(namespace)));
    let drop = mesh
        .restarted(drop)
        .run(Command::objects("rm -f /root/kcert-istio/ca-key.pem"))
        .check(mesh.check(), "a CA that istiod takes")
        .effect(Effect::TrustOnly { name: ROOT, at: trusting });
    vec![read(both), read(switch), reissued, read(drop)]
}
