//! What a conversation with a server says of it: whom it trusts, what time it has, what it speaks.

use super::Context;
use super::findings::{Draft, Findings};
use crate::model::peer::{Alert, ClientAuth, End, LoginUsed, ProtocolVersion, Session};
use crate::model::when::to_the_second;
use crate::model::{Code, Evidence, Login, Peer, Severity};
use time::Duration;

/// A difference of clocks that is worth a word: kubeadm back-dates what it issues by so much (kubernetes/kubernetes#118922).
const SKEW: Duration = Duration::minutes(5);

pub(super) fn clock_skew(context: &Context<'_>, findings: &mut Findings) {
    for (peer, reply) in context.inventory.peers.iter().filter_map(|peer| peer.reply.as_ref().map(|reply| (peer, reply))) {
        let Some(theirs) = reply.date else { continue };
        let apart = theirs - reply.received;
        if apart.abs() <= SKEW {
            continue;
        }
        let word = if apart.is_positive() { "ahead of" } else { "behind" };
        let message = format!("the server's clock is {} minutes {word} this machine's", apart.abs().whole_minutes());
        let draft = Draft::new(Code::ClockSkew, Severity::Warning, message).at(&peer.origin, 0);
        findings.add(
            draft.evidence("serverTime", Evidence::Time(theirs)).evidence("localTime", Evidence::Time(reply.received)).hint(
                format!("Compare both with a time server (chronyc tracking); the server says {} UTC.", to_the_second(theirs)),
            ),
        );
    }
}

pub(super) fn protocol_old(context: &Context<'_>, findings: &mut Findings) {
    for (peer, session) in sessions(context) {
        let suite = session.cipher_suite.as_deref().unwrap_or_default();
        let what = if session.version.is_old() {
            format!("speaks {} and nothing newer", session.version)
        } else if session.end == End::ChainOnly && is_old_suite(session.version, suite) {
            format!("agrees on no cipher suite that Go and rustls offer, but on {suite}")
        } else {
            continue;
        };
        let message = format!("the server {what}");
        let draft = Draft::new(Code::ProtocolOld, Severity::Warning, message).at(&peer.origin, 0);
        findings.add(draft.evidence("protocol", Evidence::Text(session.version.to_string())));
    }
}

/// Suites without forward secrecy, or of broken ciphers: Go offers none of them since 1.22 and 1.23 (tlsrsakex, tls3des), and never
/// offered those with DHE.
fn is_old_suite(version: ProtocolVersion, name: &str) -> bool {
    version < ProtocolVersion::TLS13 && (!name.contains("ECDHE") || ["3DES", "RC4", "NULL"].iter().any(|old| name.contains(old)))
}

fn sessions<'a>(context: &'a Context<'_>) -> impl Iterator<Item = (&'a Peer, &'a Session)> {
    context.inventory.peers.iter().filter_map(|peer| peer.session.as_ref().map(|session| (peer, session)))
}

pub(super) fn client_untrusted(context: &Context<'_>, findings: &mut Findings) {
    for peer in &context.inventory.peers {
        let alert = peer.session.as_ref().and_then(refusal);
        let unauthorized = peer.reply.as_ref().is_some_and(|reply| reply.status == 401);
        let (severity, message) = match (peer.login, alert, unauthorized) {
            (LoginUsed::Certificate, Some(alert), _) => {
                (Severity::Critical, format!("the server refuses the client certificate with the alert {alert}"))
            }
            (LoginUsed::Certificate, None, true) => {
                (Severity::Critical, "the server does not take the client certificate for anybody's (401 Unauthorized)".to_owned())
            }
            (LoginUsed::Token | LoginUsed::Password, Some(alert), _) => {
                (Severity::Critical, format!("the server wants a client certificate, and the user has none (alert {alert})"))
            }
            // Somebody who asked for nothing has seen what they wanted.
            (LoginUsed::Anonymous, Some(alert), _) if peer.request.is_none() => {
                (Severity::Info, format!("the server wants a client certificate (alert {alert})"))
            }
            (LoginUsed::Anonymous, Some(_), _) | (LoginUsed::Anonymous, None, true) => (
                Severity::Unknown,
                "the server wants to know who asks, and there is no credential that kcert could show (none, or a plugin's, which it does not run)"
                    .to_owned(),
            ),
            _ => continue,
        };
        let draft = Draft::new(Code::ClientUntrusted, severity, message).at(&peer.origin, 0);
        let draft = match severity {
            Severity::Info => draft.hint("Nothing: the chain is shown all the same. To go on: kcert probe tls HOST:PORT --client-cert FILE --client-key FILE."),
            Severity::Unknown => draft.hint("Name a context whose user has a certificate or a token, or ask with kubectl, which runs plugins."),
            _ => draft.hint("Compare the client certificate's dates and issuer with the CA that the server trusts (--client-ca-file), then get a new kubeconfig."),
        };
        findings.add(draft);
    }
}

/// The alert by which a server refused a client for its certificate, or for want of one.
fn refusal(session: &Session) -> Option<Alert> {
    match session.end {
        End::Refused(alert) if session.client_auth != ClientAuth::NotAsked && alert.is_about_client_certificate() => Some(alert),
        _ => None,
    }
}

pub(super) fn token_refused(context: &Context<'_>, findings: &mut Findings) {
    let refused = context.inventory.peers.iter().filter(|peer| peer.reply.as_ref().is_some_and(|reply| reply.status == 401));
    for peer in refused {
        let what = match peer.login {
            // One that has ended is `token-expired`.
            LoginUsed::Token if !has_ended_token(context) => "the token",
            LoginUsed::Password => "user name and password",
            _ => continue,
        };
        let message = format!("the server refuses {what} (401 Unauthorized)");
        findings.add(Draft::new(Code::TokenRefused, Severity::Critical, message).at(&peer.origin, 0));
    }
}

fn has_ended_token(context: &Context<'_>) -> bool {
    let logins = context.inventory.kubeconfigs.iter().flat_map(|kubeconfig| &kubeconfig.users).flat_map(|user| &user.logins);
    let ended = |login: &Login| matches!(login, Login::Token { expires: Some(end), .. } if *end < context.policy.at);
    logins.into_iter().any(ended)
}
