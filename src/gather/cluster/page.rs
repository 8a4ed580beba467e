//! A page of a list on its way to the decoder: its bytes pass through, and what its `metadata` says of the next page is kept.
//!
//! Go writes the metadata before the items, custom resources after them, so that it is caught wherever it comes.

use memchr::memchr2;
use serde::Deserialize;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// More of a list's metadata than this is none: a continue token is a few hundred bytes.
const METADATA: usize = 64 << 10;
/// More bytes than this are no page: 500 objects of 1.5 MiB, which etcd takes at most, twice as long as JSON.
const LARGEST: u64 = 2 << 30;

/// The part of a list's metadata that is of interest.
#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    r#continue: String,
}

/// A page as it is read. One that breaks off ends there, so that what came before is decoded all the same.
pub(super) struct Page<R> {
    body: R,
    scan: Scan,
    read: u64,
    /// Why it broke off.
    fault: Option<io::Error>,
    /// Whether it did, for those who see what the decoder makes of it.
    cut: Arc<AtomicBool>,
}

impl<R: Read> Page<R> {
    pub(super) fn new(body: R) -> Self {
        Self { body, scan: Scan::default(), read: 0, fault: None, cut: Arc::default() }
    }

    /// Tells whether it broke off, while it is read.
    pub(super) fn is_cut(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cut)
    }

    /// The token of the next page, if there is one. What the decoder left unread is read for it.
    ///
    /// # Errors
    /// Why it broke off.
    pub(super) fn next(mut self) -> io::Result<Option<String>> {
        io::copy(&mut self, &mut io::sink())?;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let metadata: Metadata = serde_json::from_slice(&self.scan.metadata).unwrap_or_default();
        Ok(Some(metadata.r#continue).filter(|token| !token.is_empty()))
    }
}

impl<R: Read> Read for Page<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fault.is_some() {
            return Ok(0);
        }
        let fault = match self.body.read(buffer) {
            Ok(_) if self.read > LARGEST => io::Error::other(format!("more than {} MiB in one page", LARGEST >> 20)),
            Ok(count) => return Ok(self.pass(buffer.get(..count).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => error,
        };
        self.fault = Some(fault);
        self.cut.store(true, Ordering::Relaxed);
        Ok(0)
    }
}

impl<R> Page<R> {
    fn pass(&mut self, bytes: &[u8]) -> usize {
        self.read = self.read.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.scan.feed(bytes);
        bytes.len()
    }
}

/// Finds the value of `metadata` at the top of a JSON object that comes in pieces, without building anything.
#[derive(Debug, Default)]
struct Scan {
    depth: u32,
    string: Position,
    /// The last string at the top: the key, once its value begins.
    key: Vec<u8>,
    /// Whether the value of `metadata` is passing.
    wanted: bool,
    metadata: Vec<u8>,
}

/// Where in a string a scan stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Position {
    #[default]
    Outside,
    Inside,
    /// After a backslash.
    Escaped,
}

const WANTED: &[u8] = b"metadata";

impl Scan {
    fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            match self.string {
                Position::Outside => {
                    self.outside(*first);
                    bytes = rest;
                }
                Position::Escaped => {
                    self.keep(std::slice::from_ref(first));
                    self.string = Position::Inside;
                    bytes = rest;
                }
                Position::Inside => {
                    let end = memchr2(b'"', b'\\', bytes);
                    let (text, after) = bytes.split_at(end.unwrap_or(bytes.len()));
                    self.keep(text);
                    bytes = after;
                    if let Some((special, rest)) = bytes.split_first() {
                        self.string = if *special == b'"' { Position::Outside } else { Position::Escaped };
                        self.catch(*special);
                        bytes = rest;
                    }
                }
            }
        }
    }

    /// Text of a string.
    fn keep(&mut self, text: &[u8]) {
        if self.depth == 1 && !self.wanted && self.key.len() <= WANTED.len() {
            let room = WANTED.len() + 1 - self.key.len();
            self.key.extend_from_slice(text.get(..room).unwrap_or(text));
        }
        if self.wanted {
            let room = METADATA.saturating_sub(self.metadata.len());
            self.metadata.extend_from_slice(text.get(..room).unwrap_or(text));
        }
    }

    fn catch(&mut self, byte: u8) {
        if self.wanted && self.metadata.len() < METADATA {
            self.metadata.push(byte);
        }
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.string = Position::Inside;
                if self.depth == 1 {
                    self.key.clear();
                }
            }
            b'{' | b'[' => {
                if self.depth == 1 && byte == b'{' && self.key == WANTED && self.metadata.is_empty() {
                    self.wanted = true;
                }
                self.depth = self.depth.saturating_add(1);
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 1 && self.wanted {
                    self.metadata.push(byte);
                    self.wanted = false;
                    return;
                }
            }
            _ => {}
        }
        self.catch(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The token of a page that comes in pieces of this size.
    fn next(text: &str, step: usize) -> Option<String> {
        struct Steps<'t>(&'t [u8], usize);
        impl Read for Steps<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.1.min(self.0.len()).min(buffer.len());
                buffer[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        Page::new(Steps(text.as_bytes(), step)).next().unwrap()
    }

    #[test]
    fn the_token_is_found_wherever_the_metadata_stands() {
        let decoy = r#"{"metadata":{"continue":"inner","annotations":{"x":"\"}{\\"}},"data":{"metadata":"{"}}"#;
        let first = format!(
            r#"{{"kind":"SecretList","metadata":{{"resourceVersion":"1","continue":"a\"b","x":{{}}}},"items":[{decoy}]}}"#
        );
        let last = format!(r#"{{"items":[{decoy},{decoy}],"kind":"XList","metadata":{{"continue":"a\"b"}}}}"#);
        for step in [1, 3, 7, 4096] {
            assert_eq!(next(&first, step).as_deref(), Some("a\"b"), "{step}");
            assert_eq!(next(&last, step).as_deref(), Some("a\"b"), "{step}");
        }
    }

    #[test]
    fn the_last_page_has_none() {
        for text in [
            r#"{"metadata":{"resourceVersion":"1"},"items":[]}"#,
            r#"{"metadata":{"continue":""}}"#,
            r#"{"metadata":"continue","items":[{"metadata":{"continue":"x"}}]}"#,
            r#"{"a":"metadata","b":[{"continue":"x"}],"metadatas":{"continue":"x"}}"#,
            r#"{"metadata":{"continue":"x""#,
            "",
            "]]]}}}",
        ] {
            assert_eq!(next(text, 5), None, "{text}");
        }
    }

    #[test]
    fn metadata_without_end_is_not_kept() {
        let endless = format!(r#"{{"metadata":{{"x":"{}"#, "y".repeat(3 * METADATA));
        let mut scan = Scan::default();
        scan.feed(endless.as_bytes());
        assert!(scan.metadata.len() <= METADATA);
    }
}
