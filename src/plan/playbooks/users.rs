//! Client certificates of people and programs in kubeconfigs: asked for by a CertificateSigningRequest.
//!
//! Source: web:reference/access-authn-authz/certificate-signing-requests.md. The signer kubernetes.io/kube-apiserver-client refuses
//! the group system:masters; such a certificate is issued with the CA's key.

use super::super::effect::{Authority, Effect, Lifetime, NewKey, Place};
use super::super::step::{Command, Step};
use super::external::user;
use super::quoted;
use super::{Site, Task, Tasks, few, is_mended_by_issuing, issue};
use crate::model::{Certificate, OriginKind, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The group that no signer of the API gives.
const REFUSED_GROUP: &str = "system:masters";

/// The minor release in which `kubeadm alpha kubeconfig` became `kubeadm kubeconfig`.
const KUBECONFIG_SINCE: u8 = 22;

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let asks = |task: &Task<'_>| {
        let origin = &site.holding(task.place).origin;
        let is_client =
            origin.document.kind == OriginKind::Kubeconfig && origin.role.is_none() && origin.slot == Slot::Credential;
        is_client && is_mended_by_issuing(task.finding.code) && issuer(site, task.place).is_some()
    };
    let mut users: BTreeMap<Place, Vec<Task<'_>>> = BTreeMap::new();
    for task in tasks.take(asks) {
        users.entry(task.place).or_default().push(task);
    }
    let several = users.len() > 1;
    let numbered = users.into_iter().enumerate();
    let steps = numbered.filter_map(|(number, (place, tasks))| {
        let id = if several { format!("user-{}", number + 1) } else { "user".to_owned() };
        let step = step(site, &id, place, site.leaf(place)?, &issuer(site, place)?);
        Some(step.because(site.reasons(&tasks)))
    });
    few(steps.collect(), "users", "a new certificate for a user")
}

/// The CA that issued what stands first in a place, if it is at hand.
pub(super) fn issuer(site: &Site<'_>, place: Place) -> Option<Arc<Certificate>> {
    let leaf = site.leaf(place)?;
    let issuer = site.graph.issuers(site.graph.node(&leaf.id)?).first().copied()?;
    Some(Arc::clone(site.graph.certificate(issuer)))
}

fn step(site: &Site<'_>, id: &str, place: Place, leaf: &Certificate, issuer: &Arc<Certificate>) -> Step {
    let path = site.kubeconfig_path(place);
    let name = leaf.subject.common_name().unwrap_or("client").to_owned();
    let object = object_name(&name);
    let user = user(&site.holding(place).origin.field);
    let step =
        Step::new(id, None, format!("a new certificate for {name}")).on(site.holding(place).origin.document.path().to_owned());
    let by = Authority::Elsewhere(Arc::clone(issuer));
    let groups: Vec<&str> = leaf.kubernetes_groups().collect();
    if groups.contains(&REFUSED_GROUP) {
        let orgs: Vec<String> = groups.iter().map(|group| format!("--org {}", quoted(group))).collect();
        return step
            .run(Command::hand_on_files(format!(
                "Where the CA's key is: {} user --client-name {} {}; put its client-certificate-data and client-key-data into {path}.",
                if site.present.is_some_and(|version| version.minor < KUBECONFIG_SINCE) { "kubeadm alpha kubeconfig" } else { "kubeadm kubeconfig" },
                quoted(&name),
                orgs.join(" ")
            )))
            .needs(format!("the key of {}: no signer of the API issues for {REFUSED_GROUP}", issuer.display_name()), false)
            .effect(issue(place, site.key(place), by, Lifetime::AsBefore));
    }
    let spec = r#"{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"%s"},"spec":{"request":"%s","signerName":"kubernetes.io/kube-apiserver-client","usages":["client auth"]}}"#;
    let certificate = format!("{path}.csr/{object}.crt");
    step.run(Command::files(format!("cp -p {path} {path}.before")))
        .run(Command::files(format!("kcert plan {path} --within {}d --csr-dir {path}.csr", site.within_days())))
        .run(Command::objects(format!(
            "printf '{spec}' {object} \"$(base64 -w0 < {path}.csr/{object}.csr)\" | kubectl create -f -"
        )))
        .run(Command::objects(format!("kubectl certificate approve {object}")))
        .run(Command::objects(format!(
            "for _ in $(seq 30); do kubectl get csr {object} -o jsonpath='{{.status.certificate}}' | base64 -d > {certificate}; test -s {certificate} && break; sleep 2; done; test -s {certificate}"
        )))
        .run(Command::objects(format!("kcert verify -q {certificate} --trust {path} --purpose client")))
        .run(Command::objects(format!(
            "kubectl config --kubeconfig={path} set-credentials {user} --client-certificate={certificate} --embed-certs=true"
        )))
        .needs("the right to create and approve CertificateSigningRequests", false)
        .check(Command::files(format!("kcert check -q {path}")), "nothing to say of it")
        .undo(Command::files(format!("mv {path}.before {path}")))
        .undo(Command::objects(format!("kubectl delete csr {object}")))
        .effect(Effect::Issue { at: place, key_at: None, by, key: NewKey::Kept, lifetime: Lifetime::AsBefore })
}

/// A name for an object and a file, of a user's name (RFC 1123 section 2.1).
#[must_use]
pub fn object_name(user: &str) -> String {
    let plain: String = user.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "client".to_owned() } else { plain.to_owned() }
}
