//! One conversation with one address: connect, change to TLS, shake hands, ask.

use super::clear::{self, ClearFault, FlightEnd};
use super::connect;
use super::dial::{Dial, Request};
use super::fault::Fault;
use super::http::{self, Answer, Get};
use super::run::Options;
use super::tap::protocol;
use super::tls::{self, Offer, Shaken, Templates};
use crate::model::DefectKind;
use crate::model::defect::Phase;
use crate::model::peer::{Alert, ClientAuth, End, ProtocolVersion, Session};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, timeout_at};

/// What came of a conversation, in bytes.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The address that was dialled.
    pub(super) address: Option<SocketAddr>,
    /// The port, where another one than the endpoint's answered.
    pub(super) port: Option<u16>,
    /// What was agreed on.
    pub(super) session: Option<Session>,
    /// The names of the CAs that the server wants client certificates from, in DER.
    pub(super) authorities: Vec<Vec<u8>>,
    /// The chain in DER, as presented.
    pub(super) chain: Vec<Vec<u8>>,
    /// The answer to the request.
    pub(super) answer: Option<Answered>,
    /// What went wrong.
    pub(super) defect: Option<DefectKind>,
    /// From the first packet to the last.
    pub(super) took: Duration,
}

/// An answer with what was known when it came.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) received: time::OffsetDateTime,
}

/// Talks to an address, or through a proxy to whatever it takes the name for.
pub(super) async fn converse(
    dial: &Dial,
    address: Option<SocketAddr>,
    options: &Options,
    templates: &Templates,
    deadline: Instant,
) -> Outcome {
    let begun = Instant::now();
    let line = Line { dial, address, options, templates, deadline };
    let mut outcome = line
        .talk()
        .await
        .unwrap_or_else(|(phase, fault)| Outcome { defect: Some(fault.into_defect(phase)), ..Outcome::default() });
    outcome.address = address;
    outcome.took = begun.elapsed();
    outcome
}

/// What stays the same during a conversation.
struct Line<'c> {
    dial: &'c Dial,
    address: Option<SocketAddr>,
    options: &'c Options,
    templates: &'c Templates,
    deadline: Instant,
}

type Failed = (Phase, Fault);

impl Line<'_> {
    async fn talk(&self) -> Result<Outcome, Failed> {
        let stream = self.open().await?;
        let offer = match (&self.dial.request, self.dial.starttls) {
            (Request::Get(_), _) => Offer::Request,
            (Request::Nothing, Some(_)) => Offer::Nothing,
            (Request::Nothing, None) => Offer::Look,
        };
        let mut shaken = self.shake(stream, offer).await;
        // A server for which none of the protocols will do: it may speak TLS without any.
        if matches!(shaken.failure, Some(Fault::Alert(NO_APPLICATION_PROTOCOL))) && offer == Offer::Look {
            shaken = self.shake(self.open().await?, Offer::Nothing).await;
        }
        match shaken.failure.take() {
            None => Ok(self.finish(shaken).await),
            Some(fault) if shaken.session.is_some() => Ok(presented(&shaken, &fault)),
            Some(fault) if self.may_be_old(&fault) => match self.in_clear().await {
                Some(outcome) => Ok(self.explained(outcome, &fault)),
                None => Err((Phase::Handshake, fault)),
            },
            Some(fault) => Err((Phase::Handshake, fault)),
        }
    }

    /// A connection on which TLS can begin.
    async fn open(&self) -> Result<TcpStream, Failed> {
        let mut stream = match (&self.dial.proxy, self.address) {
            (Some(proxy), _) => self.within(Phase::Proxy, connect::through(proxy, self.dial)).await?,
            (None, Some(address)) => self.within(Phase::Connect, connect::tcp(address)).await?,
            (None, None) => return Err((Phase::Resolve, Fault::protocol("there is no address"))),
        };
        if let Some(starttls) = self.dial.starttls {
            self.within(Phase::StartTls, starttls.upgrade(&mut stream)).await?;
        }
        Ok(stream)
    }

    async fn within<T>(&self, phase: Phase, step: impl Future<Output = Result<T, Fault>>) -> Result<T, Failed> {
        timeout_at(self.deadline, step).await.unwrap_or(Err(Fault::Timeout)).map_err(|fault| (phase, fault))
    }

    async fn shake(&self, stream: TcpStream, offer: Offer) -> Shaken<TcpStream> {
        tls::shake(self.templates, stream, self.dial.client.as_deref(), self.dial.sni(), offer, self.deadline).await
    }

    /// Asks what is to be asked, and closes.
    async fn finish(&self, shaken: Shaken<TcpStream>) -> Outcome {
        let mut outcome = outcome(&shaken);
        let Some(stream) = shaken.stream else { return outcome };
        let asked = outcome.session.as_ref().map(|session| session.client_auth.clone()).unwrap_or_default();
        match &self.dial.request {
            Request::Nothing => {
                let end = tls::close(stream, &asked, self.deadline).await;
                outcome.session = outcome.session.map(|session| Session { end, ..session });
            }
            Request::Get(path) => match self.within(Phase::Request, self.ask(stream, path)).await {
                Ok(answer) => outcome.answer = Some(answer),
                Err((_, Fault::Alert(alert))) => {
                    outcome.session = outcome.session.map(|session| Session { end: End::Refused(alert), ..session });
                }
                Err((phase, fault)) => outcome.defect = Some(fault.into_defect(phase)),
            },
        }
        outcome
    }

    async fn ask<S>(&self, stream: S, path: &str) -> Result<Answered, Fault>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let client = self.dial.client.as_deref();
        let host = self.dial.endpoint.to_string();
        let authorization = client.and_then(|client| client.authorization.as_ref()).map(|(value, _)| value);
        let answer = http::get(stream, &Get { host: &host, path, authorization }).await?;
        Ok(Answered { answer, received: (self.options.clock)() })
    }

    /// Whether a fault is one that a server gives which speaks only what rustls does not.
    fn may_be_old(&self, fault: &Fault) -> bool {
        let has_time = Instant::now() < self.deadline;
        has_time && matches!(fault, Fault::Alert(_) | Fault::Closed | Fault::Io(_) | Fault::Protocol(_))
    }

    /// A chain that was read in clear does not explain why there was no handshake, unless the server offers nothing that is spoken today;
    /// and nothing can be asked of such a server.
    fn explained(&self, mut outcome: Outcome, fault: &Fault) -> Outcome {
        let is_old = |session: &Session| {
            session.version.is_old() || session.cipher_suite.as_deref().is_some_and(|suite| !suite.contains("ECDHE"))
        };
        let explained = outcome.session.as_ref().is_none_or(is_old) && self.dial.request == Request::Nothing;
        if !explained && outcome.defect.is_none() {
            outcome.defect = Some(DefectKind::Unreachable { phase: Phase::Handshake, reason: fault.words() });
        }
        outcome
    }

    /// Asks again as an old client would, for what such a server says in clear.
    async fn in_clear(&self) -> Option<Outcome> {
        let mut stream = self.open().await.ok()?;
        let flight = match clear::ask(&mut stream, self.dial.sni(), &RANDOM, self.deadline).await {
            Ok(flight) => flight,
            Err(ClearFault::NotTls(head)) => {
                let defect = protocol(&head).map(DefectKind::NotTls)?;
                return Some(Outcome { defect: Some(defect), ..Outcome::default() });
            }
            Err(ClearFault::Alert(_) | ClearFault::Fault(_)) => return None,
        };
        let end = match flight.end {
            FlightEnd::Done => End::ChainOnly,
            FlightEnd::Alert(alert) => End::Refused(Alert(alert)),
            FlightEnd::Cut(fault) => End::Broken(fault.words()),
        };
        let session = Session {
            version: ProtocolVersion(flight.version),
            cipher_suite: Some(tls::numbered_suite(flight.cipher_suite)),
            key_exchange: None,
            alpn: None,
            ocsp_staple: flight.ocsp_staple,
            client_auth: client_auth(flight.client_auth.as_deref()),
            end,
        };
        let authorities = flight.client_auth.unwrap_or_default();
        Some(Outcome { session: Some(session), authorities, chain: flight.chain, ..Outcome::default() })
    }
}

/// RFC 7301 section 3.2.
const NO_APPLICATION_PROTOCOL: Alert = Alert(120);

/// The random bytes of a handshake that is never finished: no key will come of them.
const RANDOM: [u8; 32] = *b"kcert looks at certificates only";

/// A chain came, and then it went wrong. A server that wanted a client certificate has said so; anything else leaves the rest open.
fn presented<S>(shaken: &Shaken<S>, fault: &Fault) -> Outcome {
    let mut outcome = outcome(shaken);
    let asked = outcome.session.as_ref().is_some_and(|session| session.client_auth != ClientAuth::NotAsked);
    let explained = match fault {
        Fault::Alert(alert) => asked && alert.is_about_client_certificate(),
        _ => shaken.seen.distrusted,
    };
    if !explained {
        outcome.defect = Some(DefectKind::Unreachable { phase: Phase::Handshake, reason: fault.words() });
    }
    outcome
}

fn outcome<S>(shaken: &Shaken<S>) -> Outcome {
    let seen = &shaken.seen;
    let session =
        shaken.session.clone().map(|session| Session { client_auth: client_auth(seen.client_auth.as_deref()), ..session });
    Outcome {
        session,
        authorities: seen.client_auth.clone().unwrap_or_default(),
        chain: seen.chain.clone(),
        ..Outcome::default()
    }
}

/// Whether a client certificate was asked for; the names are decoded later.
fn client_auth(authorities: Option<&[Vec<u8>]>) -> ClientAuth {
    authorities.map_or(ClientAuth::NotAsked, |_| ClientAuth::Asked(Vec::new()))
}
