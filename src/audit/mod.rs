//! What is wrong: every check of [`checks::CHECKS`], over (graph, policy).
//!
//! A check looks at the whole inventory and adds findings. The same fault at several places is one finding with several origins:
//! `Findings` merges what says the same.

mod chain;
pub mod checks;
mod context;
mod dates;
mod findings;
mod front_proxy;
mod handshakes;
mod hosts;
mod input;
mod istio;
mod keys;
mod kubeconfig;
mod kubelets;
pub mod loopback;
pub mod managed;
mod objects;
mod pairs;
mod peers;
mod places;
pub mod policy;
mod renewal;
mod replaced;
mod rights;
pub mod served;
pub mod trust;
pub mod upgrade;
mod usage;

pub use checks::{Area, CHECKS, Check, check};
pub use context::Context;
pub use policy::{Margins, Policy, Standing, Threshold};
pub use upgrade::{Note, Upgrade};

use crate::chain::Graph;
use crate::model::{Code, Finding, Handshake, Inventory, Severity, Sha256};
use findings::Findings;
use pairs::Pairs;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The outcome of an audit.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// The findings, worst first; within a severity in the order of [`CHECKS`].
    pub findings: Vec<Finding>,
    /// The handshakes of the cluster, judged, in the order of the table; only [`preflight`] lists them.
    pub handshakes: Vec<Handshake>,
    /// What an upgrade brings; only [`preflight`] tells.
    pub upgrade: Upgrade,
    /// The CAs by which nodes join, as `kubeadm join --discovery-token-ca-cert-hash` wants them: SHA-256 of each one's
    /// SubjectPublicKeyInfo. Only [`preflight`] tells, and only where cluster-info is among the sources.
    pub discovery_hashes: Vec<Sha256>,
}

impl Audit {
    /// The worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// This one and another, of clusters that have nothing to do with each other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.findings.extend(other.findings);
        findings::sort(&mut self.findings);
        self.handshakes.extend(other.handshakes);
        self.upgrade = self.upgrade.and(other.upgrade);
        self.discovery_hashes.extend(other.discovery_hashes);
        self
    }
}

/// Runs every check.
#[must_use]
pub fn audit(graph: &Graph<'_>, policy: &Policy) -> Audit {
    let mut findings = preflight(graph, policy).findings;
    for finding in &mut findings {
        finding.handshakes.clear();
    }
    Audit { findings, ..Audit::default() }
}

/// Runs every check, and says of each handshake of the cluster whether it comes off and until when.
#[must_use]
pub fn preflight(graph: &Graph<'_>, policy: &Policy) -> Audit {
    let context = Context::new(graph, policy);
    let next = AtomicUsize::new(0);
    let threads = if context.large { thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS) } else { 1 };
    let (found, mut handshakes) = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| run(&context, &next))).collect();
        let handshakes = handshakes::judged(&context);
        let own = run(&context, &next);
        let all = others.into_iter().fold(own, |all, other| all.and(other.join().unwrap_or_else(|panic| resume_unwind(panic))));
        (all, handshakes)
    });
    let mut findings = found.finish();
    handshakes::explain::refuse(&mut handshakes, &findings);
    handshakes::explain::explain(&handshakes, &mut findings);
    handshakes::explain::fold(&context, &mut findings);
    replaced::fold(&context, &mut findings);
    findings::sort(&mut findings);
    let discovery_hashes = handshakes::discovery::ca_hashes(&context);
    Audit { findings, handshakes, upgrade: upgrade::of(&context), discovery_hashes }
}

/// Which private key belongs beside which certificate: positions in the inventory's holdings, those of certificates with a key.
#[must_use]
pub fn keys_of(inventory: &Inventory) -> Vec<(usize, usize)> {
    Pairs::of(inventory).0.into_iter().filter_map(|pair| Some((pair.credential(), pair.key()?))).collect()
}

/// Runs the checks of these codes alone.
#[must_use]
pub fn audit_for(graph: &Graph<'_>, policy: &Policy, codes: &[Code]) -> Audit {
    let context = Context::new(graph, policy);
    let mut findings = Findings::default();
    for check in CHECKS.iter().filter(|check| codes.contains(&check.code)) {
        (check.run)(&context, &mut findings);
    }
    Audit { findings: findings.settled().finish(), ..Audit::default() }
}

/// Checks are independent of each other; over a large inventory several threads take one after another.
const MOST_THREADS: usize = 8;

fn run(context: &Context<'_>, next: &AtomicUsize) -> Findings {
    let mut findings = Findings::default();
    while let Some(check) = CHECKS.get(next.fetch_add(1, Ordering::Relaxed)) {
        (check.run)(context, &mut findings);
    }
    findings.settled()
}
