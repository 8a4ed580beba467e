//! A window over a text. What passes through it may hold keys, so it is wiped when it is let go; and its room is used again and again.

use std::io::{self, ErrorKind, Read};
use std::ops::Deref;
use zeroize::Zeroizing;

/// The first room, which then doubles: most files are small, and all of the room is wiped.
const STEP: usize = 8 << 10;

/// Bytes of a text that are in memory, and room for more.
#[derive(Default)]
pub(in crate::decode) struct Window {
    /// All of it initialised, once: to clear 256 KiB for every read costs half as much as the read.
    room: Zeroizing<Vec<u8>>,
    filled: usize,
}

/// How a window was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Filled {
    /// There may be more.
    More,
    /// The text ends here.
    End,
}

impl Window {
    /// Lets go what is in it, and begins with these bytes.
    pub(super) fn begin_with(&mut self, bytes: &[u8]) {
        self.filled = 0;
        self.make_room(bytes.len());
        if let Some(start) = self.room.get_mut(..bytes.len()) {
            start.copy_from_slice(bytes);
            self.filled = bytes.len();
        }
    }

    /// Reads so many bytes more, fewer only where the text ends.
    ///
    /// # Errors
    /// As the reader; what was read before is in the window.
    pub(in crate::decode) fn fill(&mut self, reader: &mut dyn Read, wanted: usize) -> io::Result<Filled> {
        let end = self.filled.saturating_add(wanted);
        while self.filled < end {
            if self.filled == self.room.len() {
                self.make_room(self.filled.max(STEP).min(end - self.filled));
            }
            let full = self.room.len().min(end);
            let Some(free) = self.room.get_mut(self.filled..full) else { break };
            match reader.read(free) {
                Ok(0) => return Ok(Filled::End),
                Ok(read) => self.filled = self.filled.saturating_add(read).min(full),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Filled::More)
    }

    /// A vector that grows leaves unwiped copies behind: a larger one takes its place.
    fn make_room(&mut self, wanted: usize) {
        let size = self.filled.saturating_add(wanted);
        if self.room.len() < size {
            let mut larger = Zeroizing::new(vec![0; size]);
            if let (Some(start), Some(bytes)) = (larger.get_mut(..self.filled), self.room.get(..self.filled)) {
                start.copy_from_slice(bytes);
            }
            self.room = larger;
        }
    }
}

impl Deref for Window {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.room.get(..self.filled).unwrap_or_default()
    }
}

impl From<Zeroizing<Vec<u8>>> for Window {
    fn from(room: Zeroizing<Vec<u8>>) -> Self {
        Self { filled: room.len(), room }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives three bytes at a time, and is interrupted before each.
    struct Halting<'a>(&'a [u8], bool);

    impl Read for Halting<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(ErrorKind::Interrupted.into()) } else { (&mut self.0).take(3).read(buffer) }
        }
    }

    /// Fails behind what it has.
    struct Failing<'a>(&'a [u8]);

    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(ErrorKind::BrokenPipe.into()) } else { self.0.read(buffer) }
        }
    }

    #[test]
    fn a_text_passes_through_in_steps() {
        let mut reader = Halting(b"0123456789", false);
        let mut window = Window::from(Zeroizing::new(b"head ".to_vec()));
        assert_eq!(window.fill(&mut reader, 7).unwrap(), Filled::More);
        assert_eq!(&*window, b"head 0123456");
        window.begin_with(b"6");
        assert_eq!(window.fill(&mut reader, 7).unwrap(), Filled::End);
        assert_eq!(&*window, b"6789");
        window.begin_with(b"");
        assert_eq!(window.fill(&mut reader, 7).unwrap(), Filled::End);
        assert_eq!(&*window, b"");
    }

    #[test]
    fn room_is_made_for_what_comes_and_not_for_what_might() {
        let mut window = Window::default();
        assert_eq!(window.fill(&mut &[7; 100][..], 1 << 20).unwrap(), Filled::End);
        assert_eq!((window.len(), window.room.len()), (100, STEP));
        assert_eq!(window.fill(&mut io::repeat(8), 1 << 20).unwrap(), Filled::More);
        assert_eq!((window.len(), window.room.len()), ((1 << 20) + 100, (1 << 20) + 100));
        assert!(window[..100] == [7; 100] && window[100..].iter().all(|byte| *byte == 8));
    }

    #[test]
    fn what_was_read_before_a_failure_is_kept() {
        let mut window = Window::default();
        let error = window.fill(&mut Failing(b"abc"), 10).unwrap_err();
        assert_eq!((error.kind(), &*window), (ErrorKind::BrokenPipe, &b"abc"[..]));
    }
}
