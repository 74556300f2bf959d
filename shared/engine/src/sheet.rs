//! Files that people keep in a spreadsheet: a header and lines, with commas, semicolons or tabs between the columns, with or
//! without a byte order mark.

/// A file.
#[derive(Debug)]
pub struct Sheet {
    /// The header in small letters.
    pub names: Vec<String>,
    /// The lines that hold something.
    pub lines: Vec<Line>,
}

/// One line of a file, with its number as an editor shows it.
#[derive(Debug)]
pub struct Line {
    /// From 1; the header is one.
    pub number: u64,
    record: csv::StringRecord,
}

impl Line {
    /// A field without the spaces around it; empty when the line is shorter.
    #[must_use]
    pub fn field(&self, place: usize) -> &str {
        self.record.get(place).unwrap_or_default().trim()
    }
}

/// Reads a file.
///
/// # Errors
/// A sentence that names the line that is no CSV in UTF-8.
pub fn read(bytes: &[u8]) -> Result<Sheet, String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut csv = csv::ReaderBuilder::new().delimiter(delimiter(bytes)).flexible(true).from_reader(bytes);
    let wrong = |line: u64| format!("line {line}: it is not CSV in UTF-8");
    let names = csv.headers().map_err(|_| wrong(1))?.iter().map(|name| name.trim().to_lowercase()).collect();
    let mut lines = Vec::new();
    let mut place = Place::default();
    for record in csv.records() {
        let record =
            record.map_err(|error| wrong(error.position().map_or(0, |position| place.of(bytes, position.byte()))))?;
        let number = place.of(bytes, record.position().map_or(0, csv::Position::byte));
        if record.iter().any(|field| !field.trim().is_empty()) {
            lines.push(Line { number, record });
        }
    }
    Ok(Sheet { names, lines })
}

/// Where in a file we are, since the reader counts no empty lines and ends a record before the feed of `\r\n`.
#[derive(Default)]
struct Place {
    byte: usize,
    feeds: u64,
}

impl Place {
    /// The number of the line, from 1, of the record that the reader began at a byte.
    fn of(&mut self, bytes: &[u8], begun: u64) -> u64 {
        let begun = usize::try_from(begun).unwrap_or(usize::MAX).min(bytes.len());
        let empty = bytes[begun..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let record = begun + empty;
        let between = bytes.get(self.byte..record).unwrap_or_default();
        self.feeds += between.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.byte = record;
        self.feeds + 1
    }
}

/// The delimiter that the first line uses most.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    [b'\t', b';'].into_iter().find(|other| count(*other) > count(b',')).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_text_is_named_as_an_editor_shows_it() {
        let told = |bytes: &[u8]| read(bytes).expect_err("it is no text");
        assert_eq!(told(b"SKU,Cap\n\n\nA,1\n\xFF,2\n"), "line 5: it is not CSV in UTF-8");
        assert_eq!(told(b"SKU,\xFF\nA,1\n"), "line 1: it is not CSV in UTF-8");
    }

    #[test]
    fn a_short_line_has_empty_fields_and_an_empty_one_is_left_out() {
        let sheet = read(b"\xEF\xBB\xBFSKU ; Cap\n;\n B/1 ;2\nC\n").expect("a file");
        assert_eq!(sheet.names, ["sku", "cap"]);
        let lines: Vec<_> = sheet.lines.iter().map(|line| (line.number, line.field(0), line.field(1))).collect();
        assert_eq!(lines, [(3, "B/1", "2"), (4, "C", "")]);
    }
}
