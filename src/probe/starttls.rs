//! Plain protocols that change to TLS on request.
//!
//! Rule: nothing is sent but what the change needs, and nothing is read but the replies to it: byte by byte, or by a length the
//! protocol states, so that not one byte of the TLS that follows is swallowed. Plain text that somebody slips in behind the last
//! reply (CVE-2021-23222) therefore meets the TLS handshake, which fails on it. Every read is bounded; time is the caller's.

use super::fault::Fault;
use crate::der::{self, ENUMERATED, INTEGER, OCTET_STRING, Problem, Reader, SEQUENCE};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Bytes of a line. RFC 5321 section 4.5.3.1.5 allows 512; capabilities in IMAP greetings get longer.
const LONGEST_LINE: usize = 2048;
/// Lines of a reply: real ones have a dozen, banners of FTP servers some more.
const MOST_LINES: usize = 100;
/// Bytes of a MySQL greeting or error: real ones stay below 1 KiB. Text, and TLS records as well, read as larger lengths.
const LONGEST_PACKET: usize = 64 * 1024;
/// Bytes of an LDAP reply: a result code and a sentence.
const LONGEST_MESSAGE: usize = 16 * 1024;
/// Characters of a reply that are worth repeating.
const LONGEST_QUOTE: usize = 160;

/// PostgreSQL's SSLRequest: its length and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// MySQL's greeting of protocol version 10, the only one that knows TLS.
const HANDSHAKE_V10: u8 = 10;
/// MySQL's ERR_Packet, which may come in place of the greeting.
const ERR_PACKET: u8 = 0xff;
/// MySQL's capability flag for TLS.
const CLIENT_SSL: u16 = 0x0800;
/// What every client since MySQL 4.1 says with it: CLIENT_LONG_PASSWORD, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION.
const CLIENT_FLAGS: u32 = 0x8a01;
/// The usual largest packet of a client, 16 MiB.
const MAX_PACKET: u32 = 0x0100_0000;
/// utf8_general_ci, which all servers know.
const CHARACTER_SET: u8 = 33;

/// LDAPMessage 1 with an ExtendedRequest (RFC 4511 section 4.12), up to its OID: SEQUENCE, INTEGER, `[APPLICATION 23]`, `[0]`.
const EXTENDED_REQUEST: [u8; 9] = [0x30, 29, 0x02, 1, 1, 0x77, 24, 0x80, 22];
/// The name of the StartTLS operation (RFC 4511 section 4.14.1).
const START_TLS_OID: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// ExtendedResponse: `[APPLICATION 24]`, constructed.
const EXTENDED_RESPONSE: u8 = 0x78;

/// A protocol that is spoken in plain before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    /// PostgreSQL: SSLRequest (PostgreSQL documentation, "Message Flow", section "SSL Session Encryption").
    Postgres,
    /// MySQL and MariaDB: `Protocol::SSLRequest` in the reply to the greeting (MySQL Internals, "Connection Phase").
    Mysql,
    /// SMTP: STARTTLS (RFC 3207).
    Smtp,
    /// IMAP: STARTTLS (RFC 9051 section 6.2.1; RFC 3501 has it in the same place).
    Imap,
    /// POP3: STLS (RFC 2595 section 4).
    Pop3,
    /// FTP: AUTH TLS (RFC 4217 section 4).
    Ftp,
    /// LDAP: the extended operation StartTLS (RFC 4511 section 4.14).
    Ldap,
}

impl StartTls {
    /// Brings the other side to the point where it waits for a ClientHello.
    pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(self, stream: &mut S) -> Result<(), Fault> {
        let talk = Talk { stream, protocol: self.name() };
        match self {
            Self::Postgres => talk.postgres().await,
            Self::Mysql => talk.mysql().await,
            Self::Smtp => talk.smtp().await,
            Self::Imap => talk.imap().await,
            Self::Pop3 => talk.pop3().await,
            Self::Ftp => talk.ftp().await,
            Self::Ldap => talk.ldap().await,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Ftp => "FTP",
            Self::Ldap => "LDAP",
        }
    }
}

/// A conversation in plain.
struct Talk<'a, S> {
    stream: &'a mut S,
    protocol: &'static str,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    /// The text of an error is left alone, as PostgreSQL's documentation asks since CVE-2024-10977: nobody vouches for it yet.
    async fn postgres(mut self) -> Result<(), Fault> {
        self.say(&SSL_REQUEST).await?;
        match self.stream.read_u8().await? {
            b'S' => Ok(()),
            b'N' => Err(not_offered()),
            b'E' => Err(Fault::protocol("the server answers the request for TLS with an error message")),
            other => Err(self.foreign_start(&[other]).await),
        }
    }

    /// The kind of the packet is looked at before the rest is waited for, which may never come from something that is not MySQL.
    async fn mysql(mut self) -> Result<(), Fault> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).await?;
        let [low, middle, high, sequence, kind] = head;
        let length = number(&[high, middle, low]);
        if !(1..=LONGEST_PACKET).contains(&length) || !matches!(kind, HANDSHAKE_V10 | ERR_PACKET) {
            return Err(self.foreign_start(&head).await);
        }
        let packet = self.bytes(length - 1).await?;
        if kind == ERR_PACKET {
            return Err(refusal(mysql_message(&packet)));
        }
        let capabilities = mysql_capabilities(&packet).ok_or_else(|| Fault::protocol("the server's greeting ends early"))?;
        if capabilities & CLIENT_SSL == 0 {
            return Err(not_offered());
        }
        self.say(&mysql_request(sequence.wrapping_add(1))).await
    }

    /// `localhost` tells nothing of this host, and a name that does not fit is no reason to refuse (RFC 5321 section 4.1.4).
    async fn smtp(mut self) -> Result<(), Fault> {
        self.status(b"220").await?;
        self.say(b"EHLO localhost\r\n").await?;
        // The first line is the server's name (RFC 5321 section 4.1.1.1).
        if !self.status(b"250").await?.iter().skip(1).any(|line| begins(line.get(4..).unwrap_or_default(), b"STARTTLS")) {
            return Err(Fault::protocol("the server does not offer STARTTLS"));
        }
        self.say(b"STARTTLS\r\n").await?;
        self.status(b"220").await.map(drop)
    }

    /// No capabilities are asked for: the answer to STARTTLS itself says whether the server has it.
    async fn imap(mut self) -> Result<(), Fault> {
        match self.reply_line().await? {
            line if begins(&line, b"* OK") => {}
            // RFC 9051 section 6.2.1: valid only in the state "not authenticated".
            line if begins(&line, b"* PREAUTH") => {
                return Err(Fault::protocol(
                    "the server starts with an authenticated session (PREAUTH), which cannot change to TLS",
                ));
            }
            line if begins(&line, b"* BYE") => return Err(refusal(&line)),
            line => return Err(self.foreign(&line)),
        }
        self.say(b"a1 STARTTLS\r\n").await?;
        for _ in 0..MOST_LINES {
            match self.reply_line().await? {
                line if begins(&line, b"*") => {}
                line if begins(&line, b"a1 OK") => return Ok(()),
                line if begins(&line, b"a1") => return Err(refusal(&line)),
                line => return Err(self.foreign(&line)),
            }
        }
        Err(endless_reply())
    }

    async fn pop3(mut self) -> Result<(), Fault> {
        self.pop3_ok().await?;
        self.say(b"STLS\r\n").await?;
        self.pop3_ok().await
    }

    async fn pop3_ok(&mut self) -> Result<(), Fault> {
        match self.reply_line().await? {
            line if begins(&line, b"+OK") => Ok(()),
            line if begins(&line, b"-ERR") => Err(refusal(&line)),
            line => Err(self.foreign(&line)),
        }
    }

    async fn ftp(mut self) -> Result<(), Fault> {
        self.status(b"220").await?;
        self.say(b"AUTH TLS\r\n").await?;
        self.status(b"234").await.map(drop)
    }

    async fn ldap(mut self) -> Result<(), Fault> {
        self.say(&[&EXTENDED_REQUEST, START_TLS_OID].concat()).await?;
        let message = self.ldap_message().await?;
        match ldap_refusal(&message) {
            Ok(None) => Ok(()),
            Ok(Some(words)) => Err(Fault::protocol(format!("the server answers with the result code {words}"))),
            Err(fault) => Err(Fault::protocol(format!("the server's reply is no ExtendedResponse: {fault}"))),
        }
    }

    /// The contents of an LDAPMessage. Lengths are definite (RFC 4511 section 5.1); Active Directory writes them in four octets.
    async fn ldap_message(&mut self) -> Result<Vec<u8>, Fault> {
        match self.stream.read_u8().await? {
            SEQUENCE => {}
            other => return Err(self.foreign_start(&[other]).await),
        }
        let length = match self.stream.read_u8().await? {
            short @ 0..=0x7f => usize::from(short),
            long @ 0x81..=0x84 => number(&self.bytes(usize::from(long & 0x7f)).await?),
            _ => return Err(Fault::protocol("the length of the server's reply is not one of LDAP")),
        };
        if length > LONGEST_MESSAGE {
            return Err(Fault::protocol(format!("the server's reply has {length} bytes, more than {LONGEST_MESSAGE}")));
        }
        self.bytes(length).await
    }

    /// The lines of a reply with a three-digit code (RFC 5321 section 4.2, RFC 959 section 4.2), which has to be `code`. Between
    /// the first and the last, lines may be anything, as RFC 959 has it. A refusal is not read to its end: line one says it.
    async fn status(&mut self, code: &[u8; 3]) -> Result<Vec<Vec<u8>>, Fault> {
        let first = self.reply_line().await?;
        let [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9', rest @ ..] = first.as_slice() else { return Err(self.foreign(&first)) };
        let more = match rest {
            [] | [b' ', ..] => false,
            [b'-', ..] => true,
            _ => return Err(self.foreign(&first)),
        };
        if !first.starts_with(code) {
            return Err(refusal(&first));
        }
        let mut lines = vec![first];
        while more && !lines.iter().skip(1).next_back().is_some_and(|last| begins(last, code)) {
            if lines.len() == MOST_LINES {
                return Err(endless_reply());
            }
            lines.push(self.line(Vec::new()).await?);
        }
        Ok(lines)
    }

    /// A line that the protocol gives a form. Binary data shows in its first byte, and may never bring a line to its end.
    async fn reply_line(&mut self) -> Result<Vec<u8>, Fault> {
        match self.stream.read_u8().await? {
            first if first.is_ascii_graphic() => self.line(vec![first]).await,
            other => Err(self.foreign_start(&[other]).await),
        }
    }

    /// The rest of a line, without its end.
    async fn line(&mut self, mut line: Vec<u8>) -> Result<Vec<u8>, Fault> {
        while line.len() < LONGEST_LINE {
            match self.stream.read_u8().await? {
                b'\n' => {
                    line.pop_if(|last| *last == b'\r');
                    return Ok(line);
                }
                byte => line.push(byte),
            }
        }
        Err(Fault::protocol(format!("the server's reply has a line of more than {LONGEST_LINE} bytes")))
    }

    /// So many bytes; callers bound the number.
    async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Says what came instead, judged by as much of it as has arrived: waiting for more would turn a clear answer into a timeout.
    async fn foreign_start(&mut self, head: &[u8]) -> Fault {
        let mut space = [0; LONGEST_QUOTE];
        let mut rest = ReadBuf::new(&mut space);
        // Pending, closed or broken: the head has to do.
        poll_fn(|context| Poll::Ready(Pin::new(&mut *self.stream).poll_read(context, &mut rest).is_ready())).await;
        self.foreign(&[head, rest.filled()].concat())
    }

    fn foreign(&self, head: &[u8]) -> Fault {
        Fault::Foreign(format!("{} instead of {}", what(head), self.protocol).into())
    }
}

/// What an ExtendedResponse has against TLS (RFC 4511 sections 4.1.9 and 4.12). Message 0 is a Notice of Disconnection, which has
/// the same form (section 4.4.1).
fn ldap_refusal(message: &[u8]) -> Result<Option<String>, der::Fault> {
    let mut message = Reader::new(message);
    let id = message.take(INTEGER, "messageID")?.contents;
    let mut response = message.take(EXTENDED_RESPONSE, "extendedResp")?.children();
    let code = response.take(ENUMERATED, "resultCode")?.contents;
    response.take(OCTET_STRING, "matchedDN")?;
    let words = response.take(OCTET_STRING, "diagnosticMessage")?.contents;
    match (id, code) {
        ([1], [0]) => Ok(None),
        ([0 | 1], [_] | [_, _]) if words.is_empty() => Ok(Some(ldap_code(code))),
        ([0 | 1], [_] | [_, _]) => Ok(Some(format!("{}: {}", ldap_code(code), quote(words)))),
        _ => Err(Problem::Value.of("messageID or resultCode")),
    }
}

/// The codes that servers give when they have no certificate or no wish (RFC 4511 appendix A).
fn ldap_code(code: &[u8]) -> String {
    let name = match code {
        [1] => " (operationsError)",
        [2] => " (protocolError)",
        [10] => " (referral)",
        [51] => " (busy)",
        [52] => " (unavailable)",
        [53] => " (unwillingToPerform)",
        [80] => " (other)",
        _ => "",
    };
    format!("{}{name}", number(code))
}

/// The message of an ERR_Packet: behind a code, and behind `#` and five characters of SQLSTATE if the greeting is past.
fn mysql_message(packet: &[u8]) -> &[u8] {
    match packet {
        [_, _, b'#', _, _, _, _, _, message @ ..] | [_, _, message @ ..] => message,
        _ => packet,
    }
}

/// The lower half of the capabilities in a greeting, behind the server's version, the thread, a salt of eight bytes and a zero.
fn mysql_capabilities(packet: &[u8]) -> Option<u16> {
    let mut parts = packet.splitn(2, |byte| *byte == 0);
    let fixed = parts.nth(1)?;
    fixed.get(13..)?.first_chunk().copied().map(u16::from_le_bytes)
}

/// `Protocol::SSLRequest`: 32 bytes, 23 zeros of them at the end.
fn mysql_request(sequence: u8) -> Vec<u8> {
    let header = [32, 0, 0, sequence];
    [&header[..], &CLIENT_FLAGS.to_le_bytes(), &MAX_PACKET.to_le_bytes(), &[CHARACTER_SET], &[0; 23]].concat()
}

/// At most four octets as a number, the highest first.
fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |number, octet| number << 8 | usize::from(*octet))
}

/// Whether a line begins with these words, whatever their case.
fn begins(line: &[u8], words: &[u8]) -> bool {
    let Some((head, rest)) = line.split_at_checked(words.len()) else { return false };
    head.eq_ignore_ascii_case(words) && matches!(rest.first(), None | Some(b' '))
}

/// What bytes seem to be.
fn what(head: &[u8]) -> String {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    match head {
        // An alert, or a handshake.
        [0x15 | 0x16, ..] => "a TLS record".to_owned(),
        _ if head.starts_with(b"HTTP/") => "HTTP".to_owned(),
        _ if head.starts_with(b"SSH-") => "SSH".to_owned(),
        _ if line.is_empty() || line.iter().any(u8::is_ascii_control) || !line.is_ascii() => "unknown data".to_owned(),
        _ => quote(line),
    }
}

fn refusal(line: &[u8]) -> Fault {
    Fault::protocol(format!("the server answers {}", quote(line)))
}

fn not_offered() -> Fault {
    Fault::protocol("the server does not offer TLS")
}

fn endless_reply() -> Fault {
    Fault::protocol(format!("the server's reply has more than {MOST_LINES} lines"))
}

/// The start of a text in quotation marks; escaping is the report's.
fn quote(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StartTls::{Ftp, Imap, Ldap, Mysql, Pop3, Postgres, Smtp};
    use tokio::io::{DuplexStream, duplex};

    const ALL: [StartTls; 7] = [Postgres, Mysql, Smtp, Imap, Pop3, Ftp, Ldap];
    const SPEAKING_FIRST: [StartTls; 5] = [Mysql, Smtp, Imap, Pop3, Ftp];
    const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

    /// What the server waits for, and what it says then.
    type Step<'a> = (&'a [u8], &'a [u8]);

    /// Plays the script against the protocol, and ends the connection after it. Gives what can still be read after success.
    fn play(protocol: StartTls, script: &[Step<'_>]) -> Result<Vec<u8>, Fault> {
        let script: Vec<_> = script.iter().map(|(wanted, reply)| (wanted.to_vec(), reply.to_vec())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = duplex(1 << 20);
            let server = tokio::spawn(serve(server, script));
            let outcome = protocol.upgrade(&mut client).await;
            let mut left = Vec::new();
            if outcome.is_ok() {
                client.read_to_end(&mut left).await.unwrap();
            }
            drop(client);
            server.await.unwrap();
            outcome.map(|()| left)
        })
    }

    async fn serve(mut stream: DuplexStream, script: Vec<(Vec<u8>, Vec<u8>)>) {
        for (wanted, reply) in script {
            let mut sent = vec![0; wanted.len()];
            stream.read_exact(&mut sent).await.unwrap();
            assert_eq!(sent.escape_ascii().to_string(), wanted.escape_ascii().to_string());
            stream.write_all(&reply).await.unwrap();
        }
        stream.shutdown().await.unwrap();
        let mut more = Vec::new();
        stream.read_to_end(&mut more).await.unwrap();
        assert_eq!(more.escape_ascii().to_string(), "");
    }

    /// The last reply has an exclamation mark behind it, which must survive.
    fn succeeds(protocol: StartTls, script: &[Step<'_>]) {
        assert_eq!(play(protocol, script).unwrap(), b"!");
    }

    fn fails(protocol: StartTls, script: &[Step<'_>]) -> String {
        match play(protocol, script).unwrap_err() {
            Fault::Foreign(words) => format!("foreign: {words}"),
            Fault::Protocol(words) => words.into(),
            other => format!("{other:?}"),
        }
    }

    /// What the protocol sends before it expects its first reply.
    fn opening(protocol: StartTls) -> &'static [u8] {
        match protocol {
            Postgres => &SSL_REQUEST,
            Ldap => LDAP_REQUEST,
            _ => b"",
        }
    }

    #[test]
    fn postgres() {
        let asked = b"\0\0\0\x08\x04\xd2\x16\x2f".as_slice();
        assert_eq!(80_877_103_u32.to_be_bytes(), asked[4..]);
        succeeds(Postgres, &[(asked, b"S!")]);
        assert_eq!(fails(Postgres, &[(asked, b"N")]), "the server does not offer TLS");
        let error = b"E\0\0\0\x0bSFATAL\0\0";
        assert_eq!(fails(Postgres, &[(asked, error)]), "the server answers the request for TLS with an error message");
        assert_eq!(fails(Postgres, &[(asked, b"\0\0")]), "foreign: unknown data instead of PostgreSQL");
        assert_eq!(
            fails(Postgres, &[(asked, &[b'x'; 9999])]),
            format!("foreign: \"{}…\" instead of PostgreSQL", "x".repeat(160))
        );
    }

    fn greeting(capabilities: u16) -> Vec<u8> {
        let body = [b"\x0a8.4.0\0", &[7; 4][..], &[0x73; 8], b"\0", &capabilities.to_le_bytes(), b"\xff\x02\0\xff\xdf"].concat();
        packet(&body)
    }

    fn packet(body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len()).unwrap().to_le_bytes()[..3], &[0], body].concat()
    }

    #[test]
    fn mysql() {
        let asked = [b"\x20\0\0\x01\x01\x8a\0\0\0\0\0\x01\x21".as_slice(), &[0; 23]].concat();
        succeeds(Mysql, &[(b"", &greeting(0xffff)), (&asked, b"!")]);
        succeeds(Mysql, &[(b"", &greeting(0x0a00)), (&asked, b"!")]);
        assert_eq!(fails(Mysql, &[(b"", &greeting(0xf7ff))]), "the server does not offer TLS");
        let blocked = packet(b"\xff\x6a\x04Host '10.0.0.1' is not allowed to connect");
        assert_eq!(fails(Mysql, &[(b"", &blocked)]), "the server answers \"Host '10.0.0.1' is not allowed to connect\"");
        let late = packet(b"\xff\x10\x04#08004Too many connections\xff");
        assert_eq!(fails(Mysql, &[(b"", &late)]), "the server answers \"Too many connections\u{fffd}\"");
        assert_eq!(fails(Mysql, &[(b"", &packet(b"\xff"))]), "the server answers \"\"");
        for body in [b"\x0a8.4.0".as_slice(), b"\x0a8.4.0\0", b"\x0a8.4.0\0aaaabbbbbbbb\0\xff", b"\x0a"] {
            assert_eq!(fails(Mysql, &[(b"", &packet(body))]), "the server's greeting ends early");
        }
        for garbage in [b"\0\0\0\0\x0a".as_slice(), b"\x05\0\0\0\x0b\x08\x05\x1a\0", b"\x01\0\x01\0\x0a", &packet(b"\x093.21\0")]
        {
            assert_eq!(fails(Mysql, &[(b"", garbage)]), "foreign: unknown data instead of MySQL");
        }
        assert_eq!(fails(Mysql, &[(b"", &greeting(0xffff)[..20])]), "Closed");
    }

    const EHLO: &[u8] = b"EHLO localhost\r\n";

    #[test]
    fn smtp() {
        let hello = b"250-mail.example.com\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n".as_slice();
        succeeds(Smtp, &[(b"", b"220 mail ESMTP\r\n"), (EHLO, hello), (b"STARTTLS\r\n", b"220 go\r\n!")]);
        let long = b"220-mail\r\n220-no spam\r\n220\r\n".as_slice();
        succeeds(Smtp, &[(b"", long), (EHLO, b"250-mail\n250 STARTTLS\n"), (b"STARTTLS\r\n", b"220-a\r\n220 b\r\n!")]);

        let absent = b"250-STARTTLS\r\n250-XSTARTTLS\r\n250-STARTTLSX\r\n250 SIZE\r\n";
        assert_eq!(fails(Smtp, &[(b"", b"220 mail\r\n"), (EHLO, absent)]), "the server does not offer STARTTLS");
        assert_eq!(fails(Smtp, &[(b"", b"220 mail\r\n"), (EHLO, b"502 what?\r\n")]), "the server answers \"502 what?\"");
        assert_eq!(fails(Smtp, &[(b"", b"554-go\r\n554 away\r\n")]), "the server answers \"554-go\"");
        let refused =
            [(b"".as_slice(), b"220 mail\r\n".as_slice()), (EHLO, hello), (b"STARTTLS\r\n", b"454 no \xffcertificate\r\n")];
        assert_eq!(fails(Smtp, &refused), "the server answers \"454 no \u{fffd}certificate\"");
        let wordy = [b"421 ", [b'x'; 1000].as_slice(), b"\r\n"].concat();
        assert_eq!(fails(Smtp, &[(b"", &wordy)]), format!("the server answers \"421 {}…\"", "x".repeat(156)));
    }

    #[test]
    fn imap() {
        let asked = b"a1 STARTTLS\r\n".as_slice();
        succeeds(Imap, &[(b"", b"* OK [CAPABILITY IMAP4rev1] ready\r\n"), (asked, b"a1 OK begin\r\n!")]);
        succeeds(Imap, &[(b"", b"* ok\r\n"), (asked, b"* CAPABILITY IMAP4rev2\r\n* OK still\r\nA1 ok\r\n!")]);
        assert_eq!(
            fails(Imap, &[(b"", b"* PREAUTH hello\r\n")]),
            "the server starts with an authenticated session (PREAUTH), which cannot change to TLS"
        );
        assert_eq!(fails(Imap, &[(b"", b"* BYE full\r\n")]), "the server answers \"* BYE full\"");
        for refused in ["a1 NO no key", "a1 BAD what?"] {
            let reply = format!("{refused}\r\n");
            assert_eq!(
                fails(Imap, &[(b"", b"* OK\r\n"), (asked, reply.as_bytes())]),
                format!("the server answers \"{refused}\"")
            );
        }
        assert_eq!(fails(Imap, &[(b"", b"* OK\r\n"), (asked, b"b1 OK\r\n")]), "foreign: \"b1 OK\" instead of IMAP");
        let endless = b"* 1 EXISTS\r\n".repeat(200);
        assert_eq!(fails(Imap, &[(b"", b"* OK\r\n"), (asked, &endless)]), "the server's reply has more than 100 lines");
        assert_eq!(fails(Imap, &[(b"", b"* OK\r\n"), (asked, b"* BYE\r\n")]), "Closed");
    }

    #[test]
    fn pop3() {
        succeeds(Pop3, &[(b"", b"+OK ready <1@example.com>\r\n"), (b"STLS\r\n", b"+OK\r\n!")]);
        assert_eq!(fails(Pop3, &[(b"", b"-ERR busy\r\n")]), "the server answers \"-ERR busy\"");
        assert_eq!(fails(Pop3, &[(b"", b"+OK\r\n"), (b"STLS\r\n", b"-ERR what?\r\n")]), "the server answers \"-ERR what?\"");
        assert_eq!(fails(Pop3, &[(b"", b"* OK IMAP4rev1\r\n")]), "foreign: \"* OK IMAP4rev1\" instead of POP3");
    }

    #[test]
    fn ftp() {
        succeeds(Ftp, &[(b"", b"220 ready\r\n"), (b"AUTH TLS\r\n", b"234 go\r\n!")]);
        let banner = b"220-Welcome\r\n\r\n  200 files\r\n2200 more\r\n\x1b[1mhello\r\n220-still\r\n220 ready\r\n";
        succeeds(Ftp, &[(b"", banner), (b"AUTH TLS\r\n", b"234-a\r\n234 b\r\n!")]);
        assert_eq!(fails(Ftp, &[(b"", b"421 full\r\n")]), "the server answers \"421 full\"");
        assert_eq!(fails(Ftp, &[(b"", b"220 a\r\n"), (b"AUTH TLS\r\n", b"530 no\r\n")]), "the server answers \"530 no\"");
        assert_eq!(fails(Ftp, &[(b"", &b"220-more\r\n".repeat(200))]), "the server's reply has more than 100 lines");
        let just = [b"220-more\r\n".repeat(99), b"220 end\r\n".to_vec()].concat();
        succeeds(Ftp, &[(b"", &just), (b"AUTH TLS\r\n", b"234\r\n!")]);
    }

    fn ldap_reply(id: u8, code: &[u8], diagnostic: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let result = [&[0x0a, length(code)], code, b"\x04\0\x04", &[length(diagnostic)], diagnostic].concat();
        let body = [&[0x02, 1, id, 0x78, length(&result)][..], &result].concat();
        [&[0x30, length(&body)][..], &body].concat()
    }

    #[test]
    fn ldap() {
        let fails = |reply: &[u8]| fails(Ldap, &[(LDAP_REQUEST, reply)]);
        succeeds(Ldap, &[(LDAP_REQUEST, &[ldap_reply(1, &[0], b""), b"!".to_vec()].concat())]);
        let long = b"\x30\x84\0\0\0\x28\x02\x01\x01\x78\x84\0\0\0\x1f\x0a\x01\0\x04\0\x04\0\x8a\x161.3.6.1.4.1.1466.20037!";
        succeeds(Ldap, &[(LDAP_REQUEST, long)]);
        assert_eq!(fails(&ldap_reply(1, &[2], b"")), "the server answers with the result code 2 (protocolError)");
        assert_eq!(
            fails(&ldap_reply(0, &[52], b"going \xff down")),
            "the server answers with the result code 52 (unavailable): \"going \u{fffd} down\""
        );
        assert_eq!(fails(&ldap_reply(1, &[0x10, 0], b"")), "the server answers with the result code 4096");
        let no_response = |reason| format!("the server's reply is no ExtendedResponse: {reason}");
        assert_eq!(fails(&ldap_reply(9, &[0], b"")), no_response("messageID or resultCode has a value that means nothing"));
        assert_eq!(fails(b"\x30\x00"), no_response("messageID is missing"));
        assert_eq!(fails(b"\x30\x05\x02\x01\x01\x61\x00"), no_response("extendedResp expected, found an element with tag 0x61"));
        assert_eq!(fails(b"\x30\x83\x01\0\0"), "the server's reply has 65536 bytes, more than 16384");
        assert_eq!(fails(b"\x30\x80"), "the length of the server's reply is not one of LDAP");
        assert_eq!(fails(b"\x30\x85\0\0\0\0\0"), "the length of the server's reply is not one of LDAP");
        assert_eq!(fails(b"\x30\x10\x02"), "Closed");
        assert_eq!(fails(b"\x30"), "Closed");
        assert_eq!(fails(b"\x30\x84\0"), "Closed");
        assert_eq!(fails(b"\0\0\0"), "foreign: unknown data instead of LDAP");
    }

    #[test]
    fn other_protocols_are_named() {
        for protocol in ALL {
            let fails = |reply: &[u8]| fails(protocol, &[(opening(protocol), reply)]);
            let name = protocol.name();
            assert_eq!(fails(b"HTTP/1.1 400 Bad Request\r\n\r\n"), format!("foreign: HTTP instead of {name}"));
            assert_eq!(fails(b"\x15\x03\x01\0\x02\x02\x46"), format!("foreign: a TLS record instead of {name}"));
            assert_eq!(fails(b"\x16\x03\x03\0\x7a\x02\0\0\x76"), format!("foreign: a TLS record instead of {name}"));
            assert_eq!(fails(b"bonjour\r\nbonsoir\r\n"), format!("foreign: \"bonjour\" instead of {name}"));
            assert_eq!(fails(b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23"), format!("foreign: unknown data instead of {name}"));
            assert_eq!(fails(b""), "Closed");
        }
        for protocol in SPEAKING_FIRST {
            assert_eq!(fails(protocol, &[(b"", b"SSH-2.0-x\r\n")]), format!("foreign: SSH instead of {}", protocol.name()));
        }
    }

    #[test]
    fn lines_end() {
        for (protocol, start) in [(Smtp, "220 "), (Imap, "* OK "), (Pop3, "+OK "), (Ftp, "220-\r\n"), (Smtp, "x")] {
            let endless = [start.as_bytes(), &[b'x'; 5000]].concat();
            assert_eq!(fails(protocol, &[(b"", &endless)]), "the server's reply has a line of more than 2048 bytes");
            assert_eq!(fails(protocol, &[(b"", start.trim_end().as_bytes())]), "Closed");
        }
        for blank in [b"\r\n".as_slice(), b" \r\n", b"\n"] {
            assert_eq!(fails(Pop3, &[(b"", blank)]), "foreign: unknown data instead of POP3");
        }
        for odd in ["220x", "2200 a", "22", "600 a", "+OK"] {
            assert_eq!(fails(Ftp, &[(b"", format!("{odd}\r\n").as_bytes())]), format!("foreign: \"{odd}\" instead of FTP"));
        }
    }

    /// A server that says the wrong thing and then nothing must be named, not waited for.
    #[test]
    fn silence_after_garbage_is_not_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for protocol in ALL {
            let outcome = runtime.block_on(async {
                let (mut client, mut server) = duplex(1024);
                server.write_all(b"\x15\x03\x03\0\x02").await.unwrap();
                let outcome = tokio::time::timeout(std::time::Duration::from_secs(5), protocol.upgrade(&mut client)).await;
                drop(server);
                outcome
            });
            assert!(matches!(outcome, Ok(Err(Fault::Foreign(_)))), "{protocol:?}: {outcome:?}");
        }
    }
}
