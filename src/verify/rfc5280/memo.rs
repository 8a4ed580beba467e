//! What the search remembers from one path to the next.

use super::super::canonical::{Canonical, canonical};
use super::super::case::Member;
use super::lists::Lists;
use super::revocation::Status;
use crate::chain::{NodeId, SignatureCheck};
use crate::model::DistinguishedName;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Everything that is worked out once.
#[derive(Default)]
pub(in crate::verify) struct Memo<'a> {
    names: RefCell<HashMap<NodeId, Rc<Names>>>,
    /// The certificates from which signatures lead to an anchor, where that is known.
    pub(super) leading: OnceCell<HashSet<NodeId>>,
    /// Comparisons made for name constraints.
    pub(super) comparisons: Cell<usize>,
    /// The revocation lists, read.
    pub(super) lists: OnceCell<Lists<'a>>,
    /// Whether a list, by its place, is signed by a certificate's key.
    pub(super) list_signatures: RefCell<HashMap<(usize, NodeId), SignatureCheck>>,
    /// The statuses of the certificates of the path that was judged last.
    pub(super) statuses: RefCell<Option<Judged>>,
    /// Steps taken to find the signers of lists.
    pub(super) revocation_steps: Cell<usize>,
}

/// A path, and the statuses of its certificates.
pub(super) type Judged = (Vec<NodeId>, Rc<Vec<Status>>);

/// The names of a certificate in the form that can be compared; `None` for what holds bad text.
pub(super) struct Names {
    pub(super) subject: Option<Canonical>,
    pub(super) issuer: Option<Canonical>,
}

impl Memo<'_> {
    /// The names of a certificate.
    pub(super) fn names(&self, member: &Member<'_>) -> Rc<Names> {
        let made = || {
            let certificate = member.certificate;
            Rc::new(Names { subject: canonical(&certificate.subject), issuer: canonical(&certificate.issuer) })
        };
        Rc::clone(self.names.borrow_mut().entry(member.node).or_insert_with(made))
    }

    /// Whether the issuer's subject is the name that the other certificate has as its issuer (section 7.1).
    pub(super) fn names_issuer(&self, child: &Member<'_>, issuer: &Member<'_>) -> bool {
        child.certificate.issuer == issuer.certificate.subject
            || same(self.names(child).issuer.as_ref(), self.names(issuer).subject.as_ref())
    }

    /// Whether both have one subject.
    pub(super) fn same_subject(&self, one: &Member<'_>, other: &Member<'_>) -> bool {
        one.certificate.subject == other.certificate.subject
            || same(self.names(one).subject.as_ref(), self.names(other).subject.as_ref())
    }

    /// Whether subject and issuer are one name.
    pub(super) fn is_self_issued(&self, member: &Member<'_>) -> bool {
        member.certificate.is_self_issued() || {
            let names = self.names(member);
            same(names.subject.as_ref(), names.issuer.as_ref())
        }
    }

    /// Whether the certificate can be on a path to an anchor, as far as is known.
    pub(super) fn may_lead(&self, node: NodeId) -> bool {
        self.leading.get().is_none_or(|leading| leading.contains(&node))
    }
}

/// Whether two names are one (section 7.1), outside any memory.
pub(super) fn same_name(one: &DistinguishedName, other: &DistinguishedName) -> bool {
    one == other || same(canonical(one).as_ref(), canonical(other).as_ref())
}

fn same(one: Option<&Canonical>, other: Option<&Canonical>) -> bool {
    one.is_some() && one == other
}
