//! A plan and its rehearsal in JSON.

use super::findings::Finding;
use super::values::{Rows, Text};
use crate::model::Code;
use crate::plan::{self, Command, Disturbance, Fault, Kind};
use schemars::JsonSchema;
use serde::Serialize;

/// What to renew, in which order.
#[derive(Serialize, JsonSchema)]
pub(super) struct Plan<'r> {
    /// The steps, in order.
    steps: Vec<Step<'r>>,
    /// How they went on a copy of what was found.
    rehearsal: Rehearsal<'r>,
    /// The findings that no step mends.
    left: Rows<'r, Finding<'r>>,
}

/// One step.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Step<'r> {
    /// Its name in the script, unique in the plan.
    id: &'r str,
    /// What is done.
    title: Text<&'r str>,
    /// Where the commands run, where several hosts are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'r str>,
    /// The files, objects and processes that it acts on.
    acts_on: Vec<Text<&'r str>>,
    /// What it is for.
    reasons: Vec<Reason<'r>>,
    /// The commands, in order.
    commands: Vec<Line>,
    /// What has to be there before.
    needs: Vec<Need<'r>>,
    /// What it disturbs while it runs.
    disturbs: Vec<Disturbs<'r>>,
    /// How to see that it worked: commands that end with exit code 0.
    verify: Vec<Check<'r>>,
    /// The commands that take it back.
    undo: Vec<Line>,
    /// Variables in the commands that somebody has to fill in.
    placeholders: Vec<&'r str>,
}

/// Why a step is in the plan.
#[derive(Serialize, JsonSchema)]
struct Reason<'r> {
    /// The code of the finding; null where another step asks for this one.
    code: Option<&'static str>,
    /// What is wrong, or what is wanted.
    message: Text<&'r str>,
}

/// A command, or what a person does.
#[derive(Serialize, JsonSchema)]
struct Line {
    /// What it acts on; `hand`: the line is a sentence for a person.
    #[schemars(extend("enum" = ["files", "processes", "objects", "hand"]))]
    kind: &'static str,
    /// The line.
    line: Text<String>,
}

/// Something that has to be there.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Need<'r> {
    /// What.
    what: Text<&'r str>,
    /// Whether what was read shows it.
    is_seen: bool,
}

/// What is disturbed.
#[derive(Serialize, JsonSchema)]
struct Disturbs<'r> {
    /// The ids of the handshakes.
    handshakes: Vec<Text<&'r str>>,
    /// For how long, in seconds.
    seconds: u32,
    /// Why.
    why: Text<&'r str>,
}

/// How to see that a step worked.
#[derive(Serialize, JsonSchema)]
struct Check<'r> {
    #[serde(flatten)]
    command: Line,
    /// What is to come out.
    expect: Text<&'r str>,
}

/// How the steps went on the copy.
#[derive(Serialize, JsonSchema)]
struct Rehearsal<'r> {
    /// Whether nothing speaks against following the plan.
    sound: bool,
    /// What speaks against it.
    faults: Vec<Failure>,
    /// Every handshake with its verdict before the first step and after each one.
    handshakes: Vec<Row<'r>>,
}

/// What speaks against following the plan.
#[derive(Serialize, JsonSchema)]
struct Failure {
    /// The number of the step, from 1; null where no single one is at fault.
    step: Option<usize>,
    /// What would happen.
    message: Text<String>,
}

/// A handshake through the steps.
#[derive(Serialize, JsonSchema)]
struct Row<'r> {
    /// Its id.
    id: Text<&'r str>,
    /// Its verdict before the first step.
    #[schemars(extend("enum" = ["ok", "broken", "unknown"]))]
    before: &'static str,
    /// Its verdict after each step, in order.
    after: Vec<&'static str>,
    /// For how many seconds each step disturbs it, in order.
    seconds: Vec<u32>,
}

impl<'r> Plan<'r> {
    pub(super) fn new(plan: &'r plan::Plan) -> Self {
        Self {
            steps: plan.steps.iter().map(Step::new).collect(),
            rehearsal: Rehearsal::new(plan),
            left: Rows::new(|| plan.left.iter().map(Finding::new)),
        }
    }
}

impl<'r> Step<'r> {
    fn new(step: &'r plan::Step) -> Self {
        Self {
            id: &step.id,
            title: Text(&step.title),
            host: step.host.as_deref(),
            acts_on: step.acts_on.iter().map(|what| Text(what.as_str())).collect(),
            reasons: step
                .reasons
                .iter()
                .map(|reason| Reason { code: reason.code.map(Code::as_str), message: Text(&reason.message) })
                .collect(),
            commands: step.lines().map(Line::new).collect(),
            needs: step.needs.iter().map(|need| Need { what: Text(&need.what), is_seen: need.is_seen }).collect(),
            disturbs: step.disturbs.iter().map(Disturbs::new).collect(),
            verify: step
                .checks
                .iter()
                .map(|check| Check { command: Line::new(&check.command), expect: Text(&check.expect) })
                .collect(),
            undo: step.undo.iter().map(Line::new).collect(),
            placeholders: step.placeholders(),
        }
    }
}

impl Line {
    fn new(command: &Command) -> Self {
        let kind = match command.kind {
            Kind::Files => "files",
            Kind::Processes => "processes",
            Kind::Objects => "objects",
            Kind::Hand | Kind::HandOnFiles => "hand",
        };
        Self { kind, line: Text(command.line()) }
    }
}

impl<'r> Disturbs<'r> {
    fn new(one: &'r Disturbance) -> Self {
        let handshakes = one.handshakes.iter().map(|id| Text(id.as_str())).collect();
        Self { handshakes, seconds: one.seconds, why: Text(&one.why) }
    }
}

impl<'r> Rehearsal<'r> {
    fn new(plan: &'r plan::Plan) -> Self {
        let failure = |fault: &Fault| Failure { step: fault.step().map(|step| step + 1), message: Text(fault.to_string()) };
        let row = |row: &'r plan::Row| Row {
            id: Text(row.handshake.as_str()),
            before: row.before.as_str(),
            after: row.cells.iter().map(|cell| cell.after.as_str()).collect(),
            seconds: row.cells.iter().map(|cell| cell.seconds).collect(),
        };
        Self {
            sound: plan.is_sound(),
            faults: plan.rehearsal.faults.iter().map(failure).collect(),
            handshakes: plan.rehearsal.rows.iter().map(row).collect(),
        }
    }
}
