//! Servers on loopback: rustls, openssl and scripts; and kcert itself, as users run it.

use kcert::mint::{Identity, Pki};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion, version};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// How long a server of these tests waits for anything.
const PATIENCE: Duration = Duration::from_secs(8);

/// Real handshakes judge by the real clock. One instant for all: a CA must not end a second after its issuer.
static NOW: LazyLock<OffsetDateTime> = LazyLock::new(OffsetDateTime::now_utc);

/// Recipes as of now.
pub(super) fn pki() -> Pki {
    Pki::at(*NOW)
}

/// A CA.
pub(super) fn authority(common_name: &str) -> Identity {
    pki().ca(common_name).self_signed().unwrap()
}

/// A server's certificate for 127.0.0.1 and `localhost`.
pub(super) fn server_of(issuer: &Identity) -> Identity {
    pki().leaf("server").server().dns("localhost").ip([127, 0, 0, 1]).issued_by(issuer).unwrap()
}

/// The id by which JSON names a certificate: the digest of what was served.
pub(super) fn id(der: &[u8]) -> String {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, der);
    let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}

// ---- kcert ----

/// A run of kcert.
pub(super) struct Run {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
    pub(super) took: Duration,
}

/// Runs kcert, with nothing of this process' environment.
pub(super) fn kcert(arguments: &[&str]) -> Run {
    kcert_reading(arguments, "")
}

/// The same, with standard input.
pub(super) fn kcert_reading(arguments: &[&str], input: &str) -> Run {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kcert"))
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let written = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    // Whoever does not read its input closes it.
    assert!(written.is_ok() || input.is_empty(), "{written:?}");
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(!err.contains("panicked"), "{arguments:?}: {err}");
    Run { code: output.status.code().unwrap(), out, err, took: begun.elapsed() }
}

/// `kcert probe tls ENDPOINT -o json` and more arguments.
pub(super) fn probe(endpoint: &str, more: &[&str]) -> Run {
    kcert(&[&["probe", "tls", endpoint, "-o", "json"], more].concat())
}

impl Run {
    /// The one JSON object.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The first conversation.
    pub(super) fn peer(&self) -> Value {
        self.json()["peers"][0].clone()
    }

    /// Codes and severities.
    pub(super) fn findings(&self) -> Vec<(String, String)> {
        let word = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        self.list().iter().map(|finding| (word(finding, "code"), word(finding, "severity"))).collect()
    }

    fn list(&self) -> Vec<Value> {
        self.json()["findings"].as_array().unwrap().clone()
    }

    /// The one finding of a code.
    pub(super) fn finding(&self, code: &str) -> Value {
        let mut found: Vec<Value> = self.list().into_iter().filter(|finding| finding["code"] == code).collect();
        assert_eq!(found.len(), 1, "one {code}: {self}");
        found.remove(0)
    }

    /// How it ended, and the one finding of a code with its severity and in its words.
    pub(super) fn says(&self, exit: i32, code: &str, severity: &str, words: &str) {
        let finding = self.finding(code);
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains(words), "{words:?} in {message:?}");
        assert_eq!((self.code, finding["severity"].as_str()), (exit, Some(severity)), "{self}");
    }

    /// Nothing wrong at all.
    pub(super) fn is_fine(&self) {
        assert_eq!((self.code, self.findings()), (0, vec![]), "{self}");
    }

    /// The chain in the order presented.
    pub(super) fn presented(&self, chain: &[&[u8]]) {
        let wanted: Vec<Value> = chain.iter().map(|der| Value::from(id(der))).collect();
        assert_eq!(self.peer()["certificates"], Value::from(wanted), "{self}");
    }

    /// That no output has a secret in it.
    pub(super) fn keeps(&self, secrets: &[&str]) {
        for secret in secrets {
            assert!(!self.out.contains(secret) && !self.err.contains(secret), "a secret in: {self}");
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, out, err, took } = self;
        let shown: String = out.chars().take(6000).collect();
        write!(f, "exit {code} after {took:?}\n{shown}\n{err}")
    }
}

/// `127.0.0.1:PORT`.
pub(super) fn here(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// A port on which nothing listens.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

// ---- scripts ----

/// Does the same with every connection, each in a thread of its own, until the tests end.
pub(super) fn listen(handler: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    listen_on("127.0.0.1:0", handler).unwrap().port()
}

/// The same at another address.
pub(super) fn listen_on(address: &str, handler: impl Fn(TcpStream) + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let handler = Arc::new(handler);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let handler = Arc::clone(&handler);
            thread::spawn(move || {
                let patience = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
                if patience.is_ok() && stream.set_nodelay(true).is_ok() {
                    handler(stream);
                }
            });
        }
    });
    Ok(address)
}

/// Reads until the other side is done, so that what was said last is not lost in a reset.
pub(super) fn hear_out(stream: &mut TcpStream) {
    if stream.shutdown(Shutdown::Write).is_ok() {
        drop(io::copy(stream, &mut io::sink()));
    }
}

/// Reads up to an empty line.
pub(super) fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.extend(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

// ---- rustls ----

/// What a TLS server saw of a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Visit {
    pub(super) server_name: Option<String>,
    pub(super) certificates: usize,
    /// What came inside of TLS.
    pub(super) data: String,
    pub(super) shaken: bool,
}

/// A TLS server by rustls, to be.
#[derive(Clone)]
pub(super) struct Tls {
    usual: Arc<CertifiedKey>,
    by_name: Vec<(String, Arc<CertifiedKey>)>,
    versions: &'static [&'static SupportedProtocolVersion],
    protocols: Vec<Vec<u8>>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    reply: Option<Arc<str>>,
    visits: Arc<Mutex<Vec<Visit>>>,
}

pub(super) const TLS12: &[&SupportedProtocolVersion] = &[&version::TLS12];
pub(super) const TLS13: &[&SupportedProtocolVersion] = &[&version::TLS13];
pub(super) const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// A server that presents these bytes, whatever they are, and proves that it holds the key.
pub(super) fn presenting(chain: &[&[u8]], key: &Identity) -> Tls {
    Tls {
        usual: certified(chain, key),
        by_name: Vec::new(),
        versions: BOTH,
        protocols: Vec::new(),
        clients: None,
        reply: None,
        visits: Arc::default(),
    }
}

/// A server with a certificate and its issuer.
pub(super) fn tls(leaf: &Identity, issuer: &Identity) -> Tls {
    presenting(&[leaf.der(), issuer.der()], leaf)
}

fn certified(chain: &[&[u8]], key: &Identity) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::from_pem_slice(key.key_pem().as_str().as_bytes()).unwrap();
    let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
    Arc::new(CertifiedKey::new(chain, any_supported_type(&key).unwrap()))
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl Tls {
    pub(super) fn versions(self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    pub(super) fn protocols(self, names: &[&str]) -> Self {
        Self { protocols: names.iter().map(|name| name.as_bytes().to_vec()).collect(), ..self }
    }

    /// Presents another chain to those who ask for a name.
    pub(super) fn named(mut self, name: &str, chain: &[&Identity]) -> Self {
        let ders: Vec<&[u8]> = chain.iter().map(|identity| identity.der()).collect();
        self.by_name.push((name.to_owned(), certified(&ders, chain[0])));
        self
    }

    /// Wants a certificate by this CA of its clients.
    pub(super) fn demanding(self, clients: &Identity) -> Self {
        self.verifying(clients, false)
    }

    /// Would like one.
    pub(super) fn asking(self, clients: &Identity) -> Self {
        self.verifying(clients, true)
    }

    fn verifying(self, clients: &Identity, optional: bool) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(clients.der().to_vec())).unwrap();
        let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        let builder = if optional { builder.allow_unauthenticated() } else { builder };
        Self { clients: Some(builder.build().unwrap()), ..self }
    }

    /// Answers every request with this.
    pub(super) fn replying(self, reply: &str) -> Self {
        Self { reply: Some(reply.into()), ..self }
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(self.versions).unwrap();
        let builder = match &self.clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols.clone_from(&self.protocols);
        Arc::new(config)
    }

    /// Starts it on 127.0.0.1.
    pub(super) fn start(&self) -> u16 {
        self.start_behind(|_| true)
    }

    /// Starts it at another address.
    pub(super) fn start_on(&self, address: &str) -> io::Result<SocketAddr> {
        let (tls, config) = (self.clone(), self.config());
        listen_on(address, move |stream| tls.receive(stream, &config))
    }

    /// Starts it behind a plain conversation, which says whether it went well.
    pub(super) fn start_behind(&self, plain: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> u16 {
        let (tls, config) = (self.clone(), self.config());
        listen(move |mut stream| {
            if plain(&mut stream) {
                tls.receive(stream, &config);
            } else {
                hear_out(&mut stream);
            }
        })
    }

    fn receive(&self, mut stream: TcpStream, config: &Arc<ServerConfig>) {
        let mut connection = ServerConnection::new(Arc::clone(config)).unwrap();
        let mut visit = Visit::default();
        // Whoever is refused leaves an error here, and what it has said before is of interest.
        drop(self.converse(&mut stream, &mut connection, &mut visit));
        visit.server_name = connection.server_name().map(str::to_owned);
        visit.certificates = connection.peer_certificates().map_or(0, <[_]>::len);
        self.visits.lock().unwrap().push(visit);
        hear_out(&mut stream);
    }

    fn converse(&self, stream: &mut TcpStream, connection: &mut ServerConnection, visit: &mut Visit) -> io::Result<()> {
        while connection.is_handshaking() {
            if connection.complete_io(stream)? == (0, 0) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        visit.shaken = true;
        let mut tls = rustls::Stream::new(connection, stream);
        if let Some(reply) = &self.reply {
            visit.data = head(&mut tls);
            if visit.data.is_empty() {
                return Ok(());
            }
            tls.write_all(reply.as_bytes())?;
        } else {
            let mut data = Vec::new();
            tls.read_to_end(&mut data)?;
            visit.data = String::from_utf8_lossy(&data).into_owned();
        }
        connection.send_close_notify();
        connection.complete_io(stream).map(drop)
    }

    /// Those who came, once there are so many.
    pub(super) fn visits(&self, count: usize) -> Vec<Visit> {
        let begun = Instant::now();
        while self.visits.lock().unwrap().len() < count && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        let visits = self.visits.lock().unwrap().clone();
        assert_eq!(visits.len(), count, "{visits:?}");
        visits
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_name = self.by_name.iter().find(|(name, _)| hello.server_name() == Some(name));
        Some(Arc::clone(by_name.map_or(&self.usual, |(_, certified)| certified)))
    }
}

// ---- openssl ----

/// `openssl s_server`, as long as it is kept.
pub(super) struct OpenSsl {
    child: Child,
    pub(super) port: u16,
    _folder: tempfile::TempDir,
}

impl OpenSsl {
    /// Starts it with a certificate, its issuers, and more arguments; `None` where this openssl cannot.
    pub(super) fn start(leaf: &Identity, issuers: &[&Identity], arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let chain: Vec<String> = issuers.iter().map(|issuer| issuer.pem()).collect();
        let certificate = file("leaf.pem", &leaf.pem());
        let key = file("key.pem", leaf.key_pem().as_str());
        let chain = file("chain.pem", &chain.concat());
        let port = free_port();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", &here(port), "-no_ticket", "-cert"]).arg(certificate);
        command.arg("-key").arg(key).arg("-cert_chain").arg(chain).args(arguments);
        // It takes the end of its input for a wish to end conversations.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, port, _folder: folder };
        server.is_up().then_some(server)
    }

    fn is_up(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && self.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(here(self.port)).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// ---- files ----

/// A directory with files in it.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file and gives its path.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        self.path(name)
    }

    pub(super) fn path(&self, name: &str) -> String {
        Path::new(self.0.path()).join(name).to_string_lossy().into_owned()
    }
}
