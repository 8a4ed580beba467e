//! What was wrong with the input. A defect is data like any other: it stands in the inventory at the place where it was met.

use super::{Code, Severity};
use std::fmt;

/// One thing that could not be read as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Defect {
    /// What is wrong.
    pub kind: DefectKind,
    /// Where in the text it was met.
    pub position: Option<Position>,
}

/// A position in the text of a source, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The kinds of defect, with their facts. Text inside is the decoder's own or a label found in the input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DefectKind {
    /// The operating system refused: missing file, no permission, an I/O error.
    Io(Box<str>),
    /// A file of a `KUBECONFIG` list does not exist, and others do: client-go passes over it.
    PassedOver,
    /// A device, FIFO, socket or directory where a file was expected; the word says which.
    NotAFile(&'static str),
    /// Symbolic links lead in a circle or out of the root.
    Link,
    /// More bytes than kcert takes from one source of this kind; the limit.
    TooLarge(u64),
    /// Nothing at all where a certificate should be.
    Empty,
    /// Readable, and without a certificate, key, request or kubeconfig in it.
    NothingFound,
    /// A PEM block that the end of the text cut off; its label.
    Truncated(Box<str>),
    /// A PEM block that ends with another label than it began; both labels.
    LabelMismatch(Box<str>, Box<str>),
    /// Two PEM blocks run into each other on one line (`-----END …----------BEGIN …`): openssl reads it, Envoy does not (istio#22530).
    MissingNewline,
    /// A byte order mark before the first PEM block: openssl reads it, Go overlooks the block (encoding/pem wants it at the start of
    /// a line).
    ByteOrderMark,
    /// The body of a PEM block, or the value of a field, is not base64.
    Base64,
    /// Base64 or PEM was asked for and DER found.
    DerNotPem,
    /// DER that does not decode: what it was taken for, and why not.
    Der {
        /// `certificate`, `private key`, `certification request`, `CRL`.
        what: &'static str,
        /// The decoder's reason.
        reason: Box<str>,
    },
    /// Bytes after the end of a DER structure; how many.
    TrailingBytes(usize),
    /// JSON that does not parse; the parser's reason.
    Json(Box<str>),
    /// YAML that does not parse; the parser's reason.
    Yaml(Box<str>),
    /// Nested deeper than kcert follows; the limit.
    TooDeep(usize),
    /// More nodes, aliases included, than kcert builds for one document; the limit.
    TooManyNodes(usize),
    /// More PEM blocks than kcert takes from one place; the limit.
    TooManyBlocks(usize),
    /// A field that has the wrong shape: its path and what belongs there.
    Field {
        /// The path of the field.
        path: Box<str>,
        /// What belongs there.
        expected: &'static str,
    },
    /// Something that is encrypted by its maker and meant for nobody here; what it is.
    Encrypted(&'static str),
    /// A container that only a password opens and none that was given does.
    Locked(&'static str),
    /// A container that was read, and no password that was given proves that it is as it was written, or opens its keys.
    Unproven(&'static str),
    /// A container that wants more work of whoever tries a password than kcert does.
    Costly(&'static str),
    /// A compressed file that expands to more than kcert reads of it, in bytes.
    Expands(u64),
    /// More members than kcert takes from one archive; the limit.
    TooManyMembers(usize),
    /// More entries than kcert takes from one keystore; the limit.
    TooManyEntries(usize),
    /// A server that could not be talked to.
    Unreachable {
        /// How far it came.
        phase: Phase,
        /// What went wrong then.
        reason: Box<str>,
    },
    /// A server that speaks something else than TLS; what it seems to be.
    NotTls(Box<str>),
    /// A server that speaks TLS and not what it should: what came.
    UnexpectedReply(Box<str>),
    /// A server that does not let this be read; its reason.
    Forbidden(Box<str>),
    /// A server that does not know who asks; what it said.
    NotAdmitted(Box<str>),
    /// A server that nothing was asked because nothing vouches for it; why.
    Unverified(Box<str>),
    /// A server that was not asked because there is no credential for it; why.
    NoCredential(Box<str>),
    /// Servers that nobody named, beyond those that are dialled in one run: how many, and how many are.
    NotDialled {
        /// Those that were not.
        left_out: usize,
        /// The limit.
        limit: usize,
    },
}

/// The steps of a conversation with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Its name is looked up.
    Resolve,
    /// A TCP connection is made.
    Connect,
    /// A proxy is asked to make one.
    Proxy,
    /// The plain protocol is asked to change to TLS.
    StartTls,
    /// The TLS handshake.
    Handshake,
    /// The request and its reply.
    Request,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "name resolution",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::StartTls => "STARTTLS",
            Self::Handshake => "TLS handshake",
            Self::Request => "request",
        })
    }
}

impl DefectKind {
    /// The finding code that reports it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Io(_)
            | Self::PassedOver
            | Self::NotAFile(_)
            | Self::Link
            | Self::TooLarge(_)
            | Self::Expands(_)
            | Self::TooManyMembers(_)
            | Self::Encrypted(_)
            | Self::Locked(_)
            | Self::Unproven(_)
            | Self::Costly(_) => Code::Unreadable,
            Self::Empty | Self::NothingFound => Code::EmptyBundle,
            Self::Unreachable { .. } | Self::Unverified(_) | Self::NoCredential(_) | Self::NotDialled { .. } => Code::Unreachable,
            Self::NotTls(_) => Code::NotTls,
            Self::UnexpectedReply(_) => Code::UnexpectedReply,
            Self::Forbidden(_) | Self::NotAdmitted(_) => Code::Forbidden,
            Self::Truncated(_) => Code::BundleTruncated,
            _ => Code::Malformed,
        }
    }

    /// Whether it stands between or beside PEM blocks, and is none itself.
    #[must_use]
    pub fn is_between_blocks(&self) -> bool {
        matches!(
            self,
            Self::MissingNewline
                | Self::ByteOrderMark
                | Self::TrailingBytes(_)
                | Self::TooManyBlocks(_)
                | Self::TooManyEntries(_)
        )
    }

    /// Whether it was met when a server was talked to.
    #[must_use]
    pub fn is_of_server(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NotTls(_))
    }

    /// How bad it is: what was read all the same is a warning, what was not leaves the question open.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::PassedOver | Self::Encrypted(_) | Self::Unproven(_) | Self::NotDialled { .. } => Severity::Info,
            Self::MissingNewline
            | Self::ByteOrderMark
            | Self::DerNotPem
            | Self::TrailingBytes(_)
            | Self::Empty
            | Self::NothingFound => Severity::Warning,
            _ => Severity::Unknown,
        }
    }
}

impl fmt::Display for DefectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(reason) => write!(f, "cannot be read: {reason}"),
            Self::PassedOver => f.write_str("does not exist; passed over, as another file of the KUBECONFIG list does"),
            Self::NotAFile(what) => write!(f, "is a {what}, not a file"),
            Self::Link => f.write_str("symbolic links lead in a circle or out of the root"),
            Self::TooLarge(limit) => write!(f, "is larger than {} MiB", limit >> 20),
            Self::Empty => f.write_str("is empty"),
            Self::NothingFound => f.write_str("holds no certificate, key, request or kubeconfig"),
            Self::Truncated(label) => write!(f, "the last block, {label}, is cut off before its END line"),
            Self::LabelMismatch(begin, end) => write!(f, "a block begins as {begin} and ends as {end}"),
            Self::MissingNewline => f.write_str("no line break between two PEM blocks"),
            Self::ByteOrderMark => {
                f.write_str("a byte order mark stands before the first PEM block, which Go programs overlook then")
            }
            Self::Base64 => f.write_str("is not base64"),
            Self::DerNotPem => f.write_str("is DER where PEM belongs"),
            Self::Der { what, reason } => write!(f, "not a valid {what}: {reason}"),
            Self::TrailingBytes(count) => write!(f, "{count} bytes follow the end of the structure"),
            Self::Json(reason) => write!(f, "not valid JSON: {reason}"),
            Self::Yaml(reason) => write!(f, "not valid YAML: {reason}"),
            Self::TooDeep(limit) => write!(f, "is nested deeper than {limit} levels"),
            Self::TooManyNodes(limit) => write!(f, "has more than {limit} nodes, aliases expanded"),
            Self::TooManyBlocks(limit) => write!(f, "has more than {limit} PEM blocks; the rest was not read"),
            Self::Field { path, expected } => write!(f, "{path} should be {expected}"),
            Self::Encrypted(what) => write!(f, "is encrypted: {what}"),
            Self::Locked(what) => write!(f, "is a {what}, and every password tried is wrong"),
            Self::Unproven(what) => {
                write!(f, "is a {what}, and every password tried is wrong: its certificates were read all the same")
            }
            Self::Costly(what) => write!(f, "is a {what} that takes more work to try a password on than kcert does"),
            Self::Expands(most) => write!(f, "expands to more than {} MiB; the rest was not read", most >> 20),
            Self::TooManyMembers(limit) => write!(f, "has more than {limit} members; the rest was not read"),
            Self::TooManyEntries(limit) => write!(f, "has more than {limit} entries; the rest was not read"),
            Self::Unreachable { phase, reason } => write!(f, "{phase}: {reason}"),
            Self::NotTls(instead) => write!(f, "does not speak TLS: {instead}"),
            Self::UnexpectedReply(what) => write!(f, "unexpected reply: {what}"),
            Self::Forbidden(reason) => write!(f, "may not be read: {reason}"),
            Self::NotAdmitted(reason) => write!(f, "does not know who asks: {reason}"),
            Self::Unverified(reason) | Self::NoCredential(reason) => write!(f, "not asked: {reason}"),
            Self::NotDialled { left_out, limit } => {
                write!(f, "not dialled, {left_out} servers in all: one run dials {limit} of those that nobody named")
            }
        }
    }
}
