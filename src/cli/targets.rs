//! What was typed as SOURCE, as targets to gather.

use super::args::{Live, Sources};
use super::error::Error;
use crate::decode::{Password, Passwords};
use crate::demo::{self, Demo};
use crate::gather::cluster::{Cluster, Kubeconfigs, Login, Scope, Selection};
use crate::gather::{Target, passwords};
use crate::probe::{Dial, Endpoint, NotAProxy, Proxy, proxy};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Where to look, with whatever has to live as long as looking goes on.
pub(super) struct Targets {
    /// The targets, in order; none when nothing was named.
    pub(super) list: Vec<Target>,
    /// Servers among the sources.
    pub(super) dials: Vec<Dial>,
    /// Clusters to be read.
    pub(super) clusters: Vec<Cluster>,
    /// What is read of them.
    pub(super) selection: Selection,
    /// The demo's files and servers.
    _demo: Option<Demo>,
}

/// The targets of a command.
///
/// # Errors
/// A demo that could not be made, a source that is no file, `--root` without a directory, a context that leads nowhere.
pub(super) fn targets(sources: &Sources, at: OffsetDateTime, timeout: Duration) -> Result<Targets, Error> {
    let clusters = clusters(&sources.live, timeout)?;
    let mut list = Vec::new();
    for root in &sources.root {
        list.push(root_target(root)?);
    }
    let mut dials = Vec::new();
    for source in &sources.sources {
        match endpoint(source)? {
            Some(endpoint) => dials.push(Dial::new(endpoint)),
            None => list.push(file_source(source)),
        }
    }
    let demo = if sources.demo { Some(demo::serve(at).map_err(Error::Demo)?) } else { None };
    if let Some(demo) = &demo {
        if let Some(servers) = demo.servers() {
            dials.extend(servers.endpoints().into_iter().map(|(_, port)| Dial::new(on_loopback(port))));
            dials.push(Dial::loopback(on_loopback(servers.api_server)));
        }
        list.push(Target::Root { name: None, directory: demo.root() });
        list.push(Target::Path(demo.kubeconfig()));
        list.push(Target::Path(demo.objects()));
    }
    Ok(Targets { list, dials, clusters, selection: selection(&sources.live), _demo: demo })
}

/// The clusters that were named, each once.
fn clusters(live: &Live, timeout: Duration) -> Result<Vec<Cluster>, Error> {
    if !live.is_meant() {
        return if live.kubeconfig.is_some() { Err(Error::KubeconfigAlone) } else { Ok(Vec::new()) };
    }
    let own = kubeconfig_paths();
    let kubeconfigs = live.kubeconfig.as_deref().map_or(Kubeconfigs::Own(&own), Kubeconfigs::Named);
    let mut contexts: Vec<Option<&str>> = live.context.iter().map(|name| Some(name.as_str())).collect();
    // --live beside contexts says no more than they do.
    if contexts.is_empty() {
        contexts.push(None);
    }
    let mut seen = HashSet::new();
    contexts.retain(|context| seen.insert(*context));
    let proxy = &live_proxy;
    contexts
        .into_iter()
        .map(|context| Cluster::of(&Login { kubeconfigs, context, timeout, proxy }).map_err(Error::Cluster))
        .collect()
}

fn selection(live: &Live) -> Selection {
    let names: Vec<String> = live.namespaces.iter().map(|name| name.0.clone()).collect();
    let scope = if names.is_empty() { Scope::Everything } else { Scope::Namespaces(names) };
    Selection { scope, labels: live.selector.clone().filter(|selector| !selector.is_empty()) }
}

/// The URL of the proxy that the environment names for a server.
fn live_proxy(server: &str) -> Option<String> {
    let (https_proxy, no_proxy) = proxy_variables();
    let is_meant = Endpoint::parse(server).is_ok_and(|server| proxy::is_meant(&https_proxy, &no_proxy, &server));
    is_meant.then(|| if https_proxy.contains("://") { https_proxy } else { format!("http://{https_proxy}") })
}

/// The values of `HTTPS_PROXY` and `NO_PROXY`.
fn proxy_variables() -> (String, String) {
    let first = |names: [&str; 2]| {
        names.into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty())).unwrap_or_default()
    };
    (first(["HTTPS_PROXY", "https_proxy"]), first(["NO_PROXY", "no_proxy"]))
}

/// A server of the demo.
pub(super) fn on_loopback(port: u16) -> Endpoint {
    Endpoint { host: "127.0.0.1".into(), port }
}

fn root_target(typed: &str) -> Result<Target, Error> {
    let (name, directory) = match typed.split_once('=') {
        Some((name, directory)) if !name.contains('/') && !Path::new(typed).exists() => (Some(name.to_owned()), directory),
        _ => (None, typed),
    };
    let directory = PathBuf::from(directory);
    if directory.is_dir() { Ok(Target::Root { name, directory }) } else { Err(Error::Root(directory)) }
}

/// The server that a source names: `https://…`, or `HOST:PORT` where no file has that name.
fn endpoint(typed: &Path) -> Result<Option<Endpoint>, Error> {
    let text = typed.to_string_lossy();
    if text.starts_with("https://") {
        return Endpoint::parse(&text).map(Some).map_err(Error::NotAnEndpoint);
    }
    Ok(Some(&*text).filter(|text| Endpoint::is_one(text) && !typed.exists()).and_then(|text| Endpoint::parse(text).ok()))
}

fn file_source(typed: &Path) -> Target {
    if typed == OsStr::new("-") { Target::Stdin } else { Target::Path(typed.to_owned()) }
}

/// A file that plays a part in a question, or standard input.
///
/// # Errors
/// A directory, an endpoint.
pub(super) fn file_target(typed: &Path) -> Result<Target, Error> {
    match endpoint(typed)? {
        Some(endpoint) => Err(Error::Endpoint(endpoint)),
        None if typed.is_dir() => Err(Error::Directory(typed.to_owned())),
        None => Ok(file_source(typed)),
    }
}

/// The kubeconfigs of the person at the keyboard: `$KUBECONFIG`, a list, else `~/.kube/config` (client-go tools/clientcmd).
#[must_use]
pub(super) fn own_kubeconfigs() -> Target {
    Target::Kubeconfigs(kubeconfig_paths())
}

/// Their paths.
pub(super) fn kubeconfig_paths() -> Vec<PathBuf> {
    let named = std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty());
    match named {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => vec![PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".kube/config")],
    }
}

/// The passwords to try on keystores: those of a file, then `$KCERT_PASSWORD`.
///
/// # Errors
/// The file cannot be read.
pub(super) fn passwords(file: Option<&Path>) -> Result<Passwords, Error> {
    let of_file = file.map_or_else(|| Ok(Vec::new()), passwords::passwords).map_err(Error::Passwords)?;
    let of_environment = std::env::var("KCERT_PASSWORD").ok().map(|password| Password::new(Zeroizing::new(password)));
    Ok(Passwords::new(of_file.into_iter().chain(of_environment)))
}

/// The proxy that the environment names for a server.
///
/// # Errors
/// One that is not asked by plain HTTP.
pub(super) fn environment_proxy(to: &Endpoint) -> Result<Option<Proxy>, NotAProxy> {
    let (https_proxy, no_proxy) = proxy_variables();
    Proxy::of_environment(&https_proxy, &no_proxy, to)
}

/// This host.
#[must_use]
pub(super) fn this_host() -> Target {
    Target::Root { name: None, directory: PathBuf::from("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_told_from_files() {
        let named = |text: &str| endpoint(Path::new(text)).ok().flatten().map(|endpoint| endpoint.to_string());
        for text in ["10.0.0.1:6443", "[::1]:443", "k8s.example:443"] {
            assert_eq!(named(text).as_deref(), Some(text));
        }
        assert_eq!(named("https://k8s.example").as_deref(), Some("k8s.example:443"));
        for text in ["a.crt", "dir/a:80", "a:b", ":80", "C:", "a:99999", "-"] {
            assert_eq!(named(text), None, "{text}");
        }
        assert!(endpoint(Path::new("https://")).is_err());
    }
}
