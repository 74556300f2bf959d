//! The parts that pages are made of.

use super::form::{Fields, Wrong};
use super::icons::{Icon, icon};
use domain::Timestamp;
use maud::{Markup, html};

/// How something is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    Plain,
    Good,
    Note,
    Warn,
    Bad,
}

impl Tone {
    /// Its class.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "good",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// A whole number with its thousands apart.
pub(super) fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        text.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count.
pub(super) fn count(value: u64) -> String {
    number(i64::try_from(value).unwrap_or(i64::MAX))
}

/// A count with its noun: `1 item`, `2 items`.
pub(super) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// A difference, with its sign.
pub(super) fn signed(value: i64) -> String {
    if value > 0 { format!("+{}", number(value)) } else { number(value) }
}

/// A moment: in UTC, until the script shows it in the viewer's zone.
pub(super) fn time(at: Timestamp) -> Markup {
    moment(at, "")
}

/// A moment of which the distance matters: `2 min ago`, once the script has seen it.
pub(super) fn ago(at: Timestamp) -> Markup {
    moment(at, "near")
}

/// A moment that may never have been.
pub(super) fn maybe_ago(at: Option<Timestamp>) -> Markup {
    html! { @if let Some(at) = at { (ago(at)) } @else { span.soft { "never" } } }
}

fn moment(at: Timestamp, style: &str) -> Markup {
    let text = |format: &str| {
        jiff::Timestamp::from_millisecond(at.0)
            .map_or_else(|_| "?".to_owned(), |time| time.strftime(format).to_string())
    };
    html! { time datetime=(text("%Y-%m-%dT%H:%M:%S%.3fZ")) data-style=(style) { (text("%-d %b %H:%M")) " UTC" } }
}

/// A length of time: `0.4 s`, `3 min`, which no line breaks apart.
pub(super) fn length(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{}\u{a0}ms", ms.max(0)),
        1_000..60_000 => format!("{}.{}\u{a0}s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{}\u{a0}min", ms / 60_000),
        3_600_000..172_800_000 => format!("{}\u{a0}h", ms / 3_600_000),
        _ => format!("{}\u{a0}days", ms / 86_400_000),
    }
}

/// A short word about a state.
pub(super) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (text) } }
}

/// A message across the page.
pub(super) fn say(tone: Tone, title: &str, text: &str) -> Markup {
    say_with(tone, title, &html! { (text) })
}

/// The same with more than text.
pub(super) fn say_with(tone: Tone, title: &str, text: &Markup) -> Markup {
    let sign = match tone {
        Tone::Good => Icon::Check,
        Tone::Plain | Tone::Note => Icon::Info,
        Tone::Warn | Tone::Bad => Icon::Alert,
    };
    html! {
        div class={ "say " (tone.class()) } role=[(tone == Tone::Bad).then_some("alert")] data-said {
            (icon(sign))
            div { @if !title.is_empty() { p.title { (title) } } p { (text) } }
        }
    }
}

/// What stands where there is nothing yet, and what to do about it.
pub(super) fn empty(sign: Icon, title: &str, text: &str, action: Option<(&str, &str)>) -> Markup {
    html! {
        div.empty {
            (icon(sign))
            h2 { (title) }
            p { (text) }
            @if let Some((address, label)) = action {
                p.actions { a.btn.main-act href=(address) { (label) } }
            }
        }
    }
}

/// A table that scrolls sideways by itself when it must, also by keyboard.
pub(super) fn scroll(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// What a text field is called and what it starts with.
pub(super) struct Input<'a> {
    /// Its name in the form.
    pub(super) name: &'a str,
    /// Its label.
    pub(super) label: &'a str,
    /// What helps to fill it.
    pub(super) help: &'a str,
    /// What it holds.
    pub(super) value: &'a str,
    /// `text`, `password`, `number`, `email`, `search`, `url`, `textarea`.
    pub(super) kind: &'a str,
    /// Whether it must be filled.
    pub(super) required: bool,
    /// Whether it says so when it may be left empty.
    pub(super) telling: bool,
    /// What browsers may fill in.
    pub(super) complete: &'a str,
}

impl<'a> Input<'a> {
    /// A text field that must be filled.
    pub(super) const fn text(name: &'a str, label: &'a str) -> Self {
        Self { name, label, help: "", value: "", kind: "text", required: true, telling: true, complete: "off" }
    }

    /// The same of another kind.
    pub(super) const fn kind(mut self, kind: &'a str) -> Self {
        self.kind = kind;
        self
    }

    /// With help.
    pub(super) const fn help(mut self, help: &'a str) -> Self {
        self.help = help;
        self
    }

    /// With what it holds.
    pub(super) const fn value(mut self, value: &'a str) -> Self {
        self.value = value;
        self
    }

    /// May be left empty.
    pub(super) const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// May be left empty, as all others of its form.
    pub(super) const fn free(mut self) -> Self {
        self.required = false;
        self.telling = false;
        self
    }

    /// What browsers may fill in.
    pub(super) const fn complete(mut self, complete: &'a str) -> Self {
        self.complete = complete;
        self
    }

    /// The field, with what is wrong with it.
    pub(super) fn field(&self, wrong: Option<&Wrong>) -> Markup {
        let problem = Wrong::beside(wrong, self.name);
        html! {
            div.field {
                label for={ "f-" (self.name) } { (self.label) @if !self.required && self.telling { span.soft { " (optional)" } } }
                (self.control(problem.is_some()))
                (under(self.name, self.help, problem))
            }
        }
    }

    fn control(&self, invalid: bool) -> Markup {
        let id = format!("f-{}", self.name);
        let told = described(self.name, !self.help.is_empty(), invalid);
        let class = if self.kind == "number" { "short num" } else { "" };
        html! {
            @if self.kind == "textarea" {
                textarea.code id=(id) name=(self.name) rows="8" required[self.required] spellcheck="false"
                    aria-describedby=[told] aria-invalid=[invalid.then_some("true")] { (self.value) }
            } @else {
                input class=(class) id=(id) name=(self.name) type=(if self.kind == "number" { "text" } else { self.kind })
                    inputmode=[(self.kind == "number").then_some("numeric")] value=(self.value) required[self.required]
                    autocomplete=(self.complete) spellcheck="false" aria-describedby=[told]
                    aria-invalid=[invalid.then_some("true")];
            }
        }
    }
}

fn described(name: &str, help: bool, invalid: bool) -> Option<String> {
    match (help, invalid) {
        (false, false) => None,
        (true, false) => Some(format!("h-{name}")),
        (false, true) => Some(format!("w-{name}")),
        (true, true) => Some(format!("w-{name} h-{name}")),
    }
}

fn under(name: &str, help: &str, problem: Option<&str>) -> Markup {
    html! {
        @if let Some(said) = problem { p.wrong id={ "w-" (name) } { (icon(Icon::Alert)) (said) } }
        @if !help.is_empty() { p.help id={ "h-" (name) } { (help) } }
    }
}

/// A choice of one among a few, with a word about each.
pub(super) fn choices(name: &str, legend: &str, chosen: &str, options: &[(&str, &str, &str)]) -> Markup {
    html! {
        fieldset {
            legend { (legend) }
            @for (value, label, help) in options {
                label.choice {
                    input type="radio" name=(name) value=(value) checked[*value == chosen];
                    span { (label) @if !help.is_empty() { small { (help) } } }
                }
            }
        }
    }
}

/// A choice of one among many.
pub(super) fn select(name: &str, label: &str, chosen: &str, options: &[(String, String)]) -> Markup {
    html! {
        div.field {
            label for={ "f-" (name) } { (label) }
            select id={ "f-" (name) } name=(name) {
                @for (value, text) in options { option value=(value) selected[value == chosen] { (text) } }
            }
        }
    }
}

/// A first choice, and others.
pub(super) fn and_more(
    value: &str,
    text: &str,
    others: impl Iterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    std::iter::once((value.to_owned(), text.to_owned())).chain(others).collect()
}

/// A figure with its name.
pub(super) fn tile(name: &str, value: &str) -> Markup {
    html! { div.tile { dt { (name) } dd { (value) } } }
}

/// A button that sends its form.
pub(super) fn submit(label: &str) -> Markup {
    html! { button.btn.main-act type="submit" { span.spin {} (label) } }
}

/// The way to the next page, and back to the first.
pub(super) fn pager(path: &str, parameters: &[(&str, &str)], after: &str, next: Option<&str>, shown: &str) -> Markup {
    let to = |after: &str| {
        let all: Vec<(&str, &str)> = parameters.iter().copied().chain([("after", after)]).collect();
        super::form::link(path, &all)
    };
    html! {
        nav.pager aria-label="Pages" {
            span { (shown) }
            span.row {
                @if !after.is_empty() { a.btn.small href=(to("")) { "First page" } }
                @if let Some(next) = next { a.btn.small rel="next" href=(to(next)) { "Next page" } }
            }
        }
    }
}

/// What a field held when the form was sent, or what it starts with.
pub(super) fn held<'a>(sent: Option<&'a Fields>, name: &str, otherwise: &'a str) -> &'a str {
    sent.map_or(otherwise, |fields| fields.raw(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!((number(0), number(-1_234), number(1_000_000)), ("0".into(), "−1,234".into(), "1,000,000".into()));
        assert_eq!((signed(5), signed(-5), signed(0)), ("+5".into(), "−5".into(), "0".into()));
        let lengths = [length(430), length(2_450), length(150_000)].map(|text| text.replace('\u{a0}', " "));
        assert_eq!(lengths, ["430 ms", "2.4 s", "2 min"]);
    }

    #[test]
    fn a_moment_is_utc_until_a_script_sees_it() {
        let shown = time(Timestamp(1_773_340_380_000)).into_string();
        assert_eq!(shown, "<time datetime=\"2026-03-12T18:33:00.000Z\" data-style=\"\">12 Mar 18:33 UTC</time>");
    }

    #[test]
    fn a_field_and_its_problem_belong_together() {
        let wrong = Wrong::at("reason", "Say why.");
        let field = Input::text("reason", "Reason").help("For the history.").field(Some(&wrong)).into_string();
        assert!(
            field.contains("aria-describedby=\"w-reason h-reason\"") && field.contains("aria-invalid=\"true\""),
            "{field}"
        );
        assert!(field.contains("id=\"w-reason\"") && field.contains("Say why."), "{field}");
    }
}
