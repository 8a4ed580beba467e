//! What goes wrong on the way, in words of ours: those of the libraries may repeat what a kubeconfig says or a plugin printed.

use super::super::list::NO_ANSWER;
use crate::model::DefectKind;
use crate::model::defect::Phase;
use kube::client::{AuthError, RustlsTlsError};
use kube::config::KubeconfigError;
use std::error::Error;
use std::io;

pub(super) fn unreachable(phase: Phase, reason: impl Into<Box<str>>) -> DefectKind {
    DefectKind::Unreachable { phase, reason: reason.into() }
}

/// Why there is no client. What a plugin printed may be the credential itself and is never repeated.
pub(super) fn unopened(error: &kube::Error, plugin: &str) -> DefectKind {
    let said = |what: String| DefectKind::NoCredential(what.into());
    match error {
        kube::Error::Auth(AuthError::AuthExecStart(cause)) => {
            said(format!("the credential plugin {plugin} could not be started: {}", words(cause)))
        }
        kube::Error::Auth(AuthError::AuthExecRun { status, .. }) => {
            said(format!("the credential plugin {plugin} failed: {status}"))
        }
        kube::Error::Auth(AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed) => {
            said(format!("the credential plugin {plugin} answered no ExecCredential"))
        }
        kube::Error::Auth(AuthError::MissingCommand) => said("the credential plugin has no command".to_owned()),
        kube::Error::Auth(AuthError::AuthExec(_)) => {
            said("the kubeconfig's auth-provider is not supported; use a credential plugin (exec)".to_owned())
        }
        kube::Error::InferKubeconfig(KubeconfigError::LoadClientCertificate(_)) => {
            said("the client certificate cannot be read".to_owned())
        }
        kube::Error::InferKubeconfig(KubeconfigError::LoadClientKey(_)) => said("the client key cannot be read".to_owned()),
        kube::Error::RustlsTls(cause) => match cause {
            RustlsTlsError::AddRootCertificate(_) => {
                DefectKind::Unverified("the kubeconfig's CA is no certificate that can be used".into())
            }
            RustlsTlsError::NoValidNativeRootCA(_) => {
                DefectKind::Unverified("the kubeconfig names no CA, and this system has none either".into())
            }
            RustlsTlsError::InvalidServerName(_) => DefectKind::Unverified("the kubeconfig's tls-server-name is no name".into()),
            _ => said("client certificate and key of the kubeconfig cannot be used".to_owned()),
        },
        kube::Error::ProxyProtocolUnsupported { .. } => {
            unreachable(Phase::Proxy, "only proxies by http:// and socks5:// are spoken to")
        }
        _ => said("the credential of the kubeconfig cannot be used".to_owned()),
    }
}

/// Why a question got no answer, by the innermost error that says something.
pub(super) fn fault(error: &kube::Error) -> DefectKind {
    if let kube::Error::Auth(_) = error {
        return unopened(error, "");
    }
    let mut chain: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut link: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = link.filter(|_| chain.len() < DEEPEST) {
        chain.push(one);
        // An I/O error hands on the cause of what it wraps, and not what it wraps.
        let wrapped = one.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        link = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| one.source());
    }
    if chain.iter().any(|link| link.is::<AuthError>()) {
        return DefectKind::NoCredential("the credential could not be renewed".into());
    }
    if let Some(tls) = chain.iter().find_map(|link| link.downcast_ref::<rustls::Error>()) {
        return match tls {
            rustls::Error::InvalidCertificate(why) => {
                DefectKind::Unverified(format!("the kubeconfig's CA does not vouch for the server: {why}").into())
            }
            other => unreachable(Phase::Handshake, other.to_string()),
        };
    }
    let says = |text: &str| chain.iter().any(|link| link.to_string().contains(text));
    let cause = chain.iter().find_map(|link| link.downcast_ref::<io::Error>());
    let reason = cause.map_or_else(|| chain.last().map(ToString::to_string).unwrap_or_default(), words);
    let phase = match () {
        () if says("dns error") => Phase::Resolve,
        () if says("tunnel") || says("proxy") || says("SOCKS") => Phase::Proxy,
        () if says("client error (Connect)") || cause.is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused) => {
            Phase::Connect
        }
        () => Phase::Request,
    };
    unreachable(phase, reason)
}

/// Errors within errors that are looked at.
const DEEPEST: usize = 16;

/// How a connection ends that should go on.
const EARLY: &str = "the connection ended early";

/// Why a body broke off.
pub(super) fn broken(error: &(dyn Error + 'static)) -> io::Error {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let reason = last.downcast_ref::<io::Error>().map_or_else(|| last.to_string(), words);
    // hyper's word for a connection that ends before the message does.
    io::Error::other(if reason.contains("end of file") { EARLY.to_owned() } else { reason })
}

/// An I/O error in a few words.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => NO_ANSWER.to_owned(),
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::UnexpectedEof => EARLY.to_owned(),
        kind if error.raw_os_error().is_some() => kind.to_string(),
        _ => error.to_string(),
    }
}
