//! The files of a question: read once each, remembered by the part that they play, and what is wrong with them.

use super::super::error::Error;
use super::super::targets::file_target;
use crate::audit::{Audit, Policy, audit_for};
use crate::chain::Graph;
use crate::decode::Decoder;
use crate::gather::{Target, gather};
use crate::model::{Code, Content, Document, Finding, Holding, Inventory, Origin, OriginKind, Severity};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The part that a file plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The certificate in question and what comes with it.
    Leaf,
    /// Certificates at hand.
    Intermediates,
    /// Trust anchors.
    Trust,
    /// Revocation lists.
    Crls,
}

impl Part {
    /// What such a file must hold, and what to do when it does not.
    fn wanted(self) -> (&'static str, &'static str) {
        match self {
            Self::Leaf => ("certificate", "Name the file that holds the certificate in question."),
            Self::Intermediates => {
                ("certificate", "Name a file that holds CA certificates with --intermediates, or leave it out.")
            }
            Self::Trust => ("certificate to trust", "Name a file that holds CA certificates with --trust."),
            Self::Crls => ("revocation list", "Name a file that holds a revocation list with --crl, or leave it out."),
        }
    }

    fn is_met_by(self, content: &Content) -> bool {
        match self {
            Self::Crls => matches!(content, Content::Crl(_)),
            _ => matches!(content, Content::Certificate(_)),
        }
    }
}

/// One file in its part.
struct File {
    part: Part,
    path: PathBuf,
    holdings: Range<usize>,
}

/// Everything that was named.
pub(super) struct Inputs {
    /// What is in the files.
    pub(super) inventory: Inventory,
    files: Vec<File>,
}

/// The codes of what cannot be read.
const INPUT: &[Code] = &[Code::Unreadable, Code::Malformed, Code::EmptyBundle, Code::BundleTruncated];

/// What programs do with a trust file of which one certificate cannot be read (`X509_load_cert_crl_file`, Envoy's
/// `default_validator.cc`, Go's `CertPool.AppendCertsFromPEM`).
const DAMAGED_TRUST: &str = "OpenSSL and Envoy refuse such a file as a whole, Go passes over the block.";

impl Inputs {
    /// Reads every file, once even if it plays several parts.
    ///
    /// # Errors
    /// One is a directory or an endpoint; standard input is named twice.
    pub(super) fn read(decoder: &Decoder, named: &[(Part, &Path)]) -> Result<Self, Error> {
        let targets = named.iter().map(|(_, path)| file_target(path)).collect::<Result<Vec<_>, _>>()?;
        if targets.iter().filter(|target| **target == Target::Stdin).count() > 1 {
            return Err(Error::StandardInputTwice);
        }
        let mut inventory = Inventory::default();
        let mut known: HashMap<&Path, Range<usize>> = HashMap::new();
        let mut files = Vec::new();
        for ((part, path), target) in named.iter().zip(targets) {
            let holdings = known.entry(path).or_insert_with(|| {
                let from = inventory.holdings.len();
                gather(&[target], decoder, &mut inventory);
                from..inventory.holdings.len()
            });
            files.push(File { part: *part, path: path.to_path_buf(), holdings: holdings.clone() });
        }
        Ok(Self { inventory, files })
    }

    /// The holdings of the files that play a part, file by file.
    pub(super) fn files(&self, part: Part) -> impl Iterator<Item = Vec<&Holding>> {
        self.files.iter().filter(move |file| file.part == part).map(|file| self.holdings_of(file).iter().collect())
    }

    /// The holdings of the files that play a part.
    pub(super) fn holdings(&self, part: Part) -> Vec<&Holding> {
        self.files(part).flatten().collect()
    }

    fn holdings_of(&self, file: &File) -> &[Holding] {
        self.inventory.holdings.get(file.holdings.clone()).unwrap_or_default()
    }

    /// What is wrong with the files: unknown where it leaves the question open, else at most a warning.
    pub(super) fn audit(&self, graph: &Graph<'_>, policy: &Policy) -> Audit {
        let places: HashMap<Place, usize> =
            self.inventory.holdings.iter().enumerate().map(|(number, holding)| (place(&holding.origin), number)).collect();
        let open: Vec<bool> = self.files.iter().map(|file| file.part == Part::Crls || !self.is_met(file)).collect();
        let mut findings = audit_for(graph, policy, INPUT).findings;
        for finding in &mut findings {
            let concerned: HashSet<usize> =
                finding.origins.iter().filter_map(|(origin, _)| places.get(&place(origin)).copied()).collect();
            let stands_in = |file: &File| concerned.iter().any(|number| file.holdings.contains(number));
            let in_open = self.files.iter().zip(&open).any(|(file, open)| *open && stands_in(file));
            let in_trust = self.files.iter().any(|file| file.part == Part::Trust && stands_in(file));
            finding.severity = match finding.severity {
                Severity::Warning if in_open && finding.code != Code::Malformed => Severity::Unknown,
                severity if in_open => severity.min(Severity::Unknown),
                severity => severity.min(Severity::Warning),
            };
            let empty = self.files.iter().find(|file| finding.code == Code::EmptyBundle && stands_in(file));
            if let Some(file) = empty {
                file.part.wanted().1.clone_into(&mut finding.hint);
            }
            if in_trust && !in_open && finding.certificates.is_empty() {
                finding.hint = format!("{} {DAMAGED_TRUST}", finding.hint);
            }
            self.say_which_block(finding, &places);
        }
        findings.extend(self.files.iter().filter_map(|file| self.unmet(file)));
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Audit { findings, ..Audit::default() }
    }

    fn is_met(&self, file: &File) -> bool {
        self.contents(file).any(|content| file.part.is_met_by(content))
    }

    fn contents(&self, file: &File) -> impl Iterator<Item = &Content> {
        self.holdings_of(file).iter().flat_map(|holding| holding.contents.iter())
    }

    fn say_which_block(&self, finding: &mut Finding, places: &HashMap<Place, usize>) {
        let [(origin, index)] = finding.origins.as_slice() else { return };
        let holding = places.get(&place(origin)).and_then(|number| self.inventory.holdings.get(*number));
        let block = holding.zip(usize::try_from(*index).ok()).and_then(|(holding, index)| holding.block(index));
        if let Some(block) = block.filter(|_| finding.certificates.is_empty()) {
            finding.message = format!("block {block}, {}", finding.message);
        }
    }

    /// That a file can be read, and holds nothing of what it was named for.
    fn unmet(&self, file: &File) -> Option<Finding> {
        let unreadable = self.contents(file).any(|content| matches!(content, Content::Defect(_)));
        if unreadable || self.is_met(file) {
            return None;
        }
        let (wanted, hint) = file.part.wanted();
        let found = inside(self.contents(file));
        let instead = if found.is_empty() { String::new() } else { format!(", but {found}") };
        let place = self.holdings_of(file).first().map(|holding| holding.origin.clone());
        let path = file.path.to_string_lossy().into_owned();
        let place = place.unwrap_or_else(|| Origin::whole(Document::new(OriginKind::File, path)));
        Some(Finding {
            code: Code::EmptyBundle,
            severity: Severity::Unknown,
            message: format!("holds no {wanted}{instead}"),
            hint: hint.to_owned(),
            certificates: Vec::new(),
            origins: vec![(place, 0)],
            evidence: Vec::new(),
            handshakes: Vec::new(),
            because: None,
        })
    }
}

/// A place by the allocations that everything found there shares.
type Place = (usize, usize);

fn place(origin: &Origin) -> Place {
    (Arc::as_ptr(&origin.document).addr(), Arc::as_ptr(&origin.field).addr())
}

/// `a private key`, `2 certification requests and a public key`.
fn inside<'c>(contents: impl Iterator<Item = &'c Content>) -> String {
    let mut kinds: Vec<(&'static str, usize)> = Vec::new();
    for content in contents {
        let kind = match content {
            Content::Certificate(_) => "certificate",
            Content::PrivateKey(_) => "private key",
            Content::PublicKey(_) => "public key",
            Content::Request(_) => "certification request",
            Content::Crl(_) => "revocation list",
            Content::Credential(_) => "token",
            Content::Defect(_) => continue,
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let words: Vec<String> = kinds
        .into_iter()
        .map(|(kind, count)| if count == 1 { format!("a {kind}") } else { format!("{count} {kind}s") })
        .collect();
    words.join(" and ")
}
