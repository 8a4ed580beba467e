//! Certificates of cert-manager (`cert-manager.io`; `certmanager.k8s.io` until 0.10, with the same fields as far as it had them): what
//! they say of the certificate in their Secret, and where the passwords of the keystores beside it are.
//!
//! Source: cert-manager pkg/apis/certmanager/v1/types_certificate.go. Names end in commands, so that only those are taken that an API
//! server takes; the rest is text of whoever wrote it, and cut.

use super::Object;
use crate::decode::Password;
use crate::decode::keyring::{Named, Pointer};
use crate::decode::node::Node;
use crate::decode::scribe::Scribe;
use crate::model::{Collect, Condition, Fact, ManagedCertificate, ManagedStatus, Told};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

/// Characters of a reason or a message that are kept: ACME servers write long ones, and the beginning says what is wrong.
const LONGEST_TEXT: usize = 300;
/// Characters of an issuer's kind and name.
const LONGEST_ISSUER: usize = 100;
/// The longest name (RFC 1123 section 2.1).
const LONGEST_NAME: usize = 253;
/// No password is longer.
const LONGEST_PASSWORD: usize = 256;

/// The kinds of keystores that cert-manager makes.
const KEYSTORES: &[&str] = &["jks", "pkcs12"];

/// A Certificate.
pub(super) fn certificate(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let metadata = |field: &str| object.node.text(&["metadata", field]);
    let secret = object.node.text(&["spec", "secretName"]).and_then(name);
    let (Some(name), Some(secret)) = (name(object.name), secret) else { return };
    let namespace = metadata("namespace").unwrap_or_default();
    let is_known = namespace.is_empty() || self::name(namespace).is_some();
    if !is_known || !object.site.is_outermost() {
        return;
    }
    let mut passwords_in: Vec<Box<str>> = Vec::new();
    for kind in KEYSTORES {
        let Some(keystore) = object.node.path(&["spec", "keystores", kind]) else { continue };
        passwords(scribe, object, keystore, (namespace, secret));
        let named = keystore.text(&["passwordSecretRef", "name"]).and_then(self::name);
        passwords_in.extend(named.filter(|named| passwords_in.iter().all(|known| **known != **named)).map(Box::from));
    }
    let issuer = object.node.path(&["spec", "issuerRef"]);
    let issuer = issuer.and_then(|issuer| self::issuer(issuer.text(&["kind"]), issuer.text(&["name"])));
    let status = object.node.field("status").map(status).unwrap_or_default();
    scribe.found.inventory.fact(Fact::Managed(ManagedCertificate {
        document: Arc::clone(&object.site.document),
        namespace: namespace.into(),
        name: name.into(),
        secret: secret.into(),
        issuer,
        passwords_in,
        told: Told::ByCertificate(Box::new(status)),
    }));
}

/// A Secret that cert-manager wrote its Certificate's name on (pkg/apis/certmanager/v1 `CertificateNameKey`).
pub(super) fn annotated(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let Some(annotations) = object.node.path(&["metadata", "annotations"]).filter(|_| object.site.is_outermost()) else { return };
    let namespace = object.node.text(&["metadata", "namespace"]).unwrap_or_default();
    let of = |key: &str| annotations.text(&[key]);
    let (Some(name), Some(secret)) = (of("cert-manager.io/certificate-name").and_then(name), name(object.name)) else {
        return;
    };
    if !namespace.is_empty() && self::name(namespace).is_none() {
        return;
    }
    scribe.found.inventory.fact(Fact::Managed(ManagedCertificate {
        document: Arc::clone(&object.site.document),
        namespace: namespace.into(),
        name: name.into(),
        secret: secret.into(),
        issuer: issuer(of("cert-manager.io/issuer-kind"), of("cert-manager.io/issuer-name")),
        passwords_in: Vec::new(),
        told: Told::ByAnnotation,
    }));
}

/// The password of one of the keystores, by reference or as it is. `create` does not matter: what was made before it was taken back has
/// the same one.
fn passwords(scribe: &mut Scribe<'_>, object: &Object<'_>, keystore: &Node<'_>, (namespace, secret): (&str, &str)) {
    let at = |name: &str| if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
    let reference = keystore.field("passwordSecretRef").and_then(|reference| {
        let (secret, key) = (reference.text(&["name"]).and_then(name)?, reference.text(&["key"])?);
        (key.len() <= LONGEST_NAME).then(|| Pointer::Key { secret: at(secret).into(), key: key.into() })
    });
    let literal = keystore.text(&["password"]).filter(|text| !text.is_empty() && text.len() <= LONGEST_PASSWORD);
    let literal = literal.map(|text| Pointer::Literal(Password::new(Zeroizing::new(text.to_owned()))));
    for password in [reference, literal].into_iter().flatten() {
        let certificate = Arc::clone(&object.site.document);
        scribe.found.keyring.name(Named { certificate, keystores: at(secret).into(), password });
    }
}

fn status(status: &Node<'_>) -> ManagedStatus {
    let time = |field: &str| status.text(&[field]).and_then(instant);
    let conditions = status.field("conditions").map_or(&[][..], Node::items);
    let condition = |kind: &str| conditions.iter().find(|condition| condition.text(&["type"]) == Some(kind)).map(condition);
    ManagedStatus {
        not_after: time("notAfter"),
        renewal_time: time("renewalTime"),
        last_failure: time("lastFailureTime"),
        failed_attempts: status.field("failedIssuanceAttempts").and_then(Node::number),
        ready: condition("Ready"),
        issuing: condition("Issuing"),
    }
}

fn condition(condition: &Node<'_>) -> Condition {
    let text = |field: &str| cut(condition.text(&[field]).unwrap_or_default(), LONGEST_TEXT);
    Condition {
        is_met: condition.text(&["status"]) == Some("True"),
        reason: text("reason"),
        message: text("message"),
        since: condition.text(&["lastTransitionTime"]).and_then(instant),
    }
}

/// Without a kind it is an Issuer (cert-manager pkg/apis/meta/v1 `ObjectReference`).
fn issuer(kind: Option<&str>, name: Option<&str>) -> Option<Box<str>> {
    let name = name.filter(|name| !name.is_empty())?;
    let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or("Issuer");
    Some(cut(&format!("{kind} {name}"), LONGEST_ISSUER))
}

/// The text, if an API server takes it for the name of an object (RFC 1123 section 2.1).
fn name(text: &str) -> Option<&str> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let is_end = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    let is_name =
        bytes.len() <= LONGEST_NAME && bytes.iter().all(|byte| is_inner(*byte)) && is_end(bytes.first()) && is_end(bytes.last());
    is_name.then_some(text)
}

/// The beginning of a text, in one line.
fn cut(text: &str, most: usize) -> Box<str> {
    let mut short: String = text.chars().take(most).collect();
    let is_whole = short.len() == text.len();
    short = short.split_whitespace().collect::<Vec<_>>().join(" ");
    if !is_whole {
        short.push('…');
    }
    short.into()
}

fn instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::{named, read};
    use crate::decode::{Expectation, Limits, testing::place};
    use crate::model::{Managed, ManagedCertificate, ManagedStatus, Told};
    use serde_json::{Value, json};
    use time::macros::datetime;

    fn certificate(version: &str, status: &Value) -> Value {
        json!({
            "apiVersion": version, "kind": "Certificate", "metadata": {"namespace": "shop", "name": "web"},
            "spec": {"secretName": "web-tls", "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}}, "status": status,
        })
    }

    fn managed(object: &Value) -> Vec<ManagedCertificate> {
        named(object.to_string()).inventory.facts.managed
    }

    fn status(object: &Value) -> ManagedStatus {
        match managed(object).remove(0).told {
            Told::ByCertificate(status) => *status,
            Told::ByAnnotation => panic!("not told by the Certificate"),
        }
    }

    #[test]
    fn every_version_says_the_same_and_other_groups_have_other_certificates() {
        for version in ["v1", "v1beta1", "v1alpha3", "v1alpha2"].map(|version| format!("cert-manager.io/{version}")) {
            let found = managed(&certificate(&version, &Value::Null));
            let one = found.first().unwrap_or_else(|| panic!("{version}"));
            assert_eq!((one.to_string(), one.secret_source()), ("Certificate shop/web".into(), "shop/web-tls".into()));
            assert_eq!(one.issuer.as_deref(), Some("ClusterIssuer letsencrypt"));
        }
        assert_eq!(managed(&certificate("certmanager.k8s.io/v1alpha1", &Value::Null)).len(), 1);
        for version in ["networking.internal.knative.dev/v1alpha1", "networking.gke.io/v1", "cert-manager.io.evil/v1", "v1"] {
            assert!(managed(&certificate(version, &Value::Null)).is_empty(), "{version}");
        }
        let mut nameless = certificate("cert-manager.io/v1", &Value::Null);
        nameless.as_object_mut().unwrap().remove("apiVersion");
        assert!(managed(&nameless).is_empty(), "the group decides");
        // As an API server lists custom resources: every element says what it is.
        let list = |version: &str| {
            let items = [certificate(version, &Value::Null)];
            json!({"apiVersion": version, "items": items, "kind": "CertificateList", "metadata": {"continue": ""}})
        };
        assert_eq!(managed(&list("cert-manager.io/v1")).len(), 1);
        assert!(managed(&list("networking.internal.knative.dev/v1alpha1")).is_empty());
    }

    #[test]
    fn where_passwords_are_is_told_and_no_password() {
        let by = |name: &str| json!({"create": true, "passwordSecretRef": {"name": name, "key": "k"}});
        let passwords_in = |keystores: &Value| {
            let mut object = certificate("cert-manager.io/v1", &Value::Null);
            object["spec"]["keystores"] = keystores.clone();
            let one = managed(&object).remove(0);
            assert!(!format!("{one:?}").contains("s3cr3t"));
            one.passwords_in.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(passwords_in(&json!({"jks": by("a"), "pkcs12": by("b")})), ["a", "b"]);
        assert_eq!(passwords_in(&json!({"jks": by("a"), "pkcs12": by("a")})), ["a"]);
        assert_eq!(passwords_in(&json!({"jks": {"create": true, "password": "s3cr3t"}, "pkcs12": by("$(id)")})), [""; 0]);
    }

    #[test]
    fn the_status_is_read_as_it_stands() {
        let object = certificate(
            "cert-manager.io/v1",
            &json!({
                "notAfter": "2027-02-19T20:00:00Z", "renewalTime": "2027-01-20T20:00:00Z", "lastFailureTime": "2026-11-20T20:00:00Z",
                "failedIssuanceAttempts": 3, "conditions": [
                    {"type": "Issuing", "status": "False", "reason": "Failed", "message": "order is\ninvalid", "lastTransitionTime": "2026-11-20T20:00:00Z"},
                    {"type": "Ready", "status": "True", "reason": "Ready"},
                ],
            }),
        );
        let status = status(&object);
        assert_eq!(status.not_after, Some(datetime!(2027-02-19 20:00 UTC)));
        assert_eq!(status.renewal_time, Some(datetime!(2027-01-20 20:00 UTC)));
        assert_eq!((status.last_failure, status.failed_attempts), (Some(datetime!(2026-11-20 20:00 UTC)), Some(3)));
        assert!(status.ready.is_some_and(|ready| ready.is_met));
        let issuing = status.issuing.unwrap();
        assert_eq!((issuing.is_met, &*issuing.reason, &*issuing.message), (false, "Failed", "order is invalid"));
        assert_eq!(self::status(&certificate("cert-manager.io/v1", &Value::Null)), ManagedStatus::default());
    }

    #[test]
    fn what_no_api_server_takes_is_no_name_and_texts_are_cut() {
        for hostile in ["", "x;rm -rf /", "$(id)", "-x", "x-", "UPPER", "a/b", "a\u{202e}b", &"a".repeat(254)] {
            for field in [&["metadata", "name"][..], &["metadata", "namespace"], &["spec", "secretName"]] {
                let mut object = certificate("cert-manager.io/v1", &Value::Null);
                object[field[0]][field[1]] = hostile.into();
                let is_allowed = hostile.is_empty() && field[1] == "namespace";
                assert_eq!(managed(&object).len(), usize::from(is_allowed), "{hostile:?} {field:?}");
            }
        }
        let long = "é".repeat(100_000);
        let condition = json!({"type": "Ready", "status": ["True"], "reason": long, "message": {}, "lastTransitionTime": "soon"});
        let mut object =
            certificate("cert-manager.io/v1", &json!({"conditions": [condition], "notAfter": 7, "failedIssuanceAttempts": "x"}));
        object["spec"]["issuerRef"]["name"] = long.into();
        let one = managed(&object).remove(0);
        assert!(one.issuer.is_some_and(|issuer| issuer.chars().count() <= 101));
        let status = status(&object);
        let ready = status.ready.unwrap();
        assert_eq!((ready.is_met, ready.reason.chars().count(), &*ready.message, ready.since), (false, 301, "", None));
        assert_eq!((status.not_after, status.failed_attempts), (None, None));
        for odd in [json!([]), json!("x"), json!({"conditions": {"Ready": "True"}}), json!({"conditions": [7, null]})] {
            assert_eq!(self::status(&certificate("cert-manager.io/v1", &odd)), ManagedStatus::default(), "{odd}");
        }
    }

    #[test]
    fn a_secret_may_say_so_itself_and_its_certificate_says_more() {
        let annotations = json!({"cert-manager.io/certificate-name": "web", "cert-manager.io/issuer-name": "ca"});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": {},
            "metadata": {"namespace": "shop", "name": "web-tls", "annotations": annotations}});
        let found = managed(&secret);
        assert_eq!((found.len(), &found[0].told, found[0].issuer.as_deref()), (1, &Told::ByAnnotation, Some("Issuer ca")));
        let both = [secret, certificate("cert-manager.io/v1", &Value::Null)];
        let list = |items: &[Value]| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        for items in [both.clone(), [both[1].clone(), both[0].clone()]] {
            let found = read(list(&items).as_bytes(), &place(Expectation::Named), Limits::default());
            let facts = &found.inventory.facts;
            let document = crate::model::Document::new(crate::model::OriginKind::Secret, "shop/web-tls");
            let index = Managed::of(facts);
            assert!(index.by_secret(&document).is_some_and(|one| one.told != Told::ByAnnotation));
            let elsewhere = crate::model::Document { host: Some("other".into()), ..document };
            assert!(index.by_secret(&elsewhere).is_none(), "another cluster has Secrets of that name, too");
        }
    }
}
