//! `--textfile`: metrics for node_exporter's textfile collector, written beside the target and renamed, so that no scrape sees half a file.

use super::error::Error;
use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// node_exporter runs as a user of its own: it has to be able to read the file.
const MODE: u32 = 0o644;

/// Writes a file through `write`, all or nothing.
///
/// # Errors
/// The directory is missing or not writable; the disk is full.
pub(super) fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let failed = |cause| Error::Textfile(path.to_owned(), cause);
    // A link stays a link: what it leads to is replaced. Devices and the like are never.
    let target = match std::fs::canonicalize(path) {
        Ok(existing) if existing.is_file() => existing,
        Ok(_) => return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it exists and is not a regular file"))),
        Err(_) => path.to_owned(),
    };
    let path = target.as_path();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let temporary = builder.prefix(".kcert-").permissions(Permissions::from_mode(MODE)).tempfile_in(directory).map_err(failed)?;
    let mut buffer = BufWriter::new(temporary);
    write(&mut buffer).map_err(failed)?;
    let temporary = buffer.into_inner().map_err(|error| failed(error.into_error()))?;
    temporary.as_file().set_permissions(Permissions::from_mode(MODE)).map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_file_whole_and_readable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kcert.prom");
        for text in ["first\n", "second\n"] {
            write(&path, |out| out.write_all(text.as_bytes())).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_and_a_device_too() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real.prom"), directory.path().join("link.prom"));
        write(&real, |out| out.write_all(b"old")).unwrap();
        std::os::unix::fs::symlink("real.prom", &link).unwrap();
        write(&link, |out| out.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(write(Path::new("/dev/null"), |_| Ok(())).is_err());
        assert!(write(directory.path(), |_| Ok(())).is_err());
    }

    #[test]
    fn a_failed_report_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kcert.prom");
        write(&path, |out| out.write_all(b"old")).unwrap();
        assert!(write(&path, |_| Err(io::ErrorKind::Other.into())).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }
}
