//! An API server on loopback: hyper on rustls, with Secrets in pages of two; and kcert, as users run it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kcert::mint::{Identity, Pki};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Real handshakes judge by the real clock.
static NOW: LazyLock<OffsetDateTime> = LazyLock::new(OffsetDateTime::now_utc);

pub(super) fn pki() -> Pki {
    Pki::at(*NOW)
}

pub(super) fn authority(common_name: &str) -> Identity {
    pki().ca(common_name).self_signed().unwrap()
}

pub(super) const TOKEN: &str = "t0k3n-t0k3n-t0k3n";

/// What a path answers with.
#[derive(Clone)]
pub(super) enum Reply {
    /// A list of this kind, in pages of two.
    List(&'static str, Vec<Value>),
    /// A status, with further headers and a body.
    Status(u16, &'static [(&'static str, &'static str)], String),
    /// The beginning of a list, and then the connection ends.
    BreaksOff(String),
    /// The beginning of a list, and then nothing for a long time.
    Stalls(String),
    /// Nothing for a long time.
    Silence,
}

/// An API server to be.
pub(super) struct Server {
    replies: BTreeMap<String, Reply>,
    asked: Arc<Mutex<Vec<String>>>,
    logins: Arc<Mutex<Vec<Option<String>>>>,
}

pub(super) fn secret(namespace: &str, name: &str, pem: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name}, "type": "kubernetes.io/tls", "data": {"tls.crt": STANDARD.encode(pem)}})
}

/// `Status` as API servers write it.
pub(super) fn status(code: u16, message: &str) -> Reply {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code});
    Reply::Status(code, &[("content-type", "application/json")], body.to_string())
}

/// A server with these Secrets, no ConfigMaps, and nothing else.
pub(super) fn server(secrets: Vec<Value>) -> Server {
    let replies = [
        ("/api/v1/secrets".to_owned(), Reply::List("Secret", secrets)),
        ("/api/v1/configmaps".to_owned(), Reply::List("ConfigMap", Vec::new())),
    ];
    Server { replies: replies.into(), asked: Arc::default(), logins: Arc::default() }
}

impl Server {
    pub(super) fn with(mut self, path: &str, reply: Reply) -> Self {
        self.replies.insert(path.to_owned(), reply);
        self
    }

    /// Starts it with a certificate of this CA; stays until the tests end.
    pub(super) fn start(self, ca: &Identity) -> Running {
        let leaf = pki().leaf("kube-apiserver").server().dns("kubernetes").ip([127, 0, 0, 1]).issued_by(ca).unwrap();
        self.present(&leaf, Ipv4Addr::LOCALHOST)
    }

    /// Starts it with this certificate at an address of this machine.
    pub(super) fn present(self, leaf: &Identity, address: Ipv4Addr) -> Running {
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem().as_str().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key).unwrap();
        let (asked, logins) = (Arc::clone(&self.asked), Arc::clone(&self.logins));
        let port = self.serve(address, Some(TlsAcceptor::from(Arc::new(config))));
        Running { port, asked, logins }
    }

    /// Starts it without TLS, as `kubectl proxy` does.
    pub(super) fn start_plain(self) -> Running {
        let (asked, logins) = (Arc::clone(&self.asked), Arc::clone(&self.logins));
        let port = self.serve(Ipv4Addr::LOCALHOST, None);
        Running { port, asked, logins }
    }

    fn serve(self, address: Ipv4Addr, tls: Option<TlsAcceptor>) -> u16 {
        let listener = std::net::TcpListener::bind(SocketAddr::from((address, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let server = Arc::new(self);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let (server, tls) = (Arc::clone(&server), tls.clone());
                    tokio::spawn(async move {
                        let service = service_fn(move |request| {
                            let server = Arc::clone(&server);
                            async move { server.answer(&request).await }
                        });
                        let http = hyper::server::conn::http1::Builder::new();
                        match tls {
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    drop(http.serve_connection(TokioIo::new(stream), service).await);
                                }
                            }
                            None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                        }
                    });
                }
            });
        });
        port
    }

    async fn answer(&self, request: &Request<Incoming>) -> Result<Response<BoxBody<Bytes, io::Error>>, Infallible> {
        let uri = request.uri();
        self.asked.lock().unwrap().push(format!("{} {uri}", request.method()));
        let login = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.logins.lock().unwrap().push(login);
        let reply = self.replies.get(uri.path()).cloned();
        let reply = reply.unwrap_or_else(|| status(404, "the server could not find the requested resource"));
        let (status, headers, parts): (_, _, Vec<io::Result<String>>) = match reply {
            Reply::List(kind, items) => (200, JSON, vec![Ok(page(kind, &items, uri.query().unwrap_or_default()))]),
            Reply::Status(status, headers, body) => (status, headers, vec![Ok(body)]),
            Reply::BreaksOff(text) => (200, JSON, vec![Ok(text), Err(io::ErrorKind::BrokenPipe.into())]),
            Reply::Stalls(text) => (200, JSON, vec![Ok(text), Err(io::ErrorKind::TimedOut.into())]),
            Reply::Silence => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                (200, JSON, Vec::new())
            }
        };
        let stream = futures(parts);
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Ok(response.body(BodyExt::boxed(stream)).unwrap())
    }
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

type Parts = std::vec::IntoIter<io::Result<String>>;

/// A body in parts: a failure that is a time-out comes late, others soon.
fn futures(parts: Vec<io::Result<String>>) -> impl hyper::body::Body<Data = Bytes, Error = io::Error> + Send + Sync {
    struct Steps(Parts, Option<(std::pin::Pin<Box<tokio::time::Sleep>>, io::ErrorKind)>);
    impl hyper::body::Body for Steps {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            use std::task::Poll;
            if let Some((sleep, kind)) = &mut self.1 {
                return sleep.as_mut().poll(context).map(|()| Some(Err((*kind).into())));
            }
            match self.0.next() {
                None => Poll::Ready(None),
                Some(Ok(text)) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(text))))),
                // What came before it is to be on its way first.
                Some(Err(error)) => {
                    let pause = if error.kind() == io::ErrorKind::TimedOut { 60_000 } else { 200 };
                    self.1 = Some((Box::pin(tokio::time::sleep(Duration::from_millis(pause))), error.kind()));
                    self.poll_frame(context)
                }
            }
        }
    }
    Steps(parts.into_iter(), None)
}

/// Two objects from where the token says.
fn page(kind: &str, items: &[Value], query: &str) -> String {
    let from = query.split('&').find_map(|pair| pair.strip_prefix("continue=from-")).map_or(0, |at| at.parse().unwrap());
    let to = items.len().min(from + 2);
    let next = if to < items.len() { format!("from-{to}") } else { String::new() };
    let items: Vec<String> = items[from..to].iter().map(Value::to_string).collect();
    format!(
        r#"{{"kind":"{kind}List","apiVersion":"v1","metadata":{{"resourceVersion":"1","continue":"{next}"}},"items":[{}]}}"#,
        items.join(",")
    )
}

/// A server that runs.
pub(super) struct Running {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    logins: Arc<Mutex<Vec<Option<String>>>>,
}

impl Running {
    /// Every request so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Who asked, each request with its `Authorization`.
    pub(super) fn logins(&self) -> Vec<Option<String>> {
        self.logins.lock().unwrap().clone()
    }

    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

/// A kubeconfig with contexts of these names, clusters and users.
pub(super) fn kubeconfig(contexts: &[(&str, &str, &str)]) -> String {
    let list = |name: &str, line: &dyn Fn(&(&str, &str, &str)) -> String| {
        let lines: String = contexts.iter().map(line).collect();
        format!("{name}:\n{lines}")
    };
    let clusters = list("clusters", &|(name, cluster, _)| format!("- {{name: {name}, cluster: {{{cluster}}}}}\n"));
    let users = list("users", &|(name, _, user)| format!("- {{name: {name}, user: {{{user}}}}}\n"));
    let names = list("contexts", &|(name, ..)| format!("- {{name: {name}, context: {{cluster: {name}, user: {name}}}}}\n"));
    let current = contexts[0].0;
    format!("apiVersion: v1\nkind: Config\n{clusters}{users}{names}current-context: {current}\n")
}

/// The cluster of a server, with its CA.
pub(super) fn cluster(url: &str, ca: &Identity) -> String {
    format!("server: '{url}', certificate-authority-data: {}", STANDARD.encode(ca.pem()))
}

/// A directory for kubeconfigs.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new(kubeconfig: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.file("config", kubeconfig);
        home
    }

    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs kcert with this kubeconfig, and JSON out.
    pub(super) fn run(&self, arguments: &[&str]) -> Run {
        let config = self.0.path().join("config");
        let named = ["--kubeconfig", config.to_str().unwrap()];
        let format: &[&str] = if arguments.contains(&"-o") { &[] } else { &["-o", "json"] };
        self.run_with(&[arguments, &named, format].concat(), &[])
    }

    pub(super) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_kcert"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", "/usr/bin:/bin")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
        assert!(!out.contains(TOKEN) && !err.contains(TOKEN), "a secret in: {out}{err}");
        Run { code: output.status.code().unwrap(), out, err, took: begun.elapsed() }
    }
}

/// A run of kcert.
pub(super) struct Run {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
    pub(super) took: Duration,
}

impl Run {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    /// Names of the certificates found.
    pub(super) fn subjects(&self) -> Vec<String> {
        let json = self.json();
        let certificates = json["certificates"].as_array().unwrap();
        certificates.iter().map(|certificate| certificate["subject"].as_str().unwrap().to_owned()).collect()
    }

    /// `code: message` of the findings about what could not be read.
    pub(super) fn unread(&self) -> Vec<String> {
        let json = self.json();
        let findings = json["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "unknown");
        findings.map(|it| format!("{}: {}", it["code"].as_str().unwrap(), it["message"].as_str().unwrap())).collect()
    }
}
