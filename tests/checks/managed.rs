//! Certificates of cert-manager: who renews them, when, and what to do where nobody does.

use super::objects::{list, object};
use super::recipes::base64;
use super::root;
use kcert::audit::{self, Policy};
use kcert::chain::{AwsLc, Graph};
use kcert::mint::{NOW, pki};
use kcert::model::{Code, Evidence, Finding, Inventory, Severity};
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

/// How long the certificate is still valid.
const LEFT: Duration = Duration::days(10);

fn day(days: i64) -> String {
    (NOW + Duration::days(days)).format(&Rfc3339).unwrap()
}

fn tls(data: &Value, annotations: &Value) -> Value {
    let mut secret = object("v1", "Secret", "shop/web-tls", json!({"type": "kubernetes.io/tls", "data": data}));
    secret["metadata"]["annotations"] = annotations.clone();
    secret
}

/// A Secret with a certificate that ends in ten days, its CA, and more objects.
fn inventory(annotations: &Value, more: &[Value]) -> Inventory {
    let ca = root();
    let leaf =
        pki().leaf("web").server().dns("web.shop.svc").valid(NOW - Duration::days(355), NOW + LEFT).issued_by(&ca).unwrap();
    let key = leaf.key_pem();
    let data = json!({"tls.crt": base64(&leaf.pem()), "tls.key": base64(key.as_str()), "ca.crt": base64(&ca.pem())});
    list(&[&[tls(&data, annotations)], more].concat())
}

fn certificate(status: &Value) -> Value {
    let issuer = json!({"name": "shop-ca", "kind": "ClusterIssuer"});
    let spec = json!({"secretName": "web-tls", "issuerRef": issuer});
    object("cert-manager.io/v1", "Certificate", "shop/web", json!({"spec": spec, "status": status}))
}

fn ready(status: &str, reason: &str, message: &str) -> Value {
    json!({"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": day(-3)})
}

fn found(inventory: &Inventory, at: Duration, code: Code) -> Finding {
    let graph = Graph::build(inventory, &AwsLc);
    let findings = audit::audit(&graph, &Policy::at(NOW + at)).findings;
    findings.into_iter().find(|finding| finding.code == code).unwrap_or_else(|| panic!("no {code}"))
}

fn expiring(status: &Value) -> Finding {
    found(&inventory(&Value::Null, &[certificate(status)]), Duration::ZERO, Code::Expiring)
}

#[test]
fn one_that_is_renewed_in_time_says_when() {
    let renewal = json!({"notAfter": day(10), "renewalTime": day(5), "conditions": [ready("True", "Ready", "")]});
    let finding = expiring(&renewal);
    assert_eq!(
        finding.hint,
        format!("cert-manager renews it on {} (Certificate shop/web, ClusterIssuer shop-ca)", &day(5)[..10])
    );
    assert_eq!(finding.severity, Severity::Warning, "whoever renews it");
    let facts: Vec<_> = finding.evidence.iter().map(|(key, _)| *key).collect();
    assert_eq!(facts, ["notAfter", "managedBy", "renewalTime"]);
    assert!(finding.evidence.contains(&("managedBy", Evidence::Text("Certificate shop/web".to_owned()))));
    let late = found(&inventory(&Value::Null, &[certificate(&renewal)]), Duration::days(6), Code::Expiring);
    assert_eq!(late.severity, Severity::Critical);
    assert!(
        late.hint.starts_with("cert-manager was to renew it on ") && late.hint.ends_with("cmctl renew --namespace shop web"),
        "{}",
        late.hint
    );
}

#[test]
fn one_that_is_not_renewed_says_why() {
    let not_ready =
        json!({"notAfter": day(10), "renewalTime": day(5), "conditions": [ready("False", "DoesNotExist", "no such issuer.")]});
    let hint = expiring(&not_ready).hint;
    let why = format!(
        "cert-manager does not renew it: Certificate shop/web is not ready since {}: DoesNotExist: no such issuer. Mend that",
        &day(-3)[..10]
    );
    assert!(hint.starts_with(&why), "{hint}");
    // While the old one is good, a renewal that fails leaves it ready.
    let issuing = json!({"type": "Issuing", "status": "False", "reason": "Failed", "message": "429 urn:ietf:params:acme:error:rateLimited"});
    let mut failed =
        json!({"notAfter": day(10), "renewalTime": day(-2), "lastFailureTime": day(-1), "failedIssuanceAttempts": 4});
    failed["conditions"] = json!([issuing, ready("True", "Ready", "")]);
    let hint = expiring(&failed).hint;
    assert!(hint.contains("could not be issued on") && hint.contains("after 4 attempts: Failed: 429 urn:"), "{hint}");
    failed.as_object_mut().unwrap().remove("lastFailureTime");
    assert!(expiring(&failed).hint.starts_with("cert-manager was to renew it on "), "it has worked since");
    assert!(expiring(&json!({"notAfter": day(10)})).hint.contains("plans no renewal"));
    let ended = found(&inventory(&Value::Null, &[certificate(&not_ready)]), Duration::days(20), Code::Expired);
    assert!(ended.hint.starts_with("cert-manager does not renew it") && ended.severity == Severity::Critical);
}

#[test]
fn a_certificate_speaks_for_its_own_secret_and_nothing_else() {
    let without = found(&inventory(&Value::Null, &[]), Duration::ZERO, Code::Expiring);
    assert!(without.hint.starts_with("Renew it where it was issued") && without.evidence.len() == 1, "{}", without.hint);
    let mut other = certificate(&json!({"notAfter": day(10), "renewalTime": day(5)}));
    other["spec"]["secretName"] = "api-tls".into();
    let hint = found(&inventory(&Value::Null, &[other]), Duration::ZERO, Code::Expiring).hint;
    assert!(hint.starts_with("Renew it where it was issued"), "{hint}");
    let Finding { hint, evidence, .. } = expiring(&json!({"notAfter": day(90), "renewalTime": day(60)}));
    assert!(evidence.iter().all(|(key, _)| *key != "renewalTime"), "that is another one's");
    assert!(hint.starts_with("Certificate shop/web of cert-manager tells of another one, which ends"), "{hint}");
    let annotations = json!({"cert-manager.io/certificate-name": "web"});
    let hint = found(&inventory(&annotations, &[]), Duration::ZERO, Code::Expiring).hint;
    assert!(hint.starts_with("cert-manager issued it, as its Secret says (Certificate shop/web)"), "{hint}");
}

#[test]
fn the_ca_beside_a_certificate_is_somebody_elses() {
    let ca = pki().ca("shop CA").valid(NOW - Duration::days(355), NOW + LEFT).self_signed().unwrap();
    let leaf = pki().leaf("web").server().dns("web.shop.svc").issued_by(&ca).unwrap();
    let data = json!({"tls.crt": base64(&(leaf.pem() + &ca.pem())), "ca.crt": base64(&ca.pem())});
    let certificates = |secret: &str| {
        let mut certificate = certificate(&json!({"renewalTime": day(5)}));
        certificate["spec"]["secretName"] = secret.into();
        certificate
    };
    let own = object("v1", "Secret", "shop/ca", json!({"type": "kubernetes.io/tls", "data": {"tls.crt": base64(&ca.pem())}}));
    let of = |secret: &str| list(&[tls(&data, &Value::Null), own.clone(), certificates(secret)]);
    let hint = |secret: &str, code: Code| found(&of(secret), Duration::ZERO, code).hint;
    assert!(!hint("web-tls", Code::CaExpiring).contains("cert-manager renews it"));
    assert!(hint("ca", Code::CaExpiring).starts_with("cert-manager renews it on "));
    assert!(!hint("web-tls", Code::OutlivesIssuer).contains("cert-manager renews it"));
    assert!(hint("ca", Code::OutlivesIssuer).contains("Of the issuer: cert-manager renews it on "), "how long it really lasts");
}

#[test]
fn a_keystore_that_stays_closed_says_where_its_password_is() {
    let store: &[u8] = include_bytes!("../../certs-fixtures/keystores/keytool.p12");
    let data = json!({"keystore.p12": ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, store)});
    let reference = json!({"pkcs12": {"create": true, "passwordSecretRef": {"name": "stores", "key": "p12"}}});
    let mut certificate = certificate(&Value::Null);
    certificate["spec"]["keystores"] = reference;
    let hint =
        |more: &[Value]| found(&list(&[&[tls(&data, &Value::Null)], more].concat()), Duration::ZERO, Code::Unreadable).hint;
    let said = hint(&[certificate.clone()]);
    assert!(said.starts_with("Certificate shop/web says that its password is in Secret shop/stores: read that, too."), "{said}");
    let wrong = object("v1", "Secret", "shop/stores", json!({"data": {"p12": base64("s3cr3t")}}));
    assert!(hint(&[certificate, wrong]).contains("the keystore has another password: cmctl renew --namespace shop web"));
    assert!(hint(&[]).starts_with("Give its password: --password-file"));
}

#[test]
fn a_ca_of_istio_that_is_renewed_is_not_read_by_itself() {
    let ca = pki().ca("istio").valid(NOW - Duration::days(355), NOW + LEFT).self_signed().unwrap();
    let data = json!({"tls.crt": base64(&ca.pem()), "tls.key": base64(ca.key_pem().as_str()), "ca.crt": base64(&ca.pem())});
    let cacerts = object("v1", "Secret", "shop/cacerts", json!({"type": "kubernetes.io/tls", "data": data}));
    let mut certificate = certificate(&json!({"renewalTime": day(5)}));
    certificate["spec"]["secretName"] = "cacerts".into();
    let hint = |objects: &[Value]| found(&list(objects), Duration::ZERO, Code::CaExpiring).hint;
    let said = hint(&[cacerts.clone(), certificate]);
    assert!(said.starts_with("istiod has to read") && said.contains("cert-manager renews it on "), "{said}");
    assert!(hint(&[cacerts]).starts_with("Renew Istio's CA"));
}
