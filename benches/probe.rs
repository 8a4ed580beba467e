//! Handshakes beside tokio-rustls: `cargo bench --bench probe`.
//!
//! A rustls server with an ECDSA certificate on threads of its own, 64 connections in flight, TLS 1.3 over loopback. What is measured is
//! the CPU time of the client's thread (Linux: /proc/thread-self/schedstat), system calls included, and the wall clock. The peer is
//! tokio-rustls used as a client would use it: a fresh connection each, the chain verified by rustls. kcert does more (it decodes and
//! keeps the chain) and less (it verifies nothing); the ratio is taken in the same run.

use kcert::decode::{Decoder, Limits};
use kcert::mint::{Identity, Pki};
use kcert::model::Inventory;
use kcert::probe::{Dial, Endpoint, Options, probe};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::error::Error;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Handshakes of each run; the best of the runs counts.
const HANDSHAKES: u32 = 2_000;
const RUNS: usize = 5;
const IN_FLIGHT: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let pki = Pki::at(OffsetDateTime::now_utc());
    let root = pki.ca("root").self_signed()?;
    let leaf = pki.leaf("server").server().dns("localhost").ip(Ipv4Addr::LOCALHOST).issued_by(&root)?;
    let address = serve(&leaf)?;

    let mut out = std::io::stdout();
    let peer = best(|| tokio_rustls(address, &root))?;
    let ours = best(|| kcert(address))?;
    for (name, cost) in [("tokio-rustls", &peer), ("kcert probe", &ours)] {
        let each = cost.cpu.as_secs_f64() * 1e6 / f64::from(HANDSHAKES);
        let rate = f64::from(HANDSHAKES) / cost.wall.as_secs_f64();
        writeln!(out, "{name:14} {each:>8.1} µs of CPU a handshake   {rate:>8.0} handshakes a second")?;
    }
    writeln!(out, "ratio of CPU   {:>8.2}", ours.cpu.as_secs_f64() / peer.cpu.as_secs_f64())?;
    writeln!(out, "one probe      {:>8.0} µs from start to end", single(address)?.as_secs_f64() * 1e6)?;
    Ok(())
}

struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn best(mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Cost, Box<dyn Error>> {
    let mut best: Option<Cost> = None;
    for _ in 0..RUNS {
        let (cpu, wall) = (cpu_of_this_thread()?, Instant::now());
        run()?;
        let cost = Cost { cpu: cpu_of_this_thread()?.saturating_sub(cpu), wall: wall.elapsed() };
        if best.as_ref().is_none_or(|best| cost.cpu < best.cpu) {
            best = Some(cost);
        }
    }
    best.ok_or_else(|| "no run".into())
}

/// Nanoseconds on a processor: the first number of schedstat (Documentation/scheduler/sched-stats.rst).
fn cpu_of_this_thread() -> Result<Duration, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn kcert(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let dial = || Dial::new(Endpoint { host: address.ip().to_string().into(), port: address.port() });
    let mut inventory = Inventory::default();
    let options = Options { jobs: IN_FLIGHT, ..Options::new(OffsetDateTime::now_utc) };
    let dials = (0..HANDSHAKES).map(|_| dial());
    probe(dials, &options, &Decoder::new(Limits::default()), &mut inventory, &mut || {})?;
    let good = inventory.peers.iter().filter(|peer| peer.session.is_some()).count();
    if u32::try_from(good) == Ok(HANDSHAKES) { Ok(()) } else { Err(format!("{good} of {HANDSHAKES}").into()) }
}

fn single(address: SocketAddr) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let mut inventory = Inventory::default();
        let dial = Dial::new(Endpoint { host: address.ip().to_string().into(), port: address.port() });
        let (decoder, options) = (Decoder::new(Limits::default()), Options::new(OffsetDateTime::now_utc));
        let start = Instant::now();
        probe([dial], &options, &decoder, &mut inventory, &mut || {})?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn tokio_rustls(address: SocketAddr, root: &Identity) -> Result<(), Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.der().to_vec()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut flights: JoinSet<Result<(), std::io::Error>> = JoinSet::new();
        for _ in 0..HANDSHAKES {
            if flights.len() >= IN_FLIGHT {
                flights.join_next().await.transpose()?.transpose()?;
            }
            let connector = connector.clone();
            flights.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                connector.connect(ServerName::from(address.ip()), stream).await.map(drop)
            });
        }
        while let Some(done) = flights.join_next().await {
            done??;
        }
        Ok(())
    })
}

/// A server that shakes hands and waits for its client to go, on one thread: the other processor is the client's.
fn serve(leaf: &Identity) -> Result<SocketAddr, Box<dyn Error>> {
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem().as_str().as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key)?;
    config.send_tls13_tickets = 0;
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
                    }
                });
            }
        });
    });
    Ok(address)
}
