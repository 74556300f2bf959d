//! The first sync: which way levels go, a preview that says what would change, and only then the sync itself. Both are runs.

use super::attention;
use super::form::Fields;
use super::gate::{Sent, Trouble};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::runs;
use super::ui::{self, Input, Tone};
use crate::App;
use axum::extract::State;
use axum::response::Response;
use domain::{AccountId, Role, Timestamp};
use engine::accounts::AccountView;
use engine::filter::Filter;
use engine::hub::Accounts;
use engine::items::Listed;
use engine::people::UserRole;
use engine::runs::Job;
use engine::{Connected, Error, Hub};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Items looked at to see which stores have listings; most have some among the first.
const SAMPLE: usize = 10;

/// The first sync: what it will do, and the way to its preview.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let accounts = app.hub.accounts().await?;
    let master = accounts.values().find(|connected| connected.account.role == Role::Master);
    let body = html! {
        (steps(usize::from(master.is_some())))
        section.card {
            @match master {
                None => (ui::empty(Icon::Accounts, "There is no master yet", "The first sync takes the master’s levels as the truth. Connect the store whose stock is right, as master.", viewer.may(UserRole::Admin).then_some(("/accounts/new", "Connect the master")))),
                Some(master) => div.body.stack {
                    (what_it_does(&master.account.id, &accounts))
                    @if viewer.may(UserRole::Operator) { (form(&viewer, &accounts)) }
                    @else { p.soft { "Your role cannot start it; ask an operator or an admin of this hub." } }
                },
            }
        }
    };
    let head = Head::new("First sync").lead("Match the stores by SKU and see what would change.");
    Ok(viewer.page(&head.up("/accounts", "Accounts"), &body))
}

/// How far somebody is on the way to equal stores.
pub(super) fn steps(at: usize) -> Markup {
    let names = ["Connect the stores", "Preview", "Apply"];
    html! {
        ol.steps {
            @for (place, name) in names.iter().enumerate() {
                li class=[(place < at).then_some("done")] aria-current=[(place == at).then_some("step")] { (name) }
            }
        }
    }
}

fn what_it_does(master: &AccountId, accounts: &Accounts) -> Markup {
    let replicas: Vec<&AccountId> =
        accounts.values().filter(|it| it.account.role == Role::Replica).map(|it| &it.account.id).collect();
    html! {
        div {
            h2 { "What the first sync does" }
            ul.checks {
                li { span.good { (icon(Icon::Check)) } div { "Reads every product of " strong { (master) } " and takes its levels as the truth." } }
                li { span.good { (icon(Icon::Check)) } div { "Finds the same SKUs in " @if replicas.is_empty() { "the other stores (none is connected yet)" } @else { @for (place, id) in replicas.iter().enumerate() { @if place > 0 { ", " } strong { (id) } } } "." } }
                li { span.good { (icon(Icon::Check)) } div { "Shows you every level that would change. Nothing is written before you apply it." } }
                li { span.good { (icon(Icon::Check)) } div { "Can be run again at any time: what is known already keeps its history, new products are added." } }
            }
        }
    }
}

fn form(viewer: &Viewer, accounts: &Accounts) -> Markup {
    let ways: Vec<(String, String)> = [
        ("", "the usual way"),
        ("to-hub", "its levels become the stock"),
        ("to-store", "it gets the hub’s levels"),
        ("compare", "only tell what differs"),
    ]
    .map(|(value, text)| (value.to_owned(), text.to_owned()))
    .to_vec();
    html! {
        form.stack-s method="post" action="/first-sync" {
            (viewer.token())
            input type="hidden" name="preview" value="1";
            details #ways {
                summary { "Another way than the usual one" }
                br;
                div.halves {
                    @for id in accounts.keys() { (ui::select(&format!("direction.{id}"), id.as_str(), "", &ways)) }
                }
                (Input::text("exclude", "SKUs to leave out").optional().help("Several with commas between. A star at the beginning or the end stands for anything, such as TEST-*.").field(None))
            }
            p { (ui::submit("Preview")) }
        }
    }
}

/// Connected stores of which no product is matched.
#[derive(Default)]
pub(super) struct Untaken {
    /// Those that wait for their first sync.
    pub(super) missing: BTreeSet<AccountId>,
    /// Those in which the last first sync found nothing that the hub has, with how many products it read there.
    pub(super) strange: BTreeMap<AccountId, u64>,
}

/// The connected stores of which no product is matched: no first sync has been there, or it found nothing that it knows.
pub(super) async fn untaken(hub: &Hub, views: &[AccountView]) -> Result<Untaken, Error> {
    let mut untaken = Untaken { missing: unmatched(hub, views).await?, strange: BTreeMap::new() };
    for (id, products) in views.iter().filter_map(|view| Some((&view.account.id, view.health.unmatched?))) {
        if untaken.missing.remove(id) {
            untaken.strange.insert(id.clone(), products);
        }
    }
    Ok(untaken)
}

async fn unmatched(hub: &Hub, views: &[AccountView]) -> Result<BTreeSet<AccountId>, Error> {
    let some = hub.list_items("", None, SAMPLE).await?;
    let seen: BTreeSet<&AccountId> =
        some.rows.iter().flat_map(|item| item.listings.iter().map(|listing| &listing.listing.account)).collect();
    let mut missing = BTreeSet::new();
    for view in views.iter().filter(|view| view.health.written.is_none() && !seen.contains(&view.account.id)) {
        let filter = Filter { account: Some(view.account.id.clone()), ..Filter::default() };
        let found = match &some.next {
            Some(_) => hub.find_items(&filter, None, 1).await?,
            None => Listed { rows: Vec::new(), next: None },
        };
        if found.rows.is_empty() && found.next.is_none() {
            missing.insert(view.account.id.clone());
        }
    }
    Ok(missing)
}

/// How an account is doing, in one word; one of which nothing is matched is not called healthy.
pub(super) fn state(connected: &Connected, untaken: &Untaken, now: Timestamp) -> (Tone, &'static str) {
    let id = &connected.account.id;
    match attention::state(connected, now) {
        (Tone::Good, _) if untaken.missing.contains(id) => (Tone::Note, "Not synced yet"),
        (Tone::Good, _) if untaken.strange.contains_key(id) => (Tone::Note, "Nothing matched"),
        said => said,
    }
}

/// Says which stores wait for their first sync, and in which it found nothing; leads to what helps.
pub(super) fn hints(untaken: &Untaken) -> Markup {
    let missing = &untaken.missing;
    let names = missing.iter().map(AccountId::as_str).collect::<Vec<_>>().join(", ");
    html! {
        @if !missing.is_empty() {
            (ui::say_with(Tone::Note, &format!("The first sync is missing: {names}"), &html! { (not_taken_in(missing.len())) " " a href="/first-sync" { "Preview the first sync" } }))
        }
        @for (id, products) in &untaken.strange {
            (ui::say_with(Tone::Note, &nothing_matched(id), &html! { (why_nothing(*products)) " " a href=(mapping(id)) { (MATCH) } }))
        }
    }
}

/// What to call a store in which the first sync found nothing that the hub has.
pub(super) fn nothing_matched(id: &AccountId) -> String {
    format!("Nothing in {id} matches an item of the hub")
}

/// Why nothing of a store is matched although a first sync was there, and what to do.
pub(super) fn why_nothing(products: u64) -> String {
    let read = match products {
        0 => "The last first sync found no product with a SKU there".to_owned(),
        1 => "The last first sync read its one product, whose SKU no item has".to_owned(),
        many => format!("The last first sync read its {} products, and no item has the SKU of one", ui::count(many)),
    };
    format!("{read}. Give them the SKUs of the master and sync again, or match them by hand.")
}

/// Where the products of a store are matched by hand.
pub(super) fn mapping(id: &AccountId) -> String {
    format!("/accounts/{id}/mapping")
}

/// What leads there is called.
pub(super) const MATCH: &str = "Products and mapping";

/// What it means that so many stores were in no first sync.
pub(super) const fn not_taken_in(stores: usize) -> &'static str {
    match stores {
        1 => "Connected, but none of its products is matched yet: nothing is counted there, and nothing written.",
        _ => "Connected, but none of their products is matched yet: nothing is counted there, and nothing written.",
    }
}

/// The way from the preview to the sync itself: the same, and applied.
pub(super) fn apply(viewer: &Viewer, job: &Job) -> Markup {
    let text = serde_json::to_string(job).unwrap_or_default();
    html! {
        form.row method="post" action="/first-sync" data-confirm="Adopt these levels and write the differences to the stores?" {
            (viewer.token())
            input type="hidden" name="apply" value=(text);
            button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply the first sync" }
            span.soft.small { "A snapshot is taken before, so it can be taken back." }
        }
    }
}

/// Starts the preview, or the first sync itself.
pub(super) async fn adopt(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let job = match sent.filled("apply") {
        Some(shown) => applied(shown)?,
        None => wanted(&sent)?,
    };
    Ok(runs::start(&app, &viewer, job).await?)
}

/// What was shown, to be done.
fn applied(shown: &str) -> Result<Job, Error> {
    match serde_json::from_str(shown) {
        Ok(Job::Adopt { directions, exclude, .. }) => Ok(Job::Adopt { apply: true, directions, exclude }),
        Ok(_) | Err(_) => Err(Error::Invalid("that preview cannot be read any more; make it again".into())),
    }
}

fn wanted(sent: &Fields) -> Result<Job, Error> {
    let way = |(account, text): (String, String)| {
        let account = AccountId::new(&account).map_err(|error| Error::Invalid(error.to_string()))?;
        let way = serde_json::from_value(text.as_str().into());
        Ok((account, way.map_err(|_| Error::Invalid(format!("{text:?} is no way that levels can go")))?))
    };
    let directions = sent.below("direction.").into_iter().map(way).collect::<Result<_, Error>>()?;
    let exclude = sent.text("exclude").split(',').map(str::trim).filter(|text| !text.is_empty());
    Ok(Job::Adopt { apply: false, directions, exclude: exclude.map(str::to_owned).collect() })
}
