//! The copy on which a plan is rehearsed: what stands on the disks, and what the processes have read of it.
//!
//! A file that was renewed helps nobody before its process has read it. So there are two inventories in one: the disk, which effects
//! write to, and what is in force: of every place that processes read, what they read when they were started last. Where several
//! read one place (`ca.crt`), only what all of them have read counts, so that a bundle is trusted when the last one was restarted, and
//! an anchor is gone when the first one was.

pub(super) mod served;

use super::effect::{Effect, Impossible, Place};
use super::program::{Process, readers};
use super::step::Step;
use crate::audit::keys_of;
use crate::chain::{AwsLc, SignatureCheck, SignatureOps};
use crate::decode::{Decoder, Limits};
use crate::mint::{Anew, By, Signer};
use crate::model::origin::Access;
use crate::model::{
    Certificate, Content, Document, Handshake, Holding, Inventory, OriginKind, PrivateKey, Role, Sha256, User, Validity,
};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use time::{Duration, OffsetDateTime};

/// The contents of a place.
type Contents = Arc<[Content]>;

/// A CA that was made and is kept aside.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) certificate: Arc<Certificate>,
    pub(super) signer: Signer,
}

/// The copy.
pub(super) struct World<'a> {
    at: OffsetDateTime,
    disk: Inventory,
    /// Who reads which place.
    readers: HashMap<Place, Vec<Process>>,
    /// What each has read, where it is not what is on the disk.
    loaded: HashMap<(Process, Place), Contents>,
    /// The files that servers were seen to serve, by the place of what they presented.
    files: HashMap<Place, Place>,
    /// Servers by the place of the Secret that they read.
    servers: HashMap<Place, Vec<Place>>,
    /// The places of each object, by where the document is in memory.
    objects: HashMap<usize, Vec<Place>>,
    made: HashMap<&'static str, Made>,
    understudies: &'a Understudies,
    saved: HashSet<Option<Arc<str>>>,
    /// Hosts whose files were written to without having been saved.
    unsaved: Vec<Option<Arc<str>>>,
    decoder: Decoder,
}

/// Places up to which a rehearsal plays on all of them.
const ALL: usize = 2_000;

/// What a rehearsal plays on: everything, but of large dumps those Secrets are empty that no step touches and no handshake rests on.
/// They cannot change by the steps, and judging them after each one would take most of the time.
pub(super) fn stage(inventory: &Inventory, steps: &[Step], handshakes: &[Handshake]) -> Inventory {
    let mut stage = inventory.clone();
    if stage.holdings.len() <= ALL {
        return stage;
    }
    let name = |document: &Document| (Arc::clone(&document.source), document.host.clone());
    let sides = handshakes.iter().flat_map(|handshake| [&handshake.client_side, &handshake.server_side]);
    let rests_on = sides.flat_map(|side| side.origin.iter().chain(&side.believes)).map(|origin| name(&origin.document));
    let touched = steps.iter().flat_map(|step| &step.effects).flat_map(Effect::places);
    let touched = touched.filter_map(|place| inventory.holdings.get(place)).map(|holding| name(&holding.origin.document));
    let kept: HashSet<_> = rests_on.chain(touched).collect();
    for holding in &mut stage.holdings {
        let document = &holding.origin.document;
        if document.kind == OriginKind::Secret && holding.origin.role.is_none() && !kept.contains(&name(document)) {
            holding.contents = Arc::from([]);
        }
    }
    stage
}

impl<'a> World<'a> {
    /// A copy as everything is now: the processes have read what is on the disk, as far as nobody was seen to serve something else.
    pub(super) fn of(inventory: &Inventory, at: OffsetDateTime, understudies: &'a Understudies) -> Self {
        let mut disk = inventory.clone();
        // What could not be read stays as it is; a server that presents something is asked again when it is started anew.
        disk.examined = 0;
        let readers = readers_of(inventory);
        let files = served::files_of(inventory);
        Self {
            at,
            disk,
            readers,
            loaded: HashMap::new(),
            files,
            servers: served::servers_of(inventory),
            objects: objects_of(inventory),
            made: HashMap::new(),
            understudies,
            saved: HashSet::new(),
            unsaved: Vec::new(),
            decoder: Decoder::new(Limits::default()),
        }
    }

    pub(super) fn at(&self) -> OffsetDateTime {
        self.at
    }

    pub(super) fn disk(&self) -> &Inventory {
        &self.disk
    }

    /// What is in force: the disk, but of places that processes read what they have read.
    pub(super) fn in_force(&self) -> Inventory {
        let mut inventory = self.disk.clone();
        for (place, readers) in &self.readers {
            let read: Vec<&Contents> = readers
                .iter()
                .map(|reader| self.loaded.get(&(reader.clone(), *place)).unwrap_or(&self.disk.holdings[*place].contents))
                .collect();
            if let Some((first, others)) = read.split_first() {
                let held_by_all = |content: &&Content| match content {
                    Content::Certificate(one) => others.iter().all(|other| has(other, one.id)),
                    _ => true,
                };
                inventory.holdings[*place].contents = first.iter().filter(held_by_all).cloned().collect();
            }
        }
        inventory
    }

    /// Processes that have not read what is on the disk, with the place.
    pub(super) fn behind(&self) -> Vec<(&Process, &Holding)> {
        let differs =
            |((_, place), contents): &(&(Process, Place), &Contents)| !same(contents, &self.disk.holdings[*place].contents);
        let mut behind: Vec<_> = self.loaded.iter().filter(differs).map(|((process, place), _)| (process, *place)).collect();
        behind.sort();
        behind.into_iter().map(|(process, place)| (process, &self.disk.holdings[place])).collect()
    }

    pub(super) fn save(&mut self, host: Option<Arc<str>>) {
        self.saved.insert(host);
    }

    /// Hosts whose files were written to before they were saved.
    pub(super) fn unsaved(&self) -> &[Option<Arc<str>>] {
        &self.unsaved
    }

    /// Writes to a place, and to every other one that is the same file. Who reads it keeps what was there.
    pub(super) fn write(&mut self, place: Place, contents: Vec<Content>) {
        let contents: Contents = contents.into();
        for place in self.same_file(place) {
            let old = Arc::clone(&self.disk.holdings[place].contents);
            for reader in self.readers.get(&place).into_iter().flatten() {
                self.loaded.entry((reader.clone(), place)).or_insert_with(|| Arc::clone(&old));
            }
            self.disk.holdings[place].contents = Arc::clone(&contents);
            let document = &self.disk.holdings[place].origin.document;
            let is_file = matches!(document.kind, OriginKind::File | OriginKind::Kubeconfig)
                && self.disk.holdings[place].origin.role.is_some();
            let host = document.host.clone();
            if is_file && !self.saved.contains(&host) && !self.unsaved.contains(&host) {
                self.unsaved.push(host);
            }
            for server in self.servers.get(&place).cloned().unwrap_or_default() {
                self.serve(server, place);
            }
        }
    }

    /// The places of the same object in which a certificate stands: Istio's Secrets hold their CA and its chain beside each other.
    pub(super) fn same_certificate(&self, place: Place, certificate: &Certificate) -> Vec<Place> {
        let document = &self.disk.holdings[place].origin.document;
        let beside = self.objects.get(&Arc::as_ptr(document).addr()).into_iter().flatten().copied();
        let others = beside.filter(|other| *other != place && has(&self.disk.holdings[*other].contents, certificate.id));
        std::iter::once(place).chain(others).collect()
    }

    /// Puts a certificate in the place of another one, its key in the place of the key there, and its issuer in the place of the
    /// issuer's certificate in the chain behind it; where the issuer is another one, so is the chain.
    pub(super) fn replace(
        &mut self,
        place: Place,
        old: &Certificate,
        new: &Arc<Certificate>,
        key: &Arc<PrivateKey>,
        issuer: Option<&Arc<Certificate>>,
    ) {
        let stays = issuer.is_some_and(|issuer| issuer.subject == old.issuer);
        let mut is_behind = false;
        let mut contents: Vec<Content> = Vec::new();
        for content in self.disk.holdings[place].contents.iter() {
            match (content, issuer) {
                (Content::Certificate(one), _) if one.id == old.id => {
                    contents.push(Content::Certificate(Arc::clone(new)));
                    let other = issuer.filter(|issuer| !stays && !issuer.is_self_issued());
                    contents.extend(other.map(|issuer| Content::Certificate(Arc::clone(issuer))));
                    is_behind = true;
                }
                (Content::Certificate(_), _) if is_behind && !stays => {}
                (Content::Certificate(one), Some(issuer)) if is_behind && one.subject == issuer.subject => {
                    contents.push(Content::Certificate(Arc::clone(issuer)));
                }
                (Content::PrivateKey(_), _) => contents.push(Content::PrivateKey(Arc::clone(key))),
                (other, _) => contents.push(other.clone()),
            }
        }
        self.write(place, contents);
    }

    /// The places that are the same file: a path that a kubeconfig names is the file itself.
    fn same_file(&self, place: Place) -> Vec<Place> {
        let one = &self.disk.holdings[place].origin;
        let is_embedded = |field: &str| {
            !field.is_empty()
                && !["client-certificate", "client-key", "certificate-authority"].iter().any(|path| field.ends_with(path))
        };
        if !matches!(one.document.kind, OriginKind::File | OriginKind::Kubeconfig) || is_embedded(&one.field) {
            return vec![place];
        }
        let is_same = |holding: &Holding| {
            let origin = &holding.origin;
            matches!(origin.document.kind, OriginKind::File | OriginKind::Kubeconfig)
                && origin.document.path() == one.document.path()
                && origin.document.host == one.document.host
                && !is_embedded(&origin.field)
        };
        self.places(is_same)
    }

    /// The places of which something holds.
    pub(super) fn places(&self, holds: impl Fn(&Holding) -> bool) -> Vec<Place> {
        self.disk.holdings.iter().enumerate().filter(|(_, holding)| holds(holding)).map(|(place, _)| place).collect()
    }

    /// Makes a file its owner's alone.
    pub(super) fn protect(&mut self, place: Place) {
        let holding = &mut self.disk.holdings[place];
        let Some(access) = holding.origin.document.access else { return };
        let access = Some(Access { mode: 0o600, ..access });
        holding.origin.document = Arc::new(Document { access, ..(*holding.origin.document).clone() });
    }

    pub(super) fn users(&mut self, kubeconfig: usize) -> &mut [User] {
        self.disk.kubeconfigs.get_mut(kubeconfig).map(|kubeconfig| kubeconfig.users.as_mut_slice()).unwrap_or_default()
    }

    /// A process is started anew: it reads the disk, and serves what it has read.
    pub(super) fn restart(&mut self, process: &Process) {
        self.loaded.retain(|(reader, _), _| reader != process);
        let served: Vec<(Place, Place)> = self.files.iter().map(|(peer, file)| (*peer, *file)).collect();
        for (peer, file) in served {
            if self.readers.get(&file).is_some_and(|readers| readers.contains(process)) {
                self.serve(peer, file);
            }
        }
    }

    fn serve(&mut self, peer: Place, file: Place) {
        let is_certificate = |content: &&Content| matches!(content, Content::Certificate(_));
        self.disk.holdings[peer].contents = self.disk.holdings[file].contents.iter().filter(is_certificate).cloned().collect();
    }

    /// A server is started anew: it serves what is on the disk by then, and an API server makes its loopback certificate.
    pub(super) fn restart_server(&mut self, endpoint: &str) -> Result<(), Impossible> {
        let at =
            |holding: &Holding| holding.origin.document.kind == OriginKind::Peer && *holding.origin.document.source == *endpoint;
        for place in self.places(at) {
            if self.disk.holdings[place].loopback().is_some() {
                self.new_loopback(place)?;
            } else if let Some(file) = self.files.get(&place).copied() {
                self.serve(place, file);
            }
        }
        Ok(())
    }

    /// kubernetes/apiserver pkg/server/options/serving_with_loopback.go: one certificate and its throw-away CA, from an hour before.
    fn new_loopback(&mut self, place: Place) -> Result<(), Impossible> {
        let old: Vec<Arc<Certificate>> = self.disk.holdings[place].certificates().map(|(_, one)| Arc::clone(one)).collect();
        let signer = Signer::fresh().map_err(|error| Impossible::Mint(error.to_string()))?;
        let mut contents = Vec::new();
        for one in &old {
            let not_before = self.at - Duration::HOUR;
            let validity = Validity { not_before, not_after: not_before + one.validity.lifetime() };
            let der = Anew { like: one, validity, by: By::Itself(&signer) }.issue();
            contents.push(Content::Certificate(self.decoded(&der.map_err(|error| Impossible::Mint(error.to_string()))?)?));
        }
        self.disk.holdings[place].contents = contents.into();
        Ok(())
    }

    /// The CA that was made under a name.
    pub(super) fn made(&self, name: &'static str) -> Result<Made, Impossible> {
        self.made.get(name).cloned().ok_or(Impossible::NotMade(name))
    }

    pub(super) fn keep(&mut self, name: &'static str, made: Made) {
        self.made.insert(name, made);
    }

    /// A key that signs for a CA whose key nobody takes from its disk.
    pub(super) fn stand_in(&self, ca: &Certificate) -> Result<Signer, Impossible> {
        self.understudies.of(ca, &self.decoder).map_err(|error| Impossible::Mint(error.to_string()))
    }

    pub(super) fn decoded(&self, der: &[u8]) -> Result<Arc<Certificate>, Impossible> {
        decoded(&self.decoder, der)
    }
}

fn decoded(decoder: &Decoder, der: &[u8]) -> Result<Arc<Certificate>, Impossible> {
    match decoder.certificate(der) {
        Content::Certificate(certificate) => Ok(certificate),
        _ => Err(Impossible::Mint("what was made for the rehearsal cannot be read".to_owned())),
    }
}

fn has(contents: &Contents, id: Sha256) -> bool {
    contents.iter().any(|content| matches!(content, Content::Certificate(one) if one.id == id))
}

/// Whether two places hold the same: certificates and keys in the same order.
fn same(one: &Contents, other: &Contents) -> bool {
    let is_same = |pair: (&Content, &Content)| match pair {
        (Content::Certificate(a), Content::Certificate(b)) => a.id == b.id,
        (Content::PrivateKey(a), Content::PrivateKey(b)) => a == b,
        (Content::PublicKey(a), Content::PublicKey(b)) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    };
    one.len() == other.len() && one.iter().zip(other.iter()).all(is_same)
}

/// Who reads which place. All of a kubeconfig is read by whoever it is for.
fn readers_of(inventory: &Inventory) -> HashMap<Place, Vec<Process>> {
    let mut roles: HashMap<(&str, Option<&str>), Role> = HashMap::new();
    for kubeconfig in &inventory.kubeconfigs {
        if let Some(role) = kubeconfig.role {
            roles.insert((&kubeconfig.document.source, kubeconfig.document.host.as_deref()), role);
        }
    }
    let mut known: HashMap<(Role, Option<&str>), Vec<Process>> = HashMap::new();
    let mut all = HashMap::new();
    for (place, holding) in inventory.holdings.iter().enumerate() {
        let document = &holding.origin.document;
        let host = document.host.as_deref();
        if document.kind == OriginKind::Peer {
            continue;
        }
        let Some(role) = roles.get(&(&*document.source, host)).copied().or(holding.origin.role) else { continue };
        let readers = known.entry((role, host)).or_insert_with(|| readers(inventory, role, host));
        if !readers.is_empty() {
            all.insert(place, readers.clone());
        }
    }
    all
}

/// The places of each Secret.
fn objects_of(inventory: &Inventory) -> HashMap<usize, Vec<Place>> {
    let mut objects: HashMap<usize, Vec<Place>> = HashMap::new();
    let secrets = inventory.holdings.iter().enumerate().filter(|(_, holding)| holding.origin.document.kind == OriginKind::Secret);
    for (place, holding) in secrets {
        objects.entry(Arc::as_ptr(&holding.origin.document).addr()).or_default().push(place);
    }
    objects
}

/// The place of the key that belongs to the certificate of each place.
pub(super) fn key_places(inventory: &Inventory) -> HashMap<Place, Place> {
    keys_of(inventory).into_iter().filter(|(credential, key)| credential != key).collect()
}

/// Keys that sign in a rehearsal for the keys of real CAs, which stay where they are. A signature by such a key counts as the CA's.
#[derive(Default)]
pub(super) struct Understudies {
    /// By the key of the CA: the key that signs, and a certificate that carries it.
    parts: Mutex<HashMap<Sha256, (Signer, Arc<Certificate>)>>,
    known: Mutex<HashMap<(Sha256, Sha256), SignatureCheck>>,
}

impl fmt::Debug for Understudies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Understudies")
    }
}

impl Understudies {
    fn of(&self, ca: &Certificate, decoder: &Decoder) -> Result<Signer, crate::mint::Error> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((signer, _)) = parts.get(&ca.public_key.spki_sha256) {
            return Ok(signer.clone());
        }
        let signer = Signer::like(&ca.public_key)?;
        let der = Anew { like: ca, validity: ca.validity, by: By::Itself(&signer) }.issue()?;
        let like = || crate::mint::Error::Like(ca.display_name().into());
        let certificate = decoded(decoder, &der).map_err(|_| like())?;
        parts.insert(ca.public_key.spki_sha256, (signer.clone(), certificate));
        Ok(signer)
    }

    fn part(&self, ca: &Certificate) -> Option<Arc<Certificate>> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.get(&ca.public_key.spki_sha256).map(|(_, certificate)| Arc::clone(certificate))
    }
}

impl SignatureOps for Understudies {
    /// Each pair is checked once in the whole rehearsal.
    fn check(&self, certificate: &Certificate, issuer: &Certificate) -> SignatureCheck {
        let pair = (certificate.id, issuer.id);
        let known = |own: &Self| own.known.lock().unwrap_or_else(PoisonError::into_inner).get(&pair).copied();
        if let Some(known) = known(self) {
            return known;
        }
        let check = match AwsLc.check(certificate, issuer) {
            SignatureCheck::Valid => SignatureCheck::Valid,
            other => self.part(issuer).map_or(other, |part| AwsLc.check(certificate, &part)),
        };
        // What nobody stands in for yet may be checked otherwise later.
        if check == SignatureCheck::Valid || self.part(issuer).is_some() {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(pair, check);
        }
        check
    }
}
