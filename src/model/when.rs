//! Dates for people: the day, and how far away it is, all in UTC. One wording for messages and tables.

use time::OffsetDateTime;
use time::UtcOffset;

/// The day.
///
/// ```
/// use time::macros::datetime;
/// assert_eq!(kcert::model::when::date(datetime!(2026-12-11 08:00 UTC)), "2026-12-11");
/// ```
#[must_use]
pub fn date(instant: OffsetDateTime) -> String {
    let day = utc(instant);
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

/// `2026-12-11 18:43:12`.
#[must_use]
pub fn to_the_second(instant: OffsetDateTime) -> String {
    let time = utc(instant);
    format!("{} {:02}:{:02}:{:02}", date(instant), time.hour(), time.minute(), time.second())
}

/// `2026-12-11 18:43:12 UTC`: an instant in a sentence, where the second may decide.
#[must_use]
pub fn moment(instant: OffsetDateTime) -> String {
    format!("{} UTC", to_the_second(instant))
}

fn utc(instant: OffsetDateTime) -> OffsetDateTime {
    // Out of range only at the ends of the calendar; then it stays as written.
    instant.checked_to_offset(UtcOffset::UTC).unwrap_or(instant)
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY + DAY / 4;

/// Unit, its length in seconds, and the length up to which it is used. Days go up to two years: "in 364 days" says more than "in 0 years".
const UNITS: &[(&str, u64, u64)] =
    &[("second", 1, 2 * MINUTE), ("minute", MINUTE, 2 * HOUR), ("hour", HOUR, 2 * DAY), ("day", DAY, 2 * 365 * DAY)];

/// What is longer than all of them.
const YEARS: (&str, u64, u64) = ("year", YEAR, u64::MAX);

/// `in 20 days`, `35 days ago`, `in 9 years`: rounded down. RFC 5280 section 4.1.2.5 has 9999-12-31 mean "no end".
#[must_use]
pub fn relative(at: OffsetDateTime, instant: OffsetDateTime) -> String {
    if instant.year() >= 9999 {
        return "no end".to_owned();
    }
    let seconds = (instant - at).whole_seconds();
    let length = seconds.unsigned_abs();
    if length == 0 {
        return "now".to_owned();
    }
    let (unit, size, _) = UNITS.iter().find(|(_, _, below)| length < *below).unwrap_or(&YEARS);
    let count = length / size;
    let plural = if count == 1 { "" } else { "s" };
    if seconds > 0 { format!("in {count} {unit}{plural}") } else { format!("{count} {unit}{plural} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2026-11-21 20:00 UTC);

    #[test]
    fn days_are_those_of_kubeadm() {
        assert_eq!(relative(AT, datetime!(2027-11-21 18:43 UTC)), "in 364 days");
        assert_eq!(relative(AT, datetime!(2036-11-18 18:43 UTC)), "in 9 years");
        assert_eq!(relative(AT, datetime!(2026-10-17 18:43 UTC)), "35 days ago");
    }

    #[test]
    fn units_change_where_the_next_one_says_enough() {
        let cases = [
            (Duration::ZERO, "now"),
            (Duration::seconds(1), "in 1 second"),
            (Duration::seconds(119), "in 119 seconds"),
            (Duration::minutes(2), "in 2 minutes"),
            (Duration::minutes(119), "in 119 minutes"),
            (Duration::hours(5), "in 5 hours"),
            (Duration::hours(47), "in 47 hours"),
            (Duration::hours(48), "in 2 days"),
            (Duration::days(729), "in 729 days"),
            (Duration::days(731), "in 2 years"),
            (Duration::hours(-1), "60 minutes ago"),
            (Duration::days(-800), "2 years ago"),
        ];
        for (distance, words) in cases {
            assert_eq!(relative(AT, AT + distance), words);
        }
    }

    #[test]
    fn the_end_of_time_is_no_date() {
        assert_eq!(relative(AT, datetime!(9999-12-31 23:59:59 UTC)), "no end");
    }

    #[test]
    fn dates_are_utc() {
        let late = datetime!(2026-12-11 23:30 -02:00);
        assert_eq!(date(late), "2026-12-12");
        assert_eq!(to_the_second(late), "2026-12-12 01:30:00");
        assert_eq!(moment(late), "2026-12-12 01:30:00 UTC");
    }
}
