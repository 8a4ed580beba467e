//! What goes in and what comes out: the measure of a bomb.

use super::{Expansion, Packing, Stopped};
use crate::model::DefectKind;
use std::cell::Cell;
use std::io::{self, Read};

/// Bytes and members of one source, packings within packings included.
pub(in crate::decode) struct Meter {
    limits: Expansion,
    read: Cell<u64>,
    expanded: Cell<u64>,
    members: Cell<usize>,
}

impl Meter {
    /// Nothing measured yet.
    pub(in crate::decode) fn new(limits: Expansion) -> Self {
        Self { limits, read: Cell::new(0), expanded: Cell::new(0), members: Cell::new(0) }
    }

    /// The limits.
    pub(in crate::decode) fn limits(&self) -> &Expansion {
        &self.limits
    }

    /// Measures what is read of the source itself.
    pub(in crate::decode) fn source<R: Read>(&self, reader: R) -> impl Read {
        Source { reader, meter: self }
    }

    /// Measures what comes out of a decoder, and stops it.
    pub(super) fn expanded<R: Read>(&self, packing: Packing, reader: R) -> impl Read {
        Expanded { reader, packing, meter: self }
    }

    /// Counts a member; `false` where there are too many.
    pub(super) fn member(&self) -> bool {
        self.members.set(self.members.get().saturating_add(1));
        self.members.get() <= self.limits.members
    }

    /// How far the source may expand, for what was read of it.
    fn most(&self) -> u64 {
        let by_ratio = self.read.get().saturating_mul(self.limits.ratio).max(self.limits.free);
        by_ratio.min(self.limits.bytes)
    }
}

struct Source<'m, R> {
    reader: R,
    meter: &'m Meter,
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.meter.read.set(self.meter.read.get().saturating_add(u64::try_from(count).unwrap_or(u64::MAX)));
        Ok(count)
    }
}

struct Expanded<'m, R> {
    reader: R,
    packing: Packing,
    meter: &'m Meter,
}

impl<R: Read> Read for Expanded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.meter.most();
        if self.meter.expanded.get() > most {
            return Err(Stopped::error(DefectKind::Expands(most)));
        }
        let count = match self.reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(Stopped::error(self.packing.defect(&error))),
            Ok(count) => count,
        };
        self.meter.expanded.set(self.meter.expanded.get().saturating_add(u64::try_from(count).unwrap_or(u64::MAX)));
        Ok(count)
    }
}
