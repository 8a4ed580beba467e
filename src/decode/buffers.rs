//! Buffers that values are decoded through, used again and again: what passes through them may be a private key, and to wipe a buffer costs
//! more than to decode into it. They are wiped when the decoder goes, large ones as soon as they are given back.

use super::body::BodyDecoder;
use super::sniff;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// Buffers that grew beyond this are not kept.
const MOST_KEPT: usize = 256 << 10;

/// What one value needs on its way.
#[derive(Default)]
pub(super) struct Buffers {
    /// The bytes behind its base64 text.
    pub(super) text: TextDecoder,
    /// The bytes behind its PEM bodies.
    pub(super) bodies: BodyDecoder,
}

/// Buffers at rest: as many as there were threads that needed them at a time.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Buffers>>);

impl Pool {
    /// Lends buffers for a piece of work.
    pub(super) fn lend<T>(&self, work: impl FnOnce(&mut Buffers) -> T) -> T {
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let done = work(&mut buffers);
        if buffers.text.octets.len().max(buffers.bodies.size()) <= MOST_KEPT {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        }
        done
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
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
        let room = base64::decoded_len_estimate(text.len());
        if self.octets.len() < room {
            self.octets = Zeroizing::new(vec![0; room]);
        }
        let length = sniff::decode_into(text, &mut self.octets)
            .or_else(|| sniff::decode_into(&sniff::without_white_space(text), &mut self.octets))?;
        self.octets.get(..length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let pool = Pool::default();
        let kept = || pool.0.lock().unwrap().len();
        pool.lend(|outer| {
            pool.lend(|inner| assert!(inner.text.decode(b"AAAA").is_some() && outer.text.decode(b"AAAA").is_some()));
        });
        assert_eq!(kept(), 2, "two were needed at a time");
        let large = "A".repeat(2 * MOST_KEPT);
        pool.lend(|buffers| assert!(buffers.text.decode(large.as_bytes()).is_some()));
        assert_eq!(kept(), 1);
    }
}
