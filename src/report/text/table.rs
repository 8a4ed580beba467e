//! Tables and trees. Columns are as wide as what is in them; where the page is narrower, names lose their middle, then the least
//! important columns go, and at last each row becomes several lines. Nothing is ever stretched.

use super::line::{Drawn, Keep, Text};
use crate::report::Look;
use crate::report::style::Style;
use std::io;

/// Spaces between columns.
const GAP: usize = 2;
/// Where the further lines of a row start on a page too narrow for columns.
const STACKED: usize = 4;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    title: &'static str,
    /// The width that it may be cut to; `usize::MAX`: not at all.
    least: usize,
    keep: Keep,
    /// Columns of the highest rank are the first to shrink and to be left out where there is no room; 0: never left out.
    rank: u8,
}

impl Column {
    /// Shown whole.
    pub(super) const fn whole(title: &'static str) -> Self {
        Self { title, least: usize::MAX, keep: Keep::Ends, rank: 0 }
    }

    /// May lose its middle.
    pub(super) const fn name(title: &'static str, least: usize) -> Self {
        Self { title, least, keep: Keep::Ends, rank: 0 }
    }

    /// May lose its beginning.
    pub(super) const fn path(title: &'static str, least: usize) -> Self {
        Self { title, least, keep: Keep::End, rank: 0 }
    }

    /// May be broken into several lines; for the last column.
    pub(super) const fn words(title: &'static str, least: usize) -> Self {
        Self { title, least, keep: Keep::All, rank: 0 }
    }

    /// May be left out.
    pub(super) const fn or_nothing(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// A cell of this width, as the lines that it takes.
    fn pieces(self, cell: &Text, width: usize, look: &Look) -> Vec<Drawn> {
        match self.keep {
            Keep::All => cell.draw(look).wrapped(width.max(1), width.max(1)),
            keep => vec![cell.draw(look).cut(width, keep, look)],
        }
    }
}

/// One line of a table.
#[derive(Clone, Debug)]
enum Row {
    /// One cell a column; `lead` are the branches before the first one, never cut.
    Cells { lead: Text, cells: Vec<Text> },
    /// Text across all columns, wrapped; `lead` stands before its first line, `rest` before the others.
    Note { lead: Text, rest: Text, text: Text },
}

/// Rows under columns.
#[derive(Debug)]
pub(super) struct Table {
    columns: &'static [Column],
    rows: Vec<Row>,
}

impl Table {
    /// No rows yet. The titles are shown unless all are empty.
    pub(super) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row. Cells left out at the end are empty.
    pub(super) fn row(&mut self, lead: Text, cells: impl IntoIterator<Item = Text>) {
        let mut cells: Vec<Text> = cells.into_iter().collect();
        cells.resize(self.columns.len(), Text::new());
        self.rows.push(Row::Cells { lead, cells });
    }

    /// Adds a line across all columns; where it is wrapped, `rest` stands before what follows.
    pub(super) fn note(&mut self, lead: Text, rest: Text, text: Text) {
        self.rows.push(Row::Note { lead, rest, text });
    }

    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Hands every line to `write`.
    pub(super) fn lines(&self, look: &Look, write: &mut dyn FnMut(Drawn) -> io::Result<()>) -> io::Result<()> {
        let natural = self.natural_widths(look);
        let widths = fit(self.columns, &natural, look.width);
        let has_cells = natural.iter().any(|width| *width > 0);
        if let (Some(widths), true) = (&widths, has_cells && self.columns.iter().any(|column| !column.title.is_empty())) {
            let titles: Vec<Text> = self.columns.iter().map(|column| Text::of(column.title).styled(Style::Dim)).collect();
            let lead = Text::of(self.indent(look));
            self.aligned(&lead, &titles, widths, look).into_iter().try_for_each(&mut *write)?;
        }
        for row in &self.rows {
            match (row, &widths) {
                (Row::Cells { lead, cells }, Some(widths)) => {
                    self.aligned(lead, cells, widths, look).into_iter().try_for_each(&mut *write)?;
                }
                (Row::Cells { lead, cells }, None) => self.stacked(lead, cells, look).into_iter().try_for_each(&mut *write)?,
                (Row::Note { lead, rest, text }, _) => {
                    let (mut lead, rest) = (lead.draw(look), rest.draw(look));
                    let room = |taken: &Drawn| look.width.saturating_sub(taken.width()).max(1);
                    for line in text.draw(look).wrapped(room(&lead), room(&rest)) {
                        let mut whole = std::mem::replace(&mut lead, rest.clone());
                        whole.append(line);
                        write(whole)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What stands before the titles: as much as before every row.
    fn indent(&self, look: &Look) -> &'static str {
        const MOST: &str = "    ";
        let leads = self.rows.iter().filter_map(|row| match row {
            Row::Cells { lead, .. } => Some(lead.draw(look).width()),
            Row::Note { .. } => None,
        });
        MOST.get(..leads.min().unwrap_or_default()).unwrap_or(MOST)
    }

    /// The widest cell of each column; zero for a column without content.
    fn natural_widths(&self, look: &Look) -> Vec<usize> {
        let mut widths = vec![0; self.columns.len()];
        for row in &self.rows {
            let Row::Cells { lead, cells } = row else { continue };
            for (number, (cell, width)) in cells.iter().zip(&mut widths).enumerate() {
                let lead = if number == 0 { lead.draw(look).width() } else { 0 };
                *width = (*width).max(lead + cell.draw(look).width());
            }
        }
        for (width, column) in widths.iter_mut().zip(self.columns) {
            if *width > 0 {
                *width = (*width).max(Text::of(column.title).draw(look).width());
            }
        }
        widths
    }

    fn aligned(&self, lead: &Text, cells: &[Text], widths: &[usize], look: &Look) -> Vec<Drawn> {
        let mut line = lead.draw(look);
        let indent = line.width();
        let mut end = 0;
        let mut below = Vec::new();
        let columns = self.columns.iter().zip(cells).zip(widths).enumerate();
        for (number, ((column, cell), width)) in columns.filter(|(_, (_, width))| **width > 0) {
            if end > 0 {
                line = line.padded(end + GAP);
                end += GAP;
            }
            let own = if number == 0 { width.saturating_sub(indent) } else { *width };
            let mut pieces = column.pieces(cell, own, look).into_iter();
            pieces.next().into_iter().for_each(|piece| line.append(piece));
            for piece in pieces {
                let mut further = Drawn::default().padded(end);
                further.append(piece);
                below.push(further);
            }
            end += width;
        }
        below.insert(0, line);
        below
    }

    /// The first cell, and below it the others, as many a line as there is room for.
    fn stacked(&self, lead: &Text, cells: &[Text], look: &Look) -> Vec<Drawn> {
        let lead = lead.draw(look);
        let indent = lead.width() + STACKED;
        let mut lines = Vec::new();
        let mut line = lead;
        let mut begun = false;
        for (number, (column, cell)) in self.columns.iter().zip(cells).enumerate().filter(|(_, (_, cell))| !cell.is_empty()) {
            let full = line.width() + GAP + cell.draw(look).width() > look.width;
            if begun && (full || number == 1) {
                lines.push(std::mem::replace(&mut line, Drawn::default().padded(indent)));
            } else if begun {
                line.append(Drawn::default().padded(GAP));
            }
            let room = look.width.saturating_sub(line.width()).max(STACKED);
            let mut pieces = column.pieces(cell, room, look).into_iter();
            pieces.next().into_iter().for_each(|piece| line.append(piece));
            for piece in pieces {
                lines.push(std::mem::replace(&mut line, Drawn::default().padded(indent)));
                line.append(piece);
            }
            begun = true;
        }
        lines.push(line);
        lines
    }
}

/// The widths of the columns on a page of `room` columns; zero for what is left out. `None`: no way.
fn fit(columns: &[Column], natural: &[usize], room: usize) -> Option<Vec<usize>> {
    let mut widths = natural.to_vec();
    loop {
        let least: Vec<usize> = widths.iter().zip(columns).map(|(width, column)| (*width).min(column.least)).collect();
        if total(&least) <= room {
            shrink(columns, &mut widths, &least, room);
            return Some(widths);
        }
        let shown = (0..columns.len()).filter(|number| columns[*number].rank > 0 && widths[*number] > 0);
        let dropped = shown.max_by_key(|number| columns[*number].rank)?;
        widths[dropped] = 0;
    }
}

fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0);
    shown.map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// Takes from the column of the highest rank, and of those from the widest, until all fit.
fn shrink(columns: &[Column], widths: &mut [usize], least: &[usize], room: usize) {
    let mut excess = total(widths).saturating_sub(room);
    while excess > 0 {
        let wide = (0..widths.len()).filter(|number| widths[*number] > least[*number]);
        let Some(widest) = wide.max_by_key(|number| (columns[*number].rank, widths[*number])) else { return };
        widths[widest] -= 1;
        excess -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::sample;

    const COLUMNS: &[Column] = &[Column::name("NAME", 8), Column::whole("UNTIL"), Column::path("FILE", 8).or_nothing(1)];

    fn drawn(width: usize) -> String {
        let mut table = Table::new(COLUMNS);
        table
            .row(Text::of("  "), [Text::quoted("kube-apiserver"), Text::quoted("2026-12-11"), Text::quoted("pki/apiserver.crt")]);
        table.row(Text::of("  "), [Text::quoted("ca"), Text::quoted("2036-11-18")]);
        sample::page(&Look { width, ..sample::look() }, |page| page.table(&table))
    }

    #[test]
    fn a_wide_page_is_not_filled() {
        let wide =
            "  NAME            UNTIL       FILE\n  kube-apiserver  2026-12-11  pki/apiserver.crt\n  ca              2036-11-18\n";
        assert_eq!(drawn(200), wide);
    }

    #[test]
    fn columns_of_rank_are_cut_first() {
        assert_eq!(
            drawn(40),
            "  NAME            UNTIL       FILE\n  kube-apiserver  2026-12-11  …erver.crt\n  ca              2036-11-18\n"
        );
    }

    #[test]
    fn then_extra_columns_go() {
        assert_eq!(drawn(22), "  NAME      UNTIL\n  kube…ver  2026-12-11\n  ca        2036-11-18\n");
    }

    #[test]
    fn at_last_rows_become_lines() {
        assert_eq!(drawn(16), "  kube-apiserver\n      2026-12-11\n      …erver.crt\n  ca\n      2036-11-18\n");
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        for width in 16..60 {
            assert!(drawn(width).lines().all(|line| line.chars().count() <= width), "{width}");
        }
    }
}
