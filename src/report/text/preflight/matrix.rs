//! The matrix: a row for each handshake, or for all those that are the same on several hosts, most urgent first.

use super::super::index::{Index, common_name};
use super::super::line::{Text, join};
use super::super::page::{Page, count, thousands};
use super::super::table::{Column, Table};
use super::side_by_side;
use crate::model::{Handshake, Participant, Side, Standing};
use crate::report::preflight::{Cell, Ends, Preflight, Row, Urgency, hosts};
use crate::report::style::{Mark, Style};
use std::collections::HashMap;
use std::io;

/// The columns where both sides have room.
const WIDE: &[Column] = &[
    Column::name("client → server", 22),
    Column::name("client cert", 11),
    Column::name("server cert", 11),
    Column::whole("until"),
];
/// The columns of a narrow page.
const NARROW: &[Column] = &[Column::name("client → server", 34), Column::whole("")];
/// Pages narrower than this have no room for both sides.
const ROOM: usize = 64;
/// Pages narrower than this have no room for whole names.
const ROOM_FOR_NAMES: usize = 100;

/// Rows of those that trouble, of those that could not be told, and of those that hold, before the rest is folded. Where there is
/// trouble what holds is of little interest.
const TROUBLED: usize = 30;
const UNTOLD: usize = 5;
const HOLDING: usize = 12;
const HOLDING_BESIDE_TROUBLE: usize = 3;

/// Handshakes that show the same.
struct Line<'r> {
    row: Row<'r>,
    cells: [Cell; 2],
    ends: Ends,
    handshakes: Vec<&'r Handshake>,
}

/// The table.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, preflight: &Preflight<'_>) -> io::Result<()> {
    if preflight.rows.is_empty() {
        return Ok(());
    }
    page.part()?;
    let narrow = page.width() < ROOM;
    let mut table = Table::new(if narrow { NARROW } else { WIDE });
    for (lines, most, mark) in classes(lines(page, preflight)) {
        let most = if page.verbose() { usize::MAX } else { most };
        // One row more is not worth a fold.
        let most = if lines.len() == most.saturating_add(1) { lines.len() } else { most };
        for line in lines.iter().take(most) {
            let [client, server] = &line.cells;
            let ends = Text::quoted(&line.ends.0).styled(style(line.row.urgency));
            let name = name(page, line);
            let cells = if narrow { vec![name, narrowed(line)] } else { vec![name, cell(client), cell(server), ends] };
            table.row(Text::new().mark(line.row.urgency.mark()), cells);
            if page.verbose() {
                facts(&mut table, index, line.row.handshake);
            }
        }
        let hidden: usize = lines.iter().skip(most).map(|line| line.handshakes.len()).sum();
        if hidden > 0 {
            let more = Text::quoted(thousands(hidden)).say(" more").styled(Style::Dim);
            table.note(Text::new().mark(mark), Text::of("  "), more);
        }
    }
    page.table(&table)
}

/// The lines of each class with how many of them are shown, and the mark of what is folded.
fn classes(lines: Vec<Line<'_>>) -> [(Vec<Line<'_>>, usize, Mark); 3] {
    let (trouble, others): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.row.urgency.is_trouble());
    let (untold, holding): (Vec<_>, Vec<_>) = others.into_iter().partition(|line| line.row.urgency == Urgency::Unknown);
    let quiet = trouble.is_empty() && untold.is_empty();
    let most = if quiet { HOLDING } else { HOLDING_BESIDE_TROUBLE };
    let worst = trouble.iter().skip(TROUBLED).map(|line| line.row.urgency.mark()).max().unwrap_or(Mark::Bad);
    [(trouble, TROUBLED, worst), (untold, UNTOLD, Mark::Unsure), (holding, most, Mark::Fine)]
}

/// A line for each handshake; without `-v`, those that differ in nothing but the host share one.
fn lines<'r>(page: &Page<'_>, preflight: &Preflight<'r>) -> Vec<Line<'r>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut known: HashMap<String, Vec<usize>> = HashMap::new();
    for row in &preflight.rows {
        let Handshake { client_side, server_side, .. } = row.handshake;
        let cells = [client_side, server_side].map(|side| Cell::of(preflight.report, side));
        let ends = Ends::of(preflight, *row);
        let alike = known.entry(format!("{}→{}", row.handshake.client, row.handshake.server)).or_default();
        let same = |line: &Line<'_>| line.cells == cells && line.ends == ends && line.row.urgency == row.urgency;
        let place = alike.iter().copied().find(|at| !page.verbose() && lines.get(*at).is_some_and(same));
        if let Some(line) = place.and_then(|at| lines.get_mut(at)) {
            line.handshakes.push(row.handshake);
        } else {
            alike.push(lines.len());
            lines.push(Line { row: *row, cells, ends, handshakes: vec![row.handshake] });
        }
    }
    lines
}

/// `kubelet → kube-apiserver`, and where; on a page of eighty columns `kubelet → apiserver`.
fn name(page: &Page<'_>, line: &Line<'_>) -> Text {
    let Handshake { client, server, .. } = line.row.handshake;
    let hosts = match line.handshakes.len() {
        1 => side_by_side(&hosts(line.row.handshake)),
        several => Text::of("(").then(count(several, "host")).say(")"),
    };
    let short = |participant: &Participant| {
        let name = participant.to_string();
        let family = if page.width() < ROOM_FOR_NAMES { "kube-" } else { "" };
        Text::quoted(name.strip_prefix(family).unwrap_or(&name))
    };
    join([short(client).say(" → ").then(short(server)), hosts.styled(Style::Dim)], " ")
}

fn cell(cell: &Cell) -> Text {
    match cell.mark {
        Some(mark) => Text::new().mark(mark).then(Text::quoted(&cell.words).styled(cell.style)),
        None => Text::of("–").styled(Style::Dim),
    }
}

/// What a narrow page says instead of both sides: which one is refused and why, or until when all is well.
fn narrowed(line: &Line<'_>) -> Text {
    let sides = ["client: ", "server: "].into_iter().zip(&line.cells);
    let wanted = line.row.urgency.mark();
    let told = sides.filter(|(_, cell)| cell.mark == Some(wanted) && wanted != Mark::Fine);
    let told = join(told.map(|(side, cell)| Text::of(side).quote(&cell.words)), ", ");
    let text = if told.is_empty() { Text::quoted(&line.ends.0) } else { told };
    text.styled(style(line.row.urgency))
}

fn style(urgency: Urgency) -> Style {
    match urgency {
        Urgency::Broken | Urgency::BreaksByTarget => Style::Bad,
        Urgency::Nearing(severity) => Mark::from(severity).style(),
        Urgency::Unknown | Urgency::Holds => Style::Plain,
    }
}

/// What each side presents, who judges it and by which names.
fn facts(table: &mut Table, index: &Index<'_>, handshake: &Handshake) {
    for (word, side) in [("client  ", &handshake.client_side), ("server  ", &handshake.server_side)] {
        let facts = join(side_facts(index, side), ", ");
        if !facts.is_empty() {
            let text = Text::of(word).then(facts).styled(Style::Dim);
            table.note(Text::of("      "), Text::of("              "), text);
        }
    }
}

fn side_facts(index: &Index<'_>, side: &Side) -> Vec<Text> {
    let certificate = side.certificate.and_then(|id| index.report.graph.node(&id)).map(|node| index.certificate(node));
    let why = match &side.standing {
        Standing::NotAsked(why) | Standing::Unknown(why) => Some(Text::quoted(why)),
        _ => None,
    };
    let faults = side.faults().iter().map(|fault| Text::quoted(&fault.message));
    let names = (!side.names.is_empty()).then(|| Text::of("for ").quote(side.names.join(", ")));
    let judge = side.judge.as_ref().map(|judge| Text::of("judged by ").quote(judge));
    let place = side.origin.as_ref().map(|origin| index.place(origin));
    let presented = certificate.map(|certificate| common_name(certificate));
    presented.into_iter().chain(place).chain(why).chain(faults).chain(judge).chain(names).collect()
}
