//! A piece of a line. The choke point for untrusted text: a [`Text`] is made of our own literals (`&'static str`) and of text that
//! was escaped on its way in; nothing else can be put into it, and nothing but a `Text` can be put on a page.

use crate::report::Look;
use crate::report::escape;
use crate::report::style::{Mark, Style};
use std::fmt::Display;
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Our glyph → what stands for it in ASCII.
const GLYPHS: &[(char, &str)] = &[
    ('…', "..."),
    ('·', "-"),
    ('–', "-"),
    ('├', "|"),
    ('└', "`"),
    ('│', "|"),
    ('─', "-"),
    ('→', "->"),
    ('←', "<-"),
    ('×', "x"),
    ('✓', "+"),
    ('✗', "x"),
];

/// Styled text, safe to show.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    spans: Vec<(Style, Words)>,
}

#[derive(Clone, Debug)]
enum Words {
    Ours(&'static str),
    /// Escaped.
    Quoted(String),
    Mark(Mark),
}

impl Text {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Our own words.
    pub(super) fn of(words: &'static str) -> Self {
        Self::new().say(words)
    }

    /// Anybody's words, escaped.
    pub(super) fn quoted(words: impl Display) -> Self {
        Self::new().quote(words)
    }

    /// Adds our own words.
    pub(super) fn say(mut self, words: &'static str) -> Self {
        if !words.is_empty() {
            self.spans.push((Style::Plain, Words::Ours(words)));
        }
        self
    }

    /// Adds anybody's words, escaped.
    pub(super) fn quote(mut self, words: impl Display) -> Self {
        let words = words.to_string();
        if !words.is_empty() {
            self.spans.push((Style::Plain, Words::Quoted(escape::visible(&words).into_owned())));
        }
        self
    }

    /// Adds a mark in its colour, and a space.
    pub(super) fn mark(mut self, mark: Mark) -> Self {
        self.spans.push((mark.style(), Words::Mark(mark)));
        self.say(" ")
    }

    /// Adds other text.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.spans.extend(other.spans);
        self
    }

    /// Gives a style to what has none.
    pub(super) fn styled(mut self, style: Style) -> Self {
        for span in &mut self.spans {
            if span.0 == Style::Plain {
                span.0 = style;
            }
        }
        self
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The text with glyphs that the terminal has.
    pub(super) fn draw(&self, look: &Look) -> Drawn {
        let spans = self.spans.iter().map(|(style, words)| (*style, words.draw(look))).collect();
        Drawn { spans }
    }
}

/// Several texts with our words between them.
pub(super) fn join(texts: impl IntoIterator<Item = Text>, between: &'static str) -> Text {
    let mut all = Text::new();
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        all = if all.is_empty() { text } else { all.say(between).then(text) };
    }
    all
}

impl Words {
    fn draw(&self, look: &Look) -> String {
        match self {
            Self::Mark(mark) if look.unicode => mark.unicode().to_owned(),
            Self::Mark(mark) => mark.ascii().to_owned(),
            Self::Ours(words) if look.unicode || words.is_ascii() => (*words).to_owned(),
            Self::Ours(words) => words.chars().map(ascii_glyph).collect(),
            Self::Quoted(words) if look.unicode => words.clone(),
            Self::Quoted(words) => escape::ascii(words).into_owned(),
        }
    }
}

fn ascii_glyph(c: char) -> String {
    GLYPHS.iter().find(|(glyph, _)| *glyph == c).map_or_else(|| c.to_string(), |(_, ascii)| (*ascii).to_owned())
}

/// What stays of a text that is too wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Both ends: names say least in the middle.
    Ends,
    /// The end: of a path.
    End,
    /// Everything, over several lines.
    All,
}

/// A line, or a piece of one, as it will stand on the terminal.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn {
    spans: Vec<(Style, String)>,
}

impl Drawn {
    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }

    /// Adds spaces up to a width.
    pub(super) fn padded(mut self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        if missing > 0 {
            self.spans.push((Style::Plain, " ".repeat(missing)));
        }
        self
    }

    /// Adds another piece.
    pub(super) fn append(&mut self, other: Self) {
        self.spans.extend(other.spans);
    }

    /// Makes what is wider than `width` fit.
    pub(super) fn cut(self, width: usize, keep: Keep, look: &Look) -> Self {
        if self.width() <= width {
            return self;
        }
        let gap = if look.unicode { "…" } else { "..." };
        let room = width.saturating_sub(gap.width());
        let letters: Vec<(Style, char)> =
            self.spans.iter().flat_map(|(style, text)| text.chars().map(move |c| (*style, c))).collect();
        let start = if keep == Keep::Ends { room.div_ceil(2) } else { 0 };
        let head = fitting(letters.iter(), start);
        let mut tail = fitting(letters.iter().rev(), room - start).min(letters.len() - head);
        if keep == Keep::End {
            // A path is cut before a slash, unless only its last component fits.
            let kept = &letters[letters.len() - tail..];
            tail -= kept.iter().position(|(_, c)| *c == '/').unwrap_or(0);
        }
        let style = letters.get(head).map_or(Style::Plain, |letter| letter.0);
        let mut drawn = Self::default();
        letters[..head].iter().for_each(|(style, c)| drawn.push(*style, *c));
        drawn.spans.push((style, gap.to_owned()));
        letters[letters.len() - tail..].iter().for_each(|(style, c)| drawn.push(*style, *c));
        drawn
    }

    /// Breaks at spaces into lines: the first of at most `first` columns, the others of at most `width`. A word that is wider stays
    /// whole: it can still be copied.
    pub(super) fn wrapped(self, first: usize, width: usize) -> Vec<Self> {
        if self.width() <= first {
            return vec![self];
        }
        let mut lines = vec![Self::default()];
        let mut used = 0;
        for word in self.words() {
            let needs = word.width();
            let room = if lines.len() == 1 { first } else { width };
            if used > 0 && used + 1 + needs > room {
                lines.push(Self::default());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if used > 0 {
                    line.spans.push((Style::Plain, " ".to_owned()));
                    used += 1;
                }
                used += needs;
                line.append(word);
            }
        }
        lines
    }

    fn words(self) -> Vec<Self> {
        let mut words = Vec::new();
        let mut word = Self::default();
        for (style, text) in self.spans {
            for (number, piece) in text.split(' ').enumerate() {
                if number > 0 && !word.spans.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if !piece.is_empty() {
                    word.spans.push((style, piece.to_owned()));
                }
            }
        }
        if !word.spans.is_empty() {
            words.push(word);
        }
        words
    }

    fn push(&mut self, style: Style, c: char) {
        match self.spans.last_mut() {
            Some((last, text)) if *last == style => text.push(c),
            _ => self.spans.push((style, c.to_string())),
        }
    }

    /// Writes it and ends the line. Spaces at the end are left out.
    pub(super) fn write_line(mut self, out: &mut dyn Write, look: &Look) -> io::Result<()> {
        while let Some((_, text)) = self.spans.last_mut() {
            text.truncate(text.trim_end_matches(' ').len());
            if !text.is_empty() {
                break;
            }
            self.spans.pop();
        }
        for spans in self.spans.chunk_by(|one, next| one.0 == next.0) {
            let sgr = spans.first().map_or("", |span| span.0.sgr());
            let coloured = look.colour && !sgr.is_empty();
            if coloured {
                write!(out, "\u{1b}[{sgr}m")?;
            }
            spans.iter().try_for_each(|(_, text)| out.write_all(text.as_bytes()))?;
            if coloured {
                out.write_all(b"\x1b[0m")?;
            }
        }
        out.write_all(b"\n")
    }
}

/// How many letters fit into `width` columns.
fn fitting<'a>(letters: impl Iterator<Item = &'a (Style, char)>, width: usize) -> usize {
    let mut left = width;
    letters
        .take_while(|(_, c)| {
            let fits = left.checked_sub(c.width().unwrap_or(0));
            left = fits.unwrap_or(0);
            fits.is_some()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::sample;

    fn show(drawn: Drawn, look: &Look) -> String {
        let mut out = Vec::new();
        drawn.write_line(&mut out, look).unwrap();
        String::from_utf8(out).unwrap().trim_end_matches('\n').to_owned()
    }

    #[test]
    fn what_is_quoted_is_escaped_and_what_is_ours_is_not() {
        let look = sample::look();
        let text = Text::of("└─ ").quote("a\u{1b}[2J").mark(Mark::Fine);
        assert_eq!(show(text.draw(&look), &look), r"└─ a\u{1b}[2J✓");
    }

    #[test]
    fn ascii_terminals_get_ascii() {
        let look = Look { unicode: false, ..sample::look() };
        let text = Text::of("└─ ").mark(Mark::Bad).quote("Prüf").say(" · …");
        let shown = show(text.draw(&look), &look);
        assert_eq!(shown, r"`- x  Pr\u{fc}f - ...");
    }

    #[test]
    fn names_lose_their_middle() {
        let look = sample::look();
        let cut = |text: &str, width| show(Text::quoted(text).draw(&look).cut(width, Keep::Ends, &look), &look);
        assert_eq!(cut("kube-apiserver-kubelet-client", 12), "kube-a…lient");
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("株式会社証明書", 6), "株…書");
        assert_eq!(cut("abc", 1), "…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn paths_keep_their_end() {
        let look = sample::look();
        let drawn = Text::quoted("/etc/kubernetes/pki/ca.crt").draw(&look).cut(12, Keep::End, &look);
        assert_eq!(show(drawn, &look), "…/pki/ca.crt");
        let drawn = Text::quoted("/etc/kubernetes/pki/ca.crt").draw(&look).cut(14, Keep::End, &look);
        assert_eq!(show(drawn, &look), "…/pki/ca.crt");
        let drawn = Text::quoted("pki/apiserver-kubelet-client.crt").draw(&look).cut(11, Keep::End, &look);
        assert_eq!(show(drawn, &look), "…client.crt");
    }

    #[test]
    fn colour_is_written_only_when_asked_for() {
        let plain = sample::look();
        let colour = Look { colour: true, ..sample::look() };
        let text = Text::new().mark(Mark::Bad).quote("x");
        assert_eq!(show(text.draw(&plain), &plain), "✗ x");
        assert_eq!(show(text.draw(&colour), &colour), "\u{1b}[31m✗\u{1b}[0m x");
    }

    #[test]
    fn lines_break_between_words_only() {
        let look = sample::look();
        let lines = Text::quoted("kubeadm certs renew /etc/kubernetes/admin.conf now").draw(&look).wrapped(14, 14);
        let shown: Vec<String> = lines.into_iter().map(|line| show(line, &look)).collect();
        assert_eq!(shown, ["kubeadm certs", "renew", "/etc/kubernetes/admin.conf", "now"]);
    }
}
