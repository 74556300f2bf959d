//! A SKU's level over time, drawn here: a step for each change, a dot for what made it.

use super::ui::{number, signed, time};
use super::words::{self, Kind};
use domain::Timestamp;
use engine::records::History;
use maud::{Markup, html};
use std::fmt::Write as _;

const WIDTH: i64 = 760;
const HEIGHT: i64 = 190;
/// Room for the numbers at the left.
const LEFT: i64 = 44;
const TOP: i64 = 10;
const BOTTOM: i64 = 8;
/// The shortest stretch of time drawn, milliseconds.
const SHORTEST_MS: i64 = 60_000;
/// Dots drawn at most: more would be one line of paint.
const DOTS: usize = 160;

/// A change of the level.
struct Change {
    at: Timestamp,
    after: i64,
    /// What made it, unless nothing was counted.
    made: Option<(Kind, String)>,
}

/// Where things are on the paper.
struct Scale {
    began: i64,
    length: i64,
    low: i64,
    high: i64,
}

impl Scale {
    fn x(&self, at: Timestamp) -> i64 {
        LEFT + (WIDTH - LEFT) * (at.0 - self.began).clamp(0, self.length) / self.length
    }

    fn y(&self, level: i64) -> i64 {
        let room = HEIGHT - TOP - BOTTOM;
        TOP + room - room * (level - self.low) / (self.high - self.low)
    }
}

/// The levels that some lines of history, newest first, tell of, up to now.
pub(super) fn levels(history: &[History], now: Timestamp) -> Markup {
    let moved: Vec<&History> = history.iter().rev().filter(|line| line.level.0 != line.level.1).collect();
    let Some(first) = moved.first() else { return html! {} };
    let changes: Vec<Change> = moved.iter().map(|line| change(line)).collect();
    let all = || changes.iter().map(|change| change.after).chain([first.level.0]);
    let (low, high) = (all().min().unwrap_or(0).min(0), all().max().unwrap_or(0));
    let (step, high) = grid(low, high);
    let span = now.since_ms(first.at).max(SHORTEST_MS);
    let began = (first.at.0 - span / 20).min(now.0 - SHORTEST_MS);
    let scale = Scale { began, length: now.0 - began, low: low.div_euclid(step) * step, high };
    html! {
        figure.chart {
            (picture(&scale, &changes, first.level.0, step, now))
            div.axis { (time(Timestamp(began))) (time(now)) }
            figcaption.legend {
                @for (class, name) in [("sale", "Sold"), ("back", "Came back"), ("edit", "Edited in a store"), ("hand", "Edited here")] {
                    span { i class=(class) {} (name) }
                }
            }
        }
    }
}

fn change(line: &History) -> Change {
    let counted = line.seen.iter().flat_map(|seen| seen.counted.iter().map(move |counted| (seen, counted)));
    let made: Vec<(Kind, String)> = counted
        .map(|(seen, counted)| {
            let hand = seen.listing.is_hub();
            let text = if hand { format!("edited here by {}", signed(counted.by)) } else { words::counted(counted) };
            (Kind::of(counted, hand), format!("{text} in {}", seen.listing.account))
        })
        .collect();
    let kind = made.first().map(|(kind, _)| *kind);
    let text = made.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", ");
    Change {
        at: line.at,
        after: line.level.1,
        made: kind.map(|kind| (kind, format!("{}: {text}", number(line.level.1)))),
    }
}

/// The distance of the lines across, and the highest of them: 1, 2 or 5 with zeros.
fn grid(low: i64, high: i64) -> (i64, i64) {
    let wanted = high.saturating_sub(low) / 3;
    let powers = (0..18).map(|power| 10_i64.pow(power));
    let step =
        powers.flat_map(|power| [power, 2 * power, 5 * power]).find(|step| *step >= wanted).unwrap_or(i64::MAX / 4);
    (step, (high.div_euclid(step) + 1) * step)
}

fn picture(scale: &Scale, changes: &[Change], start: i64, step: i64, now: Timestamp) -> Markup {
    let curve = curve(scale, changes, start, now);
    let floor = scale.y(scale.low);
    let skipped = changes.len().saturating_sub(DOTS);
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(told(changes, start)) {
            @for line in (0..).map(|number| scale.low + number * step).take_while(|level| *level <= scale.high).take(12) {
                path.grid d={ "M" (LEFT) " " (scale.y(line)) "H" (WIDTH) } {}
                text x=(LEFT - 8) y=(scale.y(line) + 4) text-anchor="end" { (number(line)) }
            }
            path.area d={ (curve) "V" (floor) "H" (LEFT) "Z" } {}
            path.curve d=(curve) {}
            @for change in changes.iter().skip(skipped) {
                @if let Some((kind, text)) = &change.made {
                    circle class=(kind.class()) cx=(scale.x(change.at)) cy=(scale.y(change.after)) r="4" { title { (text) } }
                }
            }
        }
    }
}

fn curve(scale: &Scale, changes: &[Change], start: i64, now: Timestamp) -> String {
    let mut path = format!("M{LEFT} {}", scale.y(start));
    for change in changes {
        // writing to a text cannot fail
        let _ = write!(path, "H{}V{}", scale.x(change.at), scale.y(change.after));
    }
    let _ = write!(path, "H{}", scale.x(now));
    path
}

/// What the picture shows, for those who cannot see it.
fn told(changes: &[Change], start: i64) -> String {
    let last = changes.last().map_or(start, |change| change.after);
    format!(
        "Stock over time: from {} to {} in {} changes; the list below has each.",
        number(start),
        number(last),
        changes.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_across_are_round_numbers() {
        assert_eq!((grid(0, 40), grid(0, 3), grid(-5, 1_000)), ((20, 60), (1, 4), (500, 1_500)));
    }

    #[test]
    fn a_curve_steps_from_change_to_change() {
        let scale = Scale { began: 0, length: 716, low: 0, high: 10 };
        let changes = [Change { at: Timestamp(100), after: 5, made: None }];
        assert_eq!(curve(&scale, &changes, 10, Timestamp(716)), "M44 10H144V96H760");
    }
}
