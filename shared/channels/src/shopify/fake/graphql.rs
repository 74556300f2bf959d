//! GraphQL: documents are parsed and validated against the real schema of the version that answers, and executed as they are
//! written, so that a wrong selection shows.

use super::objects::{self, Object, Resolved};
use super::state::Shop;
use apollo_compiler::ast::Value as Ast;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema, request};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The versions, with their real schemas as far as a stock connector needs them (`schema/LICENSE`).
static SCHEMAS: [(&str, LazyLock<Valid<Schema>>); 3] = [
    ("2026-04", LazyLock::new(|| schema(include_str!("../schema/admin_2026-04.min.graphql")))),
    ("2026-07", LazyLock::new(|| schema(include_str!("../schema/admin_2026-07.min.graphql")))),
    ("2026-10", LazyLock::new(|| schema(include_str!("../schema/admin_2026-10.min.graphql")))),
];

fn schema(text: &str) -> Valid<Schema> {
    Schema::parse_and_validate(text, "schema").expect("the schemas beside this file are valid")
}

fn schema_of(version: &str) -> Result<&'static Valid<Schema>, Value> {
    let found = SCHEMAS.iter().find(|(name, _)| *name == version).map(|(_, schema)| &**schema);
    found.ok_or_else(|| json!({"message": format!("there is no version {version}")}))
}

/// The version that answers when `asked` is: itself, or the oldest that there is.
pub(super) fn served(asked: &str) -> &'static str {
    let found = SCHEMAS.iter().find(|(version, _)| *version == asked).or_else(|| SCHEMAS.first());
    found.map_or("", |(version, _)| version)
}

/// Checks a document against the schema of a version, as the platform would before it runs it.
///
/// # Errors
/// What is wrong with it.
pub fn validate(version: &str, text: &str) -> Result<(), String> {
    parse(version, text).map(|_| ()).map_err(|error| error["message"].to_string())
}

/// A document of a version, or the entry of `errors`.
pub(super) fn parse(version: &str, text: &str) -> Result<Valid<ExecutableDocument>, Value> {
    let schema = schema_of(version)?;
    ExecutableDocument::parse_and_validate(schema, text, "document").map_err(|found| {
        let story = found.errors.to_string();
        let code = if story.contains("does not have a field") || story.contains("no field") {
            "undefinedField"
        } else if story.contains("is not provided") || story.contains("required argument") {
            "missingRequiredArguments"
        } else {
            "invalid"
        };
        json!({"message": story, "extensions": {"code": code}})
    })
}

/// A request that can be run.
pub(super) struct Run<'a> {
    pub(super) document: &'a Valid<ExecutableDocument>,
    pub(super) variables: &'a Map<String, Value>,
    /// Connections are left out, because a bulk operation writes their rows by themselves.
    pub(super) flat: bool,
}

/// Checks the variables and gives the operation; else the entry of `errors`.
pub(super) fn operation<'a>(
    version: &str,
    document: &'a Valid<ExecutableDocument>,
    variables: &Map<String, Value>,
) -> Result<&'a Node<Operation>, Value> {
    let invalid = |why: String| json!({"message": why, "extensions": {"code": "INVALID_VARIABLE", "problems": []}});
    let operation = document.operations.get(None).map_err(|why| invalid(why.message().to_string()))?;
    let schema = schema_of(version)?;
    let values: JsonMap =
        variables.iter().map(|(name, value)| (name.as_str().into(), JsonValue::from(value.clone()))).collect();
    request::coerce_variable_values(schema, operation, &values).map_err(|why| invalid(why.message().to_string()))?;
    Ok(operation)
}

/// A field's arguments, with variables in place. One that is not given is not there, which differs from `null`.
pub(super) fn arguments(run: &Run<'_>, field: &Field) -> Map<String, Value> {
    let given = field.arguments.iter().filter_map(|argument| {
        let value = plain(run, &argument.value)?;
        Some((argument.name.to_string(), value))
    });
    given.collect()
}

/// The key of `@idempotent`, if the field has it.
pub(super) fn idempotency(run: &Run<'_>, field: &Field) -> Option<String> {
    let directive = field.directives.get("idempotent")?;
    let value = directive.arguments.iter().find(|argument| argument.name == "key")?;
    plain(run, &value.value)?.as_str().map(str::to_owned).filter(|key| !key.trim().is_empty())
}

fn plain(run: &Run<'_>, value: &Ast) -> Option<Value> {
    Some(match value {
        Ast::Null => Value::Null,
        Ast::Enum(name) => json!(name.as_str()),
        Ast::Variable(name) => return run.variables.get(name.as_str()).cloned(),
        Ast::String(text) => json!(text),
        Ast::Float(number) => json!(number.as_str().parse::<f64>().ok()?),
        Ast::Int(number) => json!(number.as_str().parse::<i64>().ok()?),
        Ast::Boolean(flag) => json!(flag),
        Ast::List(items) => items.iter().map(|item| plain(run, item)).collect::<Option<Vec<_>>>()?.into(),
        Ast::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| Some((name.to_string(), plain(run, value)?)));
            Value::Object(fields.collect())
        }
    })
}

/// All fields that a selection has for an object of a type, fragments opened.
pub(super) fn fields<'a>(run: &'a Run<'_>, kind: &str, set: &'a SelectionSet) -> Vec<&'a Node<Field>> {
    let mut found = Vec::new();
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => found.push(field),
            Selection::InlineFragment(fragment) => {
                let fits = |name: &&apollo_compiler::Name| name.as_str() == kind || name.as_str() == "Node";
                if fragment.type_condition.as_ref().is_none_or(|name| fits(&name)) {
                    found.extend(fields(run, kind, &fragment.selection_set));
                }
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = run.document.fragments.get(&spread.fragment_name) {
                    found.extend(fields(run, kind, &fragment.selection_set));
                }
            }
        }
    }
    found
}

/// Whether a field gives a connection.
pub(super) fn is_connection(field: &Field) -> bool {
    field.definition.ty.inner_named_type().as_str().ends_with("Connection")
}

/// An object as a selection wants it.
pub(super) fn select(shop: &Shop, run: &Run<'_>, object: &Object, set: &SelectionSet) -> Value {
    let mut out = Map::new();
    for field in fields(run, object.kind(), set) {
        if run.flat && is_connection(field) {
            continue;
        }
        let value = if field.name == "__typename" {
            json!(object.kind())
        } else {
            let resolved = objects::resolve(shop, object, field.name.as_str(), &arguments(run, field));
            complete(shop, run, resolved, &field.selection_set)
        };
        out.insert(field.response_key().to_string(), value);
    }
    Value::Object(out)
}

/// A value as a selection wants it.
pub(super) fn complete(shop: &Shop, run: &Run<'_>, resolved: Resolved, set: &SelectionSet) -> Value {
    match resolved {
        Resolved::Leaf(value) => value,
        Resolved::One(None) => Value::Null,
        Resolved::One(Some(object)) => select(shop, run, &object, set),
        Resolved::Many(objects) => {
            let rows = objects.into_iter().map(|object| complete(shop, run, Resolved::One(object), set));
            rows.collect::<Vec<Value>>().into()
        }
    }
}
