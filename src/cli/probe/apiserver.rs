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
use crate::model::{Collect, Content, Holding, Inventory, Kubeconfig as Entries, Peer, SigningRequest};
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
    ///
    /// # Errors
    /// A certificate or key that cannot be used.
    pub(super) fn asked(self, session: &Session) -> Result<Asked, Error> {
        let dial = Dial { proxy: self.proxy.clone(), ..self.dial(session)? };
        let mut known = Inventory::default();
        let mut own = Own { names: &self.connection.names, out: &mut known };
        gather(&[Target::Kubeconfigs(self.paths.clone())], &session.decoder, &mut own);
        Ok(Asked { dials: vec![dial], known, demo: self.demo })
    }

    fn dial(&self, session: &Session) -> Result<Dial, Error> {
        let dial = Dial::api_server(self.endpoint.clone(), self.client(session)?);
        let server_name = self.connection.tls_server_name.as_deref().map_or(Sni::Host, |name| Sni::Name(name.into()));
        Ok(Dial { server_name, ..dial })
    }

    /// Who asks: with the context's credential, which only servers get to see that its CA vouches for.
    ///
    /// # Errors
    /// A certificate or key that cannot be used.
    pub(super) fn client(&self, session: &Session) -> Result<Client, Error> {
        let admission = match &self.connection.trust {
            Trust::Skip => None,
            Trust::Bundle(bundle) => Some(Arc::new(self.admission(session, bundle)) as Arc<dyn Admission>),
        };
        let mut client = Client::anonymous(admission);
        if self.connection.certificate.bytes().is_some() {
            client = with_certificate(session, client, &self.connection.certificate, &self.connection.key)?;
        }
        if let Some((Given::Bytes(value), login)) = &self.connection.authorization {
            client = client.with_authorization(value.clone(), *login);
        }
        Ok(client)
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

    /// Every API server behind the kubeconfig's: those that the cluster knows of, if it lets them be read, and the server itself.
    ///
    /// # Errors
    /// A certificate or key that cannot be used.
    pub(super) fn api_servers(&self, session: &Session, ways: &Ways) -> Result<Vec<Endpoint>, Error> {
        let options = options(session, ways);
        let dial = Dial { proxy: self.proxy.clone(), ..self.dial(session)? };
        let known = api_servers(&dial, &options).map_err(Error::Probe)?;
        let mut all = vec![self.endpoint.clone()];
        for endpoint in known {
            if !all.contains(&endpoint) {
                all.push(endpoint);
            }
        }
        Ok(all)
    }
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

/// Keeps the entries of one context.
struct Own<'a> {
    names: &'a Names,
    out: &'a mut Inventory,
}

impl Own<'_> {
    fn concerns(&self, field: &str) -> bool {
        let Names { cluster, user, .. } = self.names;
        field.starts_with(&format!("clusters[{cluster}].")) || field.starts_with(&format!("users[{user}]."))
    }
}

impl Collect for Own<'_> {
    fn holding(&mut self, holding: Holding) {
        if self.concerns(&holding.origin.field) {
            self.out.holding(holding);
        }
    }

    fn kubeconfig(&mut self, mut entries: Entries) {
        let Names { context, cluster, user } = self.names;
        entries.contexts.retain(|entry| *entry.name == **context);
        entries.clusters.retain(|entry| *entry.name == **cluster);
        entries.users.retain(|entry| *entry.name == **user);
        if !(entries.clusters.is_empty() && entries.users.is_empty() && entries.contexts.is_empty()) {
            self.out.kubeconfig(entries);
        }
    }

    fn signing_request(&mut self, _: SigningRequest) {}

    fn host(&mut self, _: Host) {}

    fn peer(&mut self, peer: Peer) {
        self.out.peer(peer);
    }

    fn examined(&mut self, count: u64) {
        self.out.examined(count);
    }
}
