//! A file of passwords: one a line, spaces included, empty lines passed over.

use super::connection::Unusable;
use super::files::{self, Refusal};
use super::{is_descriptor, is_stdin};
use crate::decode::Password;
use crate::model::DefectKind;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// The longest file of passwords.
const MOST: u64 = 1 << 20;

/// Reads the passwords of a file, or of standard input for `-`.
///
/// # Errors
/// What keeps it from being read.
pub fn passwords(path: &Path) -> Result<Vec<Password>, Unusable> {
    let unusable = |refusal: Refusal| Unusable::File(path.to_path_buf(), refusal.into_defect());
    let bytes = if is_stdin(path) {
        all(&mut io::stdin())
    } else if is_descriptor(path) {
        File::open(path).map_err(|error| Refusal::from_io(&error)).and_then(|mut file| all(&mut file))
    } else {
        files::open(path).and_then(|opened| opened.bytes(MOST))
    };
    let bytes = bytes.map_err(unusable)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| unusable(Refusal::Defect(DefectKind::Io("is not text in UTF-8".into()))))?;
    Ok(text.lines().filter(|line| !line.is_empty()).map(|line| Password::new(Zeroizing::new(line.to_owned()))).collect())
}

fn all(source: &mut dyn Read) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(MOST.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| Refusal::from_io(&error))?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= MOST);
    fits.then_some(bytes).ok_or(Refusal::Defect(DefectKind::TooLarge(MOST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_password() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords");
        std::fs::write(&path, "one\r\n\n # two \n").unwrap();
        let expected = ["one", " # two "].map(|password| Password::new(Zeroizing::new(password.to_owned())));
        assert_eq!(passwords(&path).unwrap(), expected);
        std::fs::write(&path, b"s3cr3t\xff").unwrap();
        let error = passwords(&path).unwrap_err().to_string();
        assert!(error.ends_with("is not text in UTF-8") && !error.contains("s3cr3t"), "{error}");
        assert!(passwords(&directory.path().join("gone")).is_err());
    }
}
