//! What a kubeconfig, or a pod's service account, leads to.

use super::super::super::files::{self, Refusal};
use crate::model::DefectKind;
use kube::Config;
use kube::config::{AuthInfo, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use std::fmt;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;

/// Which kubeconfig is meant.
#[derive(Clone, Copy, Debug)]
pub enum Kubeconfigs<'k> {
    /// The one that was named.
    Named(&'k Path),
    /// One's own: a `KUBECONFIG` merge list. Without any of its files a pod's service account, if this is a pod.
    Own(&'k [PathBuf]),
}

/// Which cluster, and how to get there.
pub struct Login<'l> {
    /// The kubeconfig.
    pub kubeconfigs: Kubeconfigs<'l>,
    /// The context in it; else its current one.
    pub context: Option<&'l str>,
    /// How long a connection, the head of an answer and each further piece of it may take.
    pub timeout: Duration,
    /// The URL of the proxy that the environment names for a server, by the server's URL.
    pub proxy: &'l dyn Fn(&str) -> Option<String>,
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("kubeconfigs", &self.kubeconfigs).field("context", &self.context).finish_non_exhaustive()
    }
}

/// Why there is no cluster to ask.
#[derive(Debug)]
pub enum NoCluster {
    /// None of the kubeconfigs exists, and this is no pod.
    Absent(Vec<PathBuf>),
    /// A kubeconfig cannot be read.
    File(PathBuf, DefectKind),
    /// A file is no kubeconfig that clients can use.
    NotOne(PathBuf),
    /// No context was named, and the kubeconfig has no current one.
    NoContext,
    /// There is no such context.
    Context(String),
    /// Something else that the kubeconfig says is of no use; what.
    Config(Box<str>),
}

impl fmt::Display for NoCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(paths) => {
                let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "there is no kubeconfig at {}, and this is no pod with a service account", names.join(", "))
            }
            Self::File(path, kind) => write!(f, "{} {kind}", path.display()),
            Self::NotOne(path) => write!(f, "{} is no kubeconfig that clients can use", path.display()),
            Self::NoContext => f.write_str("the kubeconfig has no current context"),
            Self::Context(name) => write!(f, "the kubeconfig has no context {name}"),
            Self::Config(what) => write!(f, "the kubeconfig cannot be used: {what}"),
        }
    }
}

impl std::error::Error for NoCluster {}

/// What leads to a server. Of what it holds nothing is shown: much of it is secret.
pub(in super::super) struct Access(pub(super) Config);

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.server())
    }
}

impl Access {
    /// The server's URL, without user, password and query.
    pub(in super::super) fn server(&self) -> String {
        let url = &self.0.cluster_url;
        let host = url.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
        let path = url.path().trim_end_matches('/');
        format!("{}://{}{path}", url.scheme_str().unwrap_or_default(), host.unwrap_or_default())
    }
}

/// The largest kubeconfig: those of thousands of clusters have a few MiB.
const KUBECONFIG: u64 = 64 << 20;
/// The name of the cluster that a pod is in.
const IN_CLUSTER: &str = "in-cluster";

/// What a context leads to, and its name.
///
/// # Errors
/// What cannot be read or leads nowhere.
pub(in super::super) fn access(login: &Login<'_>) -> Result<(Arc<str>, Access), NoCluster> {
    let paths = match &login.kubeconfigs {
        Kubeconfigs::Named(path) => vec![path.to_path_buf()],
        Kubeconfigs::Own(paths) => paths.to_vec(),
    };
    let Some(kubeconfig) = merged(&paths)? else {
        let is_own = matches!(login.kubeconfigs, Kubeconfigs::Own(_)) && login.context.is_none();
        let of_pod = is_own.then(Config::incluster_env).and_then(Result::ok);
        return Ok((IN_CLUSTER.into(), Access(of_pod.ok_or(NoCluster::Absent(paths))?)));
    };
    let name = login.context.map(str::to_owned).or_else(|| kubeconfig.current_context.clone()).filter(|name| !name.is_empty());
    let name = name.ok_or(NoCluster::NoContext)?;
    let proxies = own_proxy(&kubeconfig, &name);
    let options = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
    let reading = Config::from_custom_kubeconfig(kubeconfig, &options);
    let runtime = Builder::new_current_thread().build().map_err(|error| NoCluster::Config(error.to_string().into()))?;
    let mut config = runtime.block_on(reading).map_err(|error| no_cluster(&error, &name))?;
    if !proxies {
        let chosen = (login.proxy)(&config.cluster_url.to_string()).map(|url| url.parse()).transpose();
        config.proxy_url = chosen.map_err(|_| NoCluster::Config("the proxy that the environment names is no URL".into()))?;
    }
    Ok((name.as_str().into(), Access(config)))
}

/// The kubeconfigs of a list as one, as client-go merges them; `None` where none of them exists.
fn merged(paths: &[PathBuf]) -> Result<Option<Kubeconfig>, NoCluster> {
    let mut all: Option<Kubeconfig> = None;
    for path in paths {
        // Bounded and only from a regular file; the crate reads it again, to find the files that it names beside it.
        match files::open(path).and_then(|file| file.bytes(KUBECONFIG)) {
            Ok(_) => {}
            Err(Refusal::Absent) => continue,
            Err(refusal) => return Err(NoCluster::File(path.clone(), refusal.into_defect())),
        }
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let one = Kubeconfig::read_from(absolute).map_err(|_| NoCluster::NotOne(path.clone()))?;
        all = Some(match all {
            None => one,
            Some(all) => all.merge(one).map_err(|error| NoCluster::Config(error.to_string().into()))?,
        });
    }
    Ok(all)
}

/// Whether the context's cluster has a proxy of its own.
fn own_proxy(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let context = kubeconfig.contexts.iter().find(|named| named.name == context).and_then(|named| named.context.as_ref());
    let cluster = kubeconfig.clusters.iter().find(|named| context.is_some_and(|context| context.cluster == named.name));
    let cluster = cluster.and_then(|named| named.cluster.as_ref());
    cluster.and_then(|cluster| cluster.proxy_url.as_deref()).is_some_and(|url| !url.is_empty())
}

/// Errors of the crate in words of ours: its own may repeat what a kubeconfig says.
fn no_cluster(error: &KubeconfigError, context: &str) -> NoCluster {
    NoCluster::Config(match error {
        KubeconfigError::CurrentContextNotSet => return NoCluster::NoContext,
        KubeconfigError::LoadContext(_) => return NoCluster::Context(context.to_owned()),
        KubeconfigError::LoadClusterOfContext(_) => format!("context {context} names a cluster that it does not have").into(),
        KubeconfigError::MissingClusterUrl => format!("the cluster of context {context} has no server").into(),
        KubeconfigError::ParseClusterUrl(_) => format!("the server of context {context} is no URL").into(),
        KubeconfigError::ParseProxyUrl(_) => "the proxy is no URL".into(),
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            format!("the CA of context {context} cannot be read").into()
        }
        _ => format!("context {context} does not lead to a server").into(),
    })
}

/// The token as client-go reads it from its file: without white space around, and before one that is written down. Plugins get to ask
/// somebody only where there is somebody.
///
/// # Errors
/// A token that cannot be read.
pub(super) fn ready(config: &mut Config) -> Result<(), DefectKind> {
    let user = &mut config.auth_info;
    if let Some(path) = user.token_file.take().filter(|path| !path.is_empty()) {
        match files::open(Path::new(&path)).and_then(|file| file.bytes(KUBECONFIG)) {
            Ok(text) => user.token = Some(String::from_utf8_lossy(&text).trim().to_owned().into()),
            Err(_) if user.token.is_some() => {}
            Err(refusal) => {
                return Err(DefectKind::NoCredential(format!("the token file {path} {}", refusal.into_defect()).into()));
            }
        }
    }
    if let Some(plugin) = &mut user.exec {
        let wants_somebody = plugin.interactive_mode == Some(ExecInteractiveMode::Always);
        if !wants_somebody && !io::stdin().is_terminal() {
            plugin.interactive_mode = Some(ExecInteractiveMode::Never);
        }
    }
    config.default_retry = false;
    Ok(())
}

/// No credential goes to a server that nothing vouches for: as client-go, none without TLS; other than client-go, none where the kubeconfig
/// skips verification. What needs no credential and no network, a proxy of one's own on this machine (`kubectl proxy`), may be asked.
pub(super) fn vouched_for(config: &mut Config) -> Result<(), DefectKind> {
    let refuse = |why: &str| Err(DefectKind::Unverified(why.into()));
    if config.cluster_url.scheme_str() == Some("https") {
        return if config.accept_invalid_certs {
            refuse("the kubeconfig says insecure-skip-tls-verify, and no credential goes to a server that no CA vouches for")
        } else {
            Ok(())
        };
    }
    let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !is_here {
        return refuse("it is asked without TLS, and nothing vouches for the answers");
    }
    config.auth_info = AuthInfo::default();
    Ok(())
}
