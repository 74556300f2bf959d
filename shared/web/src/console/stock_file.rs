//! A stock file: pasted or chosen, shown first, then carried into the stock as a run.

use super::form::{Fields, Wrong, capital};
use super::gate::{Sent, Trouble};
use super::icons::{Icon, icon};
use super::layout::{Head, Viewer};
use super::ui::{self, Input, Tone};
use super::words;
use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::WarehouseId;
use engine::Error;
use engine::runs::{Job, Run};
use engine::stock::Mode;
use engine::table::{self, Columns, Format};
use engine::warehouses::WarehouseView;
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// The form.
pub(super) async fn page(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Markup, Trouble> {
    Ok(form(&viewer, &app.hub.list_warehouses().await?, None))
}

fn form(viewer: &Viewer, warehouses: &[WarehouseView], again: Option<(&Wrong, &Fields)>) -> Markup {
    let (wrong, sent) = (again.map(|(wrong, _)| wrong), again.map(|(_, sent)| sent));
    let pairs = warehouses.iter().map(|warehouse| (warehouse.id.to_string(), warehouse.name.clone()));
    let known = ui::and_more("", "where a line does not say: the main one", pairs);
    let body = html! {
        section.card { form.body method="post" action="/stock-file" {
            (viewer.token())
            @if let Some(said) = Wrong::above(wrong, &["file", "reason"]) { (ui::say(Tone::Bad, "", said)) }
            div.field.only-script {
                label for="f-choose" { "Choose a file" }
                input #f-choose type="file" accept=".csv,.tsv,text/csv,text/plain" data-into="f-file";
            }
            (Input::text("file", "Or paste its lines").kind("textarea").value(ui::held(sent, "file", "")).help("The first line names the columns: SKU and Quantity, and Warehouse if there are several. Commas, semicolons or tabs.").field(wrong))
            (ui::choices("mode", "What the quantities mean", ui::held(sent, "mode", "set"), &words::FILE_MODES))
            @if warehouses.len() > 1 { (ui::select("warehouse", "Warehouse", ui::held(sent, "warehouse", ""), &known)) }
            (Input::text("reason", "Reason").value(ui::held(sent, "reason", "")).help("Stock take, delivery … The history shows it with your name.").field(wrong))
            p.row {
                button.btn.main-act type="submit" name="preview" value="1" { span.spin {} "Preview" }
                button.btn type="submit" name="apply" value="1" data-confirm="Carry these lines into the stock now?" { span.spin {} (icon(Icon::Check)) "Apply" }
                span.soft.small { "A bad line blocks no other. A snapshot is taken before." }
            }
        } }
    };
    let more = html! { a.btn href="/stock-feeds" { (icon(Icon::Sync)) "Stock feeds" } };
    viewer.page(
        &Head::new("Stock file").lead("Set the stock of many items at once.").up("/items", "Items").actions(more),
        &body,
    )
}

/// Starts the preview, or the run itself.
pub(super) async fn send(State(app): State<Arc<App>>, viewer: Viewer, Sent(sent): Sent) -> Result<Response, Trouble> {
    let started = match sent.filled("shown") {
        Some(id) => start_shown(&app, &viewer, id).await,
        None => start(&app, &viewer, &sent).await,
    };
    match started {
        Ok(id) => Ok(Redirect::to(&format!("/runs/{id}")).into_response()),
        Err(error @ Error::Invalid(_)) => {
            let wrong = Wrong::of(&error, &["file", "reason"]);
            let page = form(&viewer, &app.hub.list_warehouses().await?, Some((&wrong, &sent)));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The way from a preview to the same run, carried into the stock.
pub(super) fn apply(viewer: &Viewer, run: &Run, changed: u64) -> Markup {
    html! {
        div.row {
            form.inline method="post" action="/stock-file" data-confirm="Carry these lines into the stock now?" {
                (viewer.token())
                input type="hidden" name="shown" value=(run.id);
                button.btn.main-act type="submit" { span.spin {} (icon(Icon::Check)) "Apply to " (ui::counted(changed, "item", "items")) }
            }
            a.btn href="/stock-file" { "Another file" }
            span.soft.small { "A snapshot is taken before, so it can be taken back." }
        }
    }
}

/// Starts the run that a preview showed, with the same lines.
async fn start_shown(app: &App, viewer: &Viewer, id: &str) -> Result<String, Error> {
    let Job::Import { mode, warehouse, reason, dry_run: true } = app.hub.show_run(id).await?.job else {
        return Err(Error::Invalid("that is not the preview of a stock file; load the file again".into()));
    };
    let Some(first) = app.hub.given_lines(id, 0).await? else {
        return Err(Error::Invalid("the lines of that preview are not kept any more; load the file again".into()));
    };
    let job = Job::Import { mode, warehouse, reason, dry_run: false };
    let run = app.hub.start_run(job, &viewer.caller.name).await?;
    let (mut page, mut lines) = (0, Some(first));
    while let Some(given) = lines {
        app.hub.give_run(&run.id, given, true).await?;
        page += 1;
        lines = app.hub.given_lines(id, page).await?;
    }
    app.hub.close_run(&run.id).await?;
    Ok(run.id)
}

async fn start(app: &App, viewer: &Viewer, sent: &Fields) -> Result<String, Error> {
    let lines = table::read(sent.raw("file").as_bytes(), Format::Csv, &Columns::default());
    let lines = lines.map_err(|problem| Error::Invalid(format!("file: {}", capital(&problem))))?;
    if lines.is_empty() {
        return Err(Error::Invalid("file: it has no line below the first, which names the columns".into()));
    }
    let warehouse = sent.filled("warehouse").map(WarehouseId::new).transpose();
    let job = Job::Import {
        mode: read_mode(sent.text("mode")),
        warehouse: warehouse.map_err(|error| Error::Invalid(error.to_string()))?,
        reason: sent.text("reason").to_owned(),
        dry_run: !sent.ticked("apply"),
    };
    let run = app.hub.start_run(job, &viewer.caller.name).await?;
    app.hub.give_run(&run.id, lines, true).await?;
    app.hub.close_run(&run.id).await?;
    Ok(run.id)
}

/// What quantities mean.
pub(super) fn read_mode(text: &str) -> Mode {
    match text {
        "adjust" => Mode::Adjust,
        "only-lower" => Mode::OnlyLower,
        _ => Mode::Set,
    }
}
