//! Texts as they stand, of any length: logs. They are handed on in blocks and never kept.

use super::connection::Unusable;
use super::files::Refusal;
use super::{files, is_descriptor, is_stdin};
use crate::model::DefectKind;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

/// Bytes at a time.
const BLOCK: usize = 256 << 10;

/// How gzip begins (RFC 1952 section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];
/// How zstd begins (RFC 8878 section 3.1.1).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Reads a file, or standard input for `-`, to its end.
///
/// # Errors
/// What keeps it from being read; text that is compressed.
pub fn text(path: &Path, take: &mut dyn FnMut(&[u8])) -> Result<(), Unusable> {
    let unusable = |refusal: Refusal| Unusable::File(path.to_path_buf(), refusal.into_defect());
    if is_stdin(path) {
        return blocks(&mut io::stdin().lock(), take).map_err(unusable);
    }
    let opened = if is_descriptor(path) {
        File::open(path).map_err(|error| Refusal::from_io(&error))
    } else {
        files::open(path).map(|opened| opened.file)
    };
    blocks(&mut opened.map_err(unusable)?, take).map_err(unusable)
}

/// Whether standard input is a keyboard, at which nobody has typed yet.
#[must_use]
pub fn is_typed() -> bool {
    io::stdin().is_terminal()
}

fn blocks(source: &mut dyn Read, take: &mut dyn FnMut(&[u8])) -> Result<(), Refusal> {
    let mut block = vec![0; BLOCK];
    let mut begun = false;
    loop {
        let length = match source.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Refusal::from_io(&error)),
        };
        let read = &block[..length];
        if !begun && [GZIP, ZSTD].iter().any(|magic| read.starts_with(magic)) {
            return Err(Refusal::Defect(DefectKind::Io("is compressed: unpack it by zcat FILE, and name - instead".into())));
        }
        begun = true;
        take(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_blocks_and_compressed_ones_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        std::fs::write(&path, vec![b'x'; BLOCK + 1]).unwrap();
        let mut lengths = Vec::new();
        text(&path, &mut |block| lengths.push(block.len())).unwrap();
        assert_eq!(lengths.iter().sum::<usize>(), BLOCK + 1);
        std::fs::write(&path, GZIP).unwrap();
        assert!(text(&path, &mut |_| ()).unwrap_err().to_string().contains("zcat"));
        assert!(text(directory.path(), &mut |_| ()).is_err());
    }
}
