//! Reads what a kubeconfig says of how to talk to its cluster, and the files that it names.

use super::files::{self, Refusal};
use super::root::Root;
use crate::decode::kubeconfig::connection::{Connection, Given, NoConnection, Trust, connection};
use crate::decode::node::Node;
use crate::decode::{Decoder, Secret};
use crate::model::DefectKind;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why there is no connection.
#[derive(Debug)]
pub enum Unusable {
    /// A file cannot be read, or is no kubeconfig.
    File(PathBuf, DefectKind),
    /// None of the files of the list exists.
    Absent(Vec<PathBuf>),
    /// The kubeconfig leads nowhere.
    Config(NoConnection),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, kind) => write!(f, "{} {kind}", path.display()),
            Self::Absent(paths) => {
                let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "there is no kubeconfig at {}", names.join(", "))
            }
            Self::Config(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Unusable {}

/// What a context of a merge list leads to, every file of it read; without a name the current one.
///
/// # Errors
/// What cannot be read, and names that lead nowhere.
pub fn connect(paths: &[PathBuf], context: Option<&str>, decoder: &Decoder) -> Result<Connection, Unusable> {
    let limits = decoder.limits();
    let mut texts: Vec<(&Path, Zeroizing<Vec<u8>>)> = Vec::new();
    for path in paths {
        match read(path, limits.document_bytes) {
            Ok(text) => texts.push((path, text)),
            Err(Refusal::Absent) => {}
            Err(refusal) => return Err(Unusable::File(path.clone(), refusal.into_defect())),
        }
    }
    if texts.is_empty() {
        return Err(Unusable::Absent(paths.to_vec()));
    }
    let mut documents = Vec::new();
    for (path, text) in &texts {
        // JSON is YAML to Kubernetes' own readers.
        let node = Node::yaml(text, limits).map_err(|defect| Unusable::File(path.to_path_buf(), defect.kind))?;
        documents.push((path.parent().unwrap_or(Path::new("")), node));
    }
    let mut found = connection(&documents, context).map_err(Unusable::Config)?;
    // What cannot be read here is a defect of the kubeconfig, which is read for that too; the question can be asked without it.
    for given in [&mut found.certificate, &mut found.key].into_iter().chain(bundle(&mut found.trust)) {
        fill(given, limits.document_bytes).unwrap_or_else(|_| *given = Given::Absent);
    }
    let mut unread = None;
    for (mut given, login) in std::mem::take(&mut found.authorization) {
        let was_file = matches!(given, Given::Path(_));
        if let Err(unusable) = fill(&mut given, limits.document_bytes) {
            unread = Some(unusable);
            continue;
        }
        if let (Given::Bytes(bytes), true) = (&given, was_file) {
            given = Given::Bytes(Secret::bearer(bytes.bytes().trim_ascii()));
        }
        found.authorization = vec![(given, login)];
        return Ok(found);
    }
    if let Some(unusable) = unread {
        return Err(unusable);
    }
    Ok(found)
}

fn bundle(trust: &mut Trust) -> Option<&mut Given> {
    if let Trust::Bundle(bundle) = trust { Some(bundle) } else { None }
}

/// A file that holds a secret or a certificate, whole.
///
/// # Errors
/// What keeps it from being read.
pub fn file(path: &Path, decoder: &Decoder) -> Result<Secret, Unusable> {
    let bytes = read(path, decoder.limits().document_bytes);
    bytes.map(Secret::new).map_err(|refusal| Unusable::File(path.to_path_buf(), refusal.into_defect()))
}

/// The same of a file below a host's root, whose links stay there.
///
/// # Errors
/// What keeps it from being read; links that lead out.
pub fn file_below(root: &Path, path: &Path, decoder: &Decoder) -> Result<Secret, Unusable> {
    let Ok(below) = path.strip_prefix(root) else { return file(path, decoder) };
    let unusable = |refusal: Refusal| Unusable::File(path.to_path_buf(), refusal.into_defect());
    let real = Root::whole(root).resolve(&Path::new("/").join(below)).map_err(unusable)?;
    read(&real, decoder.limits().document_bytes).map(Secret::new).map_err(unusable)
}

fn fill(given: &mut Given, limit: u64) -> Result<(), Unusable> {
    if let Given::Path(path) = given {
        let bytes = read(path, limit).map_err(|refusal| Unusable::File(path.clone(), refusal.into_defect()))?;
        *given = Given::Bytes(Secret::new(bytes));
    }
    Ok(())
}

fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    files::open(path)?.bytes(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Limits;
    use crate::model::peer::LoginUsed;
    use std::fs;

    fn lead(kubeconfig: &str, token: Option<&str>) -> Result<Connection, Unusable> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        fs::write(&path, kubeconfig).unwrap();
        if let Some(token) = token {
            fs::write(directory.path().join("token"), token).unwrap();
        }
        let gone = directory.path().join("gone");
        connect(&[gone, path], None, &Decoder::new(Limits::default()))
    }

    const CONFIG: &str = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://h'}}]\nusers: [{name: u, user: {tokenFile: token}}]\n";

    #[test]
    fn files_are_read_beside_the_kubeconfig() {
        let found = lead(CONFIG, Some("abc\n")).unwrap();
        let [(Given::Bytes(token), LoginUsed::Token)] = &found.authorization[..] else { panic!() };
        assert_eq!(token.bytes(), b"Bearer abc");
        assert!(matches!(lead(CONFIG, None), Err(Unusable::File(..))));
        assert!(matches!(lead("a: [", None), Err(Unusable::File(_, DefectKind::Yaml(_)))));
        assert!(matches!(lead("a: b", None), Err(Unusable::Config(NoConnection::NoContext))));
        assert!(matches!(connect(&["/nowhere/at/all".into()], None, &Decoder::new(Limits::default())), Err(Unusable::Absent(_))));
    }
}
