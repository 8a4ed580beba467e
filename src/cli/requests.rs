//! `--csr-dir`: requests written for their owner alone, each signed by the key that its certificate has. Keys are read where they lie,
//! used once and wiped; what is written holds none.

use super::commands::Session;
use super::error::Error;
use super::exit::Exit;
use crate::decode::Secret;
use crate::decode::kubeconfig::connection::Given;
use crate::gather::connection;
use crate::model::{Inventory, Origin, OriginKind};
use crate::plan::Unsigned;
use crate::report::escape::visible;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// For the owner alone.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Writes the requests, and says which; one whose key cannot be used is said, and the rest is written.
///
/// # Errors
/// The directory or a file in it cannot be written.
pub(super) fn write(
    session: &Session,
    inventory: &Inventory,
    unsigned: &[Unsigned<'_>],
    directory: &Path,
    out: &mut dyn Write,
) -> Result<Exit, Error> {
    let refused = |path: &Path, cause| Error::Request(path.to_owned(), cause);
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory).map_err(|cause| refused(directory, cause))?;
    if unsigned.is_empty() {
        writeln!(out, "no request: nothing that has a key of its own is due")?;
    }
    let mut exit = Exit::Fine;
    for one in unsigned {
        let path = directory.join(format!("{}.csr", one.name));
        let signed = key(session, inventory, one.key_at).and_then(|key| one.sign(key.bytes()).map_err(|error| error.to_string()));
        let (subject, at) = (one.certificate.display_name(), one.at.to_string());
        match signed {
            Ok(request) => {
                replace(&path, request.as_bytes()).map_err(|cause| refused(&path, cause))?;
                writeln!(out, "{}  {}  for {}", path.display(), visible(&subject), visible(&at))?;
            }
            Err(why) => {
                exit = Exit::Unknown;
                writeln!(out, "no request for {}: {}", visible(&at), visible(&why))?;
            }
        }
    }
    Ok(exit)
}

/// The bytes of a key, where they lie.
fn key(session: &Session, inventory: &Inventory, at: &Origin) -> Result<Secret, String> {
    let path = PathBuf::from(at.document.path());
    let is_embedded = at.document.kind == OriginKind::Kubeconfig && at.field.ends_with("-data");
    if !is_embedded {
        let host = inventory.hosts.iter().find(|host| host.name == at.document.host && path.starts_with(&*host.directory));
        let read = match host {
            Some(host) => connection::file_below(Path::new(&*host.directory), &path, &session.decoder),
            None => connection::file(&path, &session.decoder),
        };
        return read.map_err(|error| error.to_string());
    }
    let of_user = at.field.split_once("users[").and_then(|(_, rest)| rest.rsplit_once(']')).map(|(user, _)| user);
    let kubeconfig = inventory.kubeconfigs.iter().find(|one| one.document == at.document);
    let context = kubeconfig.and_then(|one| one.contexts.iter().find(|context| Some(&*context.user) == of_user));
    let context = context.ok_or_else(|| "no context of the kubeconfig names this user".to_owned())?;
    let found = connection::connect(&[path], Some(&context.name), &session.decoder).map_err(|error| error.to_string())?;
    match found.key {
        Given::Bytes(key) => Ok(key),
        _ => Err("the key could not be read".to_owned()),
    }
}

/// Writes beside, then takes the place: nobody sees half a file, and the mode is right from the first byte.
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("csr.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&beside)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
