//! What was typed as SOURCE, as targets to gather.

use super::args::Sources;
use super::error::Error;
use crate::demo::{self, Demo};
use crate::gather::Target;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Where to look, with whatever has to live as long as looking goes on.
pub(super) struct Targets {
    /// The targets, in order; none when nothing was named.
    pub(super) list: Vec<Target>,
    /// The demo's files.
    _demo: Option<Demo>,
}

/// The targets of a command.
///
/// # Errors
/// A demo that could not be made, a source that is no file, `--root` without a directory.
pub(super) fn targets(sources: &Sources, at: OffsetDateTime) -> Result<Targets, Error> {
    let mut list = Vec::new();
    for root in &sources.root {
        list.push(root_target(root)?);
    }
    for source in &sources.sources {
        list.push(source_target(source)?);
    }
    let demo = if sources.demo { Some(demo::build(at).map_err(Error::Demo)?) } else { None };
    if let Some(demo) = &demo {
        list.push(Target::Root { name: None, directory: demo.root() });
        list.push(Target::Path(demo.kubeconfig()));
        list.push(Target::Path(demo.objects()));
    }
    Ok(Targets { list, _demo: demo })
}

fn root_target(typed: &str) -> Result<Target, Error> {
    let (name, directory) = match typed.split_once('=') {
        Some((name, directory)) if !name.contains('/') && !Path::new(typed).exists() => (Some(name.to_owned()), directory),
        _ => (None, typed),
    };
    let directory = PathBuf::from(directory);
    if directory.is_dir() { Ok(Target::Root { name, directory }) } else { Err(Error::Root(directory)) }
}

fn source_target(typed: &Path) -> Result<Target, Error> {
    if typed == OsStr::new("-") {
        return Ok(Target::Stdin);
    }
    let text = typed.to_string_lossy();
    if text.starts_with("https://") || (!typed.exists() && is_endpoint(&text)) {
        return Err(Error::Endpoint(text.into_owned()));
    }
    Ok(Target::Path(typed.to_owned()))
}

/// A file that plays a part in a question, or standard input.
///
/// # Errors
/// A directory, an endpoint.
pub(super) fn file_target(typed: &Path) -> Result<Target, Error> {
    if typed.is_dir() { Err(Error::Directory(typed.to_owned())) } else { source_target(typed) }
}

/// `host:port`, `[::1]:port`.
fn is_endpoint(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok())
}

/// The kubeconfigs of the person at the keyboard: `$KUBECONFIG`, a list, else `~/.kube/config` (client-go tools/clientcmd).
#[must_use]
pub(super) fn own_kubeconfigs() -> Target {
    let named = std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty());
    let list = match named {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => vec![PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".kube/config")],
    };
    Target::Kubeconfigs(list)
}

/// This host.
#[must_use]
pub(super) fn this_host() -> Target {
    Target::Root { name: None, directory: PathBuf::from("/") }
}

#[cfg(test)]
mod tests {
    use super::is_endpoint;

    #[test]
    fn endpoints_are_told_from_files() {
        for text in ["10.0.0.1:6443", "[::1]:443", "k8s.example:443"] {
            assert!(is_endpoint(text), "{text}");
        }
        for text in ["a.crt", "dir/a:80", "a:b", ":80", "C:", "a:99999"] {
            assert!(!is_endpoint(text), "{text}");
        }
    }
}
