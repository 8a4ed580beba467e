//! Files and links, before they are written.

use super::Error;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

/// A file or a link, below some root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File {
        /// Its path below the root.
        path: String,
        /// Its contents.
        contents: Vec<u8>,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Its path below the root.
        path: String,
        /// What it points to.
        target: String,
    },
}

impl Entry {
    /// A file that everybody may read.
    #[must_use]
    pub fn open(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self::File { path: path.into(), contents: contents.into(), mode: 0o644 }
    }

    /// A file for its owner alone.
    #[must_use]
    pub fn secret(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self::File { path: path.into(), contents: contents.into(), mode: 0o600 }
    }

    /// The path below the root.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::File { path, .. } | Self::Link { path, .. } => path,
        }
    }

    pub(super) fn write(&self, root: &Path) -> Result<(), Error> {
        let at = root.join(self.path());
        let failed = |cause| Error::Write(at.clone(), cause);
        if let Some(parent) = at.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        // What stood there before goes first: a new mode only applies to a new file, and a link is not written through.
        match fs::remove_file(&at) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(failed(cause)),
            _ => {}
        }
        match self {
            Self::File { contents, mode, .. } => {
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(*mode).open(&at).map_err(failed)?;
                std::io::Write::write_all(&mut file, contents).map_err(failed)
            }
            Self::Link { target, .. } => symlink(target, &at).map_err(failed),
        }
    }
}
