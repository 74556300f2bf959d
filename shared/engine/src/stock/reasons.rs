//! Why stock is edited: a list to choose from, and free text.

use serde::{Deserialize, Serialize};

/// One reason to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// How it is written in the API, in files and on the command line.
    pub name: &'static str,
    /// How people read it.
    pub title: &'static str,
}

/// The reasons to choose from. Any other text is as good.
pub const REASONS: [Reason; 12] = [
    Reason { name: "purchase-order", title: "Purchase order received" },
    Reason { name: "work-order", title: "Work order" },
    Reason { name: "sales-order", title: "Sales order entered by hand" },
    Reason { name: "stock-take", title: "Stock take" },
    Reason { name: "damage", title: "Damaged" },
    Reason { name: "loss", title: "Lost or stolen" },
    Reason { name: "return", title: "Return" },
    Reason { name: "transfer", title: "Transfer between warehouses" },
    Reason { name: "sample", title: "Sample or promotion" },
    Reason { name: "correction", title: "Correction" },
    Reason { name: "file", title: "Stock file" },
    Reason { name: "manual", title: "By hand" },
];

/// The longest reason with its note, characters.
pub const REASON_MAX: usize = 200;

/// A reason as it is kept: a chosen one by its title, a note behind it.
///
/// # Errors
/// A sentence that names the field.
pub fn read(reason: &str, note: Option<&str>) -> Result<String, String> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(format!("reason: say why; {} or in your own words", names().join(", ")));
    }
    let chosen = REASONS.iter().find(|known| known.name == reason).map_or(reason, |known| known.title);
    let text = match note.map(str::trim).filter(|note| !note.is_empty()) {
        Some(note) => format!("{chosen}: {note}"),
        None => chosen.to_owned(),
    };
    if text.chars().count() > REASON_MAX {
        return Err(format!("reason: it is longer than {REASON_MAX} characters"));
    }
    Ok(text)
}

/// The names to choose from.
#[must_use]
pub fn names() -> Vec<&'static str> {
    REASONS.iter().map(|reason| reason.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_reason_is_kept_by_its_title_and_free_text_as_it_is() {
        assert_eq!(read("purchase-order", Some("PO 4711")), Ok("Purchase order received: PO 4711".into()));
        assert_eq!(read(" found behind the shelf ", None), Ok("found behind the shelf".into()));
        assert!(read(" ", None).is_err_and(|error| error.starts_with("reason: say why; purchase-order")));
        assert!(read(&"x".repeat(201), None).is_err());
    }
}
