//! Objects: CA bundles of webhooks, APIServices and conversions that no longer fit, and TLS Secrets.
//!
//! Sources: kubernetes/apiserver pkg/util/webhook; cert-manager.io/docs/reference/cmctl (renew).

use super::super::effect::{Authority, Effect, Place};
use super::super::step::{Command, Reason, Step};
use super::super::world::served::servers_of;
use super::each::Each;
use super::secrets::anew;
use super::users::issuer;
use super::{Site, Task, Tasks, few, is_mended_by_issuing, quoted};
use crate::audit::managed;
use crate::model::when::date;
use crate::model::{Code, Finding, Managed, ManagedCertificate, Origin, OriginKind, Severity, Sha256, Slot, Told};

pub(super) fn steps(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let mut steps = few(secrets(site, tasks), "secrets", "have a TLS Secret issued anew");
    steps.extend(few(bundles(site, tasks), "bundles", "put the right CA into an object"));
    steps
}

/// The kinds of object that name a CA for a service, as kubectl calls them.
const KINDS: &[(OriginKind, &str)] =
    &[(OriginKind::Webhook, ""), (OriginKind::ApiService, "apiservice"), (OriginKind::Crd, "customresourcedefinition")];

fn bundles(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let is_bundle = |task: &Task<'_>| {
        let kind = site.holding(task.place).origin.document.kind;
        let mends = matches!(task.finding.code, Code::CabundleStale | Code::Expired | Code::Expiring | Code::CaExpiring);
        // What is not served yet, or not any more, no bundle mends: putting both CAs there is for whoever knows when the process reloads.
        let waits =
            task.finding.code == Code::CabundleStale && (task.finding.severity < Severity::Critical || is_stored(site, task));
        mends && !waits && KINDS.iter().any(|(known, _)| *known == kind) && right_ca(site, task).is_some()
    };
    let mut bundles = Each::new();
    for task in tasks.take(is_bundle) {
        let Some((ca, secret)) = right_ca(site, &task) else { continue };
        let origin = &site.holding(task.place).origin;
        let name = format!("bundle-{}-{}", origin.document.source.to_lowercase(), origin.field);
        bundles.add(task.place, task.reason(site), &name, |id| bundle(site, id, task.place, ca, secret));
    }
    bundles.steps()
}

/// Whether the finding tells of a Secret whose certificate the bundle verifies: it is the process that has to read it.
fn is_stored(site: &Site<'_>, task: &Task<'_>) -> bool {
    let anchors: Vec<Sha256> = site.holding(task.place).certificates().map(|(_, anchor)| anchor.id).collect();
    let is_verified = |place: usize| {
        let leaf = site.holding(place).certificates().next().and_then(|(_, leaf)| site.graph.node(&leaf.id));
        leaf.is_some_and(|leaf| {
            site.graph.issuers(leaf).iter().any(|issuer| anchors.contains(&site.graph.certificate(*issuer).id))
        })
    };
    let secrets = task.finding.origins.iter().filter(|(origin, _)| origin.document.kind == OriginKind::Secret);
    let places = secrets.filter_map(|(origin, _)| site.inventory.holdings.iter().position(|holding| holding.origin == *origin));
    places.into_iter().any(is_verified)
}

/// The CA by which the service of a bundle is verified: the issuer of what it serves, where a Secret or bundle holds it.
fn right_ca(site: &Site<'_>, task: &Task<'_>) -> Option<(Place, Option<Place>)> {
    let served = served(site, task.finding, task.place)?;
    let issuers = site.graph.issuers(site.graph.node(&served)?);
    let wanted = issuers.iter().map(|issuer| site.graph.certificate(*issuer)).find(|ca| !ca.validity.is_over(site.policy.at))?;
    let holds = |place: &Place| {
        let holding = site.holding(*place);
        let kind = holding.origin.document.kind;
        *place != task.place
            && matches!(kind, OriginKind::Secret | OriginKind::ConfigMap | OriginKind::File)
            && holding.certificates().next().is_some_and(|(_, first)| first.id == wanted.id)
    };
    let place = (0..site.inventory.holdings.len()).find(holds)?;
    let is_object = matches!(site.holding(place).origin.document.kind, OriginKind::Secret | OriginKind::ConfigMap);
    Some((place, is_object.then_some(place)))
}

/// What the service behind a bundle serves: the certificate that the handshake through it is about.
fn served(site: &Site<'_>, finding: &Finding, place: Place) -> Option<Sha256> {
    let field = &site.holding(place).origin;
    let by_handshake =
        site.handshakes.iter().find(|handshake| handshake.server_side.believes.iter().any(|origin| origin == field));
    let of_finding =
        || finding.certificates.iter().find(|id| site.graph.node(id).is_some_and(|node| !site.graph.certificate(node).is_ca()));
    by_handshake.and_then(|handshake| handshake.server_side.certificate).or_else(|| of_finding().copied())
}

fn bundle(site: &Site<'_>, id: &str, bundle: Place, ca: Place, secret: Option<Place>) -> Step {
    let origin = &site.holding(bundle).origin;
    let (kind, name) = origin.document.source.split_once('/').unwrap_or(("", &origin.document.source));
    let name = &quoted(name);
    let resource = KINDS.iter().find(|(known, _)| *known == origin.document.kind).map(|(_, word)| *word).unwrap_or_default();
    let resource = if resource.is_empty() { quoted(&kind.to_lowercase()) } else { resource.to_owned() };
    let step = Step::new(id, None, format!("put the right CA into {}", origin.document.source))
        .on(origin.to_string())
        .needs("nobody else writes the bundle: cert-manager's cainjector, an operator or istiod would write it again", false)
        .effect(Effect::Copy { from: ca, to: bundle });
    let from = secret.and_then(|place| value_of(&site.holding(place).origin));
    let (Some(from), Some(pointer), Some(present)) =
        (from, pointer(&origin.field, &resource, name), present(&origin.field, &resource, name))
    else {
        return step.run(Command::hand(format!("Put the CA of {} into {origin}, in base64.", site.holding(ca).origin)));
    };
    let saved = format!("/root/kcert-{id}.caBundle");
    let patch = |value: &str| {
        Command::objects(format!(
            "kubectl patch {resource} {name} --type=json -p \"[{{\\\"op\\\":\\\"add\\\",\\\"path\\\":\\\"{pointer}\\\",\\\"value\\\":\\\"$({value})\\\"}}]\""
        ))
    };
    step.run(Command::objects(format!("{present} > {saved}")))
        .run(patch(&from))
        .check(Command::objects(format!("test \"$({present})\" = \"$({from})\"")), "the bundle is that CA")
        .undo(patch(&format!("cat {saved}")))
}

/// The command that prints the CA in a Secret or ConfigMap, in base64; `None` for keys that are no words.
fn value_of(origin: &Origin) -> Option<String> {
    let key = origin.field.strip_prefix("data[").and_then(|rest| rest.strip_suffix(']')).filter(|key| quoted(key) == **key)?;
    let (namespace, name) = origin.document.source.split_once('/').map(|(namespace, name)| (quoted(namespace), quoted(name)))?;
    let kind = if origin.document.kind == OriginKind::Secret { "secret" } else { "configmap" };
    let value = format!("kubectl -n {namespace} get {kind} {name} -o jsonpath='{{.data.{}}}'", key.replace('.', "\\."));
    Some(if kind == "secret" { value } else { format!("{value} | base64 -w0") })
}

/// The command that prints what a bundle is now.
fn present(field: &str, resource: &str, name: &str) -> Option<String> {
    let path = match webhook_name(field) {
        Some(webhook) => format!("{{.webhooks[?(@.name==\"{webhook}\")].clientConfig.caBundle}}"),
        None => format!("{{.{field}}}"),
    };
    let is_known = webhook_name(field).is_some() || POINTERS.iter().any(|(known, _)| *known == field);
    is_known.then(|| format!("kubectl get {resource} {name} -o jsonpath={}", quoted(&path)))
}

/// Fields and their JSON pointers (RFC 6901).
const POINTERS: &[(&str, &str)] = &[
    ("spec.caBundle", "/spec/caBundle"),
    ("spec.conversion.webhook.clientConfig.caBundle", "/spec/conversion/webhook/clientConfig/caBundle"),
];

/// The JSON pointer of a bundle; that of a webhook counts them by a command.
fn pointer(field: &str, resource: &str, name: &str) -> Option<String> {
    if let Some((_, pointer)) = POINTERS.iter().find(|(known, _)| *known == field) {
        return Some((*pointer).to_owned());
    }
    let webhook = webhook_name(field)?;
    let names = format!("kubectl get {resource} {name} -o jsonpath='{{.webhooks[*].name}}' | tr ' ' '\\n'");
    let number = format!("$({names} | grep -nxF {} | cut -d: -f1 | awk '{{print $1-1}}')", quoted(webhook));
    Some(format!("/webhooks/{number}/clientConfig/caBundle"))
}

fn webhook_name(field: &str) -> Option<&str> {
    field.strip_prefix("webhooks[")?.split_once(']').map(|(name, _)| name)
}

/// Where a Secret's certificate is served.
fn endpoints(site: &Site<'_>, place: Place) -> Vec<String> {
    // There are many Secrets, and seldom servers.
    if site.inventory.peers.is_empty() {
        return Vec::new();
    }
    let servers = servers_of(site.inventory).remove(&place).unwrap_or_default();
    servers.into_iter().map(|server| site.holding(server).origin.document.source.to_string()).collect()
}

/// TLS Secrets whose issuer is at hand: whoever issued them issues them again.
fn secrets(site: &Site<'_>, tasks: &mut Tasks<'_>) -> Vec<Step> {
    let is_one = |task: &Task<'_>| {
        let origin = &site.holding(task.place).origin;
        origin.document.kind == OriginKind::Secret
            && origin.role.is_none()
            && origin.slot == Slot::Credential
            && is_mended_by_issuing(task.finding.code)
            && site.leaf(task.place).is_some_and(|leaf| !leaf.is_ca())
            && issuer(site, task.place).is_some()
    };
    let managed = Managed::of(&site.inventory.facts);
    let signer = |place: Place| issuer(site, place).map(Authority::Elsewhere);
    anew(site, "secret", &tasks.take(is_one), signer, |id, place| {
        secret(site, id, place, managed.by_secret(&site.holding(place).origin.document))
    })
}

fn secret(site: &Site<'_>, id: &str, place: Place, managed: Option<&ManagedCertificate>) -> Step {
    let source = &site.holding(place).origin.document.source;
    let (namespace, name) = source.split_once('/').unwrap_or(("", source));
    let (namespace, name) = (&quoted(namespace), &quoted(name));
    let step = match managed {
        Some(managed) => by_cert_manager(site, place, managed, id),
        None => Step::new(id, None, format!("have Secret {source} issued anew")).run(by_hand(namespace, name)),
    };
    let read = to_check(managed, name);
    let check = Command::objects(format!("kubectl -n {namespace} get {read} -o yaml | kcert check -q -"));
    let step = step.on(format!("Secret {source}")).check(check, "nothing to say of it");
    match endpoints(site, place) {
        endpoints if endpoints.is_empty() => step,
        endpoints => step.run(Command::hand(format!(
            "Restart what serves it at {}, unless it reloads by itself: kcert preflight --live tells.",
            endpoints.join(", ")
        ))),
    }
}

fn by_hand(namespace: &str, name: &str) -> Command {
    Command::hand(format!(
        "If cert-manager issued it: cmctl renew --namespace {namespace} CERTIFICATE, with the Certificate whose spec.secretName is {name} (kubectl -n {namespace} get certificate). Else: whoever issued it issues it again."
    ))
}

/// What is read to see that it worked: beside the Secret everything that opens the keystores in it.
fn to_check(managed: Option<&ManagedCertificate>, secret: &str) -> String {
    let Some(managed) = managed.filter(|managed| !managed.passwords_in.is_empty()) else { return format!("secret {secret}") };
    let first = format!("certificates.cert-manager.io/{} secret/{secret}", managed.name);
    managed.passwords_in.iter().fold(first, |all, one| format!("{all} secret/{one}"))
}

/// Has cert-manager issue a certificate now, and waits until it has: the condition `Issuing` is there from the command on until the new
/// certificate is in the Secret, or that has failed (cert-manager pkg/controller/certificates/issuing).
fn by_cert_manager(site: &Site<'_>, place: Place, managed: &ManagedCertificate, id: &str) -> Step {
    let (namespace, name) = (&managed.namespace, &managed.name);
    let status = format!(
        "kubectl -n {namespace} get certificates.cert-manager.io {name} -o jsonpath='{{.status.conditions[?(@.type==\"Issuing\")].status}}'"
    );
    let step = Step::new(id, None, format!("have cert-manager issue Secret {} anew", managed.secret_source()))
        .run(Command::objects(managed::command(managed, "renew")))
        .run(Command::objects(format!("for _ in $(seq 60); do test \"$({status})\" = True || break; sleep 5; done")))
        .needs("cmctl, or its plugin for kubectl (kubectl cert-manager renew)", false);
    if managed.told == Told::ByAnnotation {
        return step.needs(format!("{managed}: the Secret's annotation names it, which a copy of the Secret has, too"), false);
    }
    let renewal = site.leaf(place).and_then(|leaf| managed::renews_on(managed, leaf, site.policy.at));
    match (managed::hindrance(managed), renewal) {
        (Some(hindrance), _) => step.needs(format!("what keeps cert-manager from issuing it is mended: {hindrance}"), false),
        (None, Some(renewal)) => step
            .because([Reason::wanted(format!("cert-manager renews it by itself on {}: this has it done before", date(renewal)))]),
        (None, None) => step,
    }
}
