//! One request over a connection that stands, by hyper: `GET`, and a reply that is read within bounds.

use super::fault::Fault;
use crate::decode::Secret;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, DATE, HOST, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use std::error::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// The longest body that is read: EndpointSlices hold a thousand endpoints at most, in some 300 kB.
const MOST: usize = 1 << 20;

/// A request.
pub(super) struct Get<'r> {
    /// The value of `Host`.
    pub(super) host: &'r str,
    /// Path and query.
    pub(super) path: &'r str,
    /// The value of `Authorization`.
    pub(super) authorization: Option<&'r Secret>,
}

/// A reply.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The `Date` header.
    pub(super) date: Option<OffsetDateTime>,
    /// The body.
    pub(super) body: Bytes,
}

/// Asks and reads the answer. The error of the connection, where there is one, is what the caller looks into for an alert.
pub(super) async fn get<S>(stream: S, get: &Get<'_>) -> Result<Answer, Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(fault)?;
    // Whoever stops waiting for the answer stops the connection with it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    exchange(&mut sender, get).await
}

async fn exchange(sender: &mut http1::SendRequest<Empty<Bytes>>, get: &Get<'_>) -> Result<Answer, Fault> {
    let mut request = hyper::Request::get(get.path)
        .header(HOST, get.host)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("kcert/", env!("CARGO_PKG_VERSION")));
    if let Some(secret) = get.authorization {
        let mut value = HeaderValue::from_bytes(secret.bytes()).map_err(|_| unusable())?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Empty::new()).map_err(|_| Fault::protocol("the server's path makes no request"))?;
    let reply = sender.send_request(request).await.map_err(fault)?;
    let status = reply.status().as_u16();
    let date = reply.headers().get(DATE).and_then(|value| value.to_str().ok()).and_then(date);
    let body = Limited::new(reply.into_body(), MOST).collect().await.map_err(|error| body_fault(&*error))?;
    Ok(Answer { status, date, body: body.to_bytes() })
}

fn unusable() -> Fault {
    Fault::protocol("the credential has characters that no header can carry")
}

/// RFC 9110 section 5.6.7: the form of RFC 5322, with GMT for its zone.
fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc2822).ok()
}

fn body_fault(error: &(dyn Error + 'static)) -> Fault {
    if error.is::<http_body_util::LengthLimitError>() {
        return Fault::protocol("the reply is longer than 1 MiB");
    }
    Fault::protocol("the reply broke off")
}

/// hyper's errors, translated once. An alert lies two layers down.
fn fault(error: hyper::Error) -> Fault {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return match super::tls::refusal(io) {
                Some(alert) => Fault::Alert(alert),
                None => std::io::Error::new(io.kind(), io.to_string()).into(),
            };
        }
        cause = inner.source();
    }
    match error {
        error if error.is_parse() => Fault::protocol("the reply is not HTTP/1.1"),
        error if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => Fault::Closed,
        error => Fault::protocol(error.to_string()),
    }
}
