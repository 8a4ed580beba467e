//! Times in logs: those that an error names, and the one that its line begins with.

use super::facts::Facts;
use crate::model::Evidence;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// `2018-07-06 12:32:00 +0000 UTC`, as Go's `Time.String` has it.
const GO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute]");
/// `Jan 02 10:00:00 2021`: Java's `Date.toString` without weekday and zone, and OpenSSL's.
const WORDS: &[BorrowedFormatItem<'_>] = format_description!("[month repr:short] [day] [hour]:[minute]:[second] [year]");

/// The time that a text begins with.
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    let words: Vec<&str> = text.split_whitespace().take(6).collect();
    let rfc3339 = || OffsetDateTime::parse(words.first()?, &Rfc3339).ok();
    let go = || OffsetDateTime::parse(&words.get(..3)?.join(" "), GO).ok();
    let java = || match words.as_slice() {
        [_, month, day, time, "UTC" | "GMT", year] => {
            PrimitiveDateTime::parse(&format!("{month} {day} {time} {year}"), WORDS).ok().map(PrimitiveDateTime::assume_utc)
        }
        _ => None,
    };
    rfc3339().or_else(go).or_else(java)
}

/// Seconds between the clock of who refused and the date that it refused for.
pub(super) fn apart(facts: &Facts) -> Option<i64> {
    let time = |wanted: &str| {
        facts.iter().find_map(|(key, value)| match value {
            Evidence::Time(at) if *key == wanted => Some(*at),
            _ => None,
        })
    };
    let bound = time("notAfter").or_else(|| time("notBefore"))?;
    Some((time("currentTime")? - bound).whole_seconds().saturating_abs())
}

/// Bytes in which a line's own time stands; what comes later belongs to the message.
const HEAD: usize = 40;

/// When a line was written. klog and syslog write no year: it is that of `near`, or the one before. Without a zone it is taken for UTC.
pub(super) fn of_line(line: &str, near: OffsetDateTime) -> Option<OffsetDateTime> {
    let head = line.as_bytes().get(..line.len().min(100))?;
    dated(head).or_else(|| klog(head, near)).or_else(|| epoch(line)).or_else(|| syslog(line, near))
}

/// `2021-03-04T10:11:12.123Z`, `[2021-03-04 10:11:12.123]`, `2021/03/04 10:11:12`.
fn dated(head: &[u8]) -> Option<OffsetDateTime> {
    let shape = b"dddd-dd-dd dd:dd:dd";
    let fits = |window: &[u8]| {
        window.iter().zip(shape).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'-' => b"-/".contains(byte),
            b' ' => b" T".contains(byte),
            shape => byte == shape,
        })
    };
    let start = head.windows(shape.len()).take(HEAD).position(fits)?;
    let field = |from: usize, length: usize| digits(head.get(start + from..start + from + length)?);
    let year = i32::try_from(field(0, 4)?).ok()?;
    let at = instant(year, field(5, 2)?, field(8, 2)?, [field(11, 2)?, field(14, 2)?, field(17, 2)?])?;
    let rest = std::str::from_utf8(&head[start + shape.len()..]).unwrap_or_default();
    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ".,".contains(c));
    at.checked_sub(offset(zone.as_bytes()).unwrap_or(Duration::ZERO))
}

/// `+08:00`, `-0500`.
fn offset(zone: &[u8]) -> Option<Duration> {
    let sign = match zone.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let minutes = zone.get(4..6).filter(|_| zone.get(3) == Some(&b':')).or_else(|| zone.get(3..5))?;
    Some((Duration::hours(digits(zone.get(1..3)?)?.into()) + Duration::minutes(digits(minutes)?.into())) * sign)
}

/// `E1121 19:00:43.754023`, at the start or behind syslog's head (klog, `formatHeader`).
fn klog(head: &[u8], near: OffsetDateTime) -> Option<OffsetDateTime> {
    let is_one = |window: &[u8]| {
        b"IWEF".contains(&window[0])
            && window[1..5].iter().all(u8::is_ascii_digit)
            && window[5] == b' '
            && window[8] == b':'
            && window[11] == b':'
    };
    let start = head.windows(14).position(is_one)?;
    let field = |from: usize| digits(head.get(start + from..start + from + 2)?);
    without_year(near, field(1)?, field(3)?, [field(6)?, field(9)?, field(12)?])
}

/// `"ts":1614852672.123`: zap's default.
fn epoch(line: &str) -> Option<OffsetDateTime> {
    let rest = &line[line.find("\"ts\":")? + 5..];
    let seconds = &rest[..rest.find(|c: char| !c.is_ascii_digit())?];
    OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()
}

/// `Jul 13 12:37:13`, `Aug  9 12:57:26` (RFC 3164 section 4.1.2).
fn syslog(line: &str, near: OffsetDateTime) -> Option<OffsetDateTime> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = line.split_whitespace();
    let month = words.next().filter(|word| word.len() == 3).and_then(|word| MONTHS.find(word))?;
    let day = digits(words.next()?.as_bytes())?;
    let time = words.next()?.as_bytes();
    let field = |from: usize| digits(time.get(from..from + 2)?);
    without_year(near, u32::try_from(month / 3 + 1).ok()?, day, [field(0)?, field(3)?, field(6)?])
}

fn without_year(near: OffsetDateTime, month: u32, day: u32, time: [u32; 3]) -> Option<OffsetDateTime> {
    let in_year = |year| instant(year, month, day, time);
    let latest = near.checked_add(Duration::DAY)?;
    in_year(near.year()).filter(|at| *at <= latest).or_else(|| in_year(near.year().checked_sub(1)?))
}

fn instant(year: i32, month: u32, day: u32, [hour, minute, second]: [u32; 3]) -> Option<OffsetDateTime> {
    let small = |number: u32| u8::try_from(number).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(year, month, small(day)?).ok()?;
    Some(date.with_time(Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?).assume_utc())
}

fn digits(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || bytes.len() > 9 {
        return None;
    }
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::when::to_the_second;
    use time::macros::datetime;

    #[test]
    fn lines_tell_when_they_were_written() {
        let near = datetime!(2026-02-01 0:00 UTC);
        let cases = [
            ("E1121 19:00:43.754023   19319 reflector.go:138] x", "2025-11-21 19:00:43"),
            ("I0131 01:02:03.000000 1 x.go:1] x", "2026-01-31 01:02:03"),
            ("2019-06-02T16:52:29.309612Z\tinfo\tx", "2019-06-02 16:52:29"),
            ("2025-10-21T10:00:03+02:00 ERR x", "2025-10-21 08:00:03"),
            ("[2021-02-10 13:33:36.197][14][debug] x", "2021-02-10 13:33:36"),
            ("{\"level\":\"warn\",\"ts\":\"2025-06-16T09:22:28.579816Z\",\"x\":1}", "2025-06-16 09:22:28"),
            ("{\"level\":\"info\",\"ts\":1627301876.563232,\"x\":1}", "2021-07-26 12:17:56"),
            ("2021/03/04 10:11:12 http: x", "2021-03-04 10:11:12"),
            ("Jul 13 12:37:13 localhost kubelet[1]: x", "2025-07-13 12:37:13"),
            ("Jan  9 12:57:26 k8s etcd: x", "2026-01-09 12:57:26"),
        ];
        for (line, expected) in cases {
            assert_eq!(of_line(line, near).map(to_the_second).as_deref(), Some(expected), "{line}");
        }
        for line in
            ["", "x509: current time 2021-03-04T10:11:12Z", "E9999 99:99:99.0 x", "Jan", "2021-13-41T99:00:00Z", "Äöü Jan"]
        {
            let time = of_line(line, near);
            assert!(time.is_none() || line.starts_with("x509"), "{line}: {time:?}");
        }
    }
}
