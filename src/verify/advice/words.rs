//! Steps in words: each completes the sentence "trusted if …".

use super::{Advice, Step};
use crate::chain::{Graph, NodeId};
use crate::model::digest::Hex;
use crate::model::{Certificate, ExtendedKeyUsage, GeneralName, when};
use crate::verify::names::is_among;
use crate::verify::{Name, Purpose, Question, Reason};

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
            Self::Constraints(nodes) => nodes.clone(),
            Self::Prefer { signed, right, others } => {
                [*signed, *right].into_iter().chain(others.iter().copied().take(NAMES)).collect()
            }
            Self::Issuer { of: node, .. }
            | Self::Reissue { node, .. }
            | Self::Renew(node)
            | Self::Wait(node)
            | Self::Replace(node)
            | Self::Names(node)
            | Self::AlternativeNames(node)
            | Self::Purpose(node, _)
            | Self::Depth(node)
            | Self::Shorten(node)
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
        let called = |node: &NodeId| graph.certificate(*node).short_name();
        match self {
            Self::Renew(node) => renew(about(node), question),
            Self::Wait(node) => {
                let from = when::moment(about(node).validity.not_before);
                format!("{} has begun: not before {from} (compare the clocks of its issuer and of this host)", called(node))
            }
            Self::Replace(node) => format!("{} is replaced: its issuer has revoked it", called(node)),
            Self::Names(node) => names(about(node), question),
            Self::AlternativeNames(node) => {
                format!("{} is issued again with its host names as subject alternative names", called(node))
            }
            Self::Purpose(node, purpose) => usage(about(node), *purpose),
            Self::Constraints(nodes) => {
                let cas: Vec<String> = nodes.iter().take(NAMES).map(called).collect();
                let cas = cas.join(" and ");
                format!("{cas} may issue for these names (name constraints), or the names change, or another CA issues them")
            }
            Self::Depth(node) => format!("{} is issued again with a path length that allows the CAs below it", called(node)),
            Self::Shorten(node) => format!("fewer intermediates stand between {} and a trust anchor", called(node)),
            Self::MaxDepth(least) => format!("--max-depth is {least} or more"),
            Self::Authority(node) => format!("{} is issued again as a CA (basic constraints CA:TRUE)", called(node)),
            Self::Signature(node) => format!("{} is issued again with a stronger signature, such as SHA-256", called(node)),
            Self::Key(node) => format!("{} is issued again with a larger key, such as RSA 2048 or ECDSA P-256", called(node)),
            Self::Reissue { node, reason, fault } => format!("{} is issued again{}: {fault}", called(node), mended(*reason)),
            Self::RevocationList(node) => format!("--crl has a current revocation list of {}", about(node).issuer),
            Self::Issuer { of, at } => issuer(about(of), at),
            Self::OtherKey { signed, namesake } => other_key(about(signed), about(namesake), &place(graph, question, *namesake)),
            Self::Prefer { signed, right, others } => prefer(graph, question, (*signed, *right), others),
            Self::Trust(node) => {
                format!("--trust has {} (sha256 {}), where the path ends", called(node), digest(about(node)))
            }
            Self::PartialChain(node) => {
                let kind = if about(node).is_ca() { "an intermediate" } else { "no root" };
                format!("--trust has the root above {}, which is {kind}, or openssl is told -partial_chain", called(node))
            }
            Self::Godebug(setting) => format!("the program is run with GODEBUG={setting}, for as long as Go knows that"),
        }
    }
}

/// What a certificate that is issued again is to have otherwise.
fn mended(reason: Reason) -> &'static str {
    match reason {
        Reason::CriticalExtension => " without that extension, or with it not critical",
        Reason::UsageWrong | Reason::UsageMissing => " with usages that allow this",
        Reason::Policy => " with policies that allow this",
        _ => ", mended",
    }
}

/// Where both stand in one list, their order decides; else only removing helps.
fn prefer(graph: &Graph<'_>, question: &Question<'_>, (signed, right): (NodeId, NodeId), others: &[NodeId]) -> String {
    let is_anchor = |node: &NodeId| question.anchors.contains(node);
    let one_list = others.iter().all(|other| is_anchor(other) == is_anchor(&right));
    let (subject, signed) = (graph.certificate(right).short_name(), graph.certificate(signed).short_name());
    let (these, removed) = match others {
        [other] => (format!("that of {}", place(graph, question, *other)), "that one is removed"),
        _ => (format!("the {} others of that name", others.len()), "they are removed"),
    };
    let here = place(graph, question, right);
    if one_list {
        format!("{subject} of {here}, which signed {signed}, stands before {these}, or {removed}")
    } else {
        format!("{subject} of {here}, which signed {signed}, is taken instead of {these}: {removed}")
    }
}

fn renew(certificate: &Certificate, question: &Question<'_>) -> String {
    let end = certificate.validity.not_after;
    let (date, distance) = (when::date(end), when::relative(question.at, end));
    format!("{} is renewed: it ended {date} ({distance})", certificate.short_name())
}

/// Names that every distribution gives the API server's certificate, where new names have a setting of their own.
const API_SERVER: &str = "kubernetes.default.svc";

fn names(certificate: &Certificate, question: &Question<'_>) -> String {
    let missing: Vec<&Name> = question.names.iter().filter(|name| !has(certificate, name)).collect();
    let asked: Vec<&Name> = if missing.is_empty() { question.names.iter().collect() } else { missing };
    let addresses: Vec<&str> = asked.iter().filter_map(|name| web_host(name)).collect();
    if !addresses.is_empty() {
        return format!("--name is a host alone, without https:// and a port: did you mean {}?", addresses.join(", "));
    }
    let is = |san: &GeneralName, wanted: &str| matches!(san, GeneralName::Dns(name) if **name == *wanted);
    let api_server = certificate.sans.iter().any(|san| is(san, API_SERVER));
    let how = if api_server { " (kubeadm: apiServer.certSANs, then kubeadm init phase certs apiserver)" } else { "" };
    let own = own_names(certificate, &asked);
    let other = if own.is_empty() { String::new() } else { format!(", or it is asked for by {own}") };
    let asked: Vec<String> = asked.into_iter().map(ToString::to_string).collect();
    format!("{} is issued again for {}{how}{other}", certificate.short_name(), asked.join(", "))
}

/// Whether the name is surely none of those that are missing; wildcards stand for one label (RFC 6125 section 6.4.3).
fn has(certificate: &Certificate, name: &Name) -> bool {
    let below = |pattern: &str, wanted: &str| {
        let rest = pattern.strip_prefix("*.").zip(wanted.split_once('.'));
        rest.is_some_and(|(parent, (label, rest))| !label.is_empty() && parent.eq_ignore_ascii_case(rest))
    };
    let wildcard = |san: &GeneralName| matches!((san, name), (GeneralName::Dns(san), Name::Dns(name)) if below(san, name));
    is_among(name, &certificate.sans) || certificate.sans.iter().any(wildcard)
}

/// The host of a web address: somebody took it for the name.
fn web_host(name: &Name) -> Option<&str> {
    let Name::Uri(uri) = name else { return None };
    let (scheme, rest) = uri.split_once("://")?;
    let is_web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => host_and_port.split(':').next(),
    };
    host.filter(|host| is_web && !host.is_empty())
}

/// Some of its names, those of the kind asked for before others. Nobody dials a wildcard.
fn own_names(certificate: &Certificate, asked: &[&Name]) -> String {
    let kind = |san: &GeneralName| match san {
        GeneralName::Dns(_) => asked.iter().any(|name| matches!(name, Name::Dns(_))),
        GeneralName::Ip(_) => asked.iter().any(|name| matches!(name, Name::Ip(_))),
        GeneralName::Email(_) => asked.iter().any(|name| matches!(name, Name::Email(_))),
        GeneralName::Uri(_) => asked.iter().any(|name| matches!(name, Name::Uri(_))),
        _ => false,
    };
    let text = |san: &GeneralName| match san {
        GeneralName::Dns(text) => Some(match text.strip_prefix("*.") {
            Some(parent) => format!("a name under {parent}"),
            None => text.to_string(),
        }),
        GeneralName::Email(text) | GeneralName::Uri(text) => Some(text.to_string()),
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
    let again = format!("{} is issued again for {whom} (extended key usage {wanted})", certificate.short_name());
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
        signed.short_name(),
        namesake.short_name(),
        digest(namesake)
    )
}

/// Where it stands, and which block of several: trust anchors are named last.
fn place(graph: &Graph<'_>, question: &Question<'_>, node: NodeId) -> String {
    let occurrences = graph.occurrences(node);
    let occurrence = if question.anchors.contains(&node) { occurrences.last() } else { occurrences.first() };
    let Some((holding, number)) = occurrence else { return String::new() };
    let holding = usize::try_from(*holding).ok().and_then(|holding| graph.inventory().holdings.get(holding));
    let Some(holding) = holding else { return String::new() };
    match usize::try_from(*number).ok().and_then(|number| holding.block(number)) {
        Some(block) => format!("{} block {block}", holding.origin),
        None => holding.origin.to_string(),
    }
}

fn digest(certificate: &Certificate) -> String {
    format!("{}...", Hex(certificate.id.0.get(..DIGEST).unwrap_or_default()))
}
