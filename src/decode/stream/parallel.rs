//! The stream that does not fit into a window: one thread reads and cuts, the others decode; it lends a hand when they have enough to do.

use super::{Batch, Cursor, Filled, MOST_BROKEN, Syntax, Window, splitter};
use crate::decode::scribe::{Found, Scribe};
use crate::decode::yaml::Lists;
use crate::decode::{Decoder, Place, document};
use crate::model::Collect;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::TrySendError;
use std::sync::{Mutex, PoisonError, mpsc};
use std::{mem, thread};

/// What is read at a time beyond that: few enough bytes to stay in a processor's cache on their way.
const CHUNK: usize = 256 << 10;
/// More threads than this find nothing to do: one thread reads and cuts no faster than they decode.
const MOST_THREADS: usize = 8;
/// Batches that lie ready for each thread, so that none waits while the one that reads is decoding.
const READY: usize = 2;

/// Reads a stream of which this much is in memory.
pub(super) fn read(
    decoder: &Decoder,
    place: &Place,
    syntax: Syntax,
    window: Window,
    reader: &mut dyn Read,
    out: &mut dyn Collect,
) -> Found {
    Parallel { decoder, place, out, total: Found::default() }.run(syntax, window, reader)
}

/// A stream that is decoded by several threads.
struct Parallel<'a> {
    decoder: &'a Decoder,
    place: &'a Place,
    out: &'a mut dyn Collect,
    total: Found,
}

/// A batch that is done: its number, what was found, and its window for further use.
type Done = (usize, Found, Window);

impl Parallel<'_> {
    fn run(mut self, syntax: Syntax, window: Window, reader: &mut dyn Read) -> Found {
        let others = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS) - 1;
        let (jobs, queue) = mpsc::sync_channel(others * READY);
        let queue = Mutex::new(queue);
        let (decoder, place) = (self.decoder, self.place);
        thread::scope(|scope| {
            let (done, results) = mpsc::channel();
            for _ in 0..others {
                let (queue, done) = (&queue, done.clone());
                scope.spawn(move || work(decoder, place, syntax, queue, &done));
            }
            drop(done);
            let mut order = Order::default();
            let read = self.cut(syntax, window, reader, &jobs, &mut order, &results);
            drop(jobs);
            for done in results {
                self.merge(&mut order, done);
            }
            if let Err(error) = read {
                self.total.unreadable(place, &error);
            }
        });
        mem::take(&mut self.total.inventory).drain_into(self.out);
        self.total
    }

    /// Reads the text and hands it out in batches.
    fn cut(
        &mut self,
        syntax: Syntax,
        mut window: Window,
        reader: &mut dyn Read,
        jobs: &mpsc::SyncSender<(usize, Batch)>,
        order: &mut Order,
        results: &mpsc::Receiver<Done>,
    ) -> io::Result<()> {
        let limit = usize::try_from(self.decoder.limits().document_bytes).unwrap_or(usize::MAX);
        let mut splitter = splitter(self.decoder, syntax, Lists::Apart);
        let mut scribe = Scribe::new(self.decoder, self.place);
        let (mut pieces, mut start, mut number) = (Vec::new(), Cursor::default(), 0);
        let mut filled = Ok(Filled::More);
        loop {
            let more = matches!(filled, Ok(Filled::More)) && !splitter.is_lost() && self.total.broken < MOST_BROKEN;
            splitter.scan(&window, &mut pieces);
            if !more {
                splitter.finish(&window, &mut pieces);
            } else if window.len().saturating_sub(splitter.keep_from()) > limit {
                splitter.give_up(&window, &mut pieces);
            }
            let cut = if more { splitter.keep_from() } else { window.len() };
            // A piece that fills the window needs a larger one.
            if cut > 0 || !more {
                let mut next = order.spare.pop().unwrap_or_default();
                next.begin_with(window.get(cut..).unwrap_or_default());
                splitter.shift(cut);
                let batch = Batch { bytes: mem::replace(&mut window, next), pieces: mem::take(&mut pieces), start };
                start.advance(batch.bytes.get(..cut).unwrap_or_default());
                if let Err(TrySendError::Full((_, batch)) | TrySendError::Disconnected((_, batch))) =
                    jobs.try_send((number, batch))
                {
                    document::batch(&mut scribe, syntax, &batch, None);
                    self.merge(order, (number, scribe.take(), batch.bytes));
                }
                if !more {
                    break;
                }
                number += 1;
                while let Ok(done) = results.try_recv() {
                    self.merge(order, done);
                }
            }
            let wanted = CHUNK.max(window.len());
            filled = window.fill(reader, wanted);
        }
        filled.map(|_| ())
    }

    fn merge(&mut self, order: &mut Order, (number, found, window): Done) {
        order.spare.push(window);
        order.waiting.insert(number, found);
        while let Some(mut found) = order.waiting.remove(&order.next) {
            order.next += 1;
            mem::take(&mut found.inventory).drain_into(self.out);
            self.decoder.keep(mem::take(&mut found.keyring), self.out);
            self.total.add(found);
        }
    }
}

/// What is needed to put results together in the order of the text.
#[derive(Default)]
struct Order {
    next: usize,
    waiting: BTreeMap<usize, Found>,
    spare: Vec<Window>,
}

fn work(
    decoder: &Decoder,
    place: &Place,
    syntax: Syntax,
    queue: &Mutex<mpsc::Receiver<(usize, Batch)>>,
    done: &mpsc::Sender<Done>,
) {
    let mut scribe = Scribe::new(decoder, place);
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = job else { return };
        document::batch(&mut scribe, syntax, &batch, None);
        if done.send((number, scribe.take(), batch.bytes)).is_err() {
            return;
        }
    }
}
