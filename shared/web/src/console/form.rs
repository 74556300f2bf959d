//! What a person sends: a form's fields, and what is wrong with one of them.

use std::collections::BTreeMap;

/// The fields of a form or of an address, as they were sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

/// Fields of one form at most: a page of items to choose from is far below.
const FIELDS_MAX: usize = 2_000;

impl Fields {
    /// Reads `a=1&b=2`.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().take(FIELDS_MAX).collect())
    }

    /// A field's text, without spaces around it; empty when it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field's text as it was sent.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text)
    }

    /// A field's text, unless it is empty.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Every field with its text, as sent.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The same from names and texts of our own.
    pub(super) fn of(pairs: Vec<(&str, String)>) -> Self {
        Self(pairs.into_iter().map(|(name, text)| (name.to_owned(), text)).collect())
    }

    /// Every value of a field that may come several times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, text)| text.as_str())
    }

    /// Whether a box was ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// The filled fields whose names begin so, without that beginning.
    pub(super) fn below(&self, prefix: &str) -> BTreeMap<String, String> {
        let ours = self.0.iter().filter_map(|(field, text)| Some((field.strip_prefix(prefix)?, text.trim())));
        ours.filter(|(_, text)| !text.is_empty()).map(|(field, text)| (field.to_owned(), text.to_owned())).collect()
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`Wrong`], naming the field.
    pub(super) fn number(&self, name: &str) -> Result<i64, Wrong> {
        let text = self.text(name).replace([',', ' ', '\u{a0}'], "");
        text.parse().map_err(|_| {
            let said = if text.is_empty() {
                "Enter a whole number.".into()
            } else {
                format!("“{text}” is not a whole number.")
            };
            Wrong::at(name, said)
        })
    }

    /// A whole number, or nothing.
    ///
    /// # Errors
    /// [`Wrong`], naming the field.
    pub(super) fn maybe_number(&self, name: &str) -> Result<Option<i64>, Wrong> {
        self.filled(name).map(|_| self.number(name)).transpose()
    }
}

/// What is wrong with what was sent, and beside which field to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The field; empty when it concerns the whole form.
    pub(super) field: String,
    /// What is wrong and what to do.
    pub(super) said: String,
}

impl Wrong {
    /// Something wrong with a field.
    pub(super) fn at(field: impl Into<String>, said: impl Into<String>) -> Self {
        Self { field: field.into(), said: said.into() }
    }

    /// What the engine said of one of these fields: its messages begin with the field's name.
    pub(super) fn of(error: &engine::Error, fields: &[&str]) -> Self {
        if let engine::Error::Channel { source, .. } = error {
            return Self::at("", format!("{} The store said: {source}", super::words::advice(source.kind)));
        }
        let text = error.to_string();
        match text.split_once(": ") {
            Some((field, said)) if fields.contains(&field) => Self::at(field, capital(said)),
            Some(_) | None => Self::at("", capital(&text)),
        }
    }

    /// What to say beside a field.
    pub(super) fn beside<'a>(wrong: Option<&'a Self>, field: &str) -> Option<&'a str> {
        wrong.filter(|wrong| wrong.field == field).map(|wrong| wrong.said.as_str())
    }

    /// What to say above the form: what concerns none of its fields.
    pub(super) fn above<'a>(wrong: Option<&'a Self>, fields: &[&str]) -> Option<&'a str> {
        wrong.filter(|wrong| !fields.contains(&wrong.field.as_str())).map(|wrong| wrong.said.as_str())
    }
}

/// A sentence: its first letter large.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// An address with parameters; empty ones are left out.
pub(super) fn link(path: &str, parameters: &[(&str, &str)]) -> String {
    let filled = parameters.iter().filter(|(_, text)| !text.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_send_them() {
        let fields = Fields::parse(b"sku=BAG+01&level=1%2C200&secret.key=+x+&secret.none=&pick=a&pick=b");
        assert_eq!((fields.text("sku"), fields.number("level")), ("BAG 01", Ok(1200)));
        assert_eq!(fields.below("secret."), BTreeMap::from([("key".to_owned(), "x".to_owned())]));
        assert_eq!(fields.number("none"), Err(Wrong::at("none", "Enter a whole number.")));
    }

    #[test]
    fn what_the_engine_says_of_a_field_stands_beside_it() {
        let error = engine::Error::Invalid("reason: say why, for example \"stock take\"".into());
        assert_eq!(Wrong::of(&error, &["reason"]), Wrong::at("reason", "Say why, for example \"stock take\""));
        let error = engine::Error::Conflict("MUG changes too fast; try again".into());
        assert_eq!(
            Wrong::above(Some(&Wrong::of(&error, &["reason"])), &["reason"]),
            Some("MUG changes too fast; try again")
        );
    }

    #[test]
    fn links_leave_out_what_is_empty() {
        assert_eq!(link("/item", &[("sku", "BAG 01/&"), ("after", "")]), "/item?sku=BAG+01%2F%26");
        assert_eq!(link("/items", &[("q", "")]), "/items");
    }
}
