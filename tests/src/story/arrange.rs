//! What people arrange at the hub: rules, groups, kits, and many items at once.

use super::people::{refused, sku};
use super::step::Arrangement;
use super::town::{Town, account};
use super::words::{lines, number, plain};
use domain::{AccountId, GroupId, ListingId};
use engine::adopt::Silent;
use engine::bulk::{Action, BulkReport};
use engine::filter::Filter;
use engine::kits::KitReport;
use engine::mapping::{AccountMapping, LinkReport, MappingRow, Proposal};
use engine::settings::{NewGroup, Patch, RuleLine, RuleLineResult, Scope, SettingsReport, TargetChange};
use serde_json::Value;
use std::collections::BTreeMap;

type Seen = Result<Vec<String>, String>;

/// The arrangement that words mean, if they mean one.
///
/// # Errors
/// What is not understood of them.
pub(super) fn read(words: &[&str]) -> Result<Option<Arrangement>, String> {
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<String>>();
    Ok(Some(match words {
        ["rules", whose @ .., rule, value] => Arrangement::Rule(scope(whose)?, Patch::one(rule, plain(value)), true),
        ["previews", "rules", whose @ .., rule, value] => {
            Arrangement::Rule(scope(whose)?, Patch::one(rule, plain(value)), false)
        }
        ["makes", "group", group, "at", "place", rank] => Arrangement::Group((*group).to_owned(), number(rank)?),
        ["puts", skus @ .., "into", group] => Arrangement::Members((*group).to_owned(), owned(skus), true),
        ["takes", skus @ .., "out", "of", group] => Arrangement::Members((*group).to_owned(), owned(skus), false),
        ["removes", "group", group] => Arrangement::NoGroup((*group).to_owned()),
        ["makes", kit, "a", "kit", "of", parts @ ..] => Arrangement::Kit((*kit).to_owned(), lines(parts)?),
        ["dissolves", kit] => Arrangement::Kit((*kit).to_owned(), Vec::new()),
        ["imports", "rules", file] => Arrangement::File(file.split(';').map(line).collect::<Result<_, _>>()?),
        ["looks", "at", "mapping"] => Arrangement::Mapping,
        ["links", sku, "of", store, "to", ours] => {
            Arrangement::Link((*store).to_owned(), (*sku).to_owned(), (*ours).to_owned())
        }
        ["unlinks", sku, "at", store] => Arrangement::Unlink((*sku).to_owned(), (*store).to_owned()),
        ["looks", "at", "proposals"] => Arrangement::Proposals,
        ["accepts", sku, "of", store] => Arrangement::Answer((*store).to_owned(), (*sku).to_owned(), true),
        ["declines", sku, "of", store] => Arrangement::Answer((*store).to_owned(), (*sku).to_owned(), false),
        ["changes", "all", order] => Arrangement::Bulk(json(order)?),
        _ => return Ok(None),
    }))
}

pub(super) fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{text:?} is no JSON: {error}"))
}

fn scope(words: &[&str]) -> Result<Scope, String> {
    let account = |name: &str| AccountId::new(name).map(Some).map_err(|error| error.to_string());
    let group = |name: &str| GroupId::new(name).map(Some).map_err(|error| error.to_string());
    Ok(match words {
        ["hub"] => Scope::default(),
        ["account", name] => Scope { account: account(name)?, ..Scope::default() },
        ["group", name] => Scope { group: group(name)?, ..Scope::default() },
        ["group", name, "at", store] => Scope { group: group(name)?, account: account(store)?, ..Scope::default() },
        [name] => Scope::item(sku(name)?, None),
        [name, "at", store] => Scope::item(sku(name)?, account(store)?),
        _ => return Err(format!("{:?} is nobody to set rules for", words.join(" "))),
    })
}

/// `TEE north cap 5`, with `-` for what is not given
fn line(text: &str) -> Result<RuleLine, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [sku, account, rule, value] = words.as_slice() else {
        return Err(format!("{text:?} is not: sku account rule value"));
    };
    let given = |word: &str| if word == "-" { String::new() } else { word.to_owned() };
    let set = BTreeMap::from([((*rule).to_owned(), given(value))]);
    Ok(RuleLine { sku: given(sku), account: given(account), set, ..RuleLine::default() })
}

impl Town {
    /// Does what somebody arranges.
    pub(super) fn arrange(&mut self, what: &Arrangement) -> Seen {
        match what {
            Arrangement::Rule(scope, patch, apply) => {
                let (scope, patch, apply) = (scope.clone(), patch.clone(), *apply);
                let done = self.ask(|hub| async move { hub.set_rules(&scope, &patch, apply, "ann", &Silent).await })?;
                told(done, |report| settings(&report))
            }
            Arrangement::Group(name, rank) => {
                let id = GroupId::new(name.clone()).map_err(|error| error.to_string())?;
                let new = NewGroup { id, title: None, rank: Some(*rank) };
                told(self.ask(|hub| async move { hub.put_group(&new, "ann", &Silent).await })?, |_| Vec::new())
            }
            Arrangement::Members(name, skus, joins) => self.members(name, skus, *joins),
            Arrangement::NoGroup(name) => {
                let id = GroupId::new(name.clone()).map_err(|error| error.to_string())?;
                let done = self.ask(|hub| async move { hub.drop_group(&id, "ann", &Silent).await })?;
                told(done, |report| {
                    vec![format!("{} items were in it, {} targets changed", report.items, report.changes)]
                })
            }
            Arrangement::Kit(name, parts) => {
                let kit = sku(name)?;
                let parts = parts.iter().map(|(name, units)| Ok((sku(name)?, *units)));
                let parts = parts.collect::<Result<BTreeMap<_, _>, String>>()?;
                let done = self.ask(|hub| async move { hub.put_kit(&kit, &parts, true, "ann").await })?;
                told(done, |report| kit_words(&report))
            }
            Arrangement::File(lines) => {
                let lines = lines.clone();
                let done = self.ask(|hub| async move { hub.import_rules(&lines, "ann", false).await })?;
                told(done, |results| results.iter().map(line_words).collect())
            }
            Arrangement::Bulk(order) => self.bulk(order),
            Arrangement::Mapping => {
                let done = self.ask(|hub| async move { hub.mapping(None, &Silent).await })?;
                told(done, |found| found.iter().flat_map(|(id, found)| mapped(id, found)).collect())
            }
            Arrangement::Link(store, name, ours) => {
                let (id, external, ours) = (account(store), self.external(store, name)?, sku(ours)?);
                let done = self.ask(|hub| async move { hub.link(&id, &external, &ours, true, "ann").await })?;
                told(done, |report| link_words(&report))
            }
            Arrangement::Unlink(name, store) => {
                let (name, listing) = (sku(name)?, ListingId::single(account(store)));
                let done = self.ask(|hub| async move { hub.unlink(&name, &listing, true, "ann").await })?;
                told(done, |report| link_words(&report))
            }
            Arrangement::Proposals => {
                let done = self.ask(|hub| async move { hub.proposals().await })?;
                told(done, |all| all.iter().map(proposal).collect())
            }
            Arrangement::Answer(store, name, accept) => {
                let (id, external, accept) = (account(store), self.external(store, name)?, *accept);
                let done = self.ask(|hub| async move { hub.answer_proposal(&id, &external, accept, "ann").await })?;
                told(done, |_| Vec::new())
            }
        }
    }

    /// The store's own id of its newest product with a SKU.
    fn external(&self, store: &str, sku: &str) -> Result<String, String> {
        let products = self.books.products.get(&(store.to_owned(), sku.to_owned()));
        let product = products.and_then(|products| products.last());
        product.map(ToString::to_string).ok_or_else(|| format!("{store} has no product {sku}"))
    }

    fn members(&mut self, group: &str, skus: &[String], joins: bool) -> Seen {
        let id = GroupId::new(group).map_err(|error| error.to_string())?;
        let skus = skus.iter().map(|name| sku(name)).collect::<Result<Vec<_>, _>>()?;
        let (add, remove) = if joins { (skus, Vec::new()) } else { (Vec::new(), skus) };
        let done = self.ask(|hub| async move { hub.group_items(&id, &add, &remove, "ann").await })?;
        told(done, |done| {
            let failed = done.into_iter().filter_map(|(sku, error)| Some(format!("{sku}: refused: {}", error?)));
            failed.collect()
        })
    }

    fn bulk(&mut self, order: &Value) -> Seen {
        let filter: Filter = part(order, "filter")?.unwrap_or_default();
        let action: Action = part(order, "action")?.ok_or("say which action")?;
        let apply = part(order, "apply")?.unwrap_or(false);
        let done = self.ask(|hub| async move { hub.bulk(&filter, &action, apply, "ann", &Silent).await })?;
        told(done, |report| bulk_words(&report))
    }

    /// Looks at what a filter finds.
    pub(super) fn found(&mut self, filter: &Value) -> Seen {
        let filter: Filter = serde_json::from_value(filter.clone()).map_err(|error| error.to_string())?;
        let found = self.ask(|hub| async move {
            hub.forget_accounts();
            hub.find_items(&filter, None, 100).await
        })?;
        told(found, |page| {
            let skus: Vec<String> = page.rows.iter().map(|item| item.sku.to_string()).collect();
            vec![if skus.is_empty() { "nothing".into() } else { skus.join(" ") }]
        })
    }
}

fn part<T: serde::de::DeserializeOwned>(order: &Value, name: &str) -> Result<Option<T>, String> {
    let found = order.get(name).cloned();
    found.map(serde_json::from_value).transpose().map_err(|error| format!("{name}: {error}"))
}

fn told<T>(done: Result<T, engine::Error>, words: impl FnOnce(T) -> Vec<String>) -> Seen {
    Ok(match done {
        Ok(done) => words(done),
        Err(error) => refused(&error),
    })
}

fn set(words: &[String]) -> String {
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

fn settings(report: &SettingsReport) -> Vec<String> {
    let will = if report.applied { "change" } else { "would change" };
    let mut lines = vec![format!(
        "{}: {} -> {}; {} targets {will}",
        report.scope,
        set(&report.before),
        set(&report.after),
        report.changes
    )];
    lines.extend(report.shown.iter().map(target));
    lines
}

fn target(change: &TargetChange) -> String {
    let shown = |level: Option<i64>| level.map_or_else(|| "not written".to_owned(), |level| level.to_string());
    format!("{} at {}: {} -> {}", change.sku, change.listing.account, shown(change.from), shown(change.to))
}

fn kit_words(report: &KitReport) -> Vec<String> {
    let parts: Vec<String> = report.parts.iter().map(|(sku, units)| format!("{units} {sku}")).collect();
    let enough = report.available.map(|available| format!(", enough for {available}")).unwrap_or_default();
    let made = if parts.is_empty() { "no kit".to_owned() } else { format!("a kit of {}", parts.join(" and ")) };
    let mut lines = vec![format!("{} is {made}{enough}", report.sku)];
    lines.extend(report.changes.iter().map(target));
    lines
}

fn line_words(result: &RuleLineResult) -> String {
    match &result.error {
        Some(error) => format!("line {} {}: refused: {error}", result.line, result.scope),
        None => format!("line {} {}: {} -> {}", result.line, result.scope, set(&result.before), set(&result.after)),
    }
}

fn mapped(id: &AccountId, found: &AccountMapping) -> Vec<String> {
    let mut lines = vec![format!("{id}: {} units, {} mapped", found.units, found.mapped)];
    let name =
        |sku: &Option<domain::Sku>| sku.as_ref().map_or_else(|| "-".to_owned(), |sku| format!("{:?}", sku.as_str()));
    let row = |row: &MappingRow| {
        let near = row.near.as_ref().map(|near| format!(", perhaps {near}")).unwrap_or_default();
        format!("{id}: {} {:?}{near}", name(&row.sku), row.problem)
    };
    lines.extend(found.rows.iter().map(row));
    lines
}

fn link_words(report: &LinkReport) -> Vec<String> {
    let names =
        |listings: &[ListingId]| listings.iter().map(|id| id.account.to_string()).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if !report.gains.is_empty() {
        lines.push(format!("{} is now listed at {}", report.sku, names(&report.gains)));
    }
    if !report.loses.is_empty() {
        lines.push(format!("{} is no longer listed at {}", report.sku, names(&report.loses)));
    }
    lines.extend(report.changes.iter().map(target));
    lines
}

fn proposal(proposal: &Proposal) -> String {
    let now = proposal.now.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let declined = if proposal.declined { " (declined)" } else { "" };
    format!("{}: {} is called {now} now{declined}", proposal.account, proposal.sku)
}

fn bulk_words(report: &BulkReport) -> Vec<String> {
    let will = if report.applied { "changed" } else { "would change" };
    let mut lines = vec![format!("{} found, {} {will}, {} targets", report.matched, report.changed, report.changes)];
    lines.extend(report.shown.iter().map(target));
    lines.extend(report.failed.iter().map(|(sku, error)| format!("{sku}: refused: {error}")));
    lines
}
