//! The only way in which text that we did not write gets out.
//!
//! Names in certificates, fields of objects, file names and everything that quotes them are an attacker's text: they may hold
//! terminal sequences, turn the direction of writing, hide characters, or imitate a line of ours. Whatever cannot be seen for what it
//! is, is written as `\u{202e}`; what is too long is cut, with a note. Ordinary letters of any script stay as they are.

use std::borrow::Cow;
use std::fmt::Write;
use unicode_width::UnicodeWidthChar;

/// Characters shown of one text. Distinguished names in use stay below 300; nobody reads more on a terminal.
const LIMIT: usize = 1024;

/// Characters without width that may follow each other: scripts such as Thai and Hindi stack two or three marks on a letter. More of
/// them paint over the lines above and below.
const STACKED_MARKS: usize = 3;

/// Characters that are written as escapes, as inclusive ranges in order. Sources: Unicode's `Bidi_Control`,
/// `Default_Ignorable_Code_Point` and `White_Space` properties, controls and private use; the rest says why it is here.
const HIDDEN: &[(char, char)] = &[
    ('\0', '\u{1f}'),            // C0: escape sequences, line breaks
    ('\u{7f}', '\u{a0}'),        // DEL, C1 (one-character CSI and OSC), no-break space
    ('\u{ad}', '\u{ad}'),        // soft hyphen
    ('\u{34f}', '\u{34f}'),      // combining grapheme joiner
    ('\u{61c}', '\u{61c}'),      // Arabic letter mark
    ('\u{115f}', '\u{1160}'),    // Hangul fillers
    ('\u{1680}', '\u{1680}'),    // Ogham space
    ('\u{17b4}', '\u{17b5}'),    // Khmer vowels that are not shown
    ('\u{180b}', '\u{180f}'),    // Mongolian variation selectors
    ('\u{2000}', '\u{200f}'),    // spaces of every width, zero-width ones, direction marks
    ('\u{2028}', '\u{202f}'),    // line and paragraph separators, direction embeddings and overrides
    ('\u{205f}', '\u{206f}'),    // word joiner, invisible operators, direction isolates
    ('\u{2500}', '\u{257f}'),    // box drawing: our trees
    ('\u{2713}', '\u{2718}'),    // check marks and crosses: our verdicts
    ('\u{2800}', '\u{2800}'),    // empty Braille pattern
    ('\u{3000}', '\u{3000}'),    // ideographic space
    ('\u{3164}', '\u{3164}'),    // Hangul filler
    ('\u{e000}', '\u{f8ff}'),    // private use: whatever the font says
    ('\u{fe00}', '\u{fe0f}'),    // variation selectors
    ('\u{feff}', '\u{feff}'),    // byte order mark
    ('\u{ffa0}', '\u{ffa0}'),    // half-width Hangul filler
    ('\u{fff0}', '\u{ffff}'),    // interlinear annotation, replacement character, non-characters
    ('\u{1bca0}', '\u{1bca3}'),  // shorthand format controls
    ('\u{1d173}', '\u{1d17a}'),  // musical format controls
    ('\u{e0000}', '\u{10ffff}'), // tags, further variation selectors, private use
];

/// Whether a character must not be written as it is: it is invisible, moves or turns what stands around it, or is ours alone.
///
/// ```
/// use kcert::report::escape::is_hidden;
/// assert!(is_hidden('\u{202e}') && is_hidden('\n'));
/// assert!(!is_hidden('é') && !is_hidden(' '));
/// ```
#[must_use]
pub fn is_hidden(c: char) -> bool {
    let range = HIDDEN.partition_point(|(_, last)| *last < c);
    HIDDEN.get(range).is_some_and(|(first, _)| *first <= c)
}

/// Text that can be shown in one line of a terminal and means what it looks like.
///
/// ```
/// use kcert::report::escape::visible;
/// assert_eq!(visible("kube-apiserver"), "kube-apiserver");
/// assert_eq!(visible("a\u{1b}]0;title\u{7}"), r"a\u{1b}]0;title\u{7}");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.len() <= LIMIT && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(LIMIT));
    let mut spaces = 0;
    let mut marks = 0;
    for (count, c) in text.chars().enumerate() {
        if count == LIMIT {
            note_length(&mut shown, text.len());
            break;
        }
        spaces = if c == ' ' { spaces + 1 } else { 0 };
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        // Two spaces are the gap between columns: a name has none.
        if is_hidden(c) || spaces > 1 || marks > STACKED_MARKS {
            push_escape(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The same for a terminal that shows ASCII only: every other character is an escape.
#[must_use]
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() { shown.push(c) } else { push_escape(&mut shown, c) }
    }
    Cow::Owned(shown)
}

fn push_escape(out: &mut String, c: char) {
    out.extend(c.escape_unicode());
}

fn note_length(out: &mut String, bytes: usize) {
    // Writing to a String does not fail.
    write!(out, "[cut: {bytes} bytes]").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing in the output may act on a terminal, whatever went in.
    fn harmless(text: &str) -> String {
        let shown = visible(text).into_owned();
        assert!(!shown.chars().any(is_hidden), "{shown:?}");
        shown
    }

    #[test]
    fn ranges_are_in_order_and_apart() {
        assert!(HIDDEN.iter().all(|(first, last)| first <= last));
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn terminal_title_injection() {
        assert_eq!(harmless("CN=a\u{1b}]0;owned\u{7}"), r"CN=a\u{1b}]0;owned\u{7}");
    }

    #[test]
    fn one_character_csi_of_c1() {
        assert_eq!(harmless("\u{9b}2J\u{9d}0;x\u{9c}"), r"\u{9b}2J\u{9d}0;x\u{9c}");
    }

    #[test]
    fn colour_that_turns_a_cross_green() {
        assert_eq!(harmless("\u{1b}[32mfine\u{1b}[0m"), r"\u{1b}[32mfine\u{1b}[0m");
    }

    #[test]
    fn osc_8_link_to_somewhere_else() {
        assert_eq!(harmless("\u{1b}]8;;http://evil\u{1b}\\docs"), r"\u{1b}]8;;http://evil\u{1b}\docs");
    }

    #[test]
    fn right_to_left_override_in_a_common_name() {
        assert_eq!(harmless("CN=\u{202e}nimda"), r"CN=\u{202e}nimda");
    }

    #[test]
    fn direction_isolate_that_reorders_the_line() {
        assert_eq!(harmless("\u{2067}a\u{2069}"), r"\u{2067}a\u{2069}");
    }

    #[test]
    fn newline_that_forges_a_verdict_line() {
        assert_eq!(harmless("x\n✓ fine\r\n"), r"x\u{a}\u{2713} fine\u{d}\u{a}");
        assert_eq!(harmless("x\u{2028}fine\u{85}"), r"x\u{2028}fine\u{85}");
    }

    #[test]
    fn backspace_and_carriage_return_that_overwrite() {
        assert_eq!(harmless("expired\u{8}\u{8}\rvalid  "), r"expired\u{8}\u{8}\u{d}valid \u{20}");
    }

    #[test]
    fn spaces_that_forge_columns() {
        assert_eq!(harmless("a    until 2036"), r"a \u{20}\u{20}\u{20}until 2036");
        assert_eq!(harmless("a\u{a0}\u{3000}b\t"), r"a\u{a0}\u{3000}b\u{9}");
    }

    #[test]
    fn tree_branch_that_forges_a_child() {
        assert_eq!(harmless("└─ CN=x"), r"\u{2514}\u{2500} CN=x");
    }

    #[test]
    fn zero_width_lookalikes() {
        assert_eq!(harmless("kube\u{200b}-admin"), r"kube\u{200b}-admin");
        assert_eq!(harmless("admin\u{feff}\u{ad}\u{2060}"), r"admin\u{feff}\u{ad}\u{2060}");
        assert_eq!(harmless("admin\u{e0041}\u{fe0f}\u{3164}"), r"admin\u{e0041}\u{fe0f}\u{3164}");
    }

    #[test]
    fn stacked_marks_that_paint_over_other_lines() {
        let zalgo = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(harmless(&zalgo).matches('\u{301}').count(), STACKED_MARKS);
    }

    #[test]
    fn bytes_that_were_no_text() {
        assert_eq!(harmless("a\u{fffd}"), r"a\u{fffd}");
    }

    #[test]
    fn a_name_of_a_megabyte_is_cut_and_says_so() {
        let shown = harmless(&"A".repeat(1 << 20));
        assert!(shown.len() < 1100);
        assert!(shown.ends_with("A[cut: 1048576 bytes]"));
    }

    #[test]
    fn honest_names_of_every_script_stay_as_they_are() {
        for name in ["CN=Prüfstelle für Zertifikate", "O=株式会社", "CN=Иван", "CN=שלום", "नमस्ते", "it's a \"name\", \\ too"]
        {
            assert_eq!(visible(name), name);
        }
    }

    #[test]
    fn ascii_terminals_get_escapes() {
        assert_eq!(ascii("Prüf"), r"Pr\u{fc}f");
    }
}
