//! From an endpoint to a connection: addresses, TCP, HTTP proxies.

use super::dial::{Dial, Family};
use super::fault::Fault;
use super::proxy::Proxy;
use super::run::Options;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpStream, lookup_host};

/// Addresses of one name that are dialled. Public load balancers have up to eight; a hostile name server can answer with thousands.
const MOST_ADDRESSES: usize = 32;

/// Every address of an endpoint's host, those given by hand before the resolver's.
pub(super) async fn addresses(dial: &Dial, options: &Options) -> Result<Vec<SocketAddr>, Fault> {
    let (host, port) = (&*dial.endpoint.host, dial.endpoint.port);
    let given: Vec<IpAddr> =
        options.overrides.iter().filter(|(name, _)| name.eq_ignore_ascii_case(host)).map(|(_, address)| *address).collect();
    let all: Vec<SocketAddr> = match dial.endpoint.address() {
        _ if !given.is_empty() => given.into_iter().map(|address| SocketAddr::new(address, port)).collect(),
        Some(address) => vec![SocketAddr::new(address, port)],
        None => lookup_host((host, port)).await.map_err(|error| unresolved(&error))?.collect(),
    };
    let mut seen = HashSet::new();
    let wanted = |address: &SocketAddr| options.family.is_none_or(|family| family.has(address.ip()));
    let found: Vec<SocketAddr> =
        all.into_iter().filter(wanted).filter(|address| seen.insert(*address)).take(MOST_ADDRESSES).collect();
    match (found.is_empty(), options.family) {
        (false, _) => Ok(found),
        (true, Some(Family::V4)) => Err(Fault::protocol("the name has no IPv4 address")),
        (true, Some(Family::V6)) => Err(Fault::protocol("the name has no IPv6 address")),
        (true, None) => Err(Fault::protocol("the name has no address")),
    }
}

/// Resolvers' errors are a number and a phrase; the phrase is enough.
fn unresolved(error: &std::io::Error) -> Fault {
    let text = error.to_string();
    let phrase = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    Fault::protocol(phrase.to_lowercase())
}

/// A TCP connection to an address.
pub(super) async fn tcp(address: SocketAddr) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(address).await?;
    // A handshake is a few small packets, each answering the last: none must wait for more.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A TCP connection to an HTTP proxy, which has connected it to the endpoint.
pub(super) async fn through(proxy: &Proxy, dial: &Dial) -> Result<TcpStream, Fault> {
    let mut stream = TcpStream::connect((&*proxy.endpoint.host, proxy.endpoint.port)).await?;
    stream.set_nodelay(true)?;
    proxy.open(&mut stream, &dial.endpoint).await?;
    Ok(stream)
}
