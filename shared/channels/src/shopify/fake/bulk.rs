//! Bulk queries, <https://shopify.dev/docs/api/usage/bulk-operations/queries>: their rules, their states, their files.

use super::graphql::{self, Run, arguments, fields, is_connection};
use super::mutations::Cx;
use super::objects::{self, Object, Resolved, date, gid, record};
use super::rest::answer;
use super::state::{Shop, Subject};
use super::switches::BulkEnd;
use crate::{Request, Response};
use ::http::header;
use apollo_compiler::executable::SelectionSet;
use bytes::Bytes;
use domain::Timestamp;
use serde_json::{Map, Value, json};

/// So many run at once for an app and a store.
const AT_ONCE: usize = 5;
/// Connections of one query, and how deep they are nested.
const CONNECTIONS: usize = 5;
const DEPTH: usize = 2;

/// A bulk operation.
#[derive(Debug)]
pub(super) struct Bulk {
    pub(super) created: Timestamp,
    ready: Timestamp,
    /// Whether its end was told.
    pub(super) told: bool,
    file: Bytes,
    lines: usize,
    roots: usize,
}

impl Bulk {
    fn state(&self, shop: &Shop, now: Timestamp) -> &'static str {
        match shop.switches.bulk_end {
            BulkEnd::Never => "RUNNING",
            _ if now < self.created.plus_ms(500).min(self.ready) => "CREATED",
            _ if now < self.ready => "RUNNING",
            BulkEnd::Completed => "COMPLETED",
            BulkEnd::Failed => "FAILED",
        }
    }
}

/// Starts one.
pub(super) fn run(shop: &mut Shop, given: &Map<String, Value>, cx: &Cx<'_>) -> Object {
    let text = given.get("query").and_then(Value::as_str).unwrap_or_default();
    let running: Vec<String> = shop
        .bulks
        .iter()
        .filter(|(_, bulk)| matches!(bulk.state(shop, cx.now), "CREATED" | "RUNNING"))
        .map(|(id, _)| gid("BulkOperation", *id))
        .collect();
    if running.len() >= AT_ONCE {
        let story = "A bulk query operation for this app and shop is already in progress: ";
        return payload(None, Some(("OPERATION_IN_PROGRESS", format!("{story}{}.", running.join(", ")))));
    }
    match write(shop, text, cx) {
        Err(story) => payload(None, Some(("INVALID", story))),
        Ok((file, lines, roots)) => {
            let id = shop.id();
            let ready = cx.now.plus_ms(shop.switches.bulk_ms);
            shop.bulks.insert(id, Bulk { created: cx.now, ready, told: false, file: file.into(), lines, roots });
            payload(show(shop, id, cx), None)
        }
    }
}

fn payload(operation: Option<Object>, error: Option<(&str, String)>) -> Object {
    let error = error.map(|(code, story)| {
        let fields =
            vec![("code", json!(code).into()), ("field", Value::Null.into()), ("message", json!(story).into())];
        Some(record("BulkOperationUserError", fields))
    });
    let fields =
        vec![("bulkOperation", Resolved::One(operation)), ("userErrors", Resolved::Many(error.into_iter().collect()))];
    record("BulkOperationRunQueryPayload", fields)
}

/// One as it is shown. Counters are texts; without rows there is no address.
pub(super) fn show(shop: &Shop, id: u64, cx: &Cx<'_>) -> Option<Object> {
    let bulk = shop.bulks.get(&id)?;
    let state = bulk.state(shop, cx.now);
    let done = state == "COMPLETED" && bulk.lines > 0;
    let base = if cx.host.starts_with("127.0.0.1") || cx.host.starts_with("localhost") {
        format!("http://{}", cx.host)
    } else {
        "https://storage.googleapis.com".to_owned()
    };
    let url = format!("{base}/_bulk/{}/{id}.jsonl?GoogleAccessId=x&Signature=y", shop.spec.domain);
    let when = |yes: bool, value: Value| Resolved::Leaf(if yes { value } else { Value::Null });
    let counted = |count: usize| json!(if state == "CREATED" { "0".to_owned() } else { count.to_string() });
    let fields = vec![
        ("id", json!(gid("BulkOperation", id)).into()),
        ("status", json!(state).into()),
        ("type", json!("QUERY").into()),
        ("createdAt", date(bulk.created).into()),
        ("completedAt", when(state == "COMPLETED", date(bulk.ready))),
        ("errorCode", when(state == "FAILED", json!("TIMEOUT"))),
        ("objectCount", counted(bulk.lines).into()),
        ("rootObjectCount", counted(bulk.roots).into()),
        ("fileSize", when(done, json!(bulk.file.len().to_string()))),
        ("partialDataUrl", when(state == "FAILED", json!(url))),
        ("url", when(done, json!(url))),
    ];
    Some(record("BulkOperation", fields))
}

/// The file of a query: how long, with how many lines, how many of them without a parent.
fn write(shop: &Shop, text: &str, cx: &Cx<'_>) -> Result<(String, usize, usize), String> {
    let wrong = |error: Value| error["message"].to_string();
    let document = graphql::parse(cx.version, text).map_err(wrong)?;
    let none = Map::new();
    let operation = graphql::operation(cx.version, &document, &none).map_err(wrong)?;
    let run = Run { document: &document, variables: &none, flat: true };
    let mut count = 0;
    check(&run, "QueryRoot", &operation.selection_set, 0, &mut count)?;
    if count == 0 {
        return Err("Bulk queries must contain at least one connection.".into());
    }
    if count > CONNECTIONS {
        return Err("Bulk queries cannot contain more than 5 connections.".into());
    }
    let mut lines = Lines { shop, run: &run, parents: String::new(), children: String::new(), all: 0, roots: 0 };
    for field in fields(&run, "QueryRoot", &operation.selection_set) {
        if field.name != "inventoryItems" {
            return Err(format!("the fake has no bulk query of {}", field.name));
        }
        let set = node_set(&run, &field.selection_set).ok_or("Queries must select edges { node }.")?;
        for item in shop.items.keys() {
            lines.add(&Object::Item(*item), set, None);
        }
    }
    let (all, roots) = (lines.all, lines.roots);
    Ok((lines.parents + &lines.children, all, roots))
}

fn check(run: &Run<'_>, kind: &str, set: &SelectionSet, depth: usize, count: &mut usize) -> Result<(), String> {
    for field in fields(run, kind, set) {
        let inside = field.definition.ty.inner_named_type().as_str();
        if depth == 0 && matches!(field.name.as_str(), "node" | "nodes") {
            return Err("Bulk queries cannot contain a top level `node` field.".into());
        }
        if !is_connection(field) {
            check(run, inside, &field.selection_set, depth, count)?;
            continue;
        }
        *count += 1;
        if depth >= DEPTH {
            return Err("Bulk queries cannot nest connections more than 2 deep.".into());
        }
        let inner = node_set(run, &field.selection_set).ok_or("Bulk queries must use edges { node }, not nodes.")?;
        let node = inner.ty.as_str().to_owned();
        let chosen = fields(run, &node, inner);
        let nests = chosen.iter().any(|field| is_connection(field));
        if nests && !chosen.iter().any(|field| field.name == "id") {
            return Err("The parent 'node' field for a nested connection must select the 'id' field.".into());
        }
        check(run, &node, inner, depth + 1, count)?;
    }
    Ok(())
}

/// What is selected of the nodes of a connection, by `edges { node }` and nothing else.
fn node_set<'a>(run: &'a Run<'_>, set: &'a SelectionSet) -> Option<&'a SelectionSet> {
    let direct = fields(run, set.ty.as_str(), set);
    let edges = direct.iter().find(|field| field.name == "edges").filter(|_| direct.len() == 1)?;
    let node = fields(run, edges.selection_set.ty.as_str(), &edges.selection_set);
    node.into_iter().find(|field| field.name == "node").map(|field| &field.selection_set)
}

/// The lines as they are written.
struct Lines<'a> {
    shop: &'a Shop,
    run: &'a Run<'a>,
    parents: String,
    /// The children apart, where they are scattered.
    children: String,
    all: usize,
    roots: usize,
}

impl Lines<'_> {
    /// A row and its nested rows.
    fn add(&mut self, object: &Object, set: &SelectionSet, parent: Option<&Value>) {
        let mut value = graphql::select(self.shop, self.run, object, set);
        let id = value["id"].clone();
        if let (Some(parent), Some(map)) = (parent, value.as_object_mut()) {
            map.insert("__parentId".into(), parent.clone());
        }
        self.all += 1;
        self.roots += usize::from(parent.is_none());
        let apart = parent.is_some() && self.shop.switches.bulk_scattered;
        let out = if apart { &mut self.children } else { &mut self.parents };
        out.push_str(&value.to_string().replace('/', "\\/"));
        out.push('\n');
        for field in fields(self.run, object.kind(), set).into_iter().filter(|field| is_connection(field)) {
            let given = arguments(self.run, field);
            let Some(inner) = node_set(self.run, &field.selection_set) else { continue };
            for row in rows(self.shop, object, field.name.as_str(), &given) {
                self.add(&row, inner, Some(&id));
            }
        }
    }
}

fn rows(shop: &Shop, object: &Object, field: &str, given: &Map<String, Value>) -> Vec<Object> {
    let connection = objects::resolve(shop, object, field, given);
    let Resolved::One(Some(connection)) = connection else { return Vec::new() };
    match objects::resolve(shop, &connection, "nodes", &Map::new()) {
        Resolved::Many(rows) => rows.into_iter().flatten().collect(),
        Resolved::One(_) | Resolved::Leaf(_) => Vec::new(),
    }
}

impl Shop {
    /// Tells of the operations that have ended.
    pub(super) fn tell_bulks(&mut self, now: Timestamp) {
        let ended: Vec<u64> = self
            .bulks
            .iter()
            .filter(|(_, bulk)| !bulk.told && matches!(bulk.state(self, now), "COMPLETED" | "FAILED"))
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            if let Some(bulk) = self.bulks.get_mut(&id) {
                bulk.told = true;
            }
            self.tell("bulk_operations/finish", Subject::Bulk(id), now);
        }
    }

    /// When the next operation ends.
    pub(super) fn next_bulk(&self) -> Option<Timestamp> {
        let never = self.switches.bulk_end == BulkEnd::Never;
        self.bulks.values().filter(|bulk| !bulk.told && !never).map(|bulk| bulk.ready).min()
    }
}

/// The host of the files: it knows ranges (RFC 9110 section 14), unless a switch says otherwise.
pub(super) fn serve(shop: &mut Shop, id: u64, request: &Request) -> Response {
    let Some(file) = shop.bulks.get(&id).map(|bulk| bulk.file.clone()) else {
        return answer(404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>");
    };
    if request.headers().contains_key("x-shopify-access-token") {
        return answer(400, "application/xml", "<Error>a token of the store was sent to another host</Error>");
    }
    let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(|text| text.strip_prefix("bytes=")?.split_once('-'));
    let range = range.and_then(|(first, last)| Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok())));
    let part = match range.filter(|_| !shop.switches.ignore_range) {
        None => file.clone(),
        Some((first, _)) if first >= file.len() => return answer(416, "application/xml", "<Error/>"),
        Some((first, last)) => file.slice(first..last.map_or(file.len(), |last| (last + 1).min(file.len()))),
    };
    shop.pieces = (shop.pieces.0.max(part.len()), shop.pieces.1 + 1);
    let mut response = answer(200, "application/jsonl", "");
    if let Some((first, _)) = range.filter(|_| !shop.switches.ignore_range) {
        *response.status_mut() = ::http::StatusCode::PARTIAL_CONTENT;
        let span = format!("bytes {first}-{}/{}", first + part.len() - 1, file.len());
        if let Ok(value) = header::HeaderValue::try_from(span) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
    }
    *response.body_mut() = part;
    response
}
