//! HTTP proxies: a tunnel by `CONNECT` (RFC 9110 section 9.3.6).

use super::Endpoint;
use super::fault::Fault;
use crate::decode::Secret;
use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::fmt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// An HTTP proxy. Its password has no Debug.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Secret>,
}

/// A URL that is no HTTP proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAProxy {
    /// Another scheme than `http`.
    Scheme,
    /// No host.
    Host,
}

impl fmt::Display for NotAProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "only proxies that are asked by plain HTTP are spoken to (http://HOST:PORT)",
            Self::Host => "the URL of the proxy names no host",
        })
    }
}

impl std::error::Error for NotAProxy {}

/// The port of `http://` (RFC 9110 section 4.2.1).
const HTTP: u16 = 80;
/// The longest head of a proxy's reply that is read.
const MOST: usize = 16 << 10;

impl Proxy {
    /// Reads `http://[USER:PASSWORD@]HOST[:PORT]`, or `HOST:PORT`.
    ///
    /// # Errors
    /// Another scheme, no host.
    pub fn parse(url: &str) -> Result<Self, NotAProxy> {
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return Err(NotAProxy::Scheme),
            None => url,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let endpoint = Endpoint::parse_with(host, HTTP).map_err(|_| NotAProxy::Host)?;
        Ok(Self { endpoint, authorization: user.map(|user| Secret::basic(&percent_decoded(user))) })
    }

    /// The proxy for an endpoint by the values of `HTTPS_PROXY` and `NO_PROXY`, if there is one. This machine itself is never reached through
    /// a proxy (golang.org/x/net/http/httpproxy, which kubectl goes by).
    ///
    /// # Errors
    /// A proxy that is asked by something else than plain HTTP.
    pub fn of_environment(https_proxy: &str, no_proxy: &str, to: &Endpoint) -> Result<Option<Self>, NotAProxy> {
        if is_meant(https_proxy, no_proxy, to) { Self::parse(https_proxy).map(Some) } else { Ok(None) }
    }

    /// Asks for a tunnel.
    pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S, to: &Endpoint) -> Result<(), Fault> {
        let mut request = Zeroizing::new(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes());
        if let Some(authorization) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).await?;
        status(&head(stream).await?)
    }
}

/// Whether an endpoint is reached through the proxy that `HTTPS_PROXY` names, whatever it speaks: not if `NO_PROXY` excepts it, nor if it is
/// on this machine.
#[must_use]
pub fn is_meant(https_proxy: &str, no_proxy: &str, to: &Endpoint) -> bool {
    let is_here = to.address().map_or(&*to.host == "localhost", |address| address.is_loopback());
    let uri = format!("https://{to}/").parse::<Uri>();
    let rules = Matcher::builder().https(https_proxy).no(no_proxy).build();
    !is_here && uri.is_ok_and(|uri| rules.intercept(&uri).is_some())
}

/// The head of a reply, byte by byte: what follows it belongs to the tunnel.
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Fault> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MOST {
            return Err(Fault::protocol("the proxy's reply has no end"));
        }
        head.push(stream.read_u8().await?);
        if head.len() == 5 && !head.starts_with(b"HTTP/") {
            return Err(Fault::protocol("the proxy does not speak HTTP"));
        }
    }
    Ok(head)
}

fn status(head: &[u8]) -> Result<(), Fault> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    match line.split_whitespace().nth(1).and_then(|code| code.parse::<u16>().ok()) {
        Some(200..300) => Ok(()),
        Some(407) => Err(Fault::protocol("the proxy wants a user and a password")),
        _ => Err(Fault::protocol(format!("the proxy refuses: {}", line.chars().take(80).collect::<String>()))),
    }
}

/// User and password stand percent-encoded in a URL (RFC 3986 section 2.1).
fn percent_decoded(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// What is asked, and what comes of the reply.
    fn ask(url: &str, reply: &'static [u8]) -> (String, Result<(), Box<str>>) {
        run(async {
            let (mut near, mut far) = tokio::io::duplex(1 << 16);
            far.write_all(reply).await.unwrap();
            let opened = Proxy::parse(url).unwrap().open(&mut near, &Endpoint::parse("[::1]:6443").unwrap()).await;
            drop(near);
            let mut asked = String::new();
            far.read_to_string(&mut asked).await.unwrap();
            (asked, opened.map_err(|fault| fault.words()))
        })
    }

    #[test]
    fn a_tunnel_is_asked_for() {
        let (asked, opened) = ask("http://proxy:3128", b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n\x16");
        assert_eq!((asked.as_str(), opened), ("CONNECT [::1]:6443 HTTP/1.1\r\nHost: [::1]:6443\r\n\r\n", Ok(())));
        let (asked, _) = ask("http://me:p%40ss@proxy", b"HTTP/1.1 200 OK\r\n\r\n");
        assert!(asked.contains("Proxy-Authorization: Basic bWU6cEBzcw==\r\n"), "{asked}");
    }

    #[test]
    fn refusals_are_in_plain_words() {
        for (reply, words) in [
            (&b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..], "the proxy wants a user and a password"),
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy refuses: HTTP/1.1 403 Forbidden"),
            (b"SSH-2.0-x", "the proxy does not speak HTTP"),
        ] {
            assert_eq!(ask("proxy:1", reply).1, Err(words.into()));
        }
        let endless: &'static [u8] = vec![b'x'; MOST + 100].leak();
        let endless: &'static [u8] = [b"HTTP/1.1 ", endless].concat().leak();
        assert_eq!(ask("proxy:1", endless).1, Err("the proxy's reply has no end".into()));
    }

    #[test]
    fn the_environment_names_proxies_and_exceptions() {
        let chosen = |no_proxy: &str, to: &str| {
            let proxy = Proxy::of_environment("http://proxy:3128", no_proxy, &Endpoint::parse(to).unwrap());
            proxy.unwrap().map(|proxy| proxy.endpoint.to_string())
        };
        assert_eq!(chosen("", "10.0.0.1:6443").as_deref(), Some("proxy:3128"));
        for (no_proxy, to) in [
            ("10.0.0.0/8", "10.0.0.1:6443"),
            (".example", "k8s.example:443"),
            ("*", "a:1"),
            ("", "127.0.0.1:1"),
            ("", "localhost:1"),
        ] {
            assert_eq!(chosen(no_proxy, to), None, "{no_proxy} {to}");
        }
        assert!(Proxy::of_environment("", "", &Endpoint::parse("a:1").unwrap()).unwrap().is_none());
        assert!(Proxy::of_environment("socks5://p:1", "", &Endpoint::parse("a:1").unwrap()).is_err());
    }

    #[test]
    fn urls_of_proxies() {
        assert_eq!(Proxy::parse("http://proxy").unwrap().endpoint.to_string(), "proxy:80");
        assert_eq!(Proxy::parse("socks5://proxy:1080").unwrap_err(), NotAProxy::Scheme);
        assert_eq!(Proxy::parse("http://").unwrap_err(), NotAProxy::Host);
        assert!(!format!("{:?}", Proxy::parse("http://me:SECRET@proxy").unwrap()).contains("SECRET"));
    }
}
