//! The chain of a server that rustls cannot shake hands with, read from what it says in clear.
//!
//! Up to TLS 1.2 all of a server's first flight is in clear (RFC 5246 section 7.3): it is enough to say hello, and to listen.
//! Rule: nothing is verified, no key is exchanged, and what came before the conversation broke off is kept.

use super::fault::Fault;
use super::hello::{self, Bytes};
use super::hello::{CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_STATUS, SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE};
use crate::model::peer::ProtocolVersion;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// All that a server may send, and its longest message. Certificate messages of more than 64 KiB (rustls) or 100 KiB (OpenSSL's
/// `SSL_MAX_CERT_LIST_DEFAULT`) are what clients fail with: one of 1 MB must be readable, for anybody to see why.
const LIMIT: usize = 2 << 20;
/// The longest record (RFC 5246 section 6.2.3).
const RECORD: usize = (1 << 14) + 2048;
/// Records without content (as many as OpenSSL takes: `MAX_EMPTY_RECORDS`), although RFC 5246 section 6.2.1 forbids them here.
const EMPTY_RECORDS: usize = 32;
/// What is read at once.
const CHUNK: usize = 1 << 14;
/// How much of something that is not TLS is wanted, to tell what it is.
const OPENING: usize = 64;
/// How long something that is not TLS may pause before it is taken to have said all.
const PAUSE: Duration = Duration::from_millis(200);

/// Content types (RFC 5246 section 6.2.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// The alert that is no failure (RFC 5246 section 7.2.1).
const CLOSE_NOTIFY: u8 = 0;
/// The level of alerts that a conversation survives (RFC 5246 section 7.2): often `unrecognized_name` (RFC 6066 section 3).
const WARNING: u8 = 1;

const SSL30: u16 = 0x0300;
const TLS12: u16 = 0x0303;

/// What a server says in clear before keys are in use (TLS 1.2 and older).
#[derive(Debug)]
pub(super) struct Flight {
    /// The version in its ServerHello.
    pub(super) version: u16,
    /// The suite that it chose.
    pub(super) cipher_suite: u16,
    /// The certificates, DER, as sent; there is one at least.
    pub(super) chain: Vec<Vec<u8>>,
    /// The CAs whose client certificates it wants, DER Names, if it wants one.
    pub(super) client_auth: Option<Vec<Vec<u8>>>,
    /// Whether an OCSP response was stapled.
    pub(super) ocsp_staple: bool,
    /// How it ended.
    pub(super) end: FlightEnd,
}

/// How a flight with a chain in it ended.
#[derive(Debug)]
pub(super) enum FlightEnd {
    /// With ServerHelloDone.
    Done,
    /// With an alert.
    Alert(u8),
    /// It broke off.
    Cut(Fault),
}

/// Why there is no chain.
#[derive(Debug)]
pub(super) enum ClearFault {
    /// The server refused with an alert.
    Alert(u8),
    /// It does not speak TLS: the first bytes that it sent.
    NotTls(Vec<u8>),
    /// Something else.
    Fault(Fault),
}

impl From<Fault> for ClearFault {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Asks a server for its chain. The deadline is kept here and not by the caller, so that a chain that came in time is not lost.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    server_name: Option<&str>,
    random: &[u8; 32],
    deadline: Instant,
) -> Result<Flight, ClearFault> {
    let mut ear = Ear::default();
    let end = converse(stream, &hello::client_hello(server_name, random), &mut ear, deadline).await;
    if let (Some((version, _)), Ok(()) | Err(ClearFault::Fault(_))) = (ear.heard.hello, &end) {
        leave(stream, version).await;
    }
    ear.heard.conclude(end)
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    hello: &[u8],
    ear: &mut Ear,
    deadline: Instant,
) -> Result<(), ClearFault> {
    within(deadline, send(stream, hello)).await?;
    let mut chunk = Vec::with_capacity(CHUNK);
    while !ear.heard.done {
        chunk.clear();
        if within(deadline, stream.read_buf(&mut chunk)).await? == 0 {
            return Err(Fault::Closed.into());
        }
        match ear.hear(&chunk) {
            Err(ClearFault::NotTls(opening)) => return Err(ClearFault::NotTls(hear_out(stream, opening, deadline).await)),
            heard => heard?,
        }
    }
    Ok(())
}

async fn within<T>(deadline: Instant, step: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
    timeout_at(deadline, step).await.map_err(|_| Fault::Timeout)?.map_err(Fault::from)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Up to [`OPENING`] bytes of something that is not TLS, and may come in pieces.
async fn hear_out<S: AsyncRead + Unpin>(stream: &mut S, mut opening: Vec<u8>, deadline: Instant) -> Vec<u8> {
    while opening.len() < OPENING {
        let pause = deadline.min(Instant::now() + PAUSE);
        if !matches!(within(pause, stream.read_buf(&mut opening)).await, Ok(1..)) {
            break;
        }
    }
    opening.truncate(OPENING);
    opening
}

/// Says goodbye (RFC 5246 section 7.2.1), so that servers log no broken connection.
async fn leave<S: AsyncWrite + Unpin>(stream: &mut S, version: u16) {
    let [major, minor] = version.to_be_bytes();
    let goodbye = [ALERT, major, minor, 0, 2, WARNING, CLOSE_NOTIFY];
    // All that was wanted is here: whether the server hears it is its own business, and nobody waits until it does.
    drop(timeout(Duration::ZERO, send(stream, &goodbye)).await);
}

/// Takes records apart as their bytes come, and not once they are complete: in clear there is nothing to check at their end, and
/// so no message is lost in a record that broke off.
#[derive(Default)]
struct Ear {
    opening: Vec<u8>,
    total: usize,
    header: Vec<u8>,
    kind: u8,
    /// What is still to come of the record.
    left: usize,
    empty: usize,
    /// The level of an alert whose number is still to come.
    level: Option<u8>,
    handshake: Vec<u8>,
    heard: Heard,
}

impl Ear {
    fn hear(&mut self, bytes: &[u8]) -> Result<(), ClearFault> {
        self.total = self.total.saturating_add(bytes.len());
        self.opening.extend(bytes.iter().take(OPENING.saturating_sub(self.opening.len())));
        if !begins_like_tls(&self.opening) {
            return Err(ClearFault::NotTls(self.opening.clone()));
        }
        let mut bytes = Bytes(bytes);
        while !self.heard.done && !bytes.0.is_empty() {
            self.step(&mut bytes)?;
        }
        if self.heard.done || self.total <= LIMIT { Ok(()) } else { Err(protocol("sent 2 MiB and was not done").into()) }
    }

    fn step(&mut self, bytes: &mut Bytes) -> Result<(), ClearFault> {
        if self.left == 0 {
            self.header.extend(bytes.u8());
            return Ok(self.begin()?);
        }
        let Some(Bytes(part)) = bytes.take(self.left.min(bytes.0.len())) else { return Ok(()) };
        self.left = self.left.saturating_sub(part.len());
        if self.kind == ALERT {
            return self.alerts(part);
        }
        self.handshake.extend_from_slice(part);
        Ok(self.messages()?)
    }

    /// Begins a record once its header is there (RFC 5246 section 6.2.1).
    fn begin(&mut self) -> Result<(), Fault> {
        let [kind, major, _, high, low] = *self.header.as_slice() else { return Ok(()) };
        self.header.clear();
        self.kind = kind;
        self.left = usize::from(u16::from_be_bytes([high, low]));
        self.empty = self.empty.saturating_add(usize::from(self.left == 0));
        match kind {
            _ if major != 3 => Err(protocol("sent what is no TLS record")),
            _ if self.left > RECORD => Err(protocol(&format!("sent a record of {} bytes", self.left))),
            _ if self.empty > EMPTY_RECORDS => Err(protocol("sends empty records")),
            ALERT | HANDSHAKE => Ok(()),
            _ => Err(protocol(&format!("sent a record of type {kind} in its first flight"))),
        }
    }

    /// Alerts may be split as well (RFC 5246 section 6.2.1).
    fn alerts(&mut self, part: &[u8]) -> Result<(), ClearFault> {
        for &byte in part {
            match self.level.take() {
                None => self.level = Some(byte),
                Some(level) => self.heard.alert(level, byte)?,
            }
        }
        Ok(())
    }

    fn messages(&mut self) -> Result<(), Fault> {
        let mut rest = Bytes(&self.handshake);
        while !self.heard.done
            && let Some((kind, body)) = next(&mut rest)?
        {
            self.heard.message(kind, body)?;
        }
        let left = rest.0.len();
        self.handshake.drain(..self.handshake.len().saturating_sub(left));
        Ok(())
    }
}

/// Whether it may become a TLS record; nothing may.
fn begins_like_tls(opening: &[u8]) -> bool {
    matches!(opening, [] | [20..=24] | [20..=24, 3, ..])
}

/// The next message, once all of it is there (RFC 5246 section 7.4).
fn next<'a>(bytes: &mut Bytes<'a>) -> Result<Option<(u8, Bytes<'a>)>, Fault> {
    let mut ahead = *bytes;
    let (Some(kind), Some(length)) = (ahead.u8(), ahead.u24()) else { return Ok(None) };
    if length > LIMIT {
        return Err(protocol(&format!("announced a handshake message of {length} bytes")));
    }
    let Some(body) = ahead.take(length) else { return Ok(None) };
    *bytes = ahead;
    Ok(Some((kind, body)))
}

/// What was understood.
#[derive(Default)]
struct Heard {
    /// Version and cipher suite.
    hello: Option<(u16, u16)>,
    chain: Option<Vec<Vec<u8>>>,
    client_auth: Option<Vec<Vec<u8>>>,
    ocsp_staple: bool,
    warned: Option<u8>,
    done: bool,
}

impl Heard {
    fn alert(&mut self, level: u8, number: u8) -> Result<(), ClearFault> {
        match (level, number) {
            (_, CLOSE_NOTIFY) => return Err(Fault::Closed.into()),
            (WARNING, _) => self.warned = Some(number),
            _ => return Err(ClearFault::Alert(number)),
        }
        Ok(())
    }

    fn message(&mut self, kind: u8, body: Bytes) -> Result<(), Fault> {
        let understood = match (kind, self.hello) {
            (SERVER_HELLO, None) => hello::server_hello(body).map(offered).transpose()?.map(|hello| self.hello = Some(hello)),
            (CERTIFICATE, Some(_)) if self.chain.is_none() => hello::certificates(body).map(|chain| self.chain = Some(chain)),
            (CERTIFICATE_STATUS, Some(_)) => hello::staple(body).map(|stapled| self.ocsp_staple = stapled),
            (SERVER_KEY_EXCHANGE, Some(_)) => Some(()),
            (CERTIFICATE_REQUEST, Some((version, _))) => {
                hello::authorities(body, version).map(|names| self.client_auth = Some(names))
            }
            (SERVER_HELLO_DONE, Some(_)) => {
                self.done = true;
                Some(())
            }
            _ => return Err(protocol(&format!("sent handshake message {kind} out of turn"))),
        };
        understood.ok_or_else(|| protocol(&format!("sent a malformed {}", hello::word(kind))))
    }

    fn conclude(self, end: Result<(), ClearFault>) -> Result<Flight, ClearFault> {
        let Self { hello, chain, client_auth, ocsp_staple, warned, .. } = self;
        match (hello.zip(chain.filter(|chain| !chain.is_empty())), end, warned) {
            (Some(((version, cipher_suite), chain)), end, _) => {
                Ok(Flight { version, cipher_suite, chain, client_auth, ocsp_staple, end: FlightEnd::from(end) })
            }
            (None, Ok(()), _) => Err(protocol("sent no certificate").into()),
            // Some servers warn and hang up where others refuse.
            (None, Err(ClearFault::Fault(Fault::Closed | Fault::Io(_))), Some(number)) => Err(ClearFault::Alert(number)),
            (None, Err(fault), _) => Err(fault),
        }
    }
}

impl From<Result<(), ClearFault>> for FlightEnd {
    fn from(end: Result<(), ClearFault>) -> Self {
        match end {
            Ok(()) => Self::Done,
            Err(ClearFault::Alert(number)) => Self::Alert(number),
            Err(ClearFault::Fault(fault)) => Self::Cut(fault),
            Err(ClearFault::NotTls(_)) => Self::Cut(protocol("sent what is no TLS record")),
        }
    }
}

/// The version of a hello must be one that was offered.
fn offered((version, cipher_suite): (u16, u16)) -> Result<(u16, u16), Fault> {
    match version {
        SSL30..=TLS12 => Ok((version, cipher_suite)),
        _ => Err(protocol(&format!("chose {}, which was not offered", ProtocolVersion(version)))),
    }
}

fn protocol(deed: &str) -> Fault {
    Fault::protocol(format!("the server {deed}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::hello::client_hello;
    use proptest::prelude::*;
    use tokio::io::{DuplexStream, duplex};
    use tokio::runtime::Builder;

    const RANDOM: [u8; 32] = [7; 32];
    const RSA_AES_128_CBC_SHA: u16 = 0x002f;

    fn sized(width: usize, body: &[u8]) -> Vec<u8> {
        [&body.len().to_be_bytes()[8 - width..], body].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind], sized(3, body).as_slice()].concat()
    }

    fn record(kind: u8, version: u16, payload: &[u8]) -> Vec<u8> {
        [&[kind], version.to_be_bytes().as_slice(), &sized(2, payload)].concat()
    }

    fn records(version: u16, payload: &[u8], size: usize) -> Vec<u8> {
        payload.chunks(size).flat_map(|part| record(HANDSHAKE, version, part)).collect()
    }

    fn hello(version: u16, extensions: Option<&[u8]>) -> Vec<u8> {
        let extensions = extensions.map(|body| sized(2, body)).unwrap_or_default();
        let suite = RSA_AES_128_CBC_SHA.to_be_bytes();
        message(SERVER_HELLO, &[&version.to_be_bytes(), RANDOM.as_slice(), &[2, 8, 9], &suite, &[0], &extensions].concat())
    }

    fn certificate(chain: &[Vec<u8>]) -> Vec<u8> {
        let list: Vec<u8> = chain.iter().flat_map(|one| sized(3, one)).collect();
        message(CERTIFICATE, &sized(3, &list))
    }

    fn request(version: u16, names: &[&[u8]]) -> Vec<u8> {
        let algorithms = if version >= TLS12 { sized(2, &[4, 1, 5, 1]) } else { Vec::new() };
        let names: Vec<u8> = names.iter().flat_map(|name| sized(2, name)).collect();
        message(CERTIFICATE_REQUEST, &[sized(1, &[1, 64]), algorithms, sized(2, &names)].concat())
    }

    fn done() -> Vec<u8> {
        message(SERVER_HELLO_DONE, &[])
    }

    fn chain() -> Vec<Vec<u8>> {
        vec![vec![0x30; 700], vec![0x31; 900]]
    }

    fn until_chain(version: u16) -> Vec<u8> {
        [hello(version, None), certificate(&chain())].concat()
    }

    fn alert(level: u8, number: u8) -> Vec<u8> {
        record(ALERT, 0x0301, &[level, number])
    }

    /// What comes of a server that says this, once it was greeted, in pieces of so many bytes.
    struct Script {
        says: Vec<u8>,
        piece: usize,
        hangs_up: bool,
    }

    impl Script {
        fn run(self) -> (Result<Flight, ClearFault>, Vec<u8>) {
            Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
                let (mut near, far) = duplex(1 << 16);
                let server = tokio::spawn(self.serve(far));
                let asked = ask(&mut near, Some("host"), &RANDOM, Instant::now() + Duration::from_secs(5)).await;
                drop(near);
                (asked, server.await.unwrap())
            })
        }

        /// Gives what the client said after its hello.
        async fn serve(self, mut stream: DuplexStream) -> Vec<u8> {
            let mut hello = vec![0; client_hello(Some("host"), &RANDOM).len()];
            stream.read_exact(&mut hello).await.unwrap();
            for piece in self.says.chunks(self.piece) {
                if stream.write_all(piece).await.is_err() {
                    break;
                }
            }
            if self.hangs_up {
                drop(stream.shutdown().await);
            }
            let mut last = Vec::new();
            stream.read_to_end(&mut last).await.unwrap();
            last
        }
    }

    /// Says all at once and hangs up.
    fn said(says: Vec<u8>) -> Result<Flight, ClearFault> {
        Script { says, piece: usize::MAX, hangs_up: true }.run().0
    }

    fn words(fault: &ClearFault) -> String {
        match fault {
            ClearFault::Fault(Fault::Protocol(words)) => words.to_string(),
            other => panic!("{other:?}"),
        }
    }

    fn refusal(payload: &[u8]) -> String {
        words(&said(records(0x0303, payload, 1 << 14)).unwrap_err())
    }

    #[test]
    fn flights_of_every_version_are_read() {
        for version in [0x0300, 0x0301, 0x0302, 0x0303] {
            for names in [None, Some([].as_slice()), Some([b"one".as_slice(), b"another"].as_slice())] {
                let asked = names.map(|names| request(version, names)).unwrap_or_default();
                let flight = [until_chain(version), message(SERVER_KEY_EXCHANGE, &[5; 99]), asked, done()].concat();
                for (record, piece) in [(1 << 14, 1 << 20), (1, 1), (1, 1 << 20), (1 << 14, 1), (100, 7)] {
                    let (asked, last) = Script { says: records(version, &flight, record), piece, hangs_up: false }.run();
                    let read = asked.unwrap();
                    assert_eq!((read.version, read.cipher_suite), (version, RSA_AES_128_CBC_SHA));
                    assert_eq!(read.chain, chain());
                    assert_eq!(read.client_auth, names.map(|names| names.iter().map(|name| name.to_vec()).collect()));
                    assert!(matches!(read.end, FlightEnd::Done) && !read.ocsp_staple);
                    assert_eq!(last, record_of_goodbye(version));
                }
            }
        }
    }

    fn record_of_goodbye(version: u16) -> Vec<u8> {
        record(ALERT, version, &[WARNING, CLOSE_NOTIFY])
    }

    #[test]
    fn extensions_and_staples_are_read() {
        for (response, stapled) in [(b"ocsp".as_slice(), true), (b"", false)] {
            let status = message(CERTIFICATE_STATUS, &[&[1], sized(3, response).as_slice()].concat());
            let hello = hello(TLS12, Some(&[0xff, 1, 0, 1, 0, 0, 5, 0, 0]));
            let read = said(records(TLS12, &[hello, certificate(&chain()), status, done()].concat(), 1 << 14)).unwrap();
            assert_eq!(read.ocsp_staple, stapled);
        }
    }

    #[test]
    fn long_chains_are_read_and_of_endless_ones_enough() {
        let endless = vec![Vec::new(); 600_000];
        for chain in [vec![vec![0x30; 1500]; 100], vec![vec![0x30; 1 << 20]], vec![vec![0x30; 1 << 10]; 1 << 10], endless] {
            let flight = [hello(TLS12, None), certificate(&chain), done()].concat();
            let read = said(records(TLS12, &flight, 1 << 14)).unwrap();
            let kept = chain.get(..=super::super::record::MOST).unwrap_or(&chain);
            assert!(matches!(read.end, FlightEnd::Done) && read.chain == kept);
        }
    }

    #[test]
    fn alerts_are_told() {
        assert!(matches!(said(alert(2, 40)), Err(ClearFault::Alert(40))));
        let split = [record(ALERT, 0x0300, &[2]), record(ALERT, 0x0300, &[70])].concat();
        assert!(matches!(said(split), Err(ClearFault::Alert(70))));
        let begun = records(TLS12, &hello(TLS12, None), 1 << 14);
        assert!(matches!(said([begun, alert(2, 80)].concat()), Err(ClearFault::Alert(80))));
        let (asked, last) =
            Script { says: [records(TLS12, &until_chain(TLS12), 99), alert(2, 40)].concat(), piece: 9, hangs_up: false }.run();
        assert!(matches!(asked.unwrap().end, FlightEnd::Alert(40)) && last.is_empty());
    }

    #[test]
    fn warnings_are_survived() {
        let flight = records(0x0301, &[until_chain(0x0301), done()].concat(), 1 << 14);
        assert!(matches!(said([alert(1, 112), flight].concat()).unwrap().end, FlightEnd::Done));
        assert!(matches!(said(alert(1, 112)), Err(ClearFault::Alert(112))));
        assert!(matches!(said(alert(1, CLOSE_NOTIFY)), Err(ClearFault::Fault(Fault::Closed))));
    }

    #[test]
    fn a_chain_outlives_its_conversation() {
        let begun = records(TLS12, &until_chain(TLS12), 1 << 14);
        let read = said(begun.clone()).unwrap();
        assert!(matches!(read.end, FlightEnd::Cut(Fault::Closed)) && read.chain == chain());
        let all = records(TLS12, &[until_chain(TLS12), message(SERVER_KEY_EXCHANGE, &[5; 99])].concat(), 1 << 14);
        let read = said(all[..all.len() - 50].to_vec()).unwrap();
        assert!(matches!(read.end, FlightEnd::Cut(Fault::Closed)) && read.chain == chain());
        for odd in [b"HTTP/1.1 400".to_vec(), record(23, TLS12, &[0]), records(TLS12, &until_chain(TLS12), 1 << 14)] {
            let read = said([begun.clone(), odd].concat()).unwrap();
            assert!(matches!(read.end, FlightEnd::Cut(Fault::Protocol(_))) && read.chain == chain());
        }
    }

    #[test]
    fn silence_is_a_timeout() {
        for (says, chained) in [(Vec::new(), false), (vec![HANDSHAKE], false), (records(TLS12, &until_chain(TLS12), 99), true)] {
            let asked = Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
                let (mut near, far) = duplex(1 << 16);
                drop(tokio::spawn(Script { says, piece: 9, hangs_up: false }.serve(far)));
                ask(&mut near, Some("host"), &RANDOM, Instant::now() + Duration::from_millis(50)).await
            });
            match asked {
                Ok(flight) => assert!(chained && matches!(flight.end, FlightEnd::Cut(Fault::Timeout))),
                Err(fault) => assert!(!chained && matches!(fault, ClearFault::Fault(Fault::Timeout))),
            }
        }
        assert!(matches!(said(Vec::new()), Err(ClearFault::Fault(Fault::Closed))));
        assert!(matches!(said(vec![HANDSHAKE]), Err(ClearFault::Fault(Fault::Closed))));
    }

    #[test]
    fn what_is_not_tls_is_quoted() {
        let long = [b"HTTP/1.1 400 Bad Request\r\n".as_slice(), &[b'x'; 100]].concat();
        // The last one: a ServerHello of SSL 2.
        for says in [
            b"SSH-2.0-OpenSSH_9.6\r\n".as_slice(),
            b"J\0\0\0\x0a8.0.36",
            &long,
            &[0; 200],
            b"E",
            &[22, b'x'],
            &[0x84, 0x2e, 4, 0, 1, 0, 2],
        ] {
            for (piece, hangs_up) in [(1, true), (1, false), (1 << 20, false)] {
                match (Script { says: says.to_vec(), piece, hangs_up }.run()) {
                    (Err(ClearFault::NotTls(opening)), last) => {
                        assert!(opening == says[..says.len().min(OPENING)] && last.is_empty());
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn nothing_is_endless() {
        let empty = record(HANDSHAKE, TLS12, &[]);
        assert_eq!(words(&said(empty.repeat(EMPTY_RECORDS + 1)).unwrap_err()), "the server sends empty records");
        let flight = records(TLS12, &[until_chain(TLS12), done()].concat(), 99);
        assert!(said([empty.repeat(EMPTY_RECORDS), flight].concat()).is_ok());
        assert_eq!(words(&said(alert(1, 112).repeat(LIMIT)).unwrap_err()), "the server sent 2 MiB and was not done");
        let exchange = records(TLS12, &message(SERVER_KEY_EXCHANGE, &[]), 1 << 14).repeat(1 << 19);
        let read = said([records(TLS12, &until_chain(TLS12), 99), exchange].concat()).unwrap();
        assert!(matches!(read.end, FlightEnd::Cut(Fault::Protocol(_))));
    }

    #[test]
    fn broken_rules_are_in_plain_words() {
        assert_eq!(refusal(&[11, 255, 255, 255]), "the server announced a handshake message of 16777215 bytes");
        assert_eq!(refusal(&certificate(&chain())), "the server sent handshake message 11 out of turn");
        assert_eq!(refusal(&hello(0x0304, None)), "the server chose TLS 1.3, which was not offered");
        assert_eq!(refusal(&hello(TLS12, Some(&[0, 43, 0, 2, 3, 4]))), "the server chose TLS 1.3, which was not offered");
        assert_eq!(refusal(&hello(0x0002, None)), "the server chose version 0x0002, which was not offered");
        assert_eq!(refusal(&message(SERVER_HELLO, &[3, 3])), "the server sent a malformed ServerHello");
        let cut = message(CERTIFICATE, &[0, 0, 9, 0, 0, 7, 1]);
        assert_eq!(refusal(&[hello(TLS12, None), cut].concat()), "the server sent a malformed Certificate");
        for rest in [done(), [certificate(&[]), done()].concat()] {
            assert_eq!(refusal(&[hello(TLS12, None), rest].concat()), "the server sent no certificate");
        }
        let long = [[HANDSHAKE, 3, 3].as_slice(), &[0xff; 100]].concat();
        assert_eq!(words(&said(long).unwrap_err()), "the server sent a record of 65535 bytes");
        assert_eq!(words(&said(record(23, TLS12, &[0])).unwrap_err()), "the server sent a record of type 23 in its first flight");
    }

    /// A flight with everything in it.
    fn full() -> Vec<u8> {
        let status = message(CERTIFICATE_STATUS, &[1, 0, 0, 1, 9]);
        let chain = certificate(&[vec![1; 5], vec![2; 3]]);
        let hello = hello(TLS12, Some(&[0xff, 1, 0, 1, 0]));
        records(TLS12, &[hello, chain, status, request(TLS12, &[b"one"]), done()].concat(), 50)
    }

    fn heard(bytes: &[u8], piece: usize) -> String {
        let mut ear = Ear::default();
        let end = bytes.chunks(piece).try_for_each(|piece| ear.hear(piece));
        format!("{:?}", ear.heard.conclude(end))
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..40) {
            heard(&bytes, piece);
            heard(&records(TLS12, &bytes, 50), piece);
            heard(&records(TLS12, &[hello(TLS12, None), bytes].concat(), 50), piece);
        }

        #[test]
        fn damaged_flights_read_the_same_in_any_pieces(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
            piece in 1_usize..40,
        ) {
            let mut flight = full();
            for (place, byte) in damage {
                *place.get_mut(&mut flight) = byte;
            }
            flight.truncate(cut.index(flight.len()) + 1);
            prop_assume!(begins_like_tls(&flight));
            prop_assert_eq!(heard(&flight, piece), heard(&flight, usize::MAX));
        }
    }
}
