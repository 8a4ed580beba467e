//! Steps in words: each completes the sentence "trusted if …".

use super::{Advice, Step};
use crate::chain::{Graph, NodeId};
use crate::model::digest::Hex;
use crate::model::{Certificate, ExtendedKeyUsage, GeneralName, when};
use crate::verify::{Name, Purpose, Question};

/// Names of a certificate that are listed.
const NAMES: usize = 4;
/// Octets of a digest that tell two certificates apart.
const DIGEST: usize = 8;

impl Advice {
    /// The whole way as one sentence.
    #[must_use]
    pub fn words(&self, graph: &Graph<'_>, question: &Question<'_>) -> String {
        let steps: Vec<String> = self.steps.iter().map(|step| step.words(graph, question)).collect();
        format!("trusted if {}", steps.join(", and "))
    }
}

impl Step {
    /// The certificates that it speaks of.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        match self {
            Self::MaxDepth(_) | Self::Godebug(_) => Vec::new(),
            Self::OtherKey { signed, namesake } => vec![*signed, *namesake],
            Self::Issuer { of: node, .. }
            | Self::Reissue { node, .. }
            | Self::Renew(node)
            | Self::Wait(node)
            | Self::Replace(node)
            | Self::Names(node)
            | Self::AlternativeNames(node)
            | Self::Purpose(node, _)
            | Self::Constraints(node)
            | Self::Depth(node)
            | Self::Authority(node)
            | Self::Signature(node)
            | Self::Key(node)
            | Self::RevocationList(node)
            | Self::Trust(node)
            | Self::PartialChain(node) => vec![*node],
        }
    }

    /// What has to be so. Names of certificates in it are unescaped.
    #[must_use]
    pub fn words(&self, graph: &Graph<'_>, question: &Question<'_>) -> String {
        let about = |node: &NodeId| graph.certificate(*node);
        let called = |node: &NodeId| called(graph.certificate(*node));
        match self {
            Self::Renew(node) => renew(about(node), question),
            Self::Wait(node) => {
                let from = when::to_the_second(about(node).validity.not_before);
                format!("{} has begun: not before {from} UTC (compare the clocks of its issuer and of this host)", called(node))
            }
            Self::Replace(node) => format!("{} is replaced: its issuer has revoked it", called(node)),
            Self::Names(node) => names(about(node), question),
            Self::AlternativeNames(node) => {
                format!("{} is issued again with its host names as subject alternative names", called(node))
            }
            Self::Purpose(node, purpose) => usage(about(node), *purpose),
            Self::Constraints(node) => {
                format!("{} may issue for these names (name constraints), or another CA issues them", called(node))
            }
            Self::Depth(node) => format!("{} is issued again with a path length that allows the CAs below it", called(node)),
            Self::MaxDepth(least) => format!("--max-depth is {least} or more"),
            Self::Authority(node) => format!("{} is issued again as a CA (basic constraints CA:TRUE)", called(node)),
            Self::Signature(node) => format!("{} is issued again with a stronger signature, such as SHA-256", called(node)),
            Self::Key(node) => format!("{} is issued again with a larger key, such as RSA 2048 or ECDSA P-256", called(node)),
            Self::Reissue { node, fault } => format!("{} is issued again without this: {fault}", called(node)),
            Self::RevocationList(node) => format!("--crl has a current revocation list of {}", about(node).issuer),
            Self::Issuer { of, at } => issuer(about(of), at),
            Self::OtherKey { signed, namesake } => other_key(about(signed), about(namesake), &place(graph, *namesake)),
            Self::Trust(node) => {
                format!("--trust has {} (sha256 {}), where the path ends", called(node), digest(about(node)))
            }
            Self::PartialChain(node) => format!(
                "--trust has the root above {}, which is an intermediate, or openssl is told -partial_chain",
                called(node)
            ),
            Self::Godebug(setting) => format!("the program is run with GODEBUG={setting}, for as long as Go knows that"),
        }
    }
}

fn renew(certificate: &Certificate, question: &Question<'_>) -> String {
    let end = certificate.validity.not_after;
    let (date, distance) = (when::date(end), when::relative(question.at, end));
    format!("{} is renewed: it ended {date} ({distance})", called(certificate))
}

/// Names that every distribution gives the API server's certificate, where new names have a setting of their own.
const API_SERVER: &str = "kubernetes.default.svc";

fn names(certificate: &Certificate, question: &Question<'_>) -> String {
    let asked: Vec<String> = question.names.iter().map(ToString::to_string).collect();
    let asked = asked.join(", ");
    let is = |san: &GeneralName, wanted: &str| matches!(san, GeneralName::Dns(name) if **name == *wanted);
    let api_server = certificate.sans.iter().any(|san| is(san, API_SERVER));
    let how = if api_server { " (kubeadm: apiServer.certSANs, then kubeadm init phase certs apiserver)" } else { "" };
    let own = own_names(certificate, &question.names);
    let other = if own.is_empty() { String::new() } else { format!(", or it is asked for as {own}") };
    format!("{} is issued again for {asked}{how}{other}", called(certificate))
}

/// Some of its names, those of the kind asked for before others.
fn own_names(certificate: &Certificate, asked: &[Name]) -> String {
    let kind = |san: &GeneralName| match san {
        GeneralName::Dns(_) => asked.iter().any(|name| matches!(name, Name::Dns(_))),
        GeneralName::Ip(_) => asked.iter().any(|name| matches!(name, Name::Ip(_))),
        GeneralName::Email(_) => asked.iter().any(|name| matches!(name, Name::Email(_))),
        GeneralName::Uri(_) => asked.iter().any(|name| matches!(name, Name::Uri(_))),
        _ => false,
    };
    let text = |san: &GeneralName| match san {
        GeneralName::Dns(text) | GeneralName::Email(text) | GeneralName::Uri(text) => Some(text.to_string()),
        GeneralName::Ip(address) => Some(address.to_string()),
        _ => None,
    };
    let (first, then): (Vec<&GeneralName>, Vec<&GeneralName>) = certificate.sans.iter().partition(|san| kind(san));
    let texts: Vec<String> = first.into_iter().chain(then).filter_map(text).take(NAMES).collect();
    match texts.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [several @ .., last] => format!("{} or {last}", several.join(", ")),
    }
}

fn usage(certificate: &Certificate, purpose: Purpose) -> String {
    let (whom, wanted) = match purpose {
        Purpose::Server => ("servers", "serverAuth"),
        Purpose::Client => ("clients", "clientAuth"),
        Purpose::Any => ("this use", "the usages that it needs"),
    };
    let again = format!("{} is issued again for {whom} (extended key usage {wanted})", called(certificate));
    let own = certificate.extended_key_usage.as_deref().unwrap_or_default();
    let has = |usage: ExtendedKeyUsage| own.contains(&usage);
    match purpose {
        Purpose::Server if has(ExtendedKeyUsage::ClientAuth) => format!("{again}; now it is one for clients (--purpose client)"),
        Purpose::Client if has(ExtendedKeyUsage::ServerAuth) => format!("{again}; now it is one for servers (--purpose server)"),
        _ => again,
    }
}

fn issuer(certificate: &Certificate, at: &[String]) -> String {
    let key_id = certificate.authority_key_id.as_deref().map(|id| format!(" (key id {})", Hex(id))).unwrap_or_default();
    let whence = if at.is_empty() { String::new() } else { format!("; it should be at {}", at.join(" or ")) };
    format!("{}{key_id} is given, with --intermediates, or with --trust if it is a root{whence}", certificate.issuer)
}

fn other_key(signed: &Certificate, namesake: &Certificate, place: &str) -> String {
    let id = |id: Option<&[u8]>| id.map(|id| format!("key id {}", Hex(id)));
    let wanted = id(signed.authority_key_id.as_deref()).map(|id| format!(" ({id})")).unwrap_or_default();
    let has = id(namesake.subject_key_id.as_deref()).map(|id| format!(", {id}")).unwrap_or_default();
    format!(
        "--trust has the CA whose key signed {}{wanted}: the {} in {place} has the same name and another key (sha256 {}{has}); was the CA made anew?",
        called(signed),
        called(namesake),
        digest(namesake)
    )
}

/// The last place where it stands: trust anchors are named last.
fn place(graph: &Graph<'_>, node: NodeId) -> String {
    let occurrence = graph.occurrences(node).last();
    let holding = occurrence.and_then(|(holding, _)| graph.inventory().holdings.get(usize::try_from(*holding).ok()?));
    holding.map(|holding| holding.origin.to_string()).unwrap_or_default()
}

/// The common name where there is one: a whole subject would drown the sentence.
fn called(certificate: &Certificate) -> String {
    match certificate.subject.common_name().filter(|name| !name.is_empty()) {
        Some(name) => format!("CN={name}"),
        None => certificate.display_name(),
    }
}

fn digest(certificate: &Certificate) -> String {
    format!("{}...", Hex(certificate.id.0.get(..DIGEST).unwrap_or_default()))
}
