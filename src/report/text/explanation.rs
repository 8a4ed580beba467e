//! `explain`: the cause first, of several errors the one that others follow from; then the facts of the text, aligned; then what to run
//! and what to do. What follows from an error before it is told in a line.

use super::findings;
use super::index::Index;
use super::line::{Text, join};
use super::page::{Page, count, thousands};
use crate::explain::{End, Explained, Explanation, Kind, Rank};
use crate::model::{Evidence, when};
use crate::report::explanation::{Explanations, Sources};
use crate::report::style::{Mark, Style};
use std::io;
use time::OffsetDateTime;

/// Columns before a fact.
const MARGIN: usize = 4;
/// Columns of a label.
const LABEL: usize = 14;
/// Entries of a list before the rest is counted.
const ENTRIES: usize = 8;
/// Errors told in full; of further ones the first line.
const WHOLE: usize = 6;

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, explanations: &Explanations<'_>) -> io::Result<()> {
    let explained = explanations.explained;
    if explained.explanations.is_empty() {
        unknown(page, explained)?;
        return sources(page, explanations);
    }
    if page.quiet() {
        return explained.explanations.iter().try_for_each(|one| page.unbroken(&heading(one)));
    }
    if explained.explanations.len() > 1 {
        page.line(0, &summary(explained).styled(Style::Strong))?;
    }
    for (place, one) in explained.explanations.iter().enumerate() {
        if place < WHOLE || page.verbose() {
            page.part()?;
            page.line(0, &heading(one))?;
            whole(page, explained, one, explanations.at)?;
        } else {
            if place == WHOLE {
                page.part()?;
            }
            page.line(0, &heading(one))?;
        }
    }
    if explained.explanations.len() > WHOLE && !page.verbose() {
        page.line(0, &Text::of("-v tells all of them in full").styled(Style::Dim))?;
    }
    if explained.omitted > 0 {
        page.line(
            0,
            &Text::of("+").quote(thousands(number(explained.omitted))).say(" lines of yet other errors").styled(Style::Dim),
        )?;
    }
    sources(page, explanations)
}

/// `3 different errors in 1,234 lines; begin with the first`.
fn summary(explained: &Explained) -> Text {
    let begin = if explained.explanations.iter().any(|one| one.follows.is_some()) {
        "; begin with the first, others follow from it"
    } else {
        ""
    };
    let errors = Text::quoted(thousands(explained.explanations.len())).say(" different errors in ");
    errors.then(count(number(explained.lines), "line")).say(begin)
}

/// `✗ expired  kubelet → kube-apiserver, the client refused the server  ×12`.
fn heading(one: &Explanation) -> Text {
    let mark = if one.kind.rank == Rank::Echo { Mark::Caution } else { Mark::Bad };
    let name = Text::new().mark(mark).then(Text::of(one.kind.id).styled(mark.style()));
    let ends = [&one.client, &one.server].map(|end| end.as_ref().map(Text::quoted));
    let who = match ends {
        [Some(client), Some(server)] => client.say(" → ").then(server),
        [None, Some(server)] if one.refused_by.is_some() => Text::of("? → ").then(server),
        [Some(client), None] => client.say(" → ?"),
        [None, Some(server)] => server,
        [None, None] => Text::new(),
    };
    let verdict = Text::of(match one.refused_by {
        Some(End::Client) => "the client refused the server",
        Some(End::Server) => "the server refused the client",
        None => "",
    });
    let times = if one.count > 1 { Text::of("×").quote(thousands(number(one.count))).styled(Style::Dim) } else { Text::new() };
    join([name, join([who, verdict], ", "), times], "  ")
}

fn whole(page: &mut Page<'_>, explained: &Explained, one: &Explanation, at: OffsetDateTime) -> io::Result<()> {
    page.hanging(MARGIN, &Text::new(), 0, &Text::of(one.kind.cause).say("."))?;
    if let Some(cause) = one.follows.and_then(|cause| explained.explanations.get(cause)) {
        fact(page, "follows from", &Text::of(cause.kind.id).say(", most likely: mend that first"))?;
    }
    for (key, value) in &one.facts {
        if let Some(label) = label(key) {
            fact(page, label, &words(key, value, at))?;
        }
    }
    seen(page, explained, one)?;
    if one.follows.is_some() && !page.verbose() {
        return code(page, one.kind);
    }
    each(page, "look", one.look.iter().map(Text::quoted))?;
    let bullet = if one.act.len() > 1 { "· " } else { "" };
    each(page, "do", one.act.iter().map(|act| Text::of(bullet).quote(act)))?;
    code(page, one.kind)?;
    if page.verbose() {
        each(page, "source", one.kind.cites.iter().map(|cite| Text::of(cite)))?;
    }
    Ok(())
}

fn fact(page: &mut Page<'_>, label: &'static str, text: &Text) -> io::Result<()> {
    page.hanging(MARGIN, &Text::of(label).styled(Style::Dim), LABEL, text)
}

/// Several under one label.
fn each(page: &mut Page<'_>, label: &'static str, texts: impl Iterator<Item = Text>) -> io::Result<()> {
    for (place, text) in texts.enumerate() {
        fact(page, if place == 0 { label } else { " " }, &text)?;
    }
    Ok(())
}

/// Where and when it stands in the log. Of a single line that was typed there is nothing to tell.
fn seen(page: &mut Page<'_>, explained: &Explained, one: &Explanation) -> io::Result<()> {
    match (one.first, one.last) {
        (Some(first), Some(last)) if first != last => {
            fact(page, "seen", &Text::quoted(when::to_the_second(first)).say(" to ").quote(when::to_the_second(last)))?;
        }
        (Some(first), _) => fact(page, "seen", &Text::quoted(when::to_the_second(first)))?,
        _ => {}
    }
    if explained.lines > 1 {
        fact(page, "first line", &Text::quoted(one.line).say(": ").quote(&one.sample))?;
    }
    Ok(())
}

fn code(page: &mut Page<'_>, kind: &Kind) -> io::Result<()> {
    let Some(code) = kind.code else { return Ok(()) };
    fact(
        page,
        "finding",
        &Text::of(code.as_str()).then(Text::of("  (kcert checks ").say(code.as_str()).say(")").styled(Style::Dim)),
    )
}

/// Key → the label for people; what is not here is for programs, or said by something that is.
const LABELS: &[(&str, &str)] = &[
    ("notAfter", "ended"),
    ("notBefore", "begins"),
    ("currentTime", "clock said"),
    ("secondsApart", "apart"),
    ("validFor", "valid for"),
    ("notFor", "not for"),
    ("candidateAuthority", "namesake"),
    ("candidateFailure", "because"),
    ("algorithm", "algorithm"),
    ("serial", "serial"),
    ("authorityKeyId", "issuer key"),
    ("webhook", "webhook"),
    ("from", "client at"),
    ("serverName", "asked for"),
    ("keyHash", "hash found"),
    ("tokenId", "token id"),
    ("alert", "alert"),
    ("certificateSubject", "subject"),
    ("verifyError", "OpenSSL error"),
    ("opensslError", "error code"),
    ("url", "URL"),
    ("file", "file"),
];

fn label(key: &str) -> Option<&'static str> {
    LABELS.iter().find(|(known, _)| *known == key).map(|(_, label)| *label)
}

fn words(key: &str, value: &Evidence, at: OffsetDateTime) -> Text {
    match value {
        Evidence::Text(text) => Text::quoted(text),
        Evidence::Number(seconds) if key == "secondsApart" => Text::quoted(distance(*seconds)),
        Evidence::Number(number) => Text::quoted(number),
        Evidence::Time(time) => {
            Text::quoted(when::moment(*time)).then(Text::of("  (").quote(when::relative(at, *time)).say(")").styled(Style::Dim))
        }
        Evidence::List(list) => {
            let hidden = list.len().saturating_sub(ENTRIES);
            let shown = join(list.iter().take(ENTRIES).map(Text::quoted), ", ");
            if hidden == 0 { shown } else { shown.say(" +").quote(hidden) }
        }
    }
}

/// `7 minutes`: that of [`when::relative`] without its direction.
fn distance(seconds: i64) -> String {
    let start = OffsetDateTime::UNIX_EPOCH;
    let later = start.checked_add(time::Duration::seconds(seconds)).unwrap_or(start);
    when::relative(start, later).trim_start_matches("in ").to_owned()
}

/// Nothing was recognised: that, and what comes near.
fn unknown(page: &mut Page<'_>, explained: &Explained) -> io::Result<()> {
    let lines = count(number(explained.lines), "line");
    page.line(
        0,
        &Text::new().mark(Mark::Unsure).say("not recognised: no certificate or TLS error that kcert knows, in ").then(lines),
    )?;
    if explained.nearest.is_empty() || page.quiet() {
        return Ok(());
    }
    page.part()?;
    page.line(0, &Text::of("nearest").styled(Style::Strong))?;
    for kind in &explained.nearest {
        page.line(2, &Text::of(kind.id))?;
        page.hanging(MARGIN, &Text::new(), 0, &Text::of(kind.cause).say("."))?;
        if let Some(example) = kind.examples.first() {
            fact(page, "such as", &Text::quoted(example).styled(Style::Dim))?;
        }
    }
    Ok(())
}

/// The findings that say the same.
fn sources(page: &mut Page<'_>, explanations: &Explanations<'_>) -> io::Result<()> {
    let Some(Sources { report, others }) = explanations.sources else { return Ok(()) };
    page.part()?;
    let found = report.audit.findings.len();
    if found == 0 {
        let beside =
            if others == 0 { Text::new() } else { Text::of("; kcert check shows ").then(count(others, "other finding")) };
        return page.line(0, &Text::new().mark(Mark::Note).say("the sources show nothing of this").then(beside));
    }
    page.line(0, &Text::of("in the sources: ").then(count(found, "finding")).say(" that belong to this").styled(Style::Strong))?;
    let index = Index::of(report);
    findings::list(page, &index)?;
    report.plan.map_or(Ok(()), |plan| super::plan::beside(page, &index, plan))
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::explain::{Explainer, kinds};
    use crate::report::{Detail, Format, Look};
    use unicode_width::UnicodeWidthStr;

    fn screen(log: &str, look: &Look) -> String {
        let mut reader = Explainer::new(sample::AT);
        reader.feed(log.as_bytes());
        let explained = reader.finish();
        let mut out = Vec::new();
        let explanations = Explanations { explained: &explained, at: sample::AT, look, sources: None };
        explanations.render(Format::Text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_name_that_attacks_the_terminal_is_shown_for_what_it_is() {
        let log = "failed calling webhook \"a\u{202e}b\u{7}\": Post \"https://w.n.svc:443/\u{9b}2J\": x509: certificate signed by unknown authority\n\n";
        let shown = screen(log, &sample::look());
        assert!(shown.contains(r"webhook a\u{202e}b\u{7}"), "{shown}");
        assert!(!shown.contains(['\u{202e}', '\u{7}', '\u{9b}']), "{shown}");
    }

    #[test]
    fn every_screen_stays_within_its_columns() {
        let log: String = kinds::all().flat_map(|kind| kind.examples).map(|example| [*example, "\n"].concat()).collect();
        for width in [40, 60, 80, 120] {
            let look = Look { width, detail: Detail::Verbose, ..sample::look() };
            for line in screen(&log, &look).lines().filter(|line| line.width() > width) {
                let words = line.split_whitespace().count();
                assert!(words <= 3, "only a word that cannot be broken may stand out of {width} columns: {line}");
            }
        }
    }

    #[test]
    fn one_line_is_answered_without_telling_it_again() {
        let shown = screen("tls: private key does not match public key", &sample::look());
        let expected = "\
✗ key-mismatch
    Certificate and private key do not belong together: one of the two files was
    replaced without the other.
    look          kcert inspect FILE
                  kcert check --root /
    do            · Put back the pair that belongs together; kcert inspect shows
                  for each certificate whether a key beside it matches
                  · In a chain file the server's own certificate comes first:
                  with the CA first, the key belongs to the second
    finding       key-mismatch  (kcert checks key-mismatch)
";
        assert_eq!(shown, expected);
    }
}
