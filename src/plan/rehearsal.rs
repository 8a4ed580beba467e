//! The rehearsal: the steps are played through on a copy of the inventory, and after each one every handshake is judged again.

use super::effect::Impossible;
use super::program::Process;
use super::step::Step;
use super::world::{Understudies, World};
use crate::audit::{self, Policy};
use crate::chain::Graph;
use crate::model::{Code, Finding, Handshake, Inventory, Origin, Severity, State};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    /// Every handshake with its state before the first step and after each one.
    pub rows: Vec<Row>,
    /// What speaks against following the plan; empty: nothing.
    pub faults: Vec<Fault>,
    /// The findings at warning or above that are left in the end.
    pub left: Vec<Finding>,
}

/// A handshake through the steps.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub handshake: String,
    /// Its state before the first step.
    pub before: State,
    /// What each step does to it.
    pub cells: Vec<Cell>,
}

/// A handshake in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its state after the step.
    pub after: State,
    /// For how many seconds the step disturbs it.
    pub seconds: u32,
}

impl Row {
    /// Whether nothing ever happens to it.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.cells.iter().all(|cell| cell.after == self.before && cell.seconds == 0)
    }

    /// The seconds for which steps disturb it, altogether.
    #[must_use]
    pub fn seconds(&self) -> u32 {
        self.cells.iter().map(|cell| cell.seconds).sum()
    }
}

/// Why a plan is not to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A step breaks a handshake that held before.
    Breaks {
        /// The number of the step, from 0.
        step: usize,
        /// The handshake.
        handshake: String,
        /// What is said of it then.
        reasons: Vec<Code>,
    },
    /// A step cannot be done.
    Impossible {
        /// The number of the step, from 0.
        step: usize,
        /// Why not.
        why: Impossible,
    },
    /// Files of a host are changed before they were saved.
    Unsaved {
        /// The number of the step, from 0.
        step: usize,
        /// The host.
        host: Option<String>,
    },
    /// A step restarts one program on several hosts at once.
    AtOnce {
        /// The number of the step, from 0.
        step: usize,
        /// The program.
        program: &'static str,
    },
    /// In the end a process has not read what it was given.
    NotRead {
        /// The process.
        process: Process,
        /// The place.
        place: String,
    },
    /// In the end a finding is there that a step was to mend.
    NotMended {
        /// The number of the step, from 0.
        step: usize,
        /// The finding's code.
        code: Code,
        /// Its places, `source field`.
        places: Vec<String>,
    },
}

impl Fault {
    /// The step that is at fault, if one is.
    #[must_use]
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::Breaks { step, .. }
            | Self::Impossible { step, .. }
            | Self::Unsaved { step, .. }
            | Self::AtOnce { step, .. }
            | Self::NotMended { step, .. } => Some(*step),
            Self::NotRead { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breaks { step, handshake, reasons } => {
                let reasons: Vec<&str> = reasons.iter().map(|code| code.as_str()).collect();
                write!(f, "step {} would break {handshake} ({})", step + 1, reasons.join(", "))
            }
            Self::Impossible { step, why } => write!(f, "step {} cannot be done: {why}", step + 1),
            Self::Unsaved { step, host } => {
                let host = host.as_deref().map(|host| format!(" of {host}")).unwrap_or_default();
                write!(f, "step {} changes files{host} that were not saved", step + 1)
            }
            Self::AtOnce { step, program } => write!(f, "step {} restarts {program} on several hosts at once", step + 1),
            Self::NotRead { process, place } => {
                let host = process.host.as_deref().map(|host| format!(" on {host}")).unwrap_or_default();
                write!(f, "in the end {}{host} has not read {place}", process.program.name())
            }
            Self::NotMended { step, code, places } => {
                write!(f, "step {} does not mend {code} at {}", step + 1, places.join(", "))
            }
        }
    }
}

/// A place as findings and reasons name it, which stays the same when its certificate changes.
pub(super) fn place_name(origin: &Origin) -> String {
    let host = origin.document.host.as_deref().map(|host| format!("{host}: ")).unwrap_or_default();
    format!("{host}{origin}")
}

/// Plays the steps through.
#[must_use]
pub(super) fn rehearse(inventory: &Inventory, steps: &[Step], policy: &Policy, understudies: &Understudies) -> Rehearsal {
    let mut world = World::of(inventory, policy.at, understudies);
    let judge = |world: &World<'_>| {
        let in_force = world.in_force();
        let graph = Graph::build(&in_force, understudies);
        audit::preflight(&graph, policy).handshakes
    };
    let before = judge(&world);
    let mut rows: Vec<Row> =
        before.iter().map(|one| Row { handshake: one.id(), before: one.state(), cells: Vec::new() }).collect();
    let mut faults = Vec::new();
    let mut held: HashMap<String, State> = rows.iter().map(|row| (row.handshake.clone(), row.before)).collect();
    let mut unsaved = 0;
    for (number, step) in steps.iter().enumerate() {
        if let Err(why) = step.effects.iter().try_for_each(|effect| effect.apply(&mut world)) {
            faults.push(Fault::Impossible { step: number, why });
        }
        faults.extend(at_once(number, step));
        for host in world.unsaved().iter().skip(unsaved) {
            faults.push(Fault::Unsaved { step: number, host: host.as_deref().map(str::to_owned) });
        }
        unsaved = world.unsaved().len();
        let after = judge(&world);
        for handshake in &after {
            let (id, state) = (handshake.id(), handshake.state());
            let broke = state == State::Broken && held.get(&id).is_some_and(|held| *held != State::Broken);
            if broke {
                faults.push(Fault::Breaks { step: number, handshake: id.clone(), reasons: handshake.reasons() });
            }
            held.insert(id, state);
        }
        for row in &mut rows {
            let after = held.get(&row.handshake).copied().unwrap_or(row.before);
            let seconds = step.disturbs.iter().filter(|one| one.handshakes.contains(&row.handshake)).map(|one| one.seconds).sum();
            row.cells.push(Cell { after, seconds });
        }
    }
    let behind = world.behind().into_iter();
    faults
        .extend(behind.map(|(process, holding)| Fault::NotRead { process: process.clone(), place: place_name(&holding.origin) }));
    let in_force = world.in_force();
    let graph = Graph::build(&in_force, understudies);
    let left: Vec<Finding> = audit::preflight(&graph, policy).findings;
    let left: Vec<Finding> = left.into_iter().filter(|finding| finding.severity > Severity::Info).collect();
    faults.extend(not_mended(steps, &left));
    Rehearsal { rows, faults, left }
}

/// The ids of handshakes that a restart of these processes disturbs, of those that are not broken anyway.
pub(super) fn disturbed(handshakes: &[Handshake], process: &Process) -> Vec<String> {
    let is_at = |handshake: &&Handshake| {
        let ends = [&handshake.client, &handshake.server];
        ends.iter().any(|end| process.is(end.party, end.host.as_ref()))
    };
    let works = handshakes.iter().filter(|handshake| handshake.state() != State::Broken);
    works.filter(is_at).map(Handshake::id).collect()
}

fn at_once(number: usize, step: &Step) -> Option<Fault> {
    let mut seen: HashMap<&str, &Process> = HashMap::new();
    step.effects.iter().filter_map(super::effect::Effect::restarts).find_map(|process| {
        let other = seen.insert(process.program.name(), process);
        other.filter(|other| other.host != process.host).map(|_| Fault::AtOnce { step: number, program: process.program.name() })
    })
}

/// What steps were to mend and is still there.
fn not_mended(steps: &[Step], left: &[Finding]) -> Vec<Fault> {
    let mut there: HashSet<(Code, String)> = HashSet::new();
    for finding in left {
        there.extend(finding.origins.iter().map(|(origin, _)| (finding.code, place_name(origin))));
    }
    let mut faults = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        for reason in &step.reasons {
            let Some(code) = reason.code else { continue };
            let places: Vec<String> =
                reason.places.iter().filter(|place| there.contains(&(code, (*place).clone()))).cloned().collect();
            if !places.is_empty() {
                faults.push(Fault::NotMended { step: number, code, places });
            }
        }
    }
    faults
}
