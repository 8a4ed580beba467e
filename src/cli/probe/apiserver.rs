//! The kubeconfig's server, and who asks it.

use super::super::args::{Login, Ways};
use super::super::commands::Session;
use super::super::error::Error;
use super::super::targets;
use super::admission::OfKubeconfig;
use super::dials::{Asked, options};
use crate::decode::Decoded;
use crate::decode::kubeconfig::connection::{Connection, Given, Names, Trust};
use crate::demo;
use crate::gather::connection::connect;
use crate::gather::{Target, gather};
use crate::model::inventory::Host;
use crate::model::{
    Collect, Content, Defect, Document, Fact, Holding, Inventory, Kubeconfig as Entries, Origin, OriginKind, Peer,
    SigningRequest, Slot,
};
use crate::probe::{Admission, Client, Dial, Endpoint, Proxy, Sni, UnusableKey, api_servers};
use crate::verify::Name;
use std::path::PathBuf;
use std::sync::Arc;

/// A context of a kubeconfig, ready to be used.
pub(super) struct Kubeconfig {
    paths: Vec<PathBuf>,
    connection: Connection,
    /// The server.
    pub(super) endpoint: Endpoint,
    proxy: Option<Arc<Proxy>>,
    demo: Option<demo::Demo>,
}

impl Kubeconfig {
    /// Reads the kubeconfig that was named, else one's own.
    ///
    /// # Errors
    /// What cannot be read, or leads nowhere.
    pub(super) fn read(session: &Session, login: &Login, ways: &Ways) -> Result<Self, Error> {
        let demo = if ways.demo { Some(demo::serve(session.policy.at).map_err(Error::Demo)?) } else { None };
        let paths = match (&demo, &login.kubeconfig) {
            (Some(demo), _) => vec![demo.kubeconfig()],
            (None, Some(path)) => vec![path.clone()],
            (None, None) => targets::kubeconfig_paths(),
        };
        let connection = connect(&paths, login.context.as_deref(), &session.decoder).map_err(Error::Unusable)?;
        let endpoint = Endpoint::parse(&connection.server).map_err(Error::NotAnEndpoint)?;
        let own = connection.proxy_url.as_ref().map(|url| Proxy::parse(&String::from_utf8_lossy(url.bytes())));
        // As kubectl has it: what was typed, what the kubeconfig says, what the environment says.
        let proxy = match (&ways.proxy, own) {
            (Some(typed), _) => Some(typed.proxy().map_err(Error::Proxy)?),
            (None, Some(own)) => Some(own.map_err(Error::Proxy)?),
            (None, None) => targets::environment_proxy(&endpoint).map_err(Error::Proxy)?,
        };
        let proxy = proxy.map(Arc::new);
        Ok(Self { paths, connection, endpoint, proxy, demo })
    }

    /// What `probe apiserver` asks, with the entries of the kubeconfig that it is about.
    pub(super) fn asked(self, session: &Session) -> Asked {
        let dial = self.dial(session);
        let known = self.entries(session);
        Asked { dials: vec![dial], known, demo: self.demo }
    }

    /// The entries of the kubeconfig that the context names.
    fn entries(&self, session: &Session) -> Inventory {
        let mut known = Inventory::default();
        let mut own = Own { names: &self.connection.names, cluster: None, user: None, out: &mut known };
        gather(&[Target::Kubeconfigs(self.paths.clone())], &session.decoder, &mut own);
        known
    }

    /// Lets a handshake with the kubeconfig's server be its own: under its name, by its proxy, with its credential. The entries that it is
    /// judged by are added to what is known.
    pub(super) fn lend(&self, session: &Session, dial: &mut Dial, known: &mut Inventory) {
        let own = self.dial(session);
        dial.client = own.client;
        dial.proxy = dial.proxy.take().or(own.proxy);
        if dial.server_name == Sni::Host {
            dial.server_name = own.server_name;
        }
        self.entries(session).drain_into(known);
    }

    fn dial(&self, session: &Session) -> Dial {
        let dial = Dial::api_server(self.endpoint.clone(), path_of(&self.connection.server), self.client(session));
        let server_name = self.connection.tls_server_name.as_deref().map_or(Sni::Host, |name| Sni::Name(name.into()));
        Dial { server_name, proxy: self.proxy.clone(), ..dial }
    }

    /// Who asks: with the context's credential, which only servers get to see that its CA vouches for; so nobody does where the kubeconfig
    /// skips verification. What cannot be used is a finding about the kubeconfig, and the question is asked without it.
    pub(super) fn client(&self, session: &Session) -> Client {
        let Trust::Bundle(bundle) = &self.connection.trust else { return Client::anonymous(None) };
        let anonymous = || Client::anonymous(Some(Arc::new(self.admission(session, bundle)) as Arc<dyn Admission>));
        let (certificate, key) = (&self.connection.certificate, &self.connection.key);
        let client = with_certificate(session, anonymous(), certificate, key).unwrap_or_else(|_| anonymous());
        match self.connection.authorization.first() {
            Some((Given::Bytes(value), login)) => client.with_authorization(value.clone(), *login),
            _ => client,
        }
    }

    fn admission(&self, session: &Session, bundle: &Given) -> OfKubeconfig {
        let anchors = bundle.bytes().map(|bytes| session.decoder.bytes(bytes.bytes()));
        let anchors = match anchors {
            Some(Decoded::Contents(contents)) => contents,
            _ => Arc::from([]),
        };
        let name = self.connection.tls_server_name.as_deref().unwrap_or(&self.endpoint.host);
        OfKubeconfig::new(anchors, name.parse::<Name>().ok(), session.now)
    }

    /// Asks for the loopback certificate of every API server behind the kubeconfig's: those that the cluster knows of, and the server
    /// itself. That the others cannot be listed is noted.
    ///
    /// # Errors
    /// The operating system gives no sockets.
    pub(super) fn api_servers(&self, session: &Session, ways: &Ways) -> Result<Asked, Error> {
        let mut asked = Asked::default();
        let mut all = vec![self.endpoint.clone()];
        match api_servers(&self.dial(session), &options(session, ways)).map_err(Error::Probe)? {
            Ok(known) => all.extend(known.into_iter().filter(|endpoint| *endpoint != self.endpoint)),
            Err(kind) => {
                let document = Arc::new(Document::new(OriginKind::Peer, self.endpoint.to_string()));
                let origin = Origin { document, field: "endpointslices".into(), role: None, slot: Slot::Unknown };
                asked
                    .known
                    .holding(Holding { origin, contents: [Content::Defect(Arc::new(Defect { kind, position: None }))].into() });
            }
        }
        asked.dials = all.into_iter().map(|endpoint| Dial { proxy: self.proxy.clone(), ..Dial::loopback(endpoint) }).collect();
        Ok(asked)
    }
}

/// The path in a URL: `https://h/k8s/clusters/c-1` → `/k8s/clusters/c-1`.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

/// A client with a certificate and key.
///
/// # Errors
/// Neither can be used.
pub(super) fn with_certificate(session: &Session, client: Client, certificate: &Given, key: &Given) -> Result<Client, Error> {
    let bytes = certificate.bytes().map(|bytes| session.decoder.bytes(bytes.bytes()));
    let Some(Decoded::Contents(contents)) = bytes else { return Err(Error::NoClientCertificate) };
    let chain: Vec<Vec<u8>> = contents
        .iter()
        .filter_map(|content| match content {
            Content::Certificate(certificate) => Some(certificate.der.bytes.to_vec()),
            _ => None,
        })
        .collect();
    let key = key.bytes().filter(|_| !chain.is_empty()).ok_or(Error::NoClientCertificate)?;
    let Decoded::Contents(keys) = session.decoder.bytes(key.bytes()) else { return Err(Error::NoClientCertificate) };
    let found = keys.iter().find(|content| matches!(content, Content::PrivateKey(_) | Content::Defect(_)));
    match found {
        Some(Content::PrivateKey(found)) if found.public().is_none() => return Err(Error::ClientKey(UnusableKey::Encrypted)),
        Some(Content::Defect(_)) => return Err(Error::ClientKey(UnusableKey::Kind)),
        Some(_) => {}
        None => return Err(Error::NoClientCertificate),
    }
    client.with_certificate(chain, key).map_err(Error::ClientKey)
}

/// Keeps the entries of one context: of those of one name in a merge list the first, as client-go does.
struct Own<'a> {
    names: &'a Names,
    /// The document that the cluster was found in.
    cluster: Option<Arc<str>>,
    /// The document that the user was found in.
    user: Option<Arc<str>>,
    out: &'a mut Inventory,
}

impl Own<'_> {
    fn concerns(&self, origin: &Origin) -> bool {
        let Names { cluster, user, .. } = self.names;
        let is_first = |found: &Option<Arc<str>>| found.as_ref().is_none_or(|found| *found == origin.document.source);
        let entry = |list: &str, name: &str| origin.field.starts_with(&format!("{list}[{name}]."));
        (entry("clusters", cluster) && is_first(&self.cluster)) || (entry("users", user) && is_first(&self.user))
    }
}

impl Collect for Own<'_> {
    fn holding(&mut self, holding: Holding) {
        // What cannot be read as a whole has no entries, and may be the one that was meant.
        if holding.origin.field.is_empty() || self.concerns(&holding.origin) {
            self.out.holding(holding);
        }
    }

    fn kubeconfig(&mut self, mut entries: Entries) {
        let Names { context, cluster, user } = self.names;
        entries.contexts.retain(|entry| *entry.name == **context);
        entries.clusters.retain(|entry| *entry.name == **cluster && self.cluster.is_none());
        entries.users.retain(|entry| *entry.name == **user && self.user.is_none());
        let source = || Some(Arc::clone(&entries.document.source));
        if !entries.clusters.is_empty() {
            self.cluster = source();
        }
        if !entries.users.is_empty() {
            self.user = source();
        }
        if !(entries.clusters.is_empty() && entries.users.is_empty() && entries.contexts.is_empty()) {
            self.out.kubeconfig(entries);
        }
    }

    fn signing_request(&mut self, _: SigningRequest) {}

    fn host(&mut self, _: Host) {}

    fn peer(&mut self, peer: Peer) {
        self.out.peer(peer);
    }

    fn fact(&mut self, _: Fact) {}

    fn examined(&mut self, count: u64) {
        self.out.examined(count);
    }
}
