//! Filters over the items: common ones, saved ones, and any combination.

use super::form::{Fields, link};
use super::gate::{Sent, Trouble, done};
use super::layout::Viewer;
use super::ui::{self, Input};
use super::words;
use crate::App;
use axum::extract::State;
use axum::response::Response;
use domain::AccountId;
use engine::Error;
use engine::filter::{Filter, SavedFilter};
use engine::settings::GroupView;
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The fields of a filter that hold a word.
const WORDS: [&str; 6] = ["text", "account", "warehouse", "group", "mode", "hold"];
/// Those that are true or absent.
const FLAGS: [&str; 3] = ["drift", "failed", "low_stock"];
/// Those that are yes, no or absent.
const CHOICES: [&str; 3] = ["active", "received", "kit"];

/// The filter that an address or a form asks for.
///
/// # Errors
/// [`Error::Invalid`] when a value is none.
pub(super) fn read(fields: &Fields) -> Result<Filter, Error> {
    let mut wanted = Map::new();
    for name in WORDS {
        let asked = if name == "text" { fields.filled("q") } else { fields.filled(name) };
        if let Some(text) = asked {
            wanted.insert(name.into(), text.into());
        }
    }
    wanted.extend(FLAGS.iter().filter(|name| fields.ticked(name)).map(|name| ((*name).to_owned(), Value::Bool(true))));
    for name in CHOICES {
        match fields.text(name) {
            "yes" => drop(wanted.insert(name.into(), Value::Bool(true))),
            "no" => drop(wanted.insert(name.into(), Value::Bool(false))),
            _ => {}
        }
    }
    serde_json::from_value(Value::Object(wanted)).map_err(|error| Error::Invalid(format!("filter: {error}")))
}

/// A filter as parameters of an address.
pub(super) fn parameters(filter: &Filter) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = serde_json::to_value(filter) else { return Vec::new() };
    let text = |name: &str, value: &Value| match value {
        Value::Bool(set) if CHOICES.contains(&name) => if *set { "yes" } else { "no" }.to_owned(),
        Value::Bool(_) => "1".to_owned(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let name = |name: &str| if name == "text" { "q".to_owned() } else { name.to_owned() };
    fields.iter().map(|(field, value)| (name(field), text(field, value))).collect()
}

/// A page for what a filter finds.
pub(super) fn address(path: &str, filter: &Filter) -> String {
    let all = parameters(filter);
    let pairs: Vec<(&str, &str)> = all.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    link(path, &pairs)
}

/// The same in a form.
pub(super) fn hidden(filter: &Filter) -> Markup {
    html! { @for (name, text) in parameters(filter) { input type="hidden" name=(name) value=(text); } }
}

/// Filters that many ask for.
fn common() -> [(&'static str, Filter); 6] {
    let plain = Filter::default();
    [
        ("All", plain.clone()),
        ("Out of step", Filter { drift: true, ..plain.clone() }),
        ("Failed writes", Filter { failed: true, ..plain.clone() }),
        ("Low stock", Filter { low_stock: true, ..plain.clone() }),
        ("Kits", Filter { kit: Some(true), ..plain.clone() }),
        ("Never received", Filter { received: Some(false), ..plain }),
    ]
}

/// The ways to narrow the list of items.
pub(super) fn tabs(filter: &Filter, saved: &[SavedFilter]) -> Markup {
    let tab = |name: &str, wanted: &Filter| {
        html! { a href=(address("/items", wanted)) aria-current=[(filter == wanted).then_some("page")] { (name) } }
    };
    html! {
        nav.tabs aria-label="Filters" {
            @for (name, wanted) in common() { (tab(name, &wanted)) }
            @for known in saved { (tab(&known.name, &known.filter)) }
        }
    }
}

/// More ways, behind a disclosure.
pub(super) fn more(
    viewer: &Viewer,
    filter: &Filter,
    accounts: &[AccountId],
    groups: &[GroupView],
    may: bool,
) -> Markup {
    let plain = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect()
    };
    let known = parameters(filter);
    let held = |name: &str| known.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text.as_str());
    let stores = ui::and_more("", "any store", accounts.iter().map(|id| (id.to_string(), id.to_string())));
    let groups = ui::and_more("", "any group", groups.iter().map(|group| (group.id.to_string(), group.title.clone())));
    let modes = ui::and_more("", "any", plain(words::MODES).into_iter());
    let is_open = ["account", "group", "mode", "active"].iter().any(|name| !held(name).is_empty());
    html! {
        details.narrow open[is_open] #more-filters {
            summary.small { "Narrow it down" }
            form.filters method="get" action="/items" {
                @for (name, text) in known.iter().filter(|(name, _)| !["account", "group", "mode", "active"].contains(&name.as_str())) { input type="hidden" name=(name) value=(text); }
                (ui::select("account", "In store", held("account"), &stores))
                (ui::select("group", "Group", held("group"), &groups))
                (ui::select("mode", "Written", held("mode"), &modes))
                (ui::select("active", "On sale there", held("active"), &plain(&[("", "either"), ("yes", "on sale"), ("no", "not on sale")])))
                button.btn type="submit" { "Apply" }
            }
            @if may && *filter != Filter::default() {
                form.filters method="post" action="/items/filters" {
                    (viewer.token())
                    (hidden(filter))
                    (Input::text("name", "Save this filter as").field(None))
                    button.btn type="submit" name="do" value="save" { "Save" }
                }
            }
        }
    }
}

/// A filter in words for people.
pub(super) fn told(filter: &Filter) -> String {
    let all = parameters(filter);
    if all.is_empty() {
        return "All items".into();
    }
    let one = |(name, text): &(String, String)| match (name.as_str(), text.as_str()) {
        ("q", text) => format!("with “{text}” in SKU or title"),
        ("account", text) => format!("in {text}"),
        ("group", text) => format!("in the group {text}"),
        ("mode", text) => {
            format!("written {}", words::MODES.iter().find(|(mode, _)| *mode == text).map_or(text, |(_, name)| name))
        }
        ("drift", _) => "out of step".into(),
        ("failed", _) => "whose last write failed".into(),
        ("low_stock", _) => "low in stock".into(),
        ("active", "yes") => "on sale".into(),
        ("active", _) => "not on sale".into(),
        ("kit", "yes") => "that are kits".into(),
        ("kit", _) => "that are no kits".into(),
        ("received", "yes") => "received at least once".into(),
        ("received", _) => "never received".into(),
        (name, text) => format!("with {} {text}", name.replace('_', " ")),
    };
    format!("Items {}", all.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// Saves a filter, or removes one.
pub(super) async fn keep(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    if sent.text("do") == "remove" {
        app.hub.drop_filter(sent.text("name")).await?;
        return Ok(done("/items", &format!("The filter “{}” is removed.", sent.text("name"))));
    }
    let filter = read(&sent)?;
    let saved = app.hub.save_filter(sent.text("name"), filter.clone(), &viewer.caller.name).await?;
    Ok(done(&address("/items", &filter), &format!("The filter “{}” is saved.", saved.name)))
}

/// The way to remove the saved filter that is shown.
pub(super) fn remove_button(viewer: &Viewer, filter: &Filter, saved: &[SavedFilter]) -> Markup {
    html! {
        @if let Some(known) = saved.iter().find(|known| known.filter == *filter) {
            form.inline method="post" action="/items/filters" data-confirm={ "Remove the filter " (known.name) "? The items stay as they are." } {
                (viewer.token())
                input type="hidden" name="name" value=(known.name);
                button.btn.small.quiet type="submit" name="do" value="remove" { "Remove this filter" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_survives_its_address() {
        let sent = Fields::parse(b"q=red+mug&account=leeds&drift=1&kit=no&mode=only-when-active&after=x");
        let filter = read(&sent).expect("a filter");
        assert_eq!(
            told(&filter),
            "Items in leeds, out of step, that are no kits, written only while it is on sale, with “red mug” in SKU or title"
        );
        let again = address("/items", &filter);
        let query = again.split_once('?').expect("parameters").1;
        assert_eq!(read(&Fields::parse(query.as_bytes())).expect("a filter"), filter);
        assert_eq!(address("/items", &Filter::default()), "/items");
        assert!(read(&Fields::parse(b"mode=sometimes")).is_err());
    }
}
