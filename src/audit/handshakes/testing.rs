//! Scenes for the tests of this room: places, servers that answered, facts.

use crate::audit::{self, Audit, Policy};
use crate::chain::{AwsLc, Graph};
use crate::decode::{Decoded, Decoder, Limits};
use crate::mint::NOW;
use crate::model::peer::{ClientAuth, End, LoginUsed, ProtocolVersion, Session};
use crate::model::{Document, Fact, Holding, Inventory, Origin, OriginKind, Peer, Role, Slot};
use std::sync::Arc;
use time::Duration;

/// What was gathered.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) inventory: Inventory,
}

impl Scene {
    pub(super) fn fact(&mut self, fact: Fact) {
        self.inventory.facts.push(fact);
    }

    /// A place in a document, with this PEM.
    pub(super) fn place(&mut self, document: &Arc<Document>, field: &str, slot: Slot, pem: &str) -> Origin {
        let Decoded::Contents(contents) = Decoder::new(Limits::default()).bytes(pem.as_bytes()) else { panic!("{pem}") };
        let origin = Origin { document: Arc::clone(document), field: field.into(), role: None, slot };
        self.inventory.holdings.push(Holding { origin: origin.clone(), contents });
        origin
    }

    /// A file with a job.
    pub(super) fn file(&mut self, path: &str, role: Option<Role>, slot: Slot, pem: &str) {
        self.place(&Arc::new(Document::new(OriginKind::File, path)), "", slot, pem);
        self.inventory.holdings.last_mut().unwrap().origin.role = role;
    }

    /// A server that answered under a name.
    pub(super) fn peer(&mut self, endpoint: &str, server_name: Option<&str>, pem: &str) {
        let field = server_name.map(|name| format!("sni={name}")).unwrap_or_default();
        let origin = self.place(&Arc::new(Document::new(OriginKind::Peer, endpoint)), &field, Slot::Credential, pem);
        self.conversation(origin, server_name, Some(session()));
    }

    /// One that did not.
    pub(super) fn silent(&mut self, endpoint: &str, server_name: &str) {
        let origin = Origin::whole(Document::new(OriginKind::Peer, endpoint));
        self.conversation(origin, Some(server_name), None);
    }

    fn conversation(&mut self, origin: Origin, server_name: Option<&str>, session: Option<Session>) {
        self.inventory.peers.push(Peer {
            origin,
            address: None,
            server_name: server_name.map(Box::from),
            session,
            request: None,
            reply: None,
            login: LoginUsed::Anonymous,
            took: Duration::ZERO,
        });
    }

    pub(super) fn preflight(&self) -> Audit {
        audit::preflight(&Graph::build(&self.inventory, &AwsLc), &Policy::at(NOW))
    }
}

fn session() -> Session {
    Session {
        version: ProtocolVersion::TLS13,
        cipher_suite: None,
        key_exchange: None,
        alpn: None,
        ocsp_staple: false,
        client_auth: ClientAuth::NotAsked,
        end: End::Completed,
    }
}
