//! `warehouses …` and `locations …`.

use super::show::{cell, judged, number};
use super::sync::job;
use super::{Cx, api, ask};
use engine::adopt::Difference;
use engine::locations::{Linking, LocationView};
use engine::warehouses::{WarehouseStock, WarehouseView};
use http::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// `warehouses …`
#[derive(Debug, clap::Subcommand)]
pub enum Warehouses {
    /// All warehouses, with what they feed
    List,
    /// One warehouse, with its stock and its locations
    Show {
        /// Its short name
        id: String,
    },
    /// A new one
    Add {
        /// Its short name: a-z, 0-9, - and _
        id: String,
        /// What people call it; the short name if absent
        #[arg(long)]
        name: Option<String>,
    },
    /// Another name for people; the short name stays
    Rename {
        /// Its short name
        id: String,
        /// What people shall call it
        name: String,
    },
    /// Remove one that feeds nothing and has no stock
    Remove {
        /// Its short name
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Which warehouses feed an account without locations: it shows their sum, and the first that has stock is charged for a sale
    Feed {
        /// The account
        account: String,
        /// The warehouses, in order
        #[arg(required = true)]
        warehouses: Vec<String>,
        /// How to go on after the preview
        #[command(flatten)]
        doing: Doing,
    },
}

/// `locations …`
#[derive(Debug, clap::Subcommand)]
pub enum Locations {
    /// The locations of all accounts, and where they belong
    List {
        /// Only this account's
        #[arg(long)]
        account: Option<String>,
        /// Ask its store again first
        #[arg(long, requires = "account")]
        refresh: bool,
    },
    /// Have a location belong to a warehouse
    Link {
        /// ACCOUNT@LOCATION
        location: String,
        /// The warehouse
        warehouse: String,
        /// Although it belongs to another one
        #[arg(long = "move")]
        moving: bool,
        /// How to go on after the preview
        #[command(flatten)]
        doing: Doing,
    },
    /// Have a location belong to no warehouse: it is not touched any more, what it counted stays counted
    Unlink {
        /// ACCOUNT@LOCATION
        location: String,
        /// How to go on after the preview
        #[command(flatten)]
        doing: Doing,
    },
    /// Make it the location that its warehouse takes its levels from: whatever changes there counts
    Master {
        /// ACCOUNT@LOCATION
        location: String,
    },
    /// Keep what is mapped at zero at the locations of an account that belong to no warehouse
    Zero {
        /// The account
        account: String,
        /// Leave them alone again
        #[arg(long)]
        stop: bool,
        /// How to go on after the preview
        #[command(flatten)]
        doing: Doing,
    },
}

/// Whether to do it.
#[derive(Debug, clap::Args)]
pub struct Doing {
    /// Do it, after the preview
    #[arg(long)]
    apply: bool,
    /// Do not ask between preview and doing
    #[arg(long)]
    yes: bool,
}

/// Runs a `warehouses` command.
///
/// # Errors
/// What the hub said.
pub async fn warehouses(cx: &Cx, command: Warehouses) -> anyhow::Result<bool> {
    let path = |id: &str| format!("/warehouses/{}", api::part(id));
    match command {
        Warehouses::List => {
            let all: Vec<WarehouseView> = cx.client.get("/warehouses").await?;
            cx.show.answer(&all, |all| {
                let row = |one: &WarehouseView| vec![cell(&one.id), cell(&one.name), cell(fed(&one.locations))];
                cx.show.table(&["WAREHOUSE", "NAME", "FEEDS"], all.iter().map(row).collect())
            })?;
        }
        Warehouses::Show { id } => {
            let one: WarehouseStock = cx.client.get(&path(&id)).await?;
            cx.show.answer(&one, |one| {
                let head = format!("{}  {}", one.warehouse.id, one.warehouse.name);
                let table = table(cx, &one.warehouse.locations);
                format!(
                    "{head}\n{} units of {} SKUs, {} of them at zero\n\n{table}",
                    one.units,
                    one.skus,
                    one.skus - one.stocked
                )
            })?;
        }
        Warehouses::Add { id, name } => {
            let added: WarehouseView = cx.client.post("/warehouses", &json!({"id": id, "name": name})).await?;
            cx.show.answer(&added, |added| format!("warehouse {} added; link locations to it", added.id))?;
        }
        Warehouses::Rename { id, name } => {
            let renamed: WarehouseView =
                cx.client.call(Method::PATCH, &path(&id), Some(&json!({"name": name}))).await?;
            cx.show.answer(&renamed, |renamed| format!("warehouse {} is called {}", renamed.id, renamed.name))?;
        }
        Warehouses::Remove { id, yes } => {
            ask::agree(&format!("Remove warehouse {id}?"), yes)?;
            let _: Value = cx.client.call(Method::DELETE, &path(&id), None::<&()>).await?;
            cx.show.answer(&json!({"removed": id}), |_| format!("{id} removed"))?;
        }
        Warehouses::Feed { account, warehouses, doing } => {
            let path = format!("/accounts/{}/feed", api::part(&account));
            return arrange(cx, &path, json!({"warehouses": warehouses}), &doing).await;
        }
    }
    Ok(true)
}

/// Runs a `locations` command.
///
/// # Errors
/// What the hub said.
pub async fn locations(cx: &Cx, command: Locations) -> anyhow::Result<bool> {
    match command {
        Locations::List { account, refresh } => {
            let query = api::query(&[("account", account), ("refresh", refresh.then(|| "true".to_owned()))]);
            let all: Vec<LocationView> = cx.client.get(&format!("/locations{query}")).await?;
            cx.show.answer(&all, |all| table(cx, all))?;
            Ok(true)
        }
        Locations::Link { location, warehouse, moving, doing } => {
            let body = json!({"location": location, "warehouse": warehouse, "move": moving});
            arrange(cx, "/locations/link", body, &doing).await
        }
        Locations::Unlink { location, doing } => {
            arrange(cx, "/locations/unlink", json!({"location": location}), &doing).await
        }
        Locations::Master { location } => {
            let now: LocationView = cx.client.post("/locations/master", &json!({"location": location})).await?;
            cx.show.answer(&now, |now| format!("{} takes its levels from {}", fed_by(now), now.id))?;
            Ok(true)
        }
        Locations::Zero { account, stop, doing } => {
            arrange(cx, "/locations/zero", json!({"account": account, "stop": stop}), &doing).await
        }
    }
}

fn fed(locations: &[LocationView]) -> String {
    locations.iter().map(|one| one.id.to_string()).collect::<Vec<_>>().join(", ")
}

fn fed_by(location: &LocationView) -> String {
    location.warehouses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn table(cx: &Cx, locations: &[LocationView]) -> String {
    let row = |one: &LocationView| {
        vec![cell(&one.id), cell(&one.name), judged(belongs(one), !one.warehouses.is_empty()), state(one)]
    };
    cx.show.table(&["LOCATION", "NAME", "WAREHOUSE", "STATE"], locations.iter().map(row).collect())
}

fn belongs(location: &LocationView) -> String {
    match (location.warehouses.is_empty(), location.zeroed) {
        (true, true) => "none: kept at zero".into(),
        (true, false) => "none: not touched".into(),
        (false, _) => fed_by(location),
    }
}

fn state(location: &LocationView) -> comfy_table::Cell {
    let text = match (location.gone.is_some(), location.open, location.master) {
        (true, ..) => "gone from the store",
        (false, false, _) => "closed in the store",
        (false, true, true) => "open, master",
        (false, true, false) => "open",
    };
    judged(text, location.open)
}

/// Shows what would happen; after agreement does it. Whether nothing is left to be done.
async fn arrange(cx: &Cx, path: &str, mut body: Value, doing: &Doing) -> anyhow::Result<bool> {
    if !doing.apply {
        let preview: Linking = job(cx, path, &body).await?;
        cx.show.answer(&preview, |preview| format!("{}\nThis was a preview. --apply does it.", told(cx, preview)))?;
        return Ok(true);
    }
    if !doing.yes {
        let preview: Linking = job(cx, path, &body).await?;
        eprintln!("{}", told(cx, &preview));
        ask::agree("Do it?", false)?;
    }
    body["apply"] = true.into();
    let done: Linking = job(cx, path, &body).await?;
    cx.show.answer(&done, |done| {
        let snapshot = done.snapshot.as_deref().map(|name| format!(" Levels before: snapshot {name}."));
        format!("{}\nDone.{}", told(cx, done), snapshot.unwrap_or_default())
    })?;
    Ok(done.busy == 0)
}

fn told(cx: &Cx, linking: &Linking) -> String {
    let mut text = format!(
        "{} SKUs; {} new listings, {} removed; {} levels change, +{} −{} units\n",
        linking.skus,
        linking.new_listings,
        linking.removed_listings,
        linking.will_change,
        linking.gains,
        linking.losses
    );
    for (warehouse, (before, after)) in &linking.units {
        let _ = writeln!(text, "warehouse {warehouse}: {before} → {after} units");
    }
    if linking.without_level > 0 {
        let count = linking.without_level;
        let _ = writeln!(text, "{count} listings are held until a warehouse has a level: stock set, or stock import");
    }
    if linking.busy > 0 {
        let _ = writeln!(text, "{} SKUs are just being written and stay as they are: run it again", linking.busy);
    }
    if !linking.differences.is_empty() {
        let row =
            |one: &Difference| vec![cell(&one.sku), cell(&one.listing), number(Some(one.from)), number(Some(one.to))];
        let rows = linking.differences.iter().map(row).collect();
        let _ = write!(text, "\n{}\n", cx.show.table(&["SKU", "LISTING", "NOW", "THEN"], rows));
    }
    text
}
