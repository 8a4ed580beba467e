//! One TLS handshake by rustls: everything captured, nothing trusted.

use super::dial::Client;
use super::fault::Fault;
use super::hello::suite_name;
use super::recorder::{Recorder, Seen};
use super::tap::{Tap, protocol};
use crate::model::peer::{Alert, ClientAuth, End, ProtocolVersion, Session};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{DnsName, ServerName};
use rustls::{ALL_VERSIONS, AlertDescription, CipherSuite, ClientConfig, Error, InvalidMessage};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Duration, Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The groups that are offered, the first with a key share. Post-quantum hybrids are left out: their key share makes the ClientHello too
/// large for one packet, which some middleboxes and servers do not survive, and every server that speaks them speaks X25519 too.
const GROUPS: [&dyn SupportedKxGroup; 3] = [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// The protocols that are offered: those of Kubernetes' servers. A server that knows neither refuses (RFC 7301 section 3.2).
const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];
/// The one that requests are made in.
const ALPN_OF_REQUESTS: &[&[u8]] = &[b"http/1.1"];

/// How long a server may take to say that it wanted a client certificate, once the handshake is done. In TLS 1.3 nothing else tells.
const SECOND_THOUGHTS: Duration = Duration::from_secs(1);

/// What all handshakes share.
#[derive(Clone, Debug)]
pub(super) struct Templates {
    provider: Arc<CryptoProvider>,
    config: ClientConfig,
}

/// Which protocols to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// Those of a look at the server.
    Look,
    /// Those that a request can be made in.
    Request,
    /// None.
    Nothing,
}

impl Templates {
    /// The groups, versions and suites.
    pub(super) fn new() -> Result<Self, Error> {
        let provider = Arc::new(CryptoProvider { kx_groups: GROUPS.to_vec(), ..aws_lc_rs::default_provider() });
        let recorder = Arc::new(Recorder::new(Arc::clone(&provider), None, None));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(ALL_VERSIONS)?;
        let mut config =
            builder.dangerous().with_custom_certificate_verifier(recorder.clone()).with_client_cert_resolver(recorder);
        // Every probe stands for itself: a resumed session shows no certificate.
        config.resumption = Resumption::disabled();
        Ok(Self { provider, config })
    }

    fn for_one(&self, client: Option<&Client>, server_name: Option<&str>, offer: Offer) -> (Arc<Recorder>, TlsConnector) {
        let admission = client.and_then(|client| client.admission.clone());
        let credential = client.and_then(|client| client.certificate.clone());
        let recorder = Arc::new(Recorder::new(Arc::clone(&self.provider), admission, credential));
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(recorder.clone());
        config.client_auth_cert_resolver = recorder.clone();
        config.enable_sni = server_name.is_some();
        let protocols = match offer {
            Offer::Look => ALPN,
            Offer::Request => ALPN_OF_REQUESTS,
            Offer::Nothing => &[],
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        (recorder, TlsConnector::from(Arc::new(config)))
    }
}

/// What came of a handshake.
pub(super) struct Shaken<S> {
    /// The connection, if it stands.
    pub(super) stream: Option<TlsStream<Tap<S>>>,
    /// What was agreed on, if the server came as far as its chain.
    pub(super) session: Option<Session>,
    /// Everything else that was seen.
    pub(super) seen: Seen,
    /// Why there is no connection.
    pub(super) failure: Option<Fault>,
}

/// Shakes hands over a connection.
pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    templates: &Templates,
    stream: S,
    client: Option<&Client>,
    server_name: Option<&str>,
    offer: Offer,
    deadline: Instant,
) -> Shaken<S> {
    let (recorder, connector) = templates.for_one(client, server_name, offer);
    let connecting = connector.connect(rustls_name(server_name), Tap::new(stream)).into_fallible();
    let outcome = timeout_at(deadline, connecting).await;
    let seen = recorder.seen();
    match outcome {
        Ok(Ok(stream)) => {
            let session = established(stream.get_ref().1, &seen);
            Shaken { stream: Some(stream), session: Some(session), seen, failure: None }
        }
        Ok(Err((error, tap))) => {
            let failure = failure(&error, tap.head());
            let session = (!seen.chain.is_empty()).then(|| broken(&seen, tap.head(), &failure));
            Shaken { stream: None, session, seen, failure: Some(failure) }
        }
        Err(_) => {
            let session = (!seen.chain.is_empty()).then(|| broken(&seen, &[], &Fault::Timeout));
            Shaken { stream: None, session, seen, failure: Some(Fault::Timeout) }
        }
    }
}

/// rustls wants a name in any case; with `enable_sni` off it is not sent.
fn rustls_name(server_name: Option<&str>) -> ServerName<'static> {
    let named = server_name.and_then(|name| DnsName::try_from(name.trim_end_matches('.').to_owned()).ok());
    named.map_or_else(|| ServerName::from(IpAddr::from(Ipv4Addr::UNSPECIFIED)), ServerName::DnsName)
}

/// Whether a name can be sent as Server Name Indication.
pub(super) fn is_sendable(server_name: &str) -> bool {
    DnsName::try_from(server_name.trim_end_matches('.')).is_ok()
}

fn established(connection: &ClientConnection, seen: &Seen) -> Session {
    let version = connection.protocol_version().map_or(ProtocolVersion::TLS13, |version| ProtocolVersion(version.into()));
    Session {
        version,
        cipher_suite: connection.negotiated_cipher_suite().map(|suite| cipher_suite(suite.suite())),
        key_exchange: connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()).into()),
        alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into()),
        ocsp_staple: seen.ocsp_staple,
        client_auth: ClientAuth::NotAsked,
        end: End::Completed,
    }
}

/// What is known of a session that did not come about.
fn broken(seen: &Seen, head: &[u8], failure: &Fault) -> Session {
    let end = match failure {
        _ if seen.distrusted => End::Distrusted,
        Fault::Alert(alert) => End::Refused(*alert),
        other => End::Broken(other.words()),
    };
    Session {
        version: seen.version.or_else(|| chosen_suite(head).and_then(version_of)).unwrap_or(ProtocolVersion::TLS12),
        cipher_suite: chosen_suite(head).map(cipher_suite),
        key_exchange: None,
        alpn: None,
        ocsp_staple: seen.ocsp_staple,
        client_auth: ClientAuth::NotAsked,
        end,
    }
}

/// The suite in a ServerHello that stands in the first record (RFC 8446 sections 4 and 4.1.3): header, version, random, session id.
fn chosen_suite(head: &[u8]) -> Option<CipherSuite> {
    const SESSION_ID: usize = 5 + 4 + 2 + 32;
    let is_server_hello = head.first() == Some(&22) && head.get(5) == Some(&2);
    let at = SESSION_ID + 1 + usize::from(*head.get(SESSION_ID).filter(|_| is_server_hello)?);
    Some(CipherSuite::from(u16::from_be_bytes([*head.get(at)?, *head.get(at + 1)?])))
}

/// Suites of TLS 1.3 are of no other version (RFC 8446 appendix B.4).
fn version_of(suite: CipherSuite) -> Option<ProtocolVersion> {
    (u16::from(suite) >> 8 == 0x13).then_some(ProtocolVersion::TLS13)
}

/// The IANA name of a suite; rustls has names of its own for those of TLS 1.3.
fn cipher_suite(suite: CipherSuite) -> Box<str> {
    match suite.as_str() {
        Some(name) => name.replacen("TLS13_", "TLS_", 1).into(),
        None => numbered_suite(suite.into()),
    }
}

/// The IANA name of a suite by its number, else the number.
pub(super) fn numbered_suite(number: u16) -> Box<str> {
    let name = suite_name(number).or_else(|| CipherSuite::from(number).as_str());
    name.map_or_else(|| format!("{number:#06x}").into(), Box::from)
}

fn failure(error: &io::Error, head: &[u8]) -> Fault {
    if let Some(instead) = protocol(head) {
        return Fault::Foreign(instead);
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => Fault::Alert(number(*alert)),
        Some(other) => Fault::protocol(words(other)),
        None => io::Error::new(error.kind(), error.to_string()).into(),
    }
}

fn number(alert: AlertDescription) -> Alert {
    Alert(alert.into())
}

/// rustls' errors, translated once.
fn words(error: &Error) -> String {
    match error {
        Error::NoCertificatesPresented => "the server presents no certificate".to_owned(),
        Error::PeerIncompatible(_) => "the server offers nothing that rustls speaks".to_owned(),
        Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
            "the server announces a larger message than the 64 KiB that clients take".to_owned()
        }
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            format!("the server breaks the rules of TLS ({error})")
        }
        Error::InvalidCertificate(_) => "the server does not prove that it holds the key of its certificate".to_owned(),
        other => other.to_string(),
    }
}

/// Ends a connection politely. If a client certificate was asked for, waits for what the server says to having got none, or this one:
/// having been told that nothing follows, it answers with an alert or closes.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: TlsStream<Tap<S>>,
    client_auth: &ClientAuth,
    deadline: Instant,
) -> End {
    let patience = deadline.min(Instant::now() + SECOND_THOUGHTS);
    let closed = timeout_at(patience, stream.shutdown()).await;
    if *client_auth == ClientAuth::NotAsked || !matches!(closed, Ok(Ok(()))) {
        return End::Completed;
    }
    let mut bytes = [0; 1024];
    loop {
        match timeout_at(patience, stream.read(&mut bytes)).await {
            Ok(Ok(1..)) => {}
            Ok(Err(error)) => return refusal(&error).map_or(End::Completed, End::Refused),
            Ok(Ok(0)) | Err(_) => return End::Completed,
        }
    }
}

/// The alert in an error of a connection that stood.
pub(super) fn refusal(error: &io::Error) -> Option<Alert> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => Some(number(*alert)),
        _ => None,
    }
}
