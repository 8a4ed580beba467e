//! What stands in the fields of a kubeconfig, as rows of its tree: certificates, keys, and the other ways to log in.

use super::index::{Index, KeyState};
use super::line::Text;
use super::page::{fold, folded};
use super::status::Status;
use crate::model::{self, Certificate, Holding, Login, Material, PrivateKey, Severity, User};
use crate::report::style::{Mark, Style};
use std::sync::Arc;

/// Certificates of one field before the rest is folded.
const PER_FIELD: usize = 8;

/// A line below a cluster or a user, and what is said below it.
pub(super) struct Child {
    pub(super) label: &'static str,
    pub(super) content: Content,
    pub(super) below: Vec<Text>,
}

pub(super) enum Content {
    Cells([Text; 3]),
    Line(Text),
}

impl Child {
    pub(super) fn line(label: &'static str, text: Text) -> Self {
        Self { label, content: Content::Line(text), below: Vec::new() }
    }

    pub(super) fn cells(label: &'static str, cells: [Text; 3]) -> Self {
        Self { label, content: Content::Cells(cells), below: Vec::new() }
    }
}

/// What a field holds.
#[derive(Default)]
pub(super) struct Field<'a> {
    pub(super) certificates: Vec<(&'a Holding, &'a Arc<Certificate>)>,
    keys: Vec<&'a PrivateKey>,
    defects: Vec<Text>,
}

impl<'a> Field<'a> {
    /// What these places hold.
    pub(super) fn of(holdings: Vec<&'a Holding>) -> Self {
        let mut field = Self::default();
        for holding in holdings {
            field.take(holding);
        }
        field
    }

    fn take(&mut self, holding: &'a Holding) {
        for content in holding.contents.iter() {
            match content {
                model::Content::Certificate(certificate) => self.certificates.push((holding, certificate)),
                model::Content::PrivateKey(key) => self.keys.push(key),
                model::Content::Defect(defect) => {
                    self.defects.push(Text::new().mark(Mark::Bad).then(Text::quoted(&defect.kind).styled(Style::Bad)));
                }
                _ => {}
            }
        }
    }

    /// A row for each certificate of a field, and for what was wrong in it.
    pub(super) fn certificate_rows(&self, index: &Index<'_>, label: &'static str) -> Vec<Child> {
        let most = if index.is_verbose() { usize::MAX } else { PER_FIELD };
        let (shown, hidden) = fold(self.certificates.clone(), most, |(holding, certificate)| {
            index.status(certificate).mark != Mark::Fine || matches!(index.key(certificate, &holding.origin), KeyState::Differs)
        });
        let mut children: Vec<Child> = shown
            .iter()
            .map(|(_, certificate)| {
                let status = index.status(certificate);
                let mut child = Child::cells(label, [Text::quoted(certificate.display_name()), status.long(), status.distance()]);
                if let Some(issuer) = status.ender {
                    let name = index.certificate(issuer).display_name();
                    child.below.push(Text::of("ends with its issuer, ").quote(name));
                }
                child
            })
            .collect();
        if hidden > 0 {
            children.push(Child::line("      ", folded(hidden)));
        }
        children.extend(self.defects.iter().map(|defect| Child::line(label, defect.clone())));
        children
    }

    /// A row for each private key of a field, and for one that is missing.
    pub(super) fn key_rows(&self, user: &User, credential: Option<&Arc<Certificate>>) -> Vec<Child> {
        let mut children: Vec<Child> = self.defects.iter().map(|defect| Child::line("key   ", defect.clone())).collect();
        let bad = |words| Text::new().mark(Mark::Bad).then(Text::of(words).styled(Style::Bad));
        for key in &self.keys {
            let text = match (key, credential) {
                (PrivateKey::Encrypted, _) => {
                    Text::new().mark(Mark::Unsure).say("encrypted: not compared, and kubectl cannot use it")
                }
                (PrivateKey::Plain { .. }, None) => Text::new().mark(Mark::Caution).say("there, without a certificate"),
                (PrivateKey::Plain { public, .. }, Some(certificate)) => {
                    if public.spki_sha256 == certificate.public_key.spki_sha256 {
                        Text::new().mark(Mark::Fine).say("matches")
                    } else {
                        bad("belongs to another certificate")
                    }
                }
            };
            children.push(Child::line("key   ", text));
        }
        if children.is_empty() && credential.is_some() && user.client_key == Material::Absent {
            children.push(Child::line("key   ", bad("missing: the certificate cannot be used")));
        }
        children
    }
}

/// A way to log in without a certificate.
pub(super) fn login(index: &Index<'_>, login: &Login) -> Child {
    match login {
        Login::Token { expires, subject } => {
            let name = subject.as_deref().map_or_else(|| Text::of("bearer token"), Text::quoted);
            match expires {
                Some(end) => {
                    let status = Status::ending(index.report.policy.at, *end, Severity::Critical);
                    Child::cells("token ", [name, status.long(), status.distance()])
                }
                None if subject.is_some() => Child::line("token ", name.say("  does not end")),
                None => Child::line("token ", name.say("  (opaque: it does not say when it ends)")),
            }
        }
        Login::TokenFile(path) => Child::line("token ", Text::of("in ").then(index.path(path))),
        Login::Basic(name) => Child::line("basic ", Text::of("password of ").quote(name).say(" (gone since Kubernetes 1.19)")),
        Login::Exec(command) => Child::line("exec  ", Text::quoted(command).say("  (asked at run time)")),
        Login::AuthProvider(name) => Child::line("auth  ", Text::of("provider ").quote(name).say("  (asked at run time)")),
    }
}
