//! tar archives, member by member (POSIX pax, GNU tar).
//!
//! Headers are read as they stand: the names of long paths are members of their own and would be taken into memory whole, however long
//! they say that they are.

use super::{Meter, Packing};
use crate::model::DefectKind;
use std::io::Read;
use tar::{Archive, Entry, EntryType};

/// The longest name that is read.
const LONGEST: u64 = 16 << 10;

/// A file in an archive.
pub(in crate::decode) struct Member<'m> {
    /// Its path there.
    pub(in crate::decode) name: &'m str,
    /// Its contents.
    pub(in crate::decode) bytes: &'m mut dyn Read,
}

/// Hands every file of an archive to `visit`, in order. Links, devices and directories hold nothing. What ends the archive before its
/// end is returned.
pub(in crate::decode) fn members(archive: &mut dyn Read, meter: &Meter, visit: &mut dyn FnMut(Member<'_>)) -> Option<DefectKind> {
    let mut archive = Archive::new(archive);
    let entries = match archive.entries() {
        Ok(entries) => entries.raw(true),
        Err(error) => return Some(Packing::Tar.defect(&error)),
    };
    let mut long = None;
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Packing::Tar.defect(&error)),
        };
        if !meter.member() {
            return Some(DefectKind::TooManyMembers(meter.limits().members));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => long = Some(text(&mut entry)),
            EntryType::XHeader => long = pax_path(&text(&mut entry)).or(long),
            EntryType::Regular | EntryType::Continuous => {
                let name = long.take().unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
                visit(Member { name: name.trim_start_matches("./"), bytes: &mut entry });
            }
            _ => long = None,
        }
    }
    None
}

/// A name that is a member; cut where it is too long.
fn text<R: Read>(entry: &mut Entry<'_, R>) -> String {
    let mut bytes = Vec::new();
    // What cannot be read is met again when the next header is.
    drop(entry.take(LONGEST).read_to_end(&mut bytes));
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// The path among pax records: `LENGTH path=VALUE`, a line each.
fn pax_path(records: &str) -> Option<String> {
    let record = |line: &str| line.split_once(' ').and_then(|(_, record)| record.strip_prefix("path=")).map(str::to_owned);
    records.lines().find_map(record)
}
