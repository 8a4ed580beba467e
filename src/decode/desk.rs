//! What one thread decodes with. Nothing on it is shared, so no thread waits for another.
//!
//! Buffers are used again and again: what passes through them may be a private key, and to wipe a buffer costs more than to decode into it.
//! They are wiped when the desk goes, large ones when the value is decoded.

use super::body::BodyDecoder;
use super::memo::Fingerprint;
use super::sniff;
use super::symbols::{self, Padding};
use crate::model::{Content, Defect};
use std::collections::VecDeque;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Buffers that grew beyond this are not kept.
const MOST_KEPT: usize = 256 << 10;

/// Values that a thread has lists of its own for, at most; a power of two.
const OWN: usize = 64;

/// Defects that a thread has lists of its own for, at most.
const OWN_FLAWS: usize = 8;

/// What one thread decodes with.
#[derive(Default)]
pub(super) struct Desk {
    /// The bytes behind base64 text.
    pub(super) text: TextDecoder,
    /// The bytes behind PEM bodies.
    pub(super) bodies: BodyDecoder,
    /// What came lately, for who has much to decode.
    pub(super) recent: Option<Recent>,
}

impl Desk {
    /// One for a thread that decodes value after value.
    pub(super) fn for_many() -> Self {
        Self { recent: Some(Recent::default()), ..Self::default() }
    }

    /// Lets go of what is too large to be kept.
    pub(super) fn tidy(&mut self) {
        if self.text.octets.len().max(self.bodies.size()) > MOST_KEPT {
            (self.text, self.bodies) = Default::default();
        }
    }
}

/// What came lately, as lists of this thread's own.
///
/// One CA stands in every Secret of a dump. To count its holders in one place makes all threads wait for each other at each of them.
#[derive(Default)]
pub(super) struct Recent {
    /// By the lowest bits of the hash; empty until something comes.
    slots: Vec<Slot>,
    /// Lists of one defect each; the oldest makes room.
    flaws: VecDeque<Arc<[Content]>>,
}

#[derive(Clone, Default)]
struct Slot {
    last: Option<Fingerprint>,
    /// There once it was met again with nothing else for the slot between: most values come once.
    own: Option<Arc<[Content]>>,
}

impl Recent {
    /// The list for this.
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<Arc<[Content]>> {
        self.slots.get(number(fingerprint)).filter(|slot| slot.last == Some(fingerprint))?.own.clone()
    }

    /// Notes that this came, with the list that all threads share; returns the one to hold.
    pub(super) fn met(&mut self, fingerprint: Fingerprint, shared: Arc<[Content]>) -> Arc<[Content]> {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); OWN];
        }
        let Some(slot) = self.slots.get_mut(number(fingerprint)) else { return shared };
        if slot.last != Some(fingerprint) {
            *slot = Slot { last: Some(fingerprint), own: None };
            return shared;
        }
        Arc::clone(slot.own.insert(shared.iter().cloned().collect()))
    }

    /// The list with nothing but this defect.
    pub(super) fn flawed(&self, only: &Defect) -> Option<Arc<[Content]>> {
        let is_it = |list: &&Arc<[Content]>| matches!(&***list, [Content::Defect(defect)] if **defect == *only);
        self.flaws.iter().find(is_it).cloned()
    }

    /// Notes a list with nothing but a defect; returns the one to hold.
    pub(super) fn met_flaw(&mut self, shared: &[Content]) -> Arc<[Content]> {
        let own: Arc<[Content]> = shared.into();
        if self.flaws.len() == OWN_FLAWS {
            self.flaws.pop_front();
        }
        self.flaws.push_back(Arc::clone(&own));
        own
    }
}

/// The slot that belongs to it.
fn number(fingerprint: Fingerprint) -> usize {
    usize::try_from(fingerprint.hash % OWN as u64).unwrap_or_default()
}

/// Decodes base64 text into one buffer.
#[derive(Default)]
pub(super) struct TextDecoder {
    octets: Zeroizing<Vec<u8>>,
}

impl TextDecoder {
    /// The bytes behind a text, without its white space if need be.
    pub(super) fn decode(&mut self, text: &[u8]) -> Option<&[u8]> {
        // A vector that grows leaves unwiped copies behind: a larger one takes its place.
        let room = symbols::room(text.len());
        if self.octets.len() < room {
            self.octets = Zeroizing::new(vec![0; room]);
        }
        let decode = |text: &[u8], octets: &mut [u8]| symbols::decode(text, Padding::Optional, octets).ok();
        let length = decode(text, &mut self.octets).or_else(|| decode(&sniff::without_white_space(text), &mut self.octets))?;
        self.octets.get(..length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DefectKind;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_buffer_holds_each_value_by_itself() {
        let mut decoder = TextDecoder::default();
        for bytes in [
            &b"long enough to leave something behind"[..],
            b"short",
            b"",
            b"longer than all that came before it, by far and away",
        ] {
            let text = STANDARD.encode(bytes);
            assert_eq!(decoder.decode(text.as_bytes()), Some(bytes));
            assert_eq!(decoder.decode(format!(" {text}\n").as_bytes()), Some(bytes));
        }
        assert_eq!(decoder.decode(b"no base64!"), None);
    }

    #[test]
    fn large_buffers_are_not_kept() {
        let mut desk = Desk::default();
        for (size, kept) in [(400, true), (2 * MOST_KEPT, false)] {
            assert!(desk.text.decode("A".repeat(size).as_bytes()).is_some());
            desk.tidy();
            assert_eq!(!desk.text.octets.is_empty(), kept, "{size}");
        }
    }

    fn flaw(kind: DefectKind) -> Arc<[Content]> {
        [Content::Defect(Arc::new(Defect { kind, position: None }))].into()
    }

    #[test]
    fn what_comes_again_and_again_is_a_list_of_its_own() {
        let mut recent = Recent::default();
        let (often, once) = (Fingerprint { hash: 5, length: 7 }, Fingerprint { hash: 5 + OWN as u64, length: 7 });
        let shared = flaw(DefectKind::Base64);
        assert!(recent.find(often).is_none());
        assert!(Arc::ptr_eq(&recent.met(often, Arc::clone(&shared)), &shared));
        assert!(recent.find(often).is_none(), "it came once");
        let own = recent.met(often, Arc::clone(&shared));
        assert!(own.len() == 1 && !Arc::ptr_eq(&own, &shared));
        assert!(recent.find(often).is_some_and(|found| Arc::ptr_eq(&found, &own)));
        assert!(recent.find(Fingerprint { length: 8, ..often }).is_none());
        assert!(Arc::ptr_eq(&recent.met(once, Arc::clone(&shared)), &shared));
        assert!(recent.find(often).is_none() && recent.find(once).is_none(), "they have one slot");
    }

    #[test]
    fn the_last_defects_are_known() {
        let mut recent = Recent::default();
        let only = |kind| Defect { kind, position: None };
        assert!(recent.flawed(&only(DefectKind::Base64)).is_none());
        let own = recent.met_flaw(&flaw(DefectKind::Base64));
        for number in 1..OWN_FLAWS {
            recent.met_flaw(&flaw(DefectKind::TooDeep(number)));
            assert!(recent.flawed(&only(DefectKind::Base64)).is_some_and(|found| Arc::ptr_eq(&found, &own)));
        }
        recent.met_flaw(&flaw(DefectKind::Empty));
        assert!(recent.flawed(&only(DefectKind::Base64)).is_none() && recent.flawed(&only(DefectKind::Empty)).is_some());
    }
}
