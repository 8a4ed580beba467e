//! What a step does to the copy of the inventory: each effect changes what stands on disks, or has a process read it.

use super::program::Process;
use super::world::{Made, World};
use crate::mint::{Anew, By, Signer};
use crate::model::{Certificate, Content, KeyFormat, Material, PrivateKey, Role, Slot, Validity};
use std::fmt;
use std::sync::Arc;
use time::Duration;

/// A place, by its position in the inventory's holdings.
pub(super) type Place = usize;

/// One effect.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// A copy of a host's files is kept.
    Save { host: Option<Arc<str>> },
    /// The first certificate of a place is issued anew.
    Issue { at: Place, key_at: Option<Place>, by: Authority, key: NewKey, lifetime: Lifetime },
    /// A CA is made like the first certificate of a place, with a key of its own, and kept aside under a name.
    Make { name: &'static str, like: Place, key: NewKey },
    /// A CA that was made takes its place, alone, with its key.
    Install { name: &'static str, at: Place, key_at: Option<Place> },
    /// A CA that was made is trusted in these places, before what is there.
    Trust { name: &'static str, at: Vec<Place> },
    /// All but the CA that was made goes from these places.
    TrustOnly { name: &'static str, at: Vec<Place> },
    /// What stands in one place stands in the other too.
    Copy { from: Place, to: Place },
    /// The file is for its owner alone.
    Protect { at: Place },
    /// The chain is put in order: the end entity first, then each issuer after what it signed.
    Order { at: Place },
    /// Tokens are verified in a place by the public halves of these keys, too.
    Verify { keys: Vec<Place>, at: Place },
    /// A user of a kubeconfig takes certificate and key from another file.
    Refer { kubeconfig: usize, certificate: Place, to: Place, path: Box<str> },
    /// A process is started anew, and reads what is on the disk by then.
    Restart(Process),
    /// A server of which nothing but an endpoint is known is started anew.
    RestartServer { endpoint: Arc<str>, process: Option<Process> },
}

/// Who issues.
#[derive(Clone, Debug)]
pub(super) enum Authority {
    /// The CA that stands first in a place by then; its key has to be on the host.
    At { ca: Place, key: Option<Place> },
    /// The CA of this certificate, somewhere else.
    Elsewhere(Arc<Certificate>),
    /// A CA that was made.
    Made(&'static str),
    /// Its own new key.
    Itself,
}

/// Which key a new certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewKey {
    /// The one that there is.
    Kept,
    /// A new one.
    Fresh,
}

/// How long a new certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// As long as the one before.
    AsBefore,
    /// So long.
    Of(Duration),
}

/// Why an effect cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Impossible {
    /// There is no certificate at a place.
    NoCertificate(String),
    /// The CA's key is not on the host: whose.
    NoKey(String),
    /// The CA is not valid at the instant: which.
    CaOver(String),
    /// What should sign is no CA.
    NotACa(String),
    /// The CA was to be made before, and was not.
    NotMade(&'static str),
    /// No certificate can be made in its likeness: why.
    Mint(String),
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate(place) => write!(f, "there is no certificate in {place}"),
            Self::NoKey(ca) => write!(f, "the key of {ca} is not there"),
            Self::CaOver(ca) => write!(f, "{ca} is not valid, so nothing that it signs is"),
            Self::NotACa(name) => write!(f, "{name} is no CA"),
            Self::NotMade(name) => write!(f, "the new {name} was not made yet"),
            Self::Mint(why) => f.write_str(why),
        }
    }
}

/// Clocks differ: certificates begin five minutes before they are made (client-go util/cert, kubeadm since 1.31).
const SKEW: Duration = Duration::minutes(5);

impl Effect {
    /// The processes that it starts anew.
    pub(super) fn restarts(&self) -> Option<&Process> {
        match self {
            Self::Restart(process) | Self::RestartServer { process: Some(process), .. } => Some(process),
            _ => None,
        }
    }

    /// The places that it reads or writes.
    pub(super) fn places(&self) -> Vec<Place> {
        let with = |place: Place, key: Option<Place>| std::iter::once(place).chain(key).collect();
        match self {
            Self::Issue { at, key_at, by: Authority::At { ca, key }, .. } => {
                [*at, *ca].into_iter().chain(*key_at).chain(*key).collect()
            }
            Self::Issue { at, key_at, .. } | Self::Install { at, key_at, .. } => with(*at, *key_at),
            Self::Make { like, .. } => vec![*like],
            Self::Trust { at, .. } | Self::TrustOnly { at, .. } => at.clone(),
            Self::Copy { from, to } => vec![*from, *to],
            Self::Protect { at } | Self::Order { at } => vec![*at],
            Self::Refer { certificate, to, .. } => vec![*certificate, *to],
            Self::Verify { keys, at } => keys.iter().copied().chain([*at]).collect(),
            Self::Save { .. } | Self::Restart(_) | Self::RestartServer { .. } => Vec::new(),
        }
    }

    /// Has it happen.
    pub(super) fn apply(&self, world: &mut World<'_>) -> Result<(), Impossible> {
        match self {
            Self::Save { host } => world.save(host.clone()),
            Self::Issue { at, key_at, by, key, lifetime } => return issue(world, *at, *key_at, by, *key, *lifetime),
            Self::Make { name, like, key } => return make(world, name, *like, *key),
            Self::Install { name, at, key_at } => return install(world, name, *at, *key_at),
            Self::Trust { name, at } => {
                let made = world.made(name)?;
                for place in at {
                    let kept = certificates(world, *place).filter(|old| old.id != made.certificate.id);
                    let all = std::iter::once(Arc::clone(&made.certificate)).chain(kept);
                    let contents = all.map(Content::Certificate).collect();
                    world.write(*place, contents);
                }
            }
            Self::TrustOnly { name, at } => {
                let made = world.made(name)?;
                for place in at {
                    world.write(*place, vec![Content::Certificate(Arc::clone(&made.certificate))]);
                }
            }
            Self::Copy { from, to } => world.write(*to, world.disk().holdings[*from].contents.to_vec()),
            Self::Protect { at } => world.protect(*at),
            Self::Order { at } => order(world, *at),
            Self::Verify { keys, at } => verify(world, keys, *at),
            Self::Refer { kubeconfig, certificate, to, path } => refer(world, *kubeconfig, *certificate, *to, path),
            Self::Restart(process) => world.restart(process),
            Self::RestartServer { endpoint, process } => {
                if let Some(process) = process {
                    world.restart(process);
                }
                world.restart_server(endpoint)?;
            }
        }
        Ok(())
    }
}

fn certificates<'w>(world: &'w World<'_>, place: Place) -> impl Iterator<Item = Arc<Certificate>> + use<'w> {
    world.disk().holdings[place].certificates().map(|(_, certificate)| Arc::clone(certificate)).collect::<Vec<_>>().into_iter()
}

fn first(world: &World<'_>, place: Place) -> Result<Arc<Certificate>, Impossible> {
    let none = || Impossible::NoCertificate(world.disk().holdings[place].origin.to_string());
    certificates(world, place).next().ok_or_else(none)
}

fn mint(error: &crate::mint::Error) -> Impossible {
    Impossible::Mint(error.to_string())
}

/// The end of what is made now.
fn validity(world: &World<'_>, lifetime: Duration) -> Validity {
    let not_before = world.at() - SKEW;
    Validity { not_before, not_after: not_before.checked_add(lifetime).unwrap_or(not_before) }
}

fn issue(
    world: &mut World<'_>,
    at: Place,
    key_at: Option<Place>,
    by: &Authority,
    key: NewKey,
    lifetime: Lifetime,
) -> Result<(), Impossible> {
    let old = first(world, at)?;
    let lifetime = match lifetime {
        Lifetime::AsBefore => old.validity.lifetime(),
        Lifetime::Of(lifetime) => lifetime,
    };
    let fresh = Signer::fresh().map_err(|error| mint(&error))?;
    let (certificate, signer) = match by {
        Authority::Itself => (None, fresh.clone()),
        Authority::Made(name) => world.made(name).map(|made| (Some(made.certificate), made.signer))?,
        Authority::Elsewhere(ca) => (Some(Arc::clone(ca)), world.stand_in(ca)?),
        Authority::At { ca, key } => {
            let certificate = first(world, *ca)?;
            let is_its = |private: &PrivateKey| private.public() == Some(&certificate.public_key);
            let keys = key.map(|key| &world.disk().holdings[key]);
            if !keys.is_some_and(|holding| holding.private_keys().any(is_its)) {
                return Err(Impossible::NoKey(certificate.display_name()));
            }
            let signer = world.stand_in(&certificate)?;
            (Some(certificate), signer)
        }
    };
    if let Some(ca) = &certificate {
        is_able(world, ca)?;
    }
    let new_key = (key == NewKey::Fresh).then_some(&fresh);
    let by = certificate.as_ref().map_or(By::Itself(&fresh), |ca| By::Ca { certificate: ca, signer: &signer, key: new_key });
    let der = Anew { like: &old, validity: validity(world, lifetime), by }.issue().map_err(|error| mint(&error))?;
    let new = world.decoded(&der)?;
    let key = Arc::new(PrivateKey::Plain { format: KeyFormat::Pkcs1, public: new.public_key.clone() });
    for place in world.same_certificate(at, &old) {
        world.replace(place, &old, &new, &key, certificate.as_ref());
    }
    if let Some(place) = key_at {
        world.write(place, vec![Content::PrivateKey(key)]);
    }
    Ok(())
}

fn is_able(world: &World<'_>, ca: &Certificate) -> Result<(), Impossible> {
    if !ca.is_ca() {
        return Err(Impossible::NotACa(ca.display_name()));
    }
    let validity = ca.validity;
    if validity.is_over(world.at()) || validity.is_to_come(world.at()) {
        return Err(Impossible::CaOver(ca.display_name()));
    }
    Ok(())
}

fn make(world: &mut World<'_>, name: &'static str, like: Place, key: NewKey) -> Result<(), Impossible> {
    let old = first(world, like)?;
    let validity = validity(world, old.validity.lifetime());
    let fresh = Signer::fresh().map_err(|error| mint(&error))?;
    let (der, signer) = match key {
        NewKey::Fresh => (Anew { like: &old, validity, by: By::Itself(&fresh) }.issue(), fresh.clone()),
        NewKey::Kept => {
            let signer = world.stand_in(&old)?;
            let by = By::Ca { certificate: &old, signer: &signer, key: None };
            (Anew { like: &old, validity, by }.issue(), signer.clone())
        }
    };
    let certificate = world.decoded(&der.map_err(|error| mint(&error))?)?;
    world.keep(name, Made { certificate, signer });
    Ok(())
}

fn install(world: &mut World<'_>, name: &'static str, at: Place, key_at: Option<Place>) -> Result<(), Impossible> {
    let made = world.made(name)?;
    world.write(at, vec![Content::Certificate(Arc::clone(&made.certificate))]);
    if let Some(place) = key_at {
        let key = PrivateKey::Plain { format: KeyFormat::Pkcs1, public: made.certificate.public_key.clone() };
        world.write(place, vec![Content::PrivateKey(Arc::new(key))]);
    }
    Ok(())
}

fn order(world: &mut World<'_>, place: Place) {
    let mut rest: Vec<Arc<Certificate>> = certificates(world, place).collect();
    let issues = |one: &Arc<Certificate>, all: &[Arc<Certificate>]| {
        all.iter().any(|other| other.id != one.id && other.issuer == one.subject)
    };
    let mut ordered = Vec::new();
    let mut next = rest.iter().position(|one| !issues(one, &rest));
    while let Some(position) = next {
        let one = rest.remove(position);
        next = rest.iter().position(|other| other.subject == one.issuer);
        ordered.push(one);
    }
    let others = world.disk().holdings[place].contents.iter();
    let others: Vec<Content> = others.filter(|content| !matches!(content, Content::Certificate(_))).cloned().collect();
    world.write(place, ordered.into_iter().chain(rest).map(Content::Certificate).chain(others).collect());
}

fn verify(world: &mut World<'_>, keys: &[Place], at: Place) {
    let holdings = &world.disk().holdings;
    let signing = keys.iter().flat_map(|key| holdings[*key].private_keys()).filter_map(PrivateKey::public);
    let mut all: Vec<Content> = holdings[at].contents.to_vec();
    for key in signing {
        let is_it = |content: &Content| matches!(content, Content::PublicKey(known) if **known == *key);
        if !all.iter().any(is_it) {
            all.push(Content::PublicKey(Arc::new(key.clone())));
        }
    }
    world.write(at, all);
}

fn refer(world: &mut World<'_>, kubeconfig: usize, certificate: Place, to: Place, path: &str) {
    let contents = world.disk().holdings[to].contents.to_vec();
    let document = Arc::clone(&world.disk().holdings[certificate].origin.document);
    let is_key = |holding: &crate::model::Holding| {
        *holding.origin.document == *document && holding.origin.slot == Slot::Key && holding.origin.role == Some(Role::Kubelet)
    };
    let keys: Vec<Place> = world.places(is_key);
    for place in std::iter::once(certificate).chain(keys) {
        world.write(place, contents.clone());
    }
    for user in world.users(kubeconfig) {
        user.client_certificate = Material::Path(path.into());
        user.client_key = Material::Path(path.into());
    }
}
