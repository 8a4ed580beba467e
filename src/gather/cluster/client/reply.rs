//! The body of an answer, read when somebody reads it.

use super::fault::broken;
use http_body_util::BodyExt;
use kube::client::Body;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::{Sleep, sleep};

/// Each further piece of an answer of this size has to come within the time limit, so that one that drips ends too.
const PIECE: usize = 64 << 10;

/// The body of an answer, read when somebody reads it.
pub(super) struct Reply<'r> {
    runtime: &'r Runtime,
    body: Body,
    /// What has come and was not taken yet, from `at` on.
    left: Vec<u8>,
    at: usize,
    /// What has come of the piece under way.
    came: usize,
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<'r> Reply<'r> {
    pub(super) fn new(runtime: &'r Runtime, body: Body, limit: Duration) -> Self {
        Self { runtime, body, left: Vec::new(), at: 0, came: 0, limit, deadline: None }
    }

    /// The next bytes; none at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Self { runtime, body, deadline, limit, .. } = self;
        runtime.block_on(async {
            let deadline = deadline.get_or_insert_with(|| Box::pin(sleep(*limit)));
            loop {
                let mut frame = body.frame();
                let next = poll_fn(|context| match Pin::new(&mut frame).poll(context) {
                    Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                    Poll::Pending => deadline.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut)),
                });
                match next.await? {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(broken(&error)),
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Ok(Some(data.to_vec()));
                        }
                    }
                }
            }
        })
    }
}

impl Read for Reply<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.left.len() {
            match self.next()? {
                None => return Ok(0),
                Some(bytes) => {
                    self.came = self.came.saturating_add(bytes.len());
                    (self.left, self.at) = (bytes, 0);
                }
            }
            if self.came >= PIECE {
                (self.came, self.deadline) = (0, None);
            }
        }
        let left = self.left.get(self.at..).unwrap_or_default();
        let count = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(count);
        Ok(count)
    }
}
