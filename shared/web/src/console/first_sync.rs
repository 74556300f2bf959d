//! The first sync: what it will do, its preview, and doing it.

use super::gate::{Sent, Trouble};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::reports;
use super::ui;
use crate::App;
use crate::api::run_to_end;
use axum::extract::State;
use domain::{AccountId, Role};
use engine::Error;
use engine::adopt::Adoption;
use engine::people::UserRole;
use engine::runs::Job;
use maud::{Markup, html};
use std::sync::Arc;

/// The first sync: what it will do, and the way to its preview.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    let accounts = app.hub.accounts().await?;
    let master = accounts.values().find(|connected| connected.account.role == Role::Master);
    let replicas: Vec<&AccountId> =
        accounts.values().filter(|it| it.account.role == Role::Replica).map(|it| &it.account.id).collect();
    let admin = viewer.may(UserRole::Admin);
    let body = html! {
        ol.steps {
            li class="done" { "Connect the stores" }
            li aria-current="step" { "Preview" }
            li { "Apply" }
        }
        section.card {
            @match master {
                None => (ui::empty(Icon::Accounts, "There is no master yet", "The first sync takes the master’s levels as the truth. Connect the store whose stock is right, as master.", admin.then_some(("/accounts/new", "Connect the master")))),
                Some(master) => div.body.stack {
                    div {
                        h2 { "What the first sync does" }
                        ul.checks {
                            li { span.good { (icon(Icon::Check)) } div { "Reads every product of " strong { (master.account.id) } " and takes its levels as the truth." } }
                            li { span.good { (icon(Icon::Check)) } div { "Finds the same SKUs in " @if replicas.is_empty() { "the other stores (none is connected yet)" } @else { @for (place, id) in replicas.iter().enumerate() { @if place > 0 { ", " } strong { (id) } } } "." } }
                            li { span.good { (icon(Icon::Check)) } div { "Shows you every level that would change. Nothing is written before you apply it." } }
                            li { span.good { (icon(Icon::Check)) } div { "Can be run again at any time: what is known already keeps its history, new products are added." } }
                        }
                    }
                    @if admin {
                        form.row method="post" action="/first-sync" { (viewer.token()) input type="hidden" name="preview" value="1"; (ui::submit("Preview")) }
                    } @else { p.soft { "Your role cannot start it; ask an admin of this hub." } }
                },
            }
        }
    };
    Ok(viewer.page(
        &Head::new("First sync").lead("Match the stores by SKU and see what would change.").up("/accounts", "Accounts"),
        &body,
    ))
}

/// Shows what the first sync would do, or does it.
pub(super) async fn adopt(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Markup, Trouble> {
    let job = Job::adopt(sent.ticked("apply"));
    let run = run_to_end(&app, job, &viewer.caller.name).await?;
    let result = run.result.ok_or_else(|| {
        Error::Conflict(format!(
            "it takes longer than a page may; run {} goes on, and the list of runs shows how far it is",
            run.id
        ))
    })?;
    let found: Adoption = serde_json::from_value(result).unwrap_or_default();
    let body = html! {
        section.card { div.body.stack {
            (reports::adoption(&found))
            @if found.applied { p.row { a.btn.main-act href="/items" { "See the items" } } } @else { (apply(&viewer)) }
        } }
    };
    let title = if found.applied { "First sync done" } else { "What would change" };
    Ok(viewer.page(&Head::new(title).up("/first-sync", "First sync"), &body))
}

fn apply(viewer: &Viewer) -> Markup {
    html! {
        form.row method="post" action="/first-sync" data-confirm="Adopt the master’s levels and write the differences to the other stores?" {
            (viewer.token())
            input type="hidden" name="apply" value="1";
            (ui::submit("Apply the first sync"))
            span.soft.small { "A snapshot is taken before." }
        }
    }
}
