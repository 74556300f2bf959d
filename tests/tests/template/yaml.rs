//! Reading a template: values without their tags, resources and events by type.

use yaml_serde::Value;

pub(crate) type Complaints = Vec<String>;

/// A value with the tag, as in `!Ref x`, taken off.
pub(crate) fn bare(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => bare(&tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => {
            value
        }
    }
}

/// What a path of keys leads to, or null.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    const NOTHING: &Value = &Value::Null;
    path.iter().fold(value, |value, key| bare(value).get(*key).unwrap_or(NOTHING))
}

pub(crate) fn text(value: &Value) -> &str {
    bare(value).as_str().unwrap_or_default()
}

pub(crate) fn entries(value: &Value) -> Vec<(&str, &Value)> {
    bare(value).as_mapping().map(|map| map.iter().map(|(key, value)| (text(key), value)).collect()).unwrap_or_default()
}

/// The resources of a type: name and properties.
pub(crate) fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let all = entries(at(template, &["Resources"])).into_iter();
    all.filter(|(_, resource)| text(at(resource, &["Type"])) == kind)
        .map(|(name, resource)| (name, at(resource, &["Properties"])))
        .collect()
}

/// The events of all functions, of a type.
pub(crate) fn events<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let functions = resources(template, "AWS::Serverless::Function").into_iter();
    let all = functions.flat_map(|(_, function)| entries(at(function, &["Events"])));
    all.filter(|(_, event)| text(at(event, &["Type"])) == kind)
        .map(|(name, event)| (name, at(event, &["Properties"])))
        .collect()
}

/// `!GetAtt Name.Arn` gives `Name`.
pub(crate) fn target(value: &Value) -> &str {
    text(value).trim_end_matches(".Arn")
}

/// A complaint unless it holds.
pub(crate) fn unless(holds: bool, complaint: impl FnOnce() -> String) -> Option<String> {
    (!holds).then(complaint)
}

/// One text, or a list of them.
pub(crate) fn list(value: &Value) -> Vec<&str> {
    bare(value).as_sequence().map_or_else(|| vec![text(value)], |all| all.iter().map(text).collect())
}

pub(crate) fn is_true(value: &Value, path: &[&str]) -> bool {
    bare(at(value, path)).as_bool() == Some(true)
}

/// The parts of a list; of `!If [condition, this, that]` both.
pub(crate) fn parts(value: &Value) -> Vec<&Value> {
    let items = bare(value).as_sequence().into_iter().flatten();
    items.flat_map(|item| if is_if(item) { parts(item) } else { vec![item] }).collect()
}

fn is_if(value: &Value) -> bool {
    match value {
        Value::Tagged(tagged) => tagged.tag == "If",
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => {
            false
        }
    }
}
