//! Files within files: gzip, zstd and tar, one within the other, told by content and read as a stream.
//!
//! A bomb is stopped by what it expands to, in all and for what was read of it, by how many members it has and how deep it is; then
//! what was found so far stands, and a defect says that the rest was not read.

mod frames;
mod meter;
mod tape;
#[cfg(test)]
mod tests;

use super::Limits;
use crate::model::DefectKind;
use flate2::read::MultiGzDecoder;
use std::fmt;
use std::io::{self, Read};

pub(super) use meter::Meter;
pub(super) use tape::members;

/// A way to pack files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
    Tar,
}

impl Packing {
    /// The packing that bytes begin as: RFC 1952 section 2.3.1, RFC 8878 section 3.1, POSIX ustar.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ if head.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip stream",
            Self::Zstd => "zstd stream",
            Self::Tar => "tar archive",
        }
    }

    /// What an error of its decoder means.
    pub(super) fn defect(self, error: &io::Error) -> DefectKind {
        let of_system = error.raw_os_error().is_some();
        let broken = || DefectKind::Der { what: self.name(), reason: error.to_string().into() };
        if of_system || known(error).is_some() { defect(error) } else { broken() }
    }
}

/// What comes out of a compressed stream.
pub(super) fn unpacked<'r>(packing: Packing, packed: impl Read + 'r, meter: &'r Meter) -> Box<dyn Read + 'r> {
    match packing {
        Packing::Gzip => Box::new(meter.expanded(packing, MultiGzDecoder::new(packed))),
        _ => Box::new(meter.expanded(packing, frames::Frames::new(packed))),
    }
}

/// A defect on its way through the readers above.
#[derive(Debug)]
struct Stopped(DefectKind);

impl Stopped {
    fn error(kind: DefectKind) -> io::Error {
        io::Error::other(Self(kind))
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Stopped {}

fn known(error: &io::Error) -> Option<&DefectKind> {
    error.get_ref()?.downcast_ref::<Stopped>().map(|stopped| &stopped.0)
}

/// What an error of a source means.
pub(super) fn defect(error: &io::Error) -> DefectKind {
    known(error).cloned().unwrap_or_else(|| DefectKind::Io(error.to_string().into()))
}

/// How much of a bomb is read.
#[derive(Clone, Copy, Debug)]
pub struct Expansion {
    /// Bytes that all streams of a source expand to together. etcd holds 8 GiB at most.
    pub bytes: u64,
    /// Bytes for each one that was read of the source. Dumps of Secrets come to 4, logs to 20, gzip's utmost is 1,032.
    pub ratio: u64,
    /// Bytes that are let pass whatever the ratio.
    pub free: u64,
    /// Members of archives.
    pub members: usize,
    /// Packings within packings.
    pub depth: usize,
}

impl Default for Expansion {
    fn default() -> Self {
        Self { bytes: 64 << 30, ratio: 250, free: 256 << 20, members: 200_000, depth: 5 }
    }
}

impl Limits {
    /// Limits that stop a bomb at the second byte, for tests.
    #[cfg(test)]
    pub(super) fn expanding(expansion: Expansion) -> Self {
        Self { expansion, ..Self::default() }
    }
}
