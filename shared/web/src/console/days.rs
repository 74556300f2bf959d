//! Days as the viewer's clock cuts them. The script says where a day begins and ends there; without it a day is one in UTC.

use super::form::{Fields, link};
use super::session;
use domain::Timestamp;
use engine::Error;
use engine::records::DAY_MS;
use engine::span::Span;
use http::HeaderMap;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// The cookie in which the script keeps the viewer's day of now: `2026-03-12.<begins>.<ends>`, milliseconds.
const COOKIE: &str = "day";
/// How far from the same day in UTC a day may begin, milliseconds: 15 hours.
const APART_MS: i64 = 15 * 3_600_000;
/// How long a day may be, milliseconds: from 22 to 26 hours.
const LENGTHS_MS: std::ops::RangeInclusive<i64> = 22 * 3_600_000..=26 * 3_600_000;

/// A day that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Day {
    date: Date,
    /// From when until when.
    pub(super) span: Span,
    /// Whether its bounds are those of the viewer's clock.
    zoned: bool,
    /// The day of now, by the same clock.
    today: Date,
}

impl Day {
    /// The day that a page was asked for; today if it was not.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no day.
    pub(super) fn asked(asked: &Fields, headers: &HeaderMap, now: Timestamp) -> Result<Self, Error> {
        let here = here(headers).filter(|(_, span)| span.begins <= now && now < span.ends);
        let utc = date_of(now)?;
        let today = here.map_or(utc, |(date, _)| date);
        let bounds = [asked.text("begins"), asked.text("ends")];
        match (asked.filled("day"), here) {
            (Some(text), _) if bounds.iter().all(|bound| bound.is_empty()) => {
                let date = read(text)?;
                Ok(Self { date, span: in_utc(date)?, zoned: false, today })
            }
            (Some(text), _) => {
                let date = read(text)?;
                let wrong =
                    || Error::Invalid(format!("begins, ends: they are not those of {text}; choose the day again"));
                let span = span(date, bounds[0], bounds[1]).ok_or_else(wrong)?;
                Ok(Self { date, span, zoned: true, today })
            }
            (None, Some((date, span))) => Ok(Self { date, span, zoned: true, today }),
            (None, None) => Ok(Self { date: utc, span: in_utc(utc)?, zoned: false, today: utc }),
        }
    }

    /// What must stand in the address for the same day, with other parameters.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("day", self.date.to_string())];
        if self.zoned {
            all.extend([("begins", self.span.begins.0.to_string()), ("ends", self.span.ends.0.to_string())]);
        }
        all
    }

    /// Where the day is chosen; the form that it stands in has `data-days`, by which the script adds the bounds.
    pub(super) fn field(&self) -> Markup {
        html! {
            div.field {
                label for="f-day" { "Day" @if !self.zoned { " (UTC)" } }
                input #f-day type="date" name="day" value=(self.date) max=(self.today) data-zoned[self.zoned];
            }
        }
    }

    /// The ways to the days beside it.
    pub(super) fn around(&self, path: &str, others: &[(&str, &str)]) -> Markup {
        let to = |date: Date| {
            let text = date.to_string();
            link(path, &[&[("day", text.as_str())], others].concat())
        };
        html! {
            @if let Ok(before) = self.date.yesterday() { a.btn rel="prev" data-day=(before) href=(to(before)) { "Day before" } }
            @if self.date < self.today {
                @if let Ok(after) = self.date.tomorrow() { a.btn rel="next" data-day=(after) href=(to(after)) { "Day after" } }
            }
        }
    }
}

/// The viewer's day of now, as the script last said.
fn here(headers: &HeaderMap) -> Option<(Date, Span)> {
    let mut parts = session::cookie(headers, COOKIE)?.splitn(3, '.');
    let date = parts.next()?.parse().ok()?;
    Some((date, span(date, parts.next()?, parts.next()?)?))
}

/// The bounds of a day, if they can be.
fn span(date: Date, begins: &str, ends: &str) -> Option<Span> {
    let (begins, ends): (i64, i64) = (begins.parse().ok()?, ends.parse().ok()?);
    let apart = begins.checked_sub(in_utc(date).ok()?.begins.0)?.checked_abs()?;
    let fits = apart <= APART_MS && LENGTHS_MS.contains(&ends.checked_sub(begins)?);
    fits.then_some(Span { begins: Timestamp(begins), ends: Timestamp(ends) })
}

fn read(text: &str) -> Result<Date, Error> {
    text.parse().map_err(|_| Error::Invalid(format!("day: {text:?} is not a day; write it like 2026-03-12")))
}

fn date_of(at: Timestamp) -> Result<Date, Error> {
    let time = jiff::Timestamp::from_millisecond(at.0).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(time.to_zoned(TimeZone::UTC).date())
}

fn in_utc(date: Date) -> Result<Span, Error> {
    let start = date.to_zoned(TimeZone::UTC).map_err(|error| Error::Invalid(format!("day: {error}")))?;
    let begins = Timestamp(start.timestamp().as_millisecond());
    Ok(Span { begins, ends: begins.plus_ms(DAY_MS) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    const HOUR_MS: i64 = 3_600_000;
    const MIDNIGHT: i64 = 1_773_273_600_000; // 2026-03-12 in UTC

    fn asked(query: &str, cookie: &str, now: i64) -> Result<Day, Error> {
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookie).unwrap())]);
        Day::asked(&Fields::parse(query.as_bytes()), &headers, Timestamp(now))
    }

    #[test]
    fn without_a_word_from_the_script_a_day_is_one_in_utc() {
        let day = asked("", "", MIDNIGHT + HOUR_MS).unwrap();
        assert_eq!((day.span.begins.0, day.span.ends.0, day.zoned), (MIDNIGHT, MIDNIGHT + DAY_MS, false));
        assert!(day.field().into_string().contains("Day (UTC)"));
        assert!(asked("day=yesterday", "", MIDNIGHT).unwrap_err().to_string().contains("2026-03-12"));
    }

    #[test]
    fn today_is_the_day_of_the_viewers_clock() {
        let begins = MIDNIGHT - 13 * HOUR_MS; // Auckland
        let cookie = format!("day=2026-03-12.{begins}.{}", begins + DAY_MS);
        let day = asked("", &cookie, MIDNIGHT - HOUR_MS).unwrap();
        assert_eq!((day.date.to_string().as_str(), day.span.begins.0, day.zoned), ("2026-03-12", begins, true));
        let later = asked("", &cookie, begins + DAY_MS + HOUR_MS).unwrap();
        assert!(!later.zoned, "what the cookie says is over");
    }

    #[test]
    fn bounds_must_be_those_of_the_day() {
        let bounds =
            |begins: i64, ends: i64| asked(&format!("day=2026-03-12&begins={begins}&ends={ends}"), "", MIDNIGHT);
        let west = bounds(MIDNIGHT + 8 * HOUR_MS, MIDNIGHT + 31 * HOUR_MS).unwrap();
        assert_eq!(west.span.ends.since_ms(west.span.begins), 23 * HOUR_MS, "the clocks go forward");
        for (begins, ends) in
            [(MIDNIGHT + 20 * HOUR_MS, MIDNIGHT + 44 * HOUR_MS), (MIDNIGHT, MIDNIGHT + 48 * HOUR_MS), (i64::MIN, 0)]
        {
            assert!(bounds(begins, ends).unwrap_err().to_string().contains("choose the day again"));
        }
    }
}
