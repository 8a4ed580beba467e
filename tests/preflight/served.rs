//! An API server on loopback that serves what a scenario says, beside the files of its host.

use super::cluster::{Cluster, days, pki};
use super::harness::{Report, Scenario};
use super::kubeadm::with_pods;
use kcert::mint::{Identity, Recipe};
use rustls::crypto::aws_lc_rs::{self, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// What the API server serves, in recipes.
#[derive(Clone, Copy)]
pub(crate) struct Served {
    /// To everybody, from the recipe of the file's certificate, unless it serves the file.
    pub(crate) presented: Option<fn(Recipe) -> Recipe>,
    /// To itself, from a recipe of a year.
    pub(crate) loopback: fn(Recipe) -> Recipe,
}

impl Served {
    /// A server that was restarted since the renewal, and lately.
    pub(crate) fn sound() -> Self {
        Self { presented: None, loopback: |recipe| days(recipe, 300) }
    }

    /// Plays a host with static pods and this server.
    pub(crate) fn judge(self, expected: &Scenario) {
        let report = self.report(&cluster(), "apiserver");
        let wrong = expected.judge(&report);
        assert!(wrong.is_empty(), "{}\n{:#}", wrong.join("\n"), report.json["findings"]);
    }

    /// What is said of a cluster and this server, whose file has the label.
    pub(crate) fn report(self, cluster: &Cluster, label: &str) -> Report {
        let site = cluster.build();
        let (file, ca) = (site.made(label), site.made("ca"));
        let presented = self.presented.map_or_else(|| file.clone(), |twist| twist(file.recipe()).issued_by(ca).unwrap());
        let own_ca = pki().ca("apiserver-loopback-client-ca@1790000000").self_signed().unwrap();
        let own = pki().leaf("apiserver-loopback-client@1790000000").server().dns("apiserver-loopback-client");
        let own = (self.loopback)(own).issued_by(&own_ca).unwrap();
        let server = Server { usual: certified(&[&presented], &presented), own: certified(&[&own, &own_ca], &own) };
        let address = server.start();
        Report::of(&site, &[&address]).unwrap()
    }
}

fn cluster() -> Cluster {
    with_pods().twist("apiserver", |leaf| leaf.ip([127, 0, 0, 1]))
}

#[derive(Debug)]
struct Server {
    usual: Arc<CertifiedKey>,
    own: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Server {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_loopback = hello.server_name() == Some("apiserver-loopback-client");
        Some(Arc::clone(if is_loopback { &self.own } else { &self.usual }))
    }
}

impl Server {
    /// Serves until the test ends; the address.
    fn start(self) -> String {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_cert_resolver(Arc::new(self)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                std::thread::spawn(move || answer(stream, config));
            }
        });
        address
    }
}

/// One visitor: anonymous requests are refused, as API servers do.
fn answer(mut stream: TcpStream, config: Arc<ServerConfig>) {
    let Ok(mut connection) = ServerConnection::new(config) else { return };
    let mut tls = rustls::Stream::new(&mut connection, &mut stream);
    let mut request = [0; 4096];
    if tls.read(&mut request).is_ok_and(|count| count > 0) {
        let reply = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        drop(tls.write_all(reply));
        connection.send_close_notify();
        drop(connection.complete_io(&mut stream));
    }
}

fn certified(chain: &[&Identity], key: &Identity) -> Arc<CertifiedKey> {
    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let key = PrivateKeyDer::from_pem_slice(key.key_pem().as_str().as_bytes()).unwrap();
    Arc::new(CertifiedKey::new(chain, any_supported_type(&key).unwrap()))
}
