//! The demo's servers: real TLS on loopback, as long as they are looked at. An API server that serves its certificate and, by SNI, a
//! loopback certificate that has ended; etcd, which demands client certificates; a kubelet that serves what was there before its file was
//! renewed.

use super::Error;
use super::cluster::{NODE, Site};
use super::files::Entry;
use super::kubeadm::HOST;
use crate::mint::{Identity, Pki};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// Ports of loopback that are taken before the cluster is made, for its kubeconfig names one.
pub(super) struct Sockets {
    api_server: TcpListener,
    etcd: TcpListener,
    kubelet: TcpListener,
}

impl Sockets {
    /// Takes three free ports.
    pub(super) fn bind() -> io::Result<Self> {
        let bind = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            io::Result::Ok(listener)
        };
        Ok(Self { api_server: bind()?, etcd: bind()?, kubelet: bind()? })
    }

    /// Where that is.
    pub(super) fn site(&self) -> Site {
        Site { address: Ipv4Addr::LOCALHOST, api_server: port(&self.api_server), etcd: port(&self.etcd) }
    }
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// The servers. They stop when this goes.
#[derive(Debug)]
pub struct Servers {
    /// The port of the API server.
    pub api_server: u16,
    /// The port of etcd.
    pub etcd: u16,
    /// The port of the kubelet.
    pub kubelet: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Servers {
    /// Starts them with the certificates of the cluster's files.
    pub(super) fn start(sockets: Sockets, pki: Pki, entries: &[Entry]) -> Result<Self, Error> {
        let cluster_ca = certificates(entries, "etc/kubernetes/pki/ca.crt")?;
        let etcd_ca = certificates(entries, "etc/kubernetes/pki/etcd/ca.crt")?;
        let by_name = ByName { usual: pair(entries, "etc/kubernetes/pki/apiserver")?, loopback: Arc::new(loopback(pki)?) };
        let etcd = pair(entries, "etc/kubernetes/pki/etcd/server")?;
        // Twenty days to go: its file was renewed since, and nobody restarted the kubelet.
        let old = pki.leaf(HOST).server().dns(HOST).ends_in(Duration::days(20)).self_signed().map_err(Error::Mint)?;
        let configs = [
            (sockets.api_server, config(Arc::new(by_name), &cluster_ca, Clients::Welcome)?, Speaks::Http),
            (sockets.etcd, config(Arc::new(Same(etcd)), &etcd_ca, Clients::Demanded)?, Speaks::Nothing),
            (
                sockets.kubelet,
                config(Arc::new(Same(Arc::new(certified(&old)?))), &cluster_ca, Clients::Welcome)?,
                Speaks::Nothing,
            ),
        ];
        let ports = [&configs[0], &configs[1], &configs[2]].map(|(listener, _, _)| port(listener));
        let (stop, stopped) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Serve)?;
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                for (listener, config, speaks) in configs {
                    tokio::spawn(serve(listener, TlsAcceptor::from(config), speaks));
                }
                // An error means that whoever could stop us is gone.
                drop(stopped.await);
            });
        });
        let [api_server, etcd, kubelet] = ports;
        Ok(Self { api_server, etcd, kubelet, stop: Some(stop), thread: Some(thread) })
    }

    /// Every server: what it is, and its port on 127.0.0.1.
    #[must_use]
    pub fn endpoints(&self) -> [(&'static str, u16); 3] {
        [("kube-apiserver", self.api_server), ("etcd", self.etcd), ("kubelet", self.kubelet)]
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of theirs has been printed; the demo ends all the same.
            drop(thread.join());
        }
    }
}

/// What a server does once the handshake is done.
#[derive(Clone, Copy)]
enum Speaks {
    /// Answers requests as an API server.
    Http,
    /// Waits for the client to go.
    Nothing,
}

/// Whether a server wants client certificates.
#[derive(Clone, Copy)]
enum Clients {
    /// It takes them.
    Welcome,
    /// It refuses whoever has none.
    Demanded,
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, speaks: Speaks) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            // Whoever breaks off has seen enough.
            match speaks {
                Speaks::Http => drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await),
                Speaks::Nothing => drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await),
            }
        });
    }
}

/// What the demo's API server says it is.
const VERSION: &str = r#"{"major":"1","minor":"32","gitVersion":"v1.32.4","goVersion":"go1.23.8","platform":"linux/amd64"}"#;
/// What it says to everything else.
const FORBIDDEN: &str = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"this demo has nothing there","reason":"Forbidden","code":403}"#;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = if request.uri().path() == "/version" { (200, VERSION) } else { (403, FORBIDDEN) };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    Ok(response)
}

fn config(
    resolver: Arc<dyn ResolvesServerCert>,
    cas: &[CertificateDer<'static>],
    clients: Clients,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(cas.iter().cloned());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = match clients {
        Clients::Welcome => verifier.allow_unauthenticated(),
        Clients::Demanded => verifier,
    };
    let verifier = verifier.build().map_err(other)?;
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(other)?;
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn other(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Serve(io::Error::other(cause))
}

/// One certificate, whatever name is asked for.
#[derive(Debug)]
struct Same(Arc<CertifiedKey>);

impl ResolvesServerCert for Same {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// The API server's two certificates.
#[derive(Debug)]
struct ByName {
    usual: Arc<CertifiedKey>,
    loopback: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let own = hello.server_name() == Some(crate::model::LOOPBACK_NAME);
        Some(Arc::clone(if own { &self.loopback } else { &self.usual }))
    }
}

/// A loopback pair of a process that was started 367 days ago, by the recipe of kubernetes/apiserver.
fn loopback(pki: Pki) -> Result<CertifiedKey, Error> {
    let name = crate::model::LOOPBACK_NAME;
    let begun = pki.now() - Duration::days(367);
    let (from, to) = (begun - Duration::HOUR, begun - Duration::HOUR + Duration::days(365));
    let stamp = begun.unix_timestamp();
    let ca = pki.ca(&format!("{name}-ca@{stamp}")).valid(from, to).self_signed().map_err(Error::Mint)?;
    let leaf = pki.leaf(&format!("{name}@{stamp}")).server().dns(name).valid(from, to).issued_by(&ca).map_err(Error::Mint)?;
    let mut certified = certified(&leaf)?;
    certified.cert.push(CertificateDer::from(ca.der().to_vec()));
    Ok(certified)
}

fn certified(identity: &Identity) -> Result<CertifiedKey, Error> {
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_str().as_bytes()).map_err(other)?;
    Ok(CertifiedKey::new(vec![CertificateDer::from(identity.der().to_vec())], any_supported_type(&key).map_err(other)?))
}

/// Certificate and key of the cluster's files.
fn pair(entries: &[Entry], stem: &str) -> Result<Arc<CertifiedKey>, Error> {
    let chain = certificates(entries, &format!("{stem}.crt"))?;
    let key = PrivateKeyDer::from_pem_slice(contents(entries, &format!("{stem}.key"))?).map_err(other)?;
    Ok(Arc::new(CertifiedKey::new(chain, any_supported_type(&key).map_err(other)?)))
}

fn certificates(entries: &[Entry], path: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_slice_iter(contents(entries, path)?).collect::<Result<_, _>>().map_err(other)
}

fn contents<'e>(entries: &'e [Entry], path: &str) -> Result<&'e [u8], Error> {
    let path = format!("{NODE}/{path}");
    let found = entries.iter().find_map(|entry| match entry {
        Entry::File { path: known, contents, .. } if *known == path => Some(contents.as_slice()),
        _ => None,
    });
    found.ok_or_else(|| Error::Serve(io::Error::other(format!("{path} is not in the demo"))))
}
