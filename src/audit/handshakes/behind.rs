//! What is known of the server behind a call: what it presented when it was asked, and if nothing, why.
//!
//! What a process presents is what it serves; a Secret is what it would serve, had it read it. Where both are known and only one of
//! them is what the caller's bundle verifies, the process has not reloaded, or the call breaks as soon as it does.

use super::super::Context;
use super::super::findings::{Draft, Findings};
use super::calls::{self, MISSING};
use crate::model::when::date;
use crate::model::{
    Call, Certificate, Code, Destination, EndpointSlice, Holding, OriginKind, Peer, Service, Severity, Side, Standing,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is known of Services and their servers, by their names: as many may be called as there are objects.
pub(in super::super) struct Index<'a> {
    services: HashMap<(&'a str, &'a str), &'a Service>,
    slices: HashMap<(&'a str, &'a str), Vec<&'a EndpointSlice>>,
    listed: HashSet<&'a str>,
    answered: HashMap<String, Vec<&'a Holding>>,
    silent: HashMap<String, Vec<&'a str>>,
}

impl<'a> Index<'a> {
    /// Looks through everything once.
    pub(in super::super) fn of(context: &Context<'a>) -> Self {
        let facts = &context.inventory.facts;
        let services = facts.services.iter().map(|service| ((&*service.namespace, &*service.name), service)).collect();
        let mut slices: HashMap<_, Vec<_>> = HashMap::new();
        for slice in &facts.endpoint_slices {
            slices.entry((&*slice.namespace, &*slice.service)).or_default().push(slice);
        }
        let asked = |peer: &Peer| peer.server_name.as_ref().map(|name| name.to_ascii_lowercase());
        let mut answered: HashMap<_, Vec<_>> = HashMap::new();
        for (peer, holding) in context.peers().filter(|(_, holding)| holding.certificates().next().is_some()) {
            if let Some(name) = asked(peer) {
                answered.entry(name).or_default().push(holding);
            }
        }
        let mut silent: HashMap<_, Vec<_>> = HashMap::new();
        for peer in context.inventory.peers.iter().filter(|peer| peer.session.is_none()) {
            if let Some(name) = asked(peer) {
                silent.entry(name).or_default().push(&*peer.origin.document.source);
            }
        }
        Self { services, slices, listed: facts.listed.iter().map(|namespace| &**namespace).collect(), answered, silent }
    }
}

/// What answered under the name of a call: every endpoint may be the one that is called.
pub(super) fn probed<'a>(context: &Context<'a>, call: &Call) -> Vec<&'a Holding> {
    context.behind().answered.get(&call.to.server_name().to_ascii_lowercase()).cloned().unwrap_or_default()
}

/// Why nobody can answer: there is no such Service, and all of its namespace were listed.
pub(super) fn absent(context: &Context<'_>, call: &Call) -> Option<String> {
    let Destination::Service { namespace, name, .. } = &call.to else { return None };
    let index = context.behind();
    let is_absent = index.listed.contains(&**namespace) && !index.services.contains_key(&(&**namespace, &**name));
    is_absent.then(|| format!("there is no Service {namespace}/{name}, so that nobody answers"))
}

/// Why it is not known what is served.
pub(super) fn unseen(context: &Context<'_>, call: &Call) -> String {
    let (name, index) = (call.to.server_name(), context.behind());
    if let Some(silent) = index.silent.get(&name.to_ascii_lowercase()) {
        return format!("the endpoints of {name} do not answer from here ({})", silent.join(", "));
    }
    let Destination::Service { namespace, name: of, port } = &call.to else { return MISSING.credential.to_owned() };
    let Some(service) = index.services.get(&(&**namespace, &**of)) else { return MISSING.credential.to_owned() };
    if let Some(other) = &service.external_name {
        return format!("{name} is another name for {other}, which is not dialled");
    }
    if !service.ports.iter().any(|known| known.port == *port) {
        return format!("the Service of {name} has no port {port}");
    }
    match index.slices.get(&(&**namespace, &**of)) {
        Some(slices) if slices.iter().all(|slice| slice.ready.is_empty()) => format!("no endpoint of {name} is ready"),
        _ => MISSING.credential.to_owned(),
    }
}

/// Says of what is refused where it is served.
pub(super) fn told(mut side: Side) -> Side {
    let endpoint = side.origin.as_ref().map(|origin| Arc::clone(&origin.document.source));
    if let (Standing::Refused(faults), Some(endpoint)) = (&mut side.standing, endpoint) {
        for fault in faults {
            fault.message = format!("{}; {endpoint} serves it", fault.message);
        }
    }
    side
}

/// A call that somebody answered, by a bundle that holds something.
struct Answered<'c, 'a> {
    context: &'c Context<'a>,
    call: &'c Call,
    bundle: Vec<&'a Holding>,
    /// What was presented.
    probed: Vec<&'a Holding>,
}

fn answered<'c, 'a>(context: &'c Context<'a>) -> impl Iterator<Item = Answered<'c, 'a>> {
    let verified = context.inventory.facts.calls.iter().filter(|call| !call.skips_verification);
    let answered = verified.map(|call| (call, probed(context, call))).filter(|(_, probed)| !probed.is_empty());
    let answered = answered.map(|(call, probed)| Answered { context, call, bundle: calls::bundle(context, call), probed });
    answered.filter(|answered| answered.bundle.iter().any(|holding| holding.certificates().next().is_some()))
}

impl<'a> Answered<'_, 'a> {
    fn judged(&self, holding: &Holding) -> Side {
        calls::judged(self.context, self.call, &self.bundle, holding)
    }

    /// The Secrets that it may be read from.
    fn stored(&self) -> Vec<(&'a Holding, Side)> {
        let served = calls::served(self.context, self.call, &self.bundle).into_iter();
        let secrets = served.filter(|holding| holding.origin.document.kind == OriginKind::Secret);
        secrets.map(|holding| (holding, self.judged(holding))).collect()
    }

    /// A finding about a server and a Secret.
    fn at(&self, draft: Draft, peer: &Holding, secret: &Holding) -> Draft {
        let draft = self.bundle.iter().fold(draft, |draft, read| draft.at(&read.origin, 0));
        draft.at(&peer.origin, 0).at(&secret.origin, 0)
    }
}

fn trusted<'a>(stored: &[(&'a Holding, Side)]) -> Option<&'a Holding> {
    stored.iter().find(|(_, side)| side.standing == Standing::Trusted).map(|(holding, _)| *holding)
}

fn has(side: &Side, code: Code) -> bool {
    side.faults().iter().any(|fault| fault.code == code)
}

fn restart(endpoint: &str) -> String {
    format!("Restart what serves at {endpoint}; then ask again: kcert preflight --live.")
}

/// The part of `cabundle-stale` that only the process tells: a bundle that verifies what is stored and not what is served, or the other
/// way round.
pub(in super::super) fn stale(context: &Context<'_>, findings: &mut Findings) {
    for answered in answered(context) {
        let stored = answered.stored();
        let good = trusted(&stored);
        for peer in &answered.probed {
            let (side, Some(leaf)) = (answered.judged(peer), first(peer)) else { continue };
            let endpoint = &peer.origin.document.source;
            let (draft, secret) = match (good, &side.standing) {
                (Some(good), Standing::Refused(_)) if has(&side, Code::CabundleStale) => {
                    let message = format!(
                        "{endpoint} serves {}, which caBundle does not verify, and not what Secret {} holds, which it does: the process has not reloaded",
                        leaf.display_name(),
                        good.origin.document.source
                    );
                    (
                        Draft::new(Code::CabundleStale, Severity::Critical, message).certificate(leaf.id).hint(restart(endpoint)),
                        good,
                    )
                }
                (None, Standing::Trusted) => {
                    let is_newer = |held: &Certificate| held.validity.not_before > leaf.validity.not_before;
                    let is_next =
                        |held: &Holding, side: &Side| has(side, Code::CabundleStale) && first(held).is_some_and(is_newer);
                    let next = stored.iter().find(|(held, side)| is_next(held, side)).map(|(held, _)| *held);
                    let Some((secret, held)) = next.and_then(|secret| Some((secret, first(secret)?))) else { continue };
                    let message = format!(
                        "caBundle verifies what {endpoint} serves, and not the newer {} in Secret {}: the call breaks when the process reloads",
                        held.display_name(),
                        secret.origin.document.source
                    );
                    let hint = "Put the CA that signs the Secret's certificate into caBundle, beside the present one, before the process is restarted.";
                    (Draft::new(Code::CabundleStale, Severity::Warning, message).certificate(held.id).hint(hint), secret)
                }
                _ => continue,
            };
            findings.add(answered.at(draft, peer, secret));
        }
    }
}

/// The part of `served-differs` that is about Secrets: what is served has ended, and what is stored has not.
pub(in super::super) fn differs(context: &Context<'_>, findings: &mut Findings) {
    for answered in answered(context) {
        for peer in &answered.probed {
            let is_over = |leaf: &&Certificate| leaf.validity.is_over(context.policy.at);
            let Some(leaf) = first(peer).filter(is_over) else { continue };
            let Some(good) = trusted(&answered.stored()) else { continue };
            let (endpoint, secret) = (&peer.origin.document.source, &good.origin.document.source);
            let message = format!(
                "{endpoint} does not serve what Secret {secret} holds but one that has ended ({}): the process has not reloaded",
                date(leaf.validity.not_after)
            );
            let draft = Draft::new(Code::ServedDiffers, Severity::Warning, message).certificate(leaf.id).hint(restart(endpoint));
            findings.add(draft.at(&peer.origin, 0).at(&good.origin, 0));
        }
    }
}

fn first(holding: &Holding) -> Option<&Certificate> {
    holding.certificates().next().map(|(_, first)| &**first)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Scene;
    use super::*;
    use crate::audit::Audit;
    use crate::mint::{Identity, pki};
    use crate::model::{Document, Fact, ServicePort, Slot, State, TargetPort};
    use time::Duration;

    const NAME: &str = "hook.web.svc";
    const FIELD: &str = "webhooks[a.b].clientConfig.caBundle";

    fn ca() -> Identity {
        pki().ca("hook-ca").self_signed().unwrap()
    }

    fn leaf(ca: &Identity) -> String {
        pki().leaf("hook").server().dns(NAME).issued_by(ca).unwrap().pem()
    }

    /// One that was issued so many days later.
    fn newer(ca: &Identity, days: i64) -> String {
        let begins = pki().now() - Duration::days(10) + Duration::days(days);
        pki().leaf("hook").server().dns(NAME).valid(begins, begins + Duration::days(90)).issued_by(ca).unwrap().pem()
    }

    /// A webhook whose bundle is this CA.
    fn webhook(bundle: &Identity) -> Scene {
        let mut scene = Scene::default();
        let document = Arc::new(Document::new(OriginKind::Webhook, "ValidatingWebhookConfiguration/w"));
        scene.place(&document, FIELD, Slot::Trust, &bundle.pem());
        scene.fact(Fact::Call(Call {
            document,
            field: FIELD.into(),
            name: "a.b".into(),
            to: Destination::Service { namespace: "web".into(), name: "hook".into(), port: 443 },
            has_bundle: true,
            skips_verification: false,
        }));
        scene
    }

    fn secret(scene: &mut Scene, pem: &str) {
        scene.place(&Arc::new(Document::new(OriginKind::Secret, "web/hook-tls")), "data[tls.crt]", Slot::Credential, pem);
    }

    fn service(external_name: Option<&str>, port: u16) -> Fact {
        let port = ServicePort { name: "".into(), port, target: TargetPort::Number(9443) };
        let external_name = external_name.map(Box::from);
        Fact::Service(Service { namespace: "web".into(), name: "hook".into(), external_name, ports: vec![port] })
    }

    fn state(audit: &Audit) -> State {
        audit.handshakes[0].state()
    }

    /// Why it is not known.
    fn why(scene: &Scene) -> String {
        match &scene.preflight().handshakes[0].server_side.standing {
            Standing::Unknown(why) => why.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// What `cabundle-stale` says, and how loudly.
    fn stale(audit: &Audit) -> Vec<(Severity, &str)> {
        let found = audit.findings.iter().filter(|finding| finding.code == Code::CabundleStale);
        found.map(|finding| (finding.severity, &*finding.message)).collect()
    }

    #[test]
    fn the_process_is_believed_before_the_secret() {
        let (ca, other) = (ca(), ca());
        let (good, bad) = (leaf(&ca), leaf(&other));
        let mut scene = webhook(&ca);
        secret(&mut scene, &bad);
        assert_eq!(state(&scene.preflight()), State::Broken, "the Secret alone");
        scene.peer("10.0.0.1:9443", Some(NAME), &good);
        let audit = scene.preflight();
        assert_eq!((state(&audit), stale(&audit)), (State::Ok, vec![]));
        let mut scene = webhook(&ca);
        scene.peer("10.0.0.1:9443", Some("HOOK.web.svc"), &bad);
        let audit = scene.preflight();
        assert_eq!(state(&audit), State::Broken);
        let [(Severity::Critical, message)] = stale(&audit)[..] else { panic!("{:?}", audit.findings) };
        assert!(message.ends_with("; 10.0.0.1:9443 serves it"), "{message}");
    }

    #[test]
    fn one_endpoint_that_was_not_restarted_is_enough() {
        let (ca, old) = (ca(), ca());
        let mut scene = webhook(&ca);
        secret(&mut scene, &leaf(&ca));
        scene.peer("10.0.0.1:9443", Some(NAME), &leaf(&ca));
        scene.peer("10.0.0.2:9443", Some(NAME), &leaf(&old));
        let audit = scene.preflight();
        assert_eq!(state(&audit), State::Broken);
        let said = "10.0.0.2:9443 serves CN=hook, which caBundle does not verify, and not what Secret web/hook-tls holds, which it does: the process has not reloaded";
        assert_eq!(stale(&audit), [(Severity::Critical, said)]);
        let finding = audit.findings.iter().find(|finding| finding.code == Code::CabundleStale).unwrap();
        assert_eq!(finding.handshakes, ["kube-apiserver→webhook a.b"]);
        let sources: Vec<&str> = finding.origins.iter().map(|(origin, _)| &*origin.document.source).collect();
        assert_eq!(sources, ["ValidatingWebhookConfiguration/w", "10.0.0.2:9443", "web/hook-tls"]);
        assert!(finding.hint.starts_with("Restart what serves at 10.0.0.2:9443"), "{}", finding.hint);
    }

    #[test]
    fn a_newer_certificate_that_waits_to_be_served_is_told_before_it_breaks() {
        let (ca, new) = (ca(), ca());
        let mut scene = webhook(&ca);
        scene.peer("10.0.0.1:9443", Some(NAME), &newer(&ca, 0));
        secret(&mut scene, &newer(&new, 5));
        let audit = scene.preflight();
        assert_eq!(state(&audit), State::Ok);
        let said = "caBundle verifies what 10.0.0.1:9443 serves, and not the newer CN=hook in Secret web/hook-tls: the call breaks when the process reloads";
        assert_eq!(stale(&audit), [(Severity::Warning, said)]);
        // What was left behind is none.
        let mut scene = webhook(&ca);
        scene.peer("10.0.0.1:9443", Some(NAME), &newer(&ca, 5));
        secret(&mut scene, &newer(&new, 0));
        assert_eq!(stale(&scene.preflight()), []);
    }

    #[test]
    fn a_process_that_serves_what_has_ended_though_it_was_renewed_is_told() {
        let ca = ca();
        let over = pki().leaf("hook").server().dns(NAME).expired().issued_by(&ca).unwrap().pem();
        let differs = |stored: &str| {
            let mut scene = webhook(&ca);
            scene.peer("10.0.0.1:9443", Some(NAME), &over);
            secret(&mut scene, stored);
            let audit = scene.preflight();
            assert_eq!((state(&audit), audit.handshakes[0].reasons()), (State::Broken, vec![Code::Expired]));
            audit.findings.iter().find(|finding| finding.code == Code::ServedDiffers).map(|finding| finding.message.clone())
        };
        let said = differs(&leaf(&ca)).unwrap();
        assert!(
            said.starts_with("10.0.0.1:9443 does not serve what Secret web/hook-tls holds but one that has ended ("),
            "{said}"
        );
        assert_eq!(differs(&over), None);
    }

    #[test]
    fn what_answered_under_another_name_is_another() {
        let (ca, other) = (ca(), ca());
        let mut scene = webhook(&ca);
        secret(&mut scene, &leaf(&ca));
        scene.peer(
            "10.0.0.1:9443",
            Some("other.web.svc"),
            &pki().leaf("x").server().dns("other.web.svc").issued_by(&other).unwrap().pem(),
        );
        assert_eq!(state(&scene.preflight()), State::Ok);
    }

    #[test]
    fn what_is_not_known_has_its_reason() {
        let scene = || webhook(&ca());
        assert_eq!(why(&scene()), MISSING.credential);
        let mut silent = scene();
        silent.fact(service(None, 443));
        silent.silent("10.0.0.1:9443", NAME);
        silent.silent("10.0.0.2:9443", NAME);
        assert_eq!(why(&silent), "the endpoints of hook.web.svc do not answer from here (10.0.0.1:9443, 10.0.0.2:9443)");
        let with = |facts: Vec<Fact>| {
            let mut scene = scene();
            for fact in facts {
                scene.fact(fact);
            }
            why(&scene)
        };
        assert_eq!(
            with(vec![service(Some("hook.example.org"), 443)]),
            "hook.web.svc is another name for hook.example.org, which is not dialled"
        );
        assert_eq!(with(vec![service(None, 8443)]), "the Service of hook.web.svc has no port 443");
        let slice = |ready: &[&str]| {
            let ready = ready.iter().map(|address| address.parse().unwrap()).collect();
            Fact::EndpointSlice(EndpointSlice { namespace: "web".into(), service: "hook".into(), ready, ports: Vec::new() })
        };
        assert_eq!(with(vec![service(None, 443), slice(&[])]), "no endpoint of hook.web.svc is ready");
        assert_eq!(with(vec![service(None, 443), slice(&[]), slice(&["10.0.0.1"])]), MISSING.credential);
    }

    #[test]
    fn a_service_that_does_not_exist_serves_nothing() {
        let ca = ca();
        let mut scene = webhook(&ca);
        secret(&mut scene, &leaf(&ca));
        assert_eq!(state(&scene.preflight()), State::Ok, "nobody knows");
        scene.fact(Fact::Listed("other".into()));
        assert_eq!(state(&scene.preflight()), State::Ok);
        scene.fact(Fact::Listed("web".into()));
        assert_eq!(why(&scene), "there is no Service web/hook, so that nobody answers");
        scene.fact(service(None, 443));
        assert_eq!(state(&scene.preflight()), State::Ok);
        let mut stale = webhook(&self::ca());
        secret(&mut stale, &leaf(&ca));
        stale.fact(Fact::Listed("web".into()));
        assert_eq!(state(&stale.preflight()), State::Broken, "what is wrong already stays so");
    }
}
