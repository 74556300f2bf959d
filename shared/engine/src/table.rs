//! Stock files and feeds: rows of SKU and quantity out of CSV or JSON. Quantities stay text here: what cannot be read is the
//! matter of its line only.

use crate::sheet::{self, Sheet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number as an editor shows it, from 1; in JSON the number of the row.
    pub line: u64,
    /// The SKU as it stands there.
    pub sku: String,
    /// The quantity as it stands there.
    pub quantity: String,
    /// The warehouse as it stands there, if there is a column for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
}

/// Which columns hold what. What is absent is found by its usual names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The column, or the field, of the SKU: `sku` if absent, in any case.
    pub sku: Option<String>,
    /// The column, or the field, of the quantity: `quantity`, `stock` or `qty` if absent.
    pub quantity: Option<String>,
    /// JSON only: the field that holds the rows, dots between levels. Absent: the document is the array.
    pub rows: Option<String>,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Comma, semicolon or tab between columns, with a header line.
    #[default]
    Csv,
    /// An array of objects.
    Json,
}

/// Lines of one table at most.
pub const LINES_MAX: usize = 500_000;

const SKU: &[&str] = &["sku"];
const QUANTITY: &[&str] = &["quantity", "stock", "qty"];
const WAREHOUSE: &str = "warehouse";

/// Reads a table.
///
/// # Errors
/// A sentence that names the line or the field.
pub fn read(bytes: &[u8], format: Format, columns: &Columns) -> Result<Vec<Line>, String> {
    let lines = match format {
        Format::Csv => csv(bytes, columns)?,
        Format::Json => json(bytes, columns)?,
    };
    if lines.len() > LINES_MAX {
        return Err(format!("{} lines are too many; send at most {LINES_MAX}", lines.len()));
    }
    Ok(lines)
}

/// A header with its columns in any case and order; commas, semicolons or tabs; with or without a byte order mark.
fn csv(bytes: &[u8], columns: &Columns) -> Result<Vec<Line>, String> {
    let Sheet { names, lines } = sheet::read(bytes)?;
    let sku = column(&names, columns.sku.as_deref(), SKU, "SKU")?;
    let quantity = column(&names, columns.quantity.as_deref(), QUANTITY, "Quantity or Stock")?;
    let warehouse = names.iter().position(|name| name == WAREHOUSE);
    let line = |line: &sheet::Line| Line {
        line: line.number,
        sku: line.field(sku).to_owned(),
        quantity: line.field(quantity).to_owned(),
        warehouse: warehouse.map(|place| line.field(place).to_owned()).filter(|name| !name.is_empty()),
    };
    Ok(lines.iter().map(line).collect())
}

fn column(names: &[String], chosen: Option<&str>, usual: &[&str], title: &str) -> Result<usize, String> {
    let found = match chosen {
        Some(chosen) => names.iter().position(|name| *name == chosen.trim().to_lowercase()),
        None => names.iter().position(|name| usual.contains(&name.as_str())),
    };
    found.ok_or_else(|| {
        let missing = format!("line 1: no column {}", chosen.unwrap_or(title));
        match names {
            [] => format!("{missing}: the file is empty"),
            [one] => format!("{missing}, only {one:?}: separate the columns by commas, semicolons or tabs"),
            names => format!("{missing}; the columns are {}", names.join(", ")),
        }
    })
}

/// An array of objects, whose fields are found as columns are.
fn json(bytes: &[u8], columns: &Columns) -> Result<Vec<Line>, String> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let mut rows = &document;
    for name in columns.rows.iter().flat_map(|path| path.split('.')) {
        rows = rows.get(name).ok_or_else(|| format!("there is no field {name:?} on the way to the rows"))?;
    }
    let rows = rows.as_array().ok_or("the rows are not an array; name the field that holds them")?;
    let line = |(place, row): (usize, &Value)| Line {
        line: place as u64 + 1,
        sku: field(row, columns.sku.as_deref(), SKU),
        quantity: field(row, columns.quantity.as_deref(), QUANTITY),
        warehouse: Some(field(row, None, &[WAREHOUSE])).filter(|name| !name.is_empty()),
    };
    Ok(rows.iter().enumerate().map(line).collect())
}

fn field(row: &Value, chosen: Option<&str>, usual: &[&str]) -> String {
    let found = match chosen {
        Some(path) => path.split('.').try_fold(row, |value, name| value.get(name)),
        None => row.as_object().and_then(|fields| {
            fields.iter().find(|(name, _)| usual.contains(&name.to_lowercase().as_str())).map(|(_, value)| value)
        }),
    };
    match found {
        Some(Value::String(text)) => text.trim().to_owned(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String, String)> {
        let read = read(text.as_bytes(), Format::Csv, &Columns::default()).expect("a stock file");
        read.into_iter().map(|line| (line.line, line.sku, line.quantity)).collect()
    }

    fn told(text: &str, format: Format, columns: &Columns) -> String {
        read(text.as_bytes(), format, columns).expect_err("it cannot be read")
    }

    #[test]
    fn columns_are_found_by_name() {
        let expected = vec![(2, "A/B, c".to_owned(), "7".to_owned()), (4, "D".to_owned(), "-1".to_owned())];
        assert_eq!(lines("\u{feff}sku,Title,STOCK\n\"A/B, c\",x,7\n,,\n D ,y, -1 \n"), expected);
        assert_eq!(lines("Quantity\tSKU\r\n7\tA/B, c\r\n\t\r\n-1\tD\r\n"), expected);
        let columns = Columns { sku: Some("Code".into()), quantity: Some("Free".into()), rows: None };
        let read = read(b"code;name;FREE\nA;x;3\n", Format::Csv, &columns).expect("a table");
        assert_eq!((read[0].sku.as_str(), read[0].quantity.as_str()), ("A", "3"));
    }

    #[test]
    fn lines_are_numbered_as_an_editor_shows_them() {
        let expected = vec![(4, "A".to_owned(), "7".to_owned()), (7, "B".to_owned(), "8".to_owned())];
        for end in ["\n", "\r\n"] {
            let text = "SKU,Quantity,Note\n\n\nA,7,\"two\nlines\"\n\nB,8,\n".replace('\n', end);
            assert_eq!(lines(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_missing_field_is_the_lines_own_matter() {
        assert_eq!(lines("SKU,Quantity\nA\n"), [(2, "A".to_owned(), String::new())]);
    }

    #[test]
    fn a_table_without_its_columns_is_refused() {
        let none = Columns::default();
        let priced = "line 1: no column Quantity or Stock; the columns are sku, price";
        assert_eq!(told("SKU,Price\n", Format::Csv, &none), priced);
        assert_eq!(told("", Format::Csv, &none), "line 1: no column SKU: the file is empty");
        let bars = told("SKU|Stock\nA|1\n", Format::Csv, &none);
        assert!(bars.contains("only \"sku|stock\": separate the columns by commas"), "{bars}");
        let code = Columns { sku: Some("Code".into()), ..none };
        assert_eq!(told("SKU,Stock\n", Format::Csv, &code), "line 1: no column Code; the columns are sku, stock");
    }

    #[test]
    fn json_rows_are_found_below_a_path_and_numbers_are_read_as_text() {
        let columns = Columns { rows: Some("data.items".into()), quantity: Some("stock.free".into()), sku: None };
        let text = r#"{"data":{"items":[{"SKU":"A","stock":{"free":7}},{"sku":12,"stock":{}}]}}"#;
        let read = read(text.as_bytes(), Format::Json, &columns).expect("rows");
        let shown: Vec<_> = read.iter().map(|line| (line.line, line.sku.as_str(), line.quantity.as_str())).collect();
        assert_eq!(shown, [(1, "A", "7"), (2, "12", "")]);
        assert!(told("{}", Format::Json, &columns).contains("\"data\""));
        assert!(told("{}", Format::Json, &Columns::default()).contains("not an array"));
    }
}
