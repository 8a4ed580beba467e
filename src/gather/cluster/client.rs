//! The way to an API server: the only room that names `kube`.
//!
//! Whatever a kubeconfig can say of it is left to that crate; three things are not. `NO_PROXY` and this machine's own addresses are left to
//! the caller, token files are read as client-go reads them, and no credential goes to a server that nothing vouches for.

mod access;
mod fault;
mod reply;

pub(super) use access::{Access, access};
pub use access::{Kubeconfigs, Login, NoCluster};

use super::list::{Answer, Ask, NO_ANSWER, Question};
use crate::model::DefectKind;
use crate::model::defect::Phase;
use fault::{fault, unopened, unreachable};
use kube::client::Body;
use kube::config::ExecInteractiveMode;
use kube::core;
use kube::core::params::ListParams;
use reply::Reply;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// A connection to a server.
pub(super) struct Client {
    api: kube::Client,
    /// Taken when it is let go: a plugin that hangs is not waited for.
    runtime: Option<Runtime>,
    timeout: Duration,
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Client {
    /// Gets the credential ready. Nothing is sent yet.
    ///
    /// # Errors
    /// A server that nothing vouches for, a credential that is not to be had.
    pub(super) fn open(Access(mut config): Access, limit: Duration) -> Result<Self, DefectKind> {
        access::vouched_for(&mut config)?;
        access::ready(&mut config)?;
        config.connect_timeout = Some(limit);
        let plugin = config.auth_info.exec.as_ref();
        let may_ask = plugin.is_some_and(|plugin| plugin.interactive_mode != Some(ExecInteractiveMode::Never));
        let plugin = plugin.and_then(|plugin| plugin.command.clone()).unwrap_or_default();
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unreachable(Phase::Connect, error.to_string()))?;
        // Plugins are programs, run to their end.
        let opening = runtime.spawn_blocking(move || kube::Client::try_from(config));
        let opened = runtime.block_on(async { if may_ask { Ok(opening.await) } else { timeout(limit, opening).await } });
        let opened = match opened {
            Ok(Ok(opened)) => opened.map_err(|error| unopened(&error, &plugin)),
            Ok(Err(_)) => Err(DefectKind::NoCredential("the client could not be made".into())),
            Err(_) => Err(DefectKind::NoCredential(format!("the credential plugin {plugin} did not end in time").into())),
        };
        match opened {
            Ok(api) => Ok(Self { api, runtime: Some(runtime), timeout: limit }),
            Err(defect) => {
                runtime.shutdown_background();
                Err(defect)
            }
        }
    }
}

impl Ask for Client {
    fn get(&mut self, question: &Question<'_>) -> Result<Answer<'_>, DefectKind> {
        let mut list = ListParams { limit: question.limit, ..ListParams::default() };
        list.field_selector = question.fields.map(str::to_owned);
        list.label_selector = question.labels.map(str::to_owned);
        list.continue_token = question.next.map(str::to_owned);
        let request = core::Request::new(question.path).list(&list);
        let request = request.map_err(|error| DefectKind::UnexpectedReply(error.to_string().into()))?;
        let Some(runtime) = &self.runtime else { return Err(unreachable(Phase::Connect, "the client is gone")) };
        let (api, limit) = (&self.api, self.timeout);
        let sent = runtime.block_on(async { timeout(limit, api.send(request.map(Body::from))).await });
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(fault(&error)),
            Err(_) => return Err(unreachable(Phase::Request, NO_ANSWER)),
        };
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let media_type = header("content-type").unwrap_or_default().into();
        let status = response.status().as_u16();
        let body = Reply::new(runtime, response.into_body(), limit);
        Ok(Answer { status, retry_after, media_type, body: Box::new(body) })
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }
}
