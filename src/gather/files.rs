//! Opening files, and nothing but files.
//!
//! Rule: a path is looked at before it is opened, so that no FIFO blocks and no device is touched; it is opened without blocking and
//! looked at again, because the name may mean something else by then.

use crate::model::origin::Access;
use crate::model::{DefectKind, Document};
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// `O_NONBLOCK` of open(2).
const O_NONBLOCK: i32 = if cfg!(target_os = "linux") { 0o4000 } else { 0x4 };
/// `ELOOP` of open(2): too many symbolic links.
const ELOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

/// Why a file was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is nothing under that name.
    Absent,
    /// There is a symbolic link under that name, and nothing at its end.
    Dangling,
    /// Something else.
    Defect(DefectKind),
}

impl Refusal {
    /// The refusal of an operating system.
    pub(super) fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            // `NotADirectory`: one of the directories on the way is a file.
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Absent,
            ErrorKind::PermissionDenied => Self::Defect(DefectKind::Io("permission denied".into())),
            _ if error.raw_os_error() == Some(ELOOP) => Self::Defect(DefectKind::Link),
            _ => Self::Defect(DefectKind::Io(words(error).into())),
        }
    }

    /// What to say if the file was asked for.
    pub(super) fn into_defect(self) -> DefectKind {
        match self {
            Self::Absent => DefectKind::Io("no such file".into()),
            Self::Dangling => DefectKind::Io("the symbolic link leads to no file".into()),
            Self::Defect(kind) => kind,
        }
    }
}

/// What the operating system says, in small letters and without its number.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

/// A file ready to be read.
#[derive(Debug)]
pub(super) struct Opened {
    /// The file.
    pub(super) file: File,
    /// Who may read it.
    pub(super) access: Access,
}

impl Opened {
    /// The document with the access noted in it.
    pub(super) fn describe(&self, document: Document) -> Document {
        Document { access: Some(self.access), ..document }
    }

    /// Everything in it; the buffer is wiped, since it may be a key.
    pub(super) fn bytes(self, limit: u64) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let mut bytes = Zeroizing::new(Vec::new());
        self.file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| Refusal::from_io(&error))?;
        let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= limit);
        fits.then_some(bytes).ok_or(Refusal::Defect(DefectKind::TooLarge(limit)))
    }
}

/// Opens a regular file, following symbolic links.
pub(super) fn open(path: &Path) -> Result<Opened, Refusal> {
    let refuse = |error: io::Error| Refusal::from_io(&error);
    regular(&fs::metadata(path).map_err(refuse)?)?;
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path).map_err(refuse)?;
    let metadata = file.metadata().map_err(refuse)?;
    regular(&metadata)?;
    let modified = OffsetDateTime::from_unix_timestamp(metadata.mtime()).ok();
    let access = Access { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid(), modified };
    Ok(Opened { file, access })
}

fn regular(metadata: &Metadata) -> Result<(), Refusal> {
    let kind = metadata.file_type();
    if kind.is_file() { Ok(()) } else { Err(Refusal::Defect(DefectKind::NotAFile(word(kind)))) }
}

fn word(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_dir() => "directory",
        _ if kind.is_fifo() => "FIFO",
        _ if kind.is_socket() => "socket",
        _ => "device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;
    use tempfile::tempdir;

    fn refused(path: &Path) -> DefectKind {
        open(path).unwrap_err().into_defect()
    }

    #[test]
    fn files_are_opened_with_their_access() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("a.key");
        fs::write(&path, "text").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!(opened.access.mode, 0o640);
        assert_eq!(opened.access.uid, fs::metadata(&path).unwrap().uid());
        assert_eq!(open(&path).unwrap().bytes(3).unwrap_err(), Refusal::Defect(DefectKind::TooLarge(3)));
        assert_eq!(opened.bytes(4).unwrap().as_slice(), b"text");
    }

    #[test]
    fn nothing_but_files_is_opened() {
        let directory = tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert_eq!(refused(&fifo), DefectKind::NotAFile("FIFO"));
        let socket = directory.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(refused(&socket), DefectKind::NotAFile("socket"));
        assert_eq!(refused(directory.path()), DefectKind::NotAFile("directory"));
        assert_eq!(refused(Path::new("/dev/zero")), DefectKind::NotAFile("device"));
    }

    #[test]
    fn refusals_are_in_plain_words() {
        let directory = tempdir().unwrap();
        let absent = directory.path().join("absent");
        assert_eq!(refused(&absent), DefectKind::Io("no such file".into()));
        fs::write(directory.path().join("file"), "").unwrap();
        assert_eq!(refused(&directory.path().join("file/below")), DefectKind::Io("no such file".into()));
        symlink("b", directory.path().join("a")).unwrap();
        symlink("a", directory.path().join("b")).unwrap();
        assert_eq!(refused(&directory.path().join("a")), DefectKind::Link);
        assert_eq!(refused(&directory.path().join("x".repeat(300))), DefectKind::Io("file name too long".into()));
        let closed = directory.path().join("closed");
        fs::write(&closed, "").unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        // The superuser may read it all the same.
        if File::open(&closed).is_err() {
            assert_eq!(refused(&closed), DefectKind::Io("permission denied".into()));
        }
    }
}
