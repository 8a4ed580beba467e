//! From words to dials.

use super::super::args::{Loopback, Tls, Ways};
use super::super::commands::Session;
use super::super::error::Error;
use super::super::targets::on_loopback;
use super::super::values::Wait;
use super::apiserver::Kubeconfig;
use crate::decode::kubeconfig::connection::Given;
use crate::demo;
use crate::gather::connection::file;
use crate::gather::lines::lines;
use crate::model::{Collect, Content, Defect, DefectKind, Document, Holding, Inventory, Origin, OriginKind, Position};
use crate::probe::{Client, Dial, Endpoint, Family, Options, loopback};
use std::path::Path;
use std::sync::Arc;
use time::OffsetDateTime;

/// Whom to ask, and what is known before.
#[derive(Default)]
pub(super) struct Asked {
    /// Whom.
    pub(super) dials: Vec<Dial>,
    /// What was read on the way: kubeconfigs, lines of a list that are no endpoints.
    pub(super) known: Inventory,
    /// Servers of the demo, as long as they are asked.
    pub(super) demo: Option<demo::Demo>,
}

/// How to go about it.
pub(super) fn options(session: &Session, ways: &Ways) -> Options {
    let family = match (ways.ipv4, ways.ipv6) {
        (true, _) => Some(Family::V4),
        (_, true) => Some(Family::V6),
        _ => None,
    };
    Options {
        timeout: session.timeout,
        deadline: ways.deadline.map(|Wait(deadline)| deadline),
        jobs: ways.jobs.into(),
        overrides: ways.resolve.iter().map(|resolved| (resolved.host.clone(), resolved.address)).collect(),
        family,
        clock: OffsetDateTime::now_utc,
    }
}

impl Asked {
    /// API servers and their loopback certificates: those named, else those of the kubeconfig.
    ///
    /// # Errors
    /// No endpoint, no kubeconfig.
    pub(super) fn loopback(session: &Session, asked: &Loopback) -> Result<Self, Error> {
        let mut all = Self::default();
        let dial = |text: &str| {
            let endpoint = Endpoint::parse_with(text, loopback::PORT)?;
            Ok(if Endpoint::names_a_port(text) { Dial::loopback(endpoint) } else { Dial::loopback_search(endpoint) })
        };
        all.named(&asked.hosts, asked.input.as_deref(), &dial)?;
        if asked.ways.demo {
            let demo = demo::serve(session.policy.at).map_err(Error::Demo)?;
            all.dials.extend(demo.servers().map(|servers| Dial::loopback(on_loopback(servers.api_server))));
            all.demo = Some(demo);
        }
        if asked.hosts.is_empty() && asked.input.is_none() && !asked.ways.demo {
            let kubeconfig = Kubeconfig::read(session, &asked.login, &asked.ways)?;
            all = kubeconfig.api_servers(session, &asked.ways)?;
        }
        if all.dials.is_empty() && all.known.holdings.is_empty() {
            return Err(Error::NoEndpoint);
        }
        all.by(&asked.ways)
    }

    /// Any TLS servers.
    ///
    /// # Errors
    /// No endpoint; a certificate or key that cannot be used.
    pub(super) fn tls(session: &Session, asked: &Tls) -> Result<Self, Error> {
        let mut all = Self::default();
        all.named(&asked.endpoints, asked.input.as_deref(), &|text| Endpoint::parse(text).map(Dial::new))?;
        if asked.ways.demo {
            let demo = demo::serve(session.policy.at).map_err(Error::Demo)?;
            let servers = demo.servers().into_iter().flat_map(demo::Servers::endpoints);
            all.dials.extend(servers.map(|(_, port)| Dial::new(on_loopback(port))));
            all.demo = Some(demo);
        }
        if all.dials.is_empty() && all.known.holdings.is_empty() {
            return Err(Error::NoEndpoint);
        }
        let client = certificate(session, asked)?;
        let login = asked.login.kubeconfig.is_some() || asked.login.context.is_some();
        let kubeconfig = if login { Some(Kubeconfig::read(session, &asked.login, &asked.ways)?) } else { None };
        for dial in &mut all.dials {
            dial.starttls = asked.starttls.map(Into::into);
            if let Some(name) = &asked.sni {
                dial.server_name = name.0.clone();
            }
            dial.client.clone_from(&client);
            if let Some(kubeconfig) = kubeconfig.as_ref().filter(|kubeconfig| kubeconfig.endpoint == dial.endpoint) {
                kubeconfig.lend(session, dial, &mut all.known);
            }
        }
        // A credential that stays here without a word would be missed.
        if let Some(kubeconfig) = kubeconfig.filter(|it| all.dials.iter().all(|dial| dial.endpoint != it.endpoint)) {
            return Err(Error::OtherServer(kubeconfig.endpoint));
        }
        all.by(&asked.ways)
    }

    /// Endpoints from the command line, which have to be ones; and from a list, of which a bad line holds up no other.
    fn named(
        &mut self,
        typed: &[String],
        input: Option<&Path>,
        dial: &dyn Fn(&str) -> Result<Dial, crate::probe::NotAnEndpoint>,
    ) -> Result<(), Error> {
        for text in typed {
            self.dials.push(dial(text).map_err(Error::NotAnEndpoint)?);
        }
        let Some(input) = input else { return Ok(()) };
        for (line, text) in lines(input).map_err(Error::Unusable)? {
            match dial(&text) {
                Ok(dial) => self.dials.push(dial),
                Err(refused) => self.known.holding(no_endpoint(input, line, refused.text())),
            }
        }
        Ok(())
    }

    /// The same dials, by the way that was named.
    fn by(mut self, ways: &Ways) -> Result<Self, Error> {
        if let Some(proxy) = &ways.proxy {
            let proxy = Arc::new(proxy.proxy().map_err(Error::Proxy)?);
            self.dials.iter_mut().for_each(|dial| dial.proxy = Some(Arc::clone(&proxy)));
        }
        Ok(self)
    }
}

/// A line of a list that is no endpoint.
fn no_endpoint(list: &Path, line: u64, text: &str) -> Holding {
    let kind = DefectKind::Field { path: text.into(), expected: "HOST:PORT" };
    let defect = Content::Defect(Arc::new(Defect { kind, position: Some(Position { line, column: 1 }) }));
    let kind = if list == Path::new("-") { OriginKind::Stdin } else { OriginKind::File };
    Holding { origin: Origin::whole(Document::new(kind, list.to_string_lossy())), contents: [defect].into() }
}

/// Who presents `--client-cert`: to the servers that were named with it.
fn certificate(session: &Session, asked: &Tls) -> Result<Option<Arc<Client>>, Error> {
    let Some(path) = &asked.client_cert else { return Ok(None) };
    let certificate = Given::Bytes(file(path, &session.decoder).map_err(Error::Unusable)?);
    let key = asked.client_key.as_ref().map(|path| file(path, &session.decoder).map(Given::Bytes)).transpose();
    let key = key.map_err(Error::Unusable)?.unwrap_or_else(|| certificate.clone());
    let client = super::apiserver::with_certificate(session, Client::anonymous(None), &certificate, &key)?;
    Ok(Some(Arc::new(client)))
}
