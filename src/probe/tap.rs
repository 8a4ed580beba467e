//! A connection that remembers how it began and ends when too much comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes at the beginning that are kept: enough to name a protocol, and for a whole ServerHello up to its cipher suite.
const HEAD: usize = 128;

/// Bytes that are taken from one connection: a handshake with the largest certificate message that rustls reads, the reply of an API
/// server, and room for many session tickets.
const MOST: usize = 2 << 20;

/// The connection.
pub(super) struct Tap<S> {
    stream: S,
    head: Vec<u8>,
    taken: usize,
}

impl<S> Tap<S> {
    /// Around a fresh connection.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, head: Vec::new(), taken: 0 }
    }

    /// The first bytes that came.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken > MOST {
            return Poll::Ready(Err(io::Error::other("more data than a handshake can need")));
        }
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        self.taken = self.taken.saturating_add(fresh.len());
        let room = HEAD.saturating_sub(self.head.len());
        self.head.extend(fresh.iter().take(room));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// What a server seems to speak instead of TLS, by its first bytes; `None` if they are a TLS record.
pub(super) fn protocol(head: &[u8]) -> Option<Box<str>> {
    const BEGINNINGS: &[(&[u8], &str)] = &[
        (b"HTTP/", "plain HTTP"),
        (b"<", "plain HTTP or XML"),
        (b"SSH-", "SSH"),
        (b"220", "SMTP or FTP (--starttls smtp, --starttls ftp)"),
        (b"* OK", "IMAP (--starttls imap)"),
        (b"* PREAUTH", "IMAP (--starttls imap)"),
        (b"+OK", "POP3 (--starttls pop3)"),
        (b"-ERR", "plain text, such as Redis or POP3"),
        (b"ERR", "plain text"),
        (b"RFB ", "VNC"),
        (b"AMQP", "plain AMQP"),
        (b"PRI * HTTP/2", "plain HTTP/2"),
        (b"\0\0", "plain HTTP/2 or another binary protocol"),
    ];
    let first = *head.first()?;
    // RFC 8446 section 5.1: a content type (change_cipher_spec to heartbeat), then 3 and a minor version.
    let is_record = (20..=24).contains(&first) && head.get(1).is_none_or(|major| *major == 3);
    if is_record {
        return None;
    }
    // MySQL's greeting: a length of three bytes, number 0, protocol version 10 or an error.
    let is_mysql = matches!(head, [_, 0, 0, 0, 10 | 0xff, ..]);
    let known = BEGINNINGS.iter().find(|(beginning, _)| head.starts_with(beginning)).map(|(_, name)| *name);
    let named = if is_mysql { Some("MySQL (--starttls mysql)") } else { known };
    Some(named.map_or_else(|| quoted(head), Box::from))
}

/// The beginning of something unknown: its text, else its bytes.
fn quoted(head: &[u8]) -> Box<str> {
    const SHOWN: usize = 16;
    let shown = head.get(..SHOWN).unwrap_or(head);
    match std::str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => format!("it begins with {text:?}").into(),
        _ => format!("it begins with the bytes {}", crate::model::digest::Hex(shown)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[test]
    fn protocols_are_told_by_their_beginning() {
        assert_eq!(protocol(b""), None);
        assert_eq!(protocol(&[22, 3, 1, 0, 5]), None);
        assert_eq!(protocol(&[21, 3, 3, 0, 2]), None);
        assert_eq!(protocol(b"HTTP/1.1 400 Bad Request").as_deref(), Some("plain HTTP"));
        assert_eq!(protocol(b"SSH-2.0-OpenSSH_9").as_deref(), Some("SSH"));
        assert_eq!(protocol(b"J\0\0\0\x0a8.0.36").as_deref(), Some("MySQL (--starttls mysql)"));
        assert_eq!(protocol(b"hello world, this is long").as_deref(), Some("it begins with \"hello world, thi\""));
        assert_eq!(protocol(&[22, 9, 9]).as_deref(), Some("it begins with the bytes 160909"));
    }

    #[test]
    fn too_much_ends_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut tap = Tap::new(tokio::io::repeat(b'x'));
        let read = runtime.block_on(async { tap.read_to_end(&mut Vec::new()).await });
        assert!(read.is_err() && tap.head() == [b'x'; HEAD]);
    }
}
