//! The page: the only thing that writes. It takes [`Text`] and [`Table`], never strings.

use super::line::{Drawn, Text};
use super::table::Table;
use crate::report::style::Style;
use crate::report::{Detail, Look};
use std::io::{self, Write};

/// Rows of a section before the rest is folded into one line.
const ROWS: usize = 40;

/// Where lines go.
pub(super) struct Page<'a> {
    look: &'a Look,
    out: &'a mut dyn Write,
    begun: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(look: &'a Look, out: &'a mut dyn Write) -> Self {
        Self { look, out, begun: false }
    }

    /// Whether `-v` was asked for.
    pub(super) fn verbose(&self) -> bool {
        self.look.detail == Detail::Verbose
    }

    /// Whether `-q` was asked for.
    pub(super) fn quiet(&self) -> bool {
        self.look.detail == Detail::Quiet
    }

    /// Columns to stay within.
    pub(super) fn width(&self) -> usize {
        self.look.width
    }

    /// The columns that a text takes.
    pub(super) fn columns(&self, text: &Text) -> usize {
        text.draw(self.look).width()
    }

    /// A blank line between parts; none at the top.
    pub(super) fn part(&mut self) -> io::Result<()> {
        if self.begun { self.out.write_all(b"\n") } else { Ok(()) }
    }

    /// One line, broken between words where it is too long; what follows is indented by four more.
    pub(super) fn line(&mut self, indent: usize, text: &Text) -> io::Result<()> {
        self.hanging(indent, &Text::new(), 4, text)
    }

    /// One line, however long: for what scripts take as one.
    pub(super) fn unbroken(&mut self, text: &Text) -> io::Result<()> {
        self.write(text.draw(self.look))
    }

    /// A label and a text, the text's further lines `hang` columns in.
    pub(super) fn hanging(&mut self, indent: usize, label: &Text, hang: usize, text: &Text) -> io::Result<()> {
        let label = label.draw(self.look);
        let margin = indent + hang.max(label.width());
        let start = if label.width() == 0 { indent } else { margin };
        let room = |taken: usize| self.look.width.saturating_sub(taken).max(1);
        let lines = text.draw(self.look).wrapped(room(start), room(margin));
        for (number, line) in lines.into_iter().enumerate() {
            let mut whole = Drawn::default().padded(indent);
            if number == 0 {
                whole.append(label.clone());
            }
            whole = whole.padded(if number == 0 { start } else { margin });
            whole.append(line);
            self.write(whole)?;
        }
        Ok(())
    }

    /// A text and what belongs to it: on one line if there is room, else the second below the first.
    pub(super) fn beside(&mut self, indent: usize, first: &Text, second: &Text) -> io::Result<()> {
        let both = first.clone().say("  ").then(second.clone());
        if second.is_empty() || indent + both.draw(self.look).width() <= self.look.width {
            return self.line(indent, if second.is_empty() { first } else { &both });
        }
        self.line(indent, first)?;
        self.line(indent + 2, second)
    }

    /// A table.
    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        table.lines(self.look, &mut |line| self.write(line))
    }

    /// The line that stands for what was folded.
    pub(super) fn folded(&mut self, indent: usize, hidden: usize) -> io::Result<()> {
        if hidden == 0 {
            return Ok(());
        }
        self.line(indent, &folded(hidden))
    }

    fn write(&mut self, line: Drawn) -> io::Result<()> {
        self.begun = true;
        line.write_line(self.out, self.look)
    }

    /// Splits what is to be shown into what is shown and how many are not. What is in `trouble` is shown before what is not; apart
    /// from that the order stays.
    pub(super) fn fold<T>(&self, items: Vec<T>, trouble: impl Fn(&T) -> bool) -> (Vec<T>, usize) {
        self.fold_to(items, ROWS, trouble)
    }

    /// The same with another number of rows.
    pub(super) fn fold_to<T>(&self, items: Vec<T>, most: usize, trouble: impl Fn(&T) -> bool) -> (Vec<T>, usize) {
        if self.verbose() { (items, 0) } else { fold(items, most, trouble) }
    }
}

/// `+12 more, -v shows all`.
pub(super) fn folded(hidden: usize) -> Text {
    Text::of("+").quote(thousands(hidden)).say(" more, -v shows all").styled(Style::Dim)
}

/// See [`Page::fold`].
pub(super) fn fold<T>(items: Vec<T>, most: usize, trouble: impl Fn(&T) -> bool) -> (Vec<T>, usize) {
    if items.len() <= most {
        return (items, 0);
    }
    let hidden = items.len() - most;
    let bad = items.iter().filter(|item| trouble(item)).take(most).count();
    let (mut bad_left, mut good_left) = (bad, most - bad);
    let shown = items.into_iter().filter(|item| {
        let left = if trouble(item) { &mut bad_left } else { &mut good_left };
        let take = *left > 0;
        *left = left.saturating_sub(1);
        take
    });
    (shown.collect(), hidden)
}

/// `270,000`.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`: regular plurals only.
pub(super) fn count(number: usize, noun: &'static str) -> Text {
    Text::quoted(thousands(number)).say(" ").say(noun).say(if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::sample;

    #[test]
    fn folding_keeps_trouble_and_order() {
        let (shown, hidden) = fold((0..100).collect(), 4, |number| number % 40 == 39);
        assert_eq!((shown, hidden), (vec![0, 1, 39, 79], 96));
        assert_eq!(fold(vec![1, 2], 2, |_| false), (vec![1, 2], 0));
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(270_000), "270,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }

    #[test]
    fn hints_hang_below_their_first_word() {
        let look = Look { width: 30, ..sample::look() };
        let shown = sample::page(&look, |page| {
            page.part()?;
            page.hanging(2, &Text::of("do: "), 4, &Text::quoted("renew it with the tool that made it, then restart"))
        });
        assert_eq!(shown, "  do: renew it with the tool\n      that made it, then\n      restart\n");
    }
}
