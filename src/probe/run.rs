//! Many conversations at once, on one thread: a bounded number in flight, each within its time, results as they come.

use super::conversation::{Outcome, converse};
use super::dial::{Dial, Family, Sni};
use super::fault::Fault;
use super::tls::Templates;
use super::{connect, loopback, record};
use crate::decode::Decoder;
use crate::model::defect::Phase;
use crate::model::{Collect, DefectKind};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Duration, Instant, timeout_at};

/// How to go about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time that one endpoint may take: name resolution, handshake and reply included.
    pub timeout: Duration,
    /// The time that all of it may take.
    pub deadline: Option<Duration>,
    /// Conversations at the same time.
    pub jobs: usize,
    /// Addresses that stand in for a resolver's, by host.
    pub overrides: Vec<(Box<str>, IpAddr)>,
    /// The kind of addresses to dial; `None` for both.
    pub family: Option<Family>,
    /// This machine's clock, to compare a server's with.
    pub clock: fn() -> OffsetDateTime,
}

impl Options {
    /// The usual way, with this clock.
    #[must_use]
    pub fn new(clock: fn() -> OffsetDateTime) -> Self {
        Self { timeout: TIMEOUT, deadline: None, jobs: JOBS, overrides: Vec::new(), family: None, clock }
    }
}

/// Endpoints in flight unless somebody wants more or fewer.
pub const JOBS: usize = 64;
/// What one endpoint may take unless somebody says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Talks to every endpoint and hands over what each presented, as it comes; `progress` hears of every endpoint that is done with. An
/// endpoint that could not be talked to is a defect at its place.
///
/// # Errors
/// The operating system gives no event queue.
pub fn probe(
    dials: impl IntoIterator<Item = Dial>,
    options: &Options,
    decoder: &Decoder,
    out: &mut dyn Collect,
    progress: &mut dyn FnMut(),
) -> io::Result<()> {
    let options = Arc::new(options.clone());
    let templates = Arc::new(Templates::new().map_err(io::Error::other)?);
    let runtime = runtime()?;
    let mut collect = |(dial, outcomes): Done| {
        record::record(&dial, outcomes, decoder, out);
        progress();
    };
    runtime.block_on(all(dials.into_iter(), &options, &templates, &mut collect));
    // A resolver that hangs must not hold up the end.
    runtime.shutdown_background();
    Ok(())
}

/// An endpoint that is done with: what came of each of its addresses.
pub(super) type Done = (Dial, Vec<Outcome>);

/// Names that are looked up at the same time: one that hangs keeps its thread beyond its time, and must not hold up the others.
const LOOKUPS: usize = 512;

/// One thread: a handshake is computed faster than it travels. Name resolution blocks, so it has threads of its own.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().max_blocking_threads(LOOKUPS).build()
}

async fn all(
    mut dials: impl Iterator<Item = Dial>,
    options: &Arc<Options>,
    templates: &Arc<Templates>,
    collect: &mut dyn FnMut(Done),
) {
    let end = options.deadline.map(|deadline| Instant::now() + deadline);
    let sockets = Arc::new(Semaphore::new(options.jobs.max(1)));
    let mut flights = JoinSet::new();
    loop {
        while flights.len() < options.jobs.max(1) {
            let Some(dial) = dials.next() else { break };
            if end.is_some_and(|end| end <= Instant::now()) {
                collect((dial, vec![late(None)]));
                continue;
            }
            flights.spawn(one(dial, Arc::clone(options), Arc::clone(templates), Arc::clone(&sockets), end));
        }
        match flights.join_next().await {
            Some(done) => collect(done.unwrap_or_else(resume)),
            None => return,
        }
    }
}

fn resume<T>(error: JoinError) -> T {
    resume_unwind(error.try_into_panic().unwrap_or_else(|_| Box::new("a conversation was cancelled")))
}

/// What there was no time for.
fn late(address: Option<SocketAddr>) -> Outcome {
    let reason = "not dialled: the time (--deadline, --timeout) was over before its turn came".into();
    Outcome { address, defect: Some(DefectKind::Unreachable { phase: Phase::Connect, reason }), ..Outcome::default() }
}

/// Talks to every address of an endpoint.
async fn one(
    dial: Dial,
    options: Arc<Options>,
    templates: Arc<Templates>,
    sockets: Arc<Semaphore>,
    end: Option<Instant>,
) -> Done {
    let own = Instant::now() + options.timeout;
    let deadline = end.map_or(own, |end| end.min(own));
    let outcomes = talk(&dial, &options, &templates, &sockets, deadline).await;
    (dial, outcomes)
}

async fn talk(
    dial: &Dial,
    options: &Arc<Options>,
    templates: &Arc<Templates>,
    sockets: &Arc<Semaphore>,
    deadline: Instant,
) -> Vec<Outcome> {
    let shared = Shared { options: Arc::clone(options), templates: Arc::clone(templates), deadline };
    if dial.proxy.is_some() {
        return vec![shared.search(dial, None).await];
    }
    let addresses = match timeout_at(deadline, connect::addresses(dial, options)).await.unwrap_or(Err(Fault::Timeout)) {
        Ok(addresses) => addresses,
        Err(fault) => return vec![Outcome { defect: Some(fault.into_defect(Phase::Resolve)), ..Outcome::default() }],
    };
    if let [only] = addresses.as_slice() {
        return vec![shared.search(dial, Some(*only)).await];
    }
    let mut flights = JoinSet::new();
    for (number, address) in addresses.into_iter().enumerate() {
        let (shared, dial, sockets) = (shared.clone(), dial.clone(), Arc::clone(sockets));
        flights.spawn(async move {
            let Ok(_socket) = timeout_at(shared.deadline, sockets.acquire_owned()).await else {
                return (number, late(Some(address)));
            };
            (number, shared.search(&dial, Some(address)).await)
        });
    }
    let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
    while let Some(done) = flights.join_next().await {
        outcomes.push(done.unwrap_or_else(resume));
    }
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What the conversations of one endpoint share.
#[derive(Clone)]
struct Shared {
    options: Arc<Options>,
    templates: Arc<Templates>,
    deadline: Instant,
}

impl Shared {
    /// Talks to an address; to its other ports in turn if that is wanted and the one before did not have what is looked for.
    async fn search(&self, dial: &Dial, address: Option<SocketAddr>) -> Outcome {
        let first = converse(dial, address, &self.options, &self.templates, self.deadline).await;
        let Some(mut other) = address.filter(|_| loopback::is_worth_another_port(&first)) else { return first };
        for port in dial.other_ports {
            other.set_port(*port);
            let outcome = converse(dial, Some(other), &self.options, &self.templates, self.deadline).await;
            if loopback::is_served(&outcome) {
                return Outcome { port: Some(*port), ..outcome };
            }
        }
        first
    }
}

impl Dial {
    /// What tells this conversation from others with the same endpoint.
    pub(super) fn label(&self) -> Option<String> {
        match &self.server_name {
            Sni::Name(name) => Some(format!("sni={name}")),
            Sni::Host | Sni::None => None,
        }
    }
}
