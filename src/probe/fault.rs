//! Why a step of a conversation failed, before it is known which step it was.

use crate::model::DefectKind;
use crate::model::defect::Phase;
use crate::model::peer::Alert;
use std::io;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// It took too long.
    Timeout,
    /// The other side ended the connection.
    Closed,
    /// The other side refused with a TLS alert.
    Alert(Alert),
    /// The operating system or the network refused.
    Io(io::Error),
    /// The other side speaks something else; what it seems to be.
    Foreign(Box<str>),
    /// The other side broke the rules of its protocol, or does not do what it was asked for.
    Protocol(Box<str>),
}

impl Fault {
    /// A fault in words.
    pub(super) fn protocol(words: impl Into<Box<str>>) -> Self {
        Self::Protocol(words.into())
    }

    /// What to say of the endpoint.
    pub(super) fn into_defect(self, phase: Phase) -> DefectKind {
        match self {
            // Before TLS was asked for, it is the plain protocol that is another one.
            Self::Foreign(what) if phase != Phase::StartTls => DefectKind::NotTls(what),
            other => DefectKind::Unreachable { phase, reason: other.words() },
        }
    }

    /// The reason alone.
    pub(super) fn words(&self) -> Box<str> {
        match self {
            Self::Timeout => "timed out".into(),
            Self::Closed => "the server closed the connection".into(),
            Self::Alert(alert) => format!("the server refuses with the alert {alert}").into(),
            Self::Io(error) => io_words(error).into(),
            Self::Foreign(words) | Self::Protocol(words) => words.clone(),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Io(error),
        }
    }
}

/// What the operating system says, in small letters and without its number.
fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "the server reset the connection".to_owned(),
        _ => error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    }
}
