//! Lists that people keep: one entry a line, `#` begins a comment.

use super::connection::Unusable;
use super::files;
use super::is_stdin;
use crate::model::DefectKind;
use std::io::{self, Read};
use std::path::Path;

/// The longest list that is read: a million endpoints.
const MOST: u64 = 32 << 20;

/// The entries of a list with the numbers of their lines, counted from 1.
///
/// # Errors
/// What keeps it from being read.
pub fn lines(path: &Path) -> Result<Vec<(u64, String)>, Unusable> {
    let unusable = |kind| Unusable::File(path.to_path_buf(), kind);
    let mut bytes = Vec::new();
    if is_stdin(path) {
        let read = io::stdin().take(MOST + 1).read_to_end(&mut bytes);
        read.map_err(|error| unusable(DefectKind::Io(error.to_string().into())))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST) {
            return Err(unusable(DefectKind::TooLarge(MOST)));
        }
    } else {
        let opened = files::open(path).and_then(|opened| opened.bytes(MOST));
        bytes.extend_from_slice(&opened.map_err(|refusal| unusable(refusal.into_defect()))?);
    }
    let text = String::from_utf8_lossy(&bytes);
    let entry = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    Ok((1..).zip(text.lines().map(entry)).filter(|(_, entry)| !entry.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        std::fs::write(&path, "# all\na:1\r\n\n  b:2 # second\n").unwrap();
        assert_eq!(lines(&path).unwrap(), [(2, "a:1".to_owned()), (4, "b:2".to_owned())]);
        assert!(lines(&directory.path().join("gone")).is_err());
    }
}
