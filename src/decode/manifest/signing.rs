//! CertificateSigningRequests (certificates.k8s.io/v1 and v1beta1).

use super::Object;
use crate::decode::node::Node;
use crate::decode::scribe::{Need, Rule, Scribe, Value};
use crate::model::{ApprovalState, SigningRequest, Slot};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) fn request(scribe: &mut Scribe<'_>, object: &Object<'_>) {
    let Object { node, site, .. } = object;
    if let Some(text) = node.text(&["spec", "request"]) {
        let rule = Rule { need: Need::Encoding, ..Rule::optional(Slot::Request) };
        scribe.value(site, "spec.request", Value::Base64(text), rule);
    }
    if let Some(text) = node.text(&["status", "certificate"]) {
        scribe.value(site, "status.certificate", Value::Base64(text), Rule::certificates(Slot::Credential));
    }
    if site.is_outermost() {
        let document = Arc::clone(&site.document);
        let username = node.text(&["spec", "username"]).map(Box::from);
        let created = node.text(&["metadata", "creationTimestamp"]).and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let request = SigningRequest { document, state: approval_state(node), username, created };
        scribe.found.inventory.signing_requests.push(request);
    }
}

/// What the conditions and the certificate say, the strongest first. v1beta1 conditions may lack a status.
fn approval_state(node: &Node<'_>) -> ApprovalState {
    let conditions = node.path(&["status", "conditions"]).map_or(&[][..], Node::items);
    let holds = |wanted: &str| {
        let is = |condition: &Node<'_>| {
            condition.text(&["type"]) == Some(wanted) && condition.text(&["status"]).is_none_or(|status| status == "True")
        };
        conditions.iter().any(is)
    };
    if holds("Denied") {
        ApprovalState::Denied
    } else if holds("Failed") {
        ApprovalState::Failed
    } else if node.text(&["status", "certificate"]).is_some_and(|text| !text.is_empty()) {
        ApprovalState::Issued
    } else if holds("Approved") {
        ApprovalState::Approved
    } else {
        ApprovalState::Pending
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::testing::{CERTIFICATE, Finds, REQUEST, base64, named};
    use crate::model::ApprovalState;
    use serde_json::{Value, json};

    fn request(status: &Value) -> Finds {
        let spec = json!({"request": base64(REQUEST), "signerName": "example.org/s", "username": "jane"});
        let object = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": "r"}, "spec": spec, "status": status});
        named(object.to_string())
    }

    #[test]
    fn the_conditions_say_what_became_of_it() {
        let state = |kind: &str, status: &str| {
            let status = json!({"conditions": [{"type": kind, "status": status}]});
            request(&status).inventory.signing_requests[0].state
        };
        assert_eq!(request(&Value::Null).inventory.signing_requests[0].state, ApprovalState::Pending);
        assert_eq!(state("Approved", "True"), ApprovalState::Approved);
        assert_eq!(state("Approved", "False"), ApprovalState::Pending);
        assert_eq!(state("Denied", "True"), ApprovalState::Denied);
        assert_eq!(state("Failed", "True"), ApprovalState::Failed);
    }

    #[test]
    fn the_request_and_the_certificate_are_held() {
        let issued = request(&json!({"certificate": base64(CERTIFICATE)}));
        let object = &issued.inventory.signing_requests[0];
        assert_eq!(object.state, ApprovalState::Issued);
        assert_eq!(object.document.subtype.as_deref(), Some("example.org/s"));
        assert_eq!(object.username.as_deref(), Some("jane"));
        assert_eq!(
            issued.lines(),
            [
                "csr CertificateSigningRequest/r spec.request Request: request",
                "csr CertificateSigningRequest/r status.certificate Credential: certificate",
            ]
        );
    }
}
