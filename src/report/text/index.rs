//! What several screens ask of a report: how a certificate stands, what it is for, where it is, whether its key is at hand.

use super::line::{Text, join};
use super::page::thousands;
use super::status::Status;
use crate::chain::NodeId;
use crate::model::{
    Certificate, Code, Content, Document, ExtendedKeyUsage, GeneralName, Holding, Kubeconfig, Origin, OriginKind, Sha256, Slot,
};
use crate::report::style::Mark;
use crate::report::{Detail, Report};
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A report with its lookups, each made when it is first asked for: `check` needs none of them.
pub(super) struct Index<'a> {
    pub(super) report: &'a Report<'a>,
    /// Public half → the first place that holds the private key.
    private_keys: OnceCell<HashMap<Sha256, &'a Holding>>,
    /// Public halves of which there is a certificate.
    certified: OnceCell<HashSet<Sha256>>,
    /// Places whose certificate and key do not belong together.
    mismatched: OnceCell<HashSet<&'a Origin>>,
    /// (source, field) → holdings, for the fields of kubeconfigs.
    fields: OnceCell<HashMap<(&'a str, &'a str), Vec<&'a Holding>>>,
}

/// One thing at its place: a holding and the number of the thing in it.
pub(super) type Item<'a> = (&'a Holding, usize);

impl<'a> Index<'a> {
    pub(super) fn of(report: &'a Report<'a>) -> Self {
        Self {
            report,
            private_keys: OnceCell::new(),
            certified: OnceCell::new(),
            mismatched: OnceCell::new(),
            fields: OnceCell::new(),
        }
    }

    fn private_keys(&self) -> &HashMap<Sha256, &'a Holding> {
        self.private_keys.get_or_init(|| {
            let mut keys = HashMap::new();
            for holding in &self.report.inventory.holdings {
                for public in holding.private_keys().filter_map(|key| key.public()) {
                    keys.entry(public.spki_sha256).or_insert(holding);
                }
            }
            keys
        })
    }

    fn fields(&self) -> &HashMap<(&'a str, &'a str), Vec<&'a Holding>> {
        self.fields.get_or_init(|| {
            let mut fields: HashMap<_, Vec<_>> = HashMap::new();
            for holding in &self.report.inventory.holdings {
                if ["clusters[", "users["].iter().any(|part| holding.origin.field.contains(part)) {
                    let place = (&*holding.origin.document.source, &*holding.origin.field);
                    fields.entry(place).or_default().push(holding);
                }
            }
            fields
        })
    }

    fn is_mismatched(&self, origin: &Origin) -> bool {
        let mismatched = self.mismatched.get_or_init(|| {
            let findings = self.report.audit.findings.iter().filter(|finding| finding.code == Code::KeyMismatch);
            findings.flat_map(|finding| finding.origins.iter().map(|(origin, _)| origin)).collect()
        });
        mismatched.contains(origin)
    }

    /// Whether `-v` was asked for.
    pub(super) fn is_verbose(&self) -> bool {
        self.report.look.detail == Detail::Verbose
    }

    /// What a field of a kubeconfig holds (`users[admin].client-key`), as data or in the file that it names.
    pub(super) fn material(&self, kubeconfig: &Kubeconfig, field: &str) -> Vec<&'a Holding> {
        let field = match &*kubeconfig.within {
            "" => field.to_owned(),
            within => format!("{within}.{field}"),
        };
        let source = &*kubeconfig.document.source;
        let names = [format!("{field}-data"), field];
        names.iter().filter_map(|name| self.fields().get(&(source, name.as_str()))).flatten().copied().collect()
    }

    /// How a certificate stands, its issuers considered.
    pub(super) fn status(&self, certificate: &Certificate) -> Status {
        let policy = self.report.policy;
        let own = Status::of(policy, certificate, certificate.validity.not_after, None);
        let Some(node) = self.report.graph.node(&certificate.id) else { return own };
        let (end, ender) = self.report.graph.effective_end(node);
        if ender == node || end >= certificate.validity.not_after {
            return own;
        }
        Status::of(policy, certificate, end, Some(ender))
    }

    /// Whether a thing needs somebody's attention; cheap enough to ask of everything.
    pub(super) fn is_trouble(&self, (holding, number): &Item<'_>) -> bool {
        match holding.contents.get(*number) {
            Some(Content::Certificate(certificate)) => {
                let end = certificate.validity.not_after;
                Status::of(self.report.policy, certificate, end, None).mark != Mark::Fine
            }
            Some(Content::Defect(_)) => true,
            _ => false,
        }
    }

    /// `root`, `CA`, `server`, `client`, `server+client`, `workload`, …
    pub(super) fn kind(&self, certificate: &Certificate) -> Text {
        let self_signed = self.report.graph.node(&certificate.id).is_some_and(|node| self.report.graph.is_self_signed(node));
        match (certificate.is_ca(), self_signed) {
            (true, true) => Text::of("root"),
            (true, false) => Text::of("CA"),
            (false, true) => Text::of("self-signed"),
            (false, false) => usage(certificate),
        }
    }

    /// Whether a private key for the certificate was found, and whether it is the right one.
    pub(super) fn key(&self, certificate: &Certificate, origin: &Origin) -> KeyState<'a> {
        if self.is_mismatched(origin) {
            return KeyState::Differs;
        }
        if origin.slot == Slot::Trust {
            // Who trusts a CA has no business with its key.
            return KeyState::NotFound;
        }
        self.private_keys()
            .get(&certificate.public_key.spki_sha256)
            .map_or(KeyState::NotFound, |holding| KeyState::Matches(holding))
    }

    /// Whether some certificate was issued for this key.
    pub(super) fn is_certified(&self, key: Sha256) -> bool {
        let certified = || self.report.graph.nodes().map(|(_, certificate)| certificate.public_key.spki_sha256).collect();
        self.certified.get_or_init(certified).contains(&key)
    }

    /// The place of a key's private half.
    pub(super) fn private_half(&self, key: Sha256) -> Option<&'a Holding> {
        self.private_keys().get(&key).copied()
    }

    /// A place: path or object, then what in it.
    pub(super) fn place(&self, origin: &Origin) -> Text {
        join([self.source(origin), field(&origin.field)], " ")
    }

    /// The place that a certificate is named by, and how many more there are: a file of its own before what only carries it, what
    /// holds it before what trusts it.
    pub(super) fn home(&self, node: NodeId) -> Text {
        let rank = |origin: &Origin| (origin.document.kind != OriginKind::File, origin.slot == Slot::Trust);
        let (mut home, mut count) = (None::<&Origin>, 0_usize);
        for (origin, _) in self.origins(node) {
            count += 1;
            if home.is_none_or(|home| rank(origin) < rank(home)) {
                home = Some(origin);
            }
        }
        let text = home.map(|origin| self.source(origin)).unwrap_or_default();
        if count > 1 { text.then(Text::of(" +").quote(thousands(count - 1))) } else { text }
    }

    /// The document of a place.
    pub(super) fn source(&self, origin: &Origin) -> Text {
        self.document(&origin.document)
    }

    /// A document by its name, behind that of its host where there are several. What a kubeconfig only names is the named file.
    pub(super) fn document(&self, document: &Document) -> Text {
        let named_file = document.file.as_deref().filter(|_| document.kind == OriginKind::File);
        let name = self.path(named_file.unwrap_or(&document.source));
        match &document.host {
            Some(host) => Text::quoted(host).say(":").then(name),
            None => name,
        }
    }

    /// A path with the home directory as `~`.
    pub(super) fn path(&self, path: &str) -> Text {
        if path == "-" {
            return Text::of("standard input");
        }
        let home = self.report.look.home.as_deref().map(|home| home.trim_end_matches('/')).filter(|home| !home.is_empty());
        match home.and_then(|home| path.strip_prefix(home)).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            Some(rest) => Text::of("~").quote(rest),
            None => Text::quoted(path),
        }
    }

    /// Every place of a certificate.
    pub(super) fn origins(&self, node: NodeId) -> impl Iterator<Item = (&'a Origin, usize)> {
        let occurrences = self.report.graph.occurrences(node).to_vec();
        let holdings = &self.report.inventory.holdings;
        occurrences.into_iter().filter_map(|(holding, number)| {
            let holding = holdings.get(usize::try_from(holding).ok()?)?;
            Some((&holding.origin, usize::try_from(number).ok()?))
        })
    }

    /// The certificate of a node.
    pub(super) fn certificate(&self, node: NodeId) -> &'a Arc<Certificate> {
        self.report.graph.certificate(node)
    }
}

/// Beginning and end of a field's path, and how people call it.
const FIELDS: &[(&str, &str, &str)] = &[
    ("users[", "].client-certificate-data", "user "),
    ("users[", "].client-certificate", "user "),
    ("users[", "].client-key-data", "key of user "),
    ("users[", "].client-key", "key of user "),
    ("clusters[", "].certificate-authority-data", "cluster "),
    ("clusters[", "].certificate-authority", "cluster "),
    ("webhooks[", "].clientConfig.caBundle", ""),
    ("data[", "]", ""),
    ("stringData[", "]", ""),
    ("binaryData[", "]", ""),
];

/// A field as people call it: `user admin`, `tls.crt`, `keystore.p12 entry web`; what is not in the table stays a path.
pub(super) fn field(path: &str) -> Text {
    let entry = path.split_once("entries[").and_then(|(store, alias)| Some((store, alias.strip_suffix(']')?)));
    match entry {
        Some(("", alias)) => return Text::of("entry ").quote(alias),
        Some((store, alias)) => return field(store.trim_end_matches('.')).say(" entry ").quote(alias),
        None => {}
    }
    let known = FIELDS.iter().find_map(|(start, end, words)| {
        let name = path.strip_prefix(start)?.strip_suffix(end)?;
        (!name.contains("].")).then(|| Text::of(words).quote(name))
    });
    known.unwrap_or_else(|| Text::quoted(path))
}

/// What is known of a certificate's private key.
pub(super) enum KeyState<'a> {
    /// It is there.
    Matches(&'a Holding),
    /// The key beside it is another one.
    Differs,
    /// No key was found; for most certificates that is as it should be.
    NotFound,
}

impl KeyState<'_> {
    /// For a column.
    pub(super) fn text(&self) -> Text {
        match self {
            Self::Matches(_) => Text::new().mark(Mark::Fine),
            Self::Differs => Text::new().mark(Mark::Bad),
            Self::NotFound => Text::new(),
        }
    }
}

/// What an end-entity certificate is for, by its extended key usage.
fn usage(certificate: &Certificate) -> Text {
    if certificate.sans.iter().any(|san| matches!(san, GeneralName::Uri(uri) if uri.starts_with("spiffe://"))) {
        return Text::of("workload");
    }
    let Some(usages) = &certificate.extended_key_usage else { return Text::of("any use") };
    let has = |wanted| usages.contains(&wanted);
    match (has(ExtendedKeyUsage::ServerAuth), has(ExtendedKeyUsage::ClientAuth)) {
        (true, true) => Text::of("server+client"),
        (true, false) => Text::of("server"),
        (false, true) => Text::of("client"),
        (false, false) => usages.first().map_or_else(|| Text::of("no use"), Text::quoted),
    }
}

/// The name for a column: the common name where there is one, else all there is.
pub(super) fn short_name(certificate: &Certificate) -> Text {
    match certificate.subject.common_name().filter(|name| !name.is_empty()) {
        Some(name) => Text::quoted(name),
        None => Text::quoted(certificate.display_name()),
    }
}

/// The same, for where it is not clear that it is a common name.
pub(super) fn common_name(certificate: &Certificate) -> Text {
    let named = certificate.subject.common_name().is_some_and(|name| !name.is_empty());
    Text::of(if named { "CN=" } else { "" }).then(short_name(certificate))
}

/// `user jane, groups dev, ops`: whom the API server would see. Every right there is, is pointed out.
pub(super) fn identity(certificate: &Certificate) -> Option<Text> {
    let user = certificate.kubernetes_user()?;
    let groups: Vec<&str> = certificate.kubernetes_groups().collect();
    let text = Text::of("user ").quote(user);
    let text = match groups.as_slice() {
        [] => text,
        [group] => text.say(", group ").quote(group),
        several => text.say(", groups ").quote(several.join(", ")),
    };
    Some(if groups.contains(&"system:masters") { text.say(" (all rights, cannot be revoked)") } else { text })
}
