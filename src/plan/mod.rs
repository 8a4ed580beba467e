//! What to renew, in which order: steps that were rehearsed before anybody reads them.
//!
//! ```text
//! audit ── tasks ── PLAYBOOKS ── steps ──┬── rehearsal ── Plan
//!            ▲                           │      │
//!            └── given up: no step mends it ────┘
//! ```
//!
//! A plan is data: what to do, why, where, what it needs, what it disturbs, how to see that it worked, how to take it back. Nothing
//! here touches a cluster; each step is played on a copy of the inventory, and what it does not mend there is not claimed.

mod effect;
mod playbooks;
mod program;
mod rehearsal;
mod request;
mod step;
mod world;

pub use effect::Impossible;
pub use playbooks::object_name;
pub use program::{Process, Program};
pub use rehearsal::{Cell, Fault, Rehearsal, Row};
pub use request::{Unsigned, requests};
pub use step::{Check, Command, Disturbance, Kind, Need, ROOT_SIGN, Reason, Step};

use crate::audit::{Audit, Policy};
use crate::chain::Graph;
use crate::model::{Code, Finding, Inventory, Severity};
use playbooks::{Site, Tasks};
use rehearsal::{place_name, rehearse};
use std::collections::BTreeSet;
use std::sync::Arc;
use world::Understudies;

/// Steps, and how the rehearsal went.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How they went on the copy.
    pub rehearsal: Rehearsal,
    /// The findings at warning or above that no step mends, as they are now.
    pub left: Vec<Finding>,
    /// What the rehearsal played on, and who signed there.
    stage: Arc<Inventory>,
    understudies: Arc<Understudies>,
}

impl Plan {
    /// Whether the rehearsal found nothing against following it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.rehearsal.faults.is_empty()
    }

    /// The same steps in another order, or without some: what would come of it.
    #[must_use]
    pub fn rearranged(&self, order: &[usize], policy: &Policy) -> Rehearsal {
        let steps: Vec<Step> = order.iter().filter_map(|number| self.steps.get(*number).cloned()).collect();
        rehearse(&self.stage, &steps, policy, &self.understudies)
    }
}

/// Rounds in which what a step does not mend is given up: each round gives up at least one place.
const MOST_ROUNDS: usize = 12;

/// A plan for what an audit found ([`audit::preflight`](crate::audit::preflight)), rehearsed.
#[must_use]
pub fn plan(graph: &Graph<'_>, audit: &Audit, policy: &Policy) -> Plan {
    let site = Site::new(graph, audit, policy);
    let understudies = Arc::new(Understudies::default());
    let mut given_up: BTreeSet<(Code, String)> = BTreeSet::new();
    let mut steps = Vec::new();
    let mut rehearsal = Rehearsal::default();
    let mut stage = Inventory::default();
    for _ in 0..MOST_ROUNDS {
        let mut tasks = Tasks::of(&site, audit, &given_up);
        steps = playbooks::steps(&site, &mut tasks);
        stage = world::stage(graph.inventory(), &steps, &audit.handshakes);
        rehearsal = rehearse(&stage, &steps, policy, &understudies);
        let hopeless = hopeless(&steps, &rehearsal);
        if hopeless.iter().all(|place| given_up.contains(place)) {
            break;
        }
        given_up.extend(hopeless);
    }
    (steps, rehearsal) = reordered(steps, rehearsal, &|steps| rehearse(&stage, steps, policy, &understudies));
    let left = left(audit, &steps, &rehearsal, &stage);
    Plan { steps, rehearsal, left, stage: Arc::new(stage), understudies }
}

/// What steps were to mend and do not, or cannot.
fn hopeless(steps: &[Step], rehearsal: &Rehearsal) -> Vec<(Code, String)> {
    let mut found = Vec::new();
    for fault in &rehearsal.faults {
        match fault {
            Fault::NotMended { code, places, .. } => found.extend(places.iter().map(|place| (*code, place.clone()))),
            Fault::Impossible { step, .. } => {
                let reasons = steps.get(*step).map(|step| step.reasons.as_slice()).unwrap_or_default();
                let coded = reasons.iter().filter_map(|reason| Some((reason.code?, &reason.places)));
                found.extend(coded.flat_map(|(code, places)| places.iter().map(move |place| (code, place.clone()))));
            }
            _ => {}
        }
    }
    found
}

/// Moves a step that would break something behind the next ones, as long as that is better.
fn reordered(mut steps: Vec<Step>, mut rehearsal: Rehearsal, play: &dyn Fn(&[Step]) -> Rehearsal) -> (Vec<Step>, Rehearsal) {
    let breaking = |rehearsal: &Rehearsal| {
        rehearsal.faults.iter().find_map(|fault| match fault {
            Fault::Breaks { step, .. } => Some(*step),
            _ => None,
        })
    };
    while let Some(at) = breaking(&rehearsal) {
        let better = (at + 1..steps.len()).find_map(|to| {
            let mut other = steps.clone();
            let step = other.remove(at);
            other.insert(to, step);
            let played = play(&other);
            (played.faults.len() < rehearsal.faults.len()).then_some((other, played))
        });
        let Some(better) = better else { break };
        (steps, rehearsal) = better;
    }
    (steps, rehearsal)
}

/// The findings of now that no step mends: those that are still there in the end, and were not made by the steps.
fn left(audit: &Audit, steps: &[Step], rehearsal: &Rehearsal, stage: &Inventory) -> Vec<Finding> {
    let mended: BTreeSet<(Code, &str)> = steps
        .iter()
        .flat_map(|step| &step.reasons)
        .filter_map(|reason| Some((reason.code?, &reason.places)))
        .flat_map(|(code, places)| places.iter().map(move |place| (code, place.as_str())))
        .collect();
    let still: BTreeSet<(Code, String)> = rehearsal
        .left
        .iter()
        .flat_map(|finding| finding.origins.iter().map(|(origin, _)| (finding.code, place_name(origin))))
        .collect();
    // What the rehearsal left out is as it was.
    let left_out: BTreeSet<(usize, usize)> =
        stage.holdings.iter().filter(|holding| holding.contents.is_empty()).map(|holding| holding.origin.place()).collect();
    let is_left = |finding: &&Finding| {
        let places: Vec<String> = finding.origins.iter().map(|(origin, _)| place_name(origin)).collect();
        let is_there = places.is_empty()
            || places.iter().any(|place| still.contains(&(finding.code, place.clone())))
            || finding.origins.iter().any(|(origin, _)| left_out.contains(&origin.place()));
        finding.severity > Severity::Info
            && finding.because.is_none()
            && is_there
            && !places.iter().any(|place| mended.contains(&(finding.code, place.as_str())))
    };
    audit.findings.iter().filter(is_left).cloned().collect()
}
