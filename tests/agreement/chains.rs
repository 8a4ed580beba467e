//! Chains at random: a root, up to three intermediates, an end entity; most are sound, each may have one thing odd.

use kcert::chain::{AwsLc, Graph, NodeId};
use kcert::decode::{Decoded, Decoder, Limits};
use kcert::mint::{Identity, NOW, Recipe, pki};
use kcert::model::{Document, Holding, Inventory, KeyUsage, Origin, OriginKind};
use kcert::verify::{self, Purpose, Verdict, Verifier, verify};
use proptest::prelude::*;
use proptest::sample::select;
use time::{Duration, OffsetDateTime};

/// What may be odd about a CA.
#[derive(Clone, Copy, Debug)]
enum CaQuirk {
    None,
    Expired,
    NotYetValid,
    NoBasicConstraints,
    NotACa,
    PathLength(u8),
    NoCertSign,
    NoKeyUsage,
    ServersOnly,
    ClientsOnly,
    NoKeyIds,
    Permits(&'static str),
    Excludes(&'static str),
}

/// What may be odd about an end entity.
#[derive(Clone, Copy, Debug)]
enum LeafQuirk {
    None,
    Expired,
    NotYetValid,
    ServersOnly,
    ClientsOnly,
    CommonNameOnly,
    Wildcard,
    IsACa,
    NoKeyUsage,
    NoKeyIds,
}

/// What may be odd about the question.
#[derive(Clone, Copy, Debug)]
enum Trust {
    Root,
    OtherRoot,
    SameNameOtherKey,
    BothOfOneName,
    FirstIntermediate,
    Everything,
    CrossSigned,
}

/// A chain to be minted, and the question about it.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    root: CaQuirk,
    intermediates: Vec<CaQuirk>,
    leaf: LeafQuirk,
    trust: Trust,
    missing: Option<usize>,
    order: Order,
    purpose: Purpose,
    name: Option<&'static str>,
    later: i64,
}

/// How the intermediates are given.
#[derive(Clone, Copy, Debug)]
enum Order {
    LeafFirst,
    RootFirst,
}

/// Minted.
pub(crate) struct Question {
    /// The end entity.
    pub(crate) leaf: Identity,
    /// Certificates at hand.
    pub(crate) intermediates: Vec<Identity>,
    /// Trust anchors.
    pub(crate) anchors: Vec<Identity>,
    /// The purpose.
    pub(crate) purpose: Purpose,
    /// The name.
    pub(crate) name: Option<&'static str>,
    /// The instant.
    pub(crate) at: OffsetDateTime,
}

const NAME: &str = "server.example.com";

/// Any of them.
pub(crate) fn chain() -> impl Strategy<Value = Chain> {
    let ca = || {
        prop_oneof![
            6 => Just(CaQuirk::None),
            4 => select(vec![
                CaQuirk::Expired, CaQuirk::NotYetValid, CaQuirk::NoBasicConstraints, CaQuirk::NotACa, CaQuirk::PathLength(0),
                CaQuirk::PathLength(1), CaQuirk::NoCertSign, CaQuirk::NoKeyUsage, CaQuirk::ServersOnly, CaQuirk::ClientsOnly,
                CaQuirk::NoKeyIds, CaQuirk::Permits("example.com"), CaQuirk::Permits("example.org"),
                CaQuirk::Excludes("server.example.com"), CaQuirk::Excludes("example.org"),
            ]),
        ]
    };
    let leaf = prop_oneof![
        5 => Just(LeafQuirk::None),
        4 => select(vec![
            LeafQuirk::Expired, LeafQuirk::NotYetValid, LeafQuirk::ServersOnly, LeafQuirk::ClientsOnly, LeafQuirk::CommonNameOnly,
            LeafQuirk::Wildcard, LeafQuirk::IsACa, LeafQuirk::NoKeyUsage, LeafQuirk::NoKeyIds,
        ]),
    ];
    let trust = prop_oneof![
        4 => Just(Trust::Root),
        3 => select(vec![
            Trust::OtherRoot, Trust::SameNameOtherKey, Trust::BothOfOneName, Trust::FirstIntermediate, Trust::Everything,
            Trust::CrossSigned,
        ]),
    ];
    let missing = prop_oneof![5 => Just(None), 1 => (0_usize..3).prop_map(Some)];
    let order = select(vec![Order::LeafFirst, Order::RootFirst]);
    let purpose = select(vec![Purpose::Any, Purpose::Server, Purpose::Client]);
    let name =
        select(vec![None, Some(NAME), Some("other.example.com"), Some("server.example.org"), Some("10.0.0.1"), Some("10.0.0.2")]);
    let later = prop_oneof![8 => Just(0), 1 => Just(365 * 86_400), 1 => -400_i64 * 86_400..400 * 86_400];
    (ca(), prop::collection::vec(ca(), 0..4), leaf, trust, missing, order, purpose, name, later).prop_map(
        |(root, intermediates, leaf, trust, missing, order, purpose, name, later)| Chain {
            root,
            intermediates,
            leaf,
            trust,
            missing,
            order,
            purpose,
            name,
            later,
        },
    )
}

impl CaQuirk {
    fn apply(self, recipe: Recipe) -> Recipe {
        match self {
            Self::None => recipe,
            Self::Expired => recipe.expired(),
            Self::NotYetValid => recipe.not_yet_valid(),
            Self::NoBasicConstraints => recipe.without_basic_constraints(),
            Self::NotACa => recipe.without_basic_constraints().extension(&[2, 5, 29, 19], &[0x30, 0x00]),
            Self::PathLength(most) => recipe.path_len(most),
            Self::NoCertSign => recipe.key_usage(KeyUsage(1)),
            Self::NoKeyUsage => recipe.key_usage(KeyUsage(0)),
            Self::ServersOnly => recipe.server(),
            Self::ClientsOnly => recipe.client(),
            Self::NoKeyIds => recipe.without_subject_key_id().without_authority_key_id(),
            Self::Permits(name) => recipe.extension(&[2, 5, 29, 30], &subtrees(0xa0, name)),
            Self::Excludes(name) => recipe.extension(&[2, 5, 29, 30], &subtrees(0xa1, name)),
        }
    }
}

/// NameConstraints with one DNS name.
fn subtrees(tag: u8, name: &str) -> Vec<u8> {
    let wrapped = |tag: u8, contents: Vec<u8>| [vec![tag, u8::try_from(contents.len()).unwrap()], contents].concat();
    wrapped(0x30, wrapped(tag, wrapped(0x30, wrapped(0x82, name.into()))))
}

impl LeafQuirk {
    fn apply(self, recipe: Recipe) -> Recipe {
        let named = |recipe: Recipe| recipe.dns(NAME).ip([10, 0, 0, 1]);
        match self {
            Self::None => named(recipe).server().client(),
            Self::Expired => named(recipe).expired(),
            Self::NotYetValid => named(recipe).not_yet_valid(),
            Self::ServersOnly => named(recipe).server(),
            Self::ClientsOnly => named(recipe).client(),
            Self::CommonNameOnly => recipe,
            Self::Wildcard => recipe.dns("*.example.com"),
            Self::IsACa => named(recipe).path_len(3),
            Self::NoKeyUsage => named(recipe).key_usage(KeyUsage(0)),
            Self::NoKeyIds => named(recipe).without_subject_key_id().without_authority_key_id(),
        }
    }
}

impl Chain {
    /// Makes the certificates.
    pub(crate) fn mint(&self) -> Question {
        let root = self.root.apply(pki().ca("root")).self_signed().unwrap();
        let mut intermediates: Vec<Identity> = Vec::new();
        for (level, quirk) in self.intermediates.iter().enumerate() {
            let issuer = intermediates.last().unwrap_or(&root);
            let ca = quirk.apply(pki().ca(&format!("intermediate {level}"))).issued_by(issuer).unwrap();
            intermediates.push(ca);
        }
        let leaf = self.leaf.apply(pki().leaf(NAME)).issued_by(intermediates.last().unwrap_or(&root)).unwrap();
        let other = || pki().ca("other root").self_signed().unwrap();
        let namesake = || pki().ca("root").self_signed().unwrap();
        let mut anchors = match self.trust {
            Trust::Root | Trust::FirstIntermediate | Trust::Everything => Vec::new(),
            Trust::OtherRoot => vec![other()],
            Trust::SameNameOtherKey => vec![namesake()],
            Trust::BothOfOneName => vec![namesake(), root.clone()],
            Trust::CrossSigned => {
                let other = other();
                intermediates.push(root.recipe().issued_by(&other).unwrap());
                vec![other]
            }
        };
        match self.trust {
            Trust::Root | Trust::Everything => anchors.push(root),
            Trust::FirstIntermediate => anchors.extend(intermediates.first().cloned()),
            _ => {}
        }
        if matches!(self.trust, Trust::Everything) {
            anchors.extend(intermediates.iter().cloned());
        }
        if let Some(missing) = self.missing.filter(|missing| *missing < intermediates.len()) {
            intermediates.remove(missing);
        }
        if matches!(self.order, Order::LeafFirst) {
            intermediates.reverse();
        }
        if anchors.is_empty() {
            anchors.push(other());
        }
        let at = NOW + Duration::seconds(self.later);
        Question { leaf, intermediates, anchors, purpose: self.purpose, name: self.name, at }
    }
}

impl Question {
    /// What kcert says.
    pub(crate) fn ask(&self, verifier: Verifier) -> Verdict {
        let decoder = Decoder::new(Limits::default());
        let mut inventory = Inventory::default();
        for identity in std::iter::once(&self.leaf).chain(&self.intermediates).chain(&self.anchors) {
            let Decoded::Contents(contents) = decoder.bytes(identity.der()) else { panic!("not a certificate") };
            let origin = Origin::whole(Document::new(OriginKind::File, "minted"));
            inventory.holdings.push(Holding { origin, contents });
        }
        let graph = Graph::build(&inventory, &AwsLc);
        let nodes: Vec<NodeId> = inventory
            .holdings
            .iter()
            .flat_map(Holding::certificates)
            .filter_map(|(_, certificate)| graph.node(&certificate.id))
            .collect();
        let (intermediates, anchors) = nodes[1..].split_at(self.intermediates.len());
        let question = verify::Question {
            end_entity: nodes[0],
            intermediates: intermediates.to_vec(),
            anchors: anchors.to_vec(),
            purpose: self.purpose,
            names: self.name.map(|name| name.parse().unwrap()).into_iter().collect(),
            at: self.at,
            crls: Vec::new(),
            max_depth: None,
        };
        verify(&graph, &question, verifier)
    }
}
