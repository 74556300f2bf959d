//! The table inside a report: tabs, no quoting, an encoding that the download names or does not.

use super::listings::is_hosted;
use crate::{Error, ErrorKind};
use encoding_rs::{Encoding, SHIFT_JIS, WINDOWS_1252};

/// A row of the report of all listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) sku: String,
    pub(super) title: String,
    pub(super) hosted: bool,
    pub(super) active: bool,
}

/// The text of a document. Without a charset in `kind` the marketplace decides; UTF-8 is believed where it is valid, since
/// other encodings hardly ever are by chance.
pub(super) fn decode(bytes: &[u8], kind: &str, japan: bool) -> String {
    let named = charset(kind).and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = match (named, std::str::from_utf8(bytes)) {
        (Some(encoding), _) => encoding,
        (None, Ok(text)) => return text.trim_start_matches('\u{feff}').to_owned(),
        (None, Err(_)) if japan => SHIFT_JIS,
        (None, Err(_)) => WINDOWS_1252,
    };
    let (text, _, _) = encoding.decode(bytes);
    text.into_owned()
}

/// The charset of a `Content-Type`.
fn charset(kind: &str) -> Option<&str> {
    let parameters = kind.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let found = parameters.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    found.map(|(_, value)| value.trim().trim_matches('"'))
}

/// The places of the columns that matter. They are found by name: which columns there are varies by marketplace.
struct Columns {
    sku: usize,
    channel: usize,
    title: Option<usize>,
    status: Option<usize>,
}

impl Columns {
    fn of(header: &str) -> Result<Self, Error> {
        let names: Vec<String> = cells(header).map(|name| name.trim().to_ascii_lowercase()).collect();
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        let needed = |wanted: &str| {
            let problem = format!(
                "report of all listings: no column {wanted}; set the language of the seller account's reports to English"
            );
            place(wanted).ok_or_else(|| Error::new(ErrorKind::Malformed, problem))
        };
        Ok(Self {
            sku: needed("seller-sku")?,
            channel: needed("fulfillment-channel")?,
            title: place("item-name"),
            status: place("status"),
        })
    }

    fn row(&self, line: &str) -> Option<Row> {
        let cells: Vec<&str> = cells(line).collect();
        let cell = |place: usize| cells.get(place).map(|text| text.trim()).filter(|text| !text.is_empty());
        let sku = cell(self.sku)?.to_owned();
        Some(Row {
            title: self.title.and_then(cell).map_or_else(|| sku.clone(), str::to_owned),
            hosted: cell(self.channel).is_some_and(is_hosted),
            active: self.status.and_then(cell).is_none_or(|status| status.eq_ignore_ascii_case("active")),
            sku,
        })
    }
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.trim_end_matches(['\r', '\n']).split('\t')
}

/// Up to `count` rows from the byte `offset` on (0: the first row), and where the next ones begin.
pub(super) fn rows(text: &str, offset: usize, count: usize) -> Result<(Vec<Row>, Option<usize>), Error> {
    let header = text.split_inclusive('\n').next().unwrap_or_default();
    let columns = Columns::of(header)?;
    let mut at = offset.max(header.len());
    let moved = || Error::new(ErrorKind::Malformed, "report of all listings: it is not the document that it was");
    let rest = text.get(at..).ok_or_else(moved)?;
    let mut rows = Vec::new();
    for line in rest.split_inclusive('\n').take(count) {
        at += line.len();
        rows.extend(columns.row(line));
    }
    Ok((rows, (at < text.len()).then_some(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &[u8] = include_bytes!("../fixtures/43_all_listings_cp1252.tsv");

    #[test]
    fn a_quote_is_a_letter_and_an_old_encoding_is_read() {
        let text = decode(REPORT, "text/plain", false);
        let (rows, next) = rows(&text, 0, 100).expect("it has the columns");
        let seen: Vec<_> = rows.iter().map(|row| (row.title.as_str(), row.sku.as_str(), row.hosted)).collect();
        assert_eq!(seen, [("Café cup \"large\"", "HUB-0001", false), ("FBA thing", "HUB-FBA-2", true)]);
        assert_eq!(next, None);
    }

    #[test]
    fn the_charset_of_the_download_comes_first() {
        assert_eq!(decode(b"Caf\xe9", "text/plain; charset=Cp1252", false), "Café");
        assert_eq!(decode("Café".as_bytes(), "text/plain;charset=\"UTF-8\"", false), "Café");
        assert_eq!(decode(&[0x90, 0x94, 0x97, 0xca], "", true), "数量");
        assert_eq!(decode(&[0x90, 0x94, 0x97, 0xca], "text/plain; charset=Shift_JIS", false), "数量");
        assert_eq!(decode("\u{feff}数量".as_bytes(), "", true), "数量");
    }

    #[test]
    fn columns_are_found_by_name_and_pages_by_place() {
        let text = "status\tfulfillment-channel\textra\tseller-sku\r\nActive\tDEFAULT\t\tA\r\n\r\nInactive\tDEFAULT\tx\tB\r\nshort\r\n";
        let (first, next) = rows(text, 0, 2).expect("it has the columns");
        assert_eq!(first, [Row { sku: "A".into(), title: "A".into(), hosted: false, active: true }]);
        let (second, end) = rows(text, next.expect("there is more"), 5).expect("the same");
        assert_eq!((second[0].sku.as_str(), second[0].active, second.len(), end), ("B", false, 1, None));
    }

    #[test]
    fn a_header_in_another_language_is_not_guessed_at() {
        let error = rows("出品者SKU\t数量\nA\t1\n", 0, 5).expect_err("no such columns");
        assert!(error.kind == ErrorKind::Malformed && error.context.contains("seller-sku"), "{error}");
        assert_eq!(rows("", 0, 5).expect_err("nothing").kind, ErrorKind::Malformed);
    }
}
