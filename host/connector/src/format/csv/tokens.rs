//! Where the fields of each record lie.

use memchr::{memchr, memchr3};

/// How records are taken apart.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    /// For each field of a record: its place among the columns that are read, or none where it is not.
    pub(super) slots: Vec<Option<usize>>,
    /// How many columns are read.
    pub(super) columns: usize,
}

/// The fields of the records of a block.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Row by row, the columns that are read.
    spans: Vec<Span>,
    /// Where each row starts.
    pub(super) starts: Vec<usize>,
    /// Records that do not have as many fields as the layout.
    pub(super) ragged: Vec<Ragged>,
    /// Fields that do not stand in the text as they are: those with doubled quotes.
    unescaped: String,
    columns: usize,
}

/// A record with too many or too few fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ragged {
    pub(super) start: usize,
    pub(super) fields: usize,
}

/// A part of the text, or of the unescaped text.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    /// The length; the highest bit tells that the unescaped text is meant.
    length: u32,
}

/// Blocks are shorter than 2^31 bytes, so the highest bit of a length is free.
const UNESCAPED: u32 = 1 << 31;

impl Span {
    fn plain(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            length: (end - start) as u32,
        }
    }

    fn unescaped(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            length: (end - start) as u32 | UNESCAPED,
        }
    }
}

impl Tokens {
    /// Takes the records of a block apart. `records` is how many there are.
    pub(super) fn new(text: &str, layout: &Layout, records: usize) -> Self {
        let mut tokens = Self {
            spans: Vec::with_capacity(records * layout.columns),
            starts: Vec::with_capacity(records),
            columns: layout.columns,
            ..Self::default()
        };
        let bytes = text.as_bytes();
        let mut at = 0;
        loop {
            while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
                at += 1;
            }
            if at == bytes.len() {
                return tokens;
            }
            at = tokens.record(text, layout, at);
        }
    }

    /// How many rows have as many fields as the layout.
    pub(super) fn rows(&self) -> usize {
        self.starts.len()
    }

    /// A column's value in each row, as text.
    pub(super) fn column<'a>(&'a self, text: &'a str, slot: usize) -> impl Iterator<Item = &'a str> + 'a {
        self.spans
            .iter()
            .skip(slot)
            .step_by(self.columns.max(1))
            .map(move |span| self.text(text, *span))
    }

    /// A column's value in a row, as text.
    pub(super) fn cell<'a>(&'a self, text: &'a str, row: usize, slot: usize) -> &'a str {
        self.text(text, self.spans[row * self.columns + slot])
    }

    /// How many bytes a column has in all rows.
    pub(super) fn column_bytes(&self, slot: usize) -> usize {
        self.spans
            .iter()
            .skip(slot)
            .step_by(self.columns.max(1))
            .map(|span| (span.length & !UNESCAPED) as usize)
            .sum()
    }

    fn text<'a>(&'a self, text: &'a str, span: Span) -> &'a str {
        let (from, length) = match span.length & UNESCAPED {
            0 => (text, span.length as usize),
            _ => (self.unescaped.as_str(), (span.length & !UNESCAPED) as usize),
        };
        &from[span.start as usize..span.start as usize + length]
    }

    /// Takes one record apart; answers where it ends, at its line end.
    fn record(&mut self, text: &str, layout: &Layout, start: usize) -> usize {
        let bytes = text.as_bytes();
        let row = self.spans.len();
        self.spans.resize(row + layout.columns, Span::default());
        let (mut at, mut field) = (start, 0);
        loop {
            let (span, end) = if layout.quote.is_some() && bytes.get(at).copied() == layout.quote {
                self.quoted(text, layout, at)
            } else {
                let end = field_end(bytes, layout, at);
                (Span::plain(at, end), end)
            };
            if let Some(Some(slot)) = layout.slots.get(field) {
                self.spans[row + slot] = span;
            }
            field += 1;
            at = end;
            if bytes.get(at) != Some(&layout.delimiter) {
                break;
            }
            at += 1;
        }
        if field == layout.slots.len() {
            self.starts.push(start);
        } else {
            self.spans.truncate(row);
            self.ragged.push(Ragged { start, fields: field });
        }
        at
    }

    /// A field that starts with a quote, and where it ends.
    fn quoted(&mut self, text: &str, layout: &Layout, open: usize) -> (Span, usize) {
        let bytes = text.as_bytes();
        let quote = bytes[open];
        let copied = self.unescaped.len();
        let mut from = open + 1;
        loop {
            let close = memchr(quote, &bytes[from..]).map_or(bytes.len(), |found| from + found);
            if bytes.get(close + 1) == Some(&quote) {
                self.unescaped.push_str(&text[from..=close]);
                from = close + 2;
                continue;
            }
            let rest = (close + 1).min(bytes.len());
            let end = field_end(bytes, layout, rest);
            if copied == self.unescaped.len() && rest == end {
                return (Span::plain(from, close), end);
            }
            self.unescaped.push_str(&text[from..close]);
            // What follows the closing quote belongs to the field, quotes too.
            self.unescaped.push_str(&text[rest..end]);
            return (Span::unescaped(copied, self.unescaped.len()), end);
        }
    }
}

/// Where a field without an opening quote ends.
fn field_end(bytes: &[u8], layout: &Layout, at: usize) -> usize {
    memchr3(layout.delimiter, b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |found| at + found)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::format::scan::tests::{csv_core, random_text};

    fn layout(width: usize) -> Layout {
        Layout {
            delimiter: b',',
            quote: Some(b'"'),
            slots: (0..width).map(Some).collect(),
            columns: width,
        }
    }

    #[test]
    fn fields_are_those_of_csv_core() {
        let mut random = StdRng::seed_from_u64(3);
        for _ in 0..50_000 {
            let text = random_text(&mut random);
            let wanted = csv_core(text.as_bytes());
            for width in 1..4 {
                let tokens = Tokens::new(&text, &layout(width), wanted.len());
                let rows = (0..tokens.rows()).map(|row| {
                    (0..width)
                        .map(|slot| tokens.cell(&text, row, slot).as_bytes().to_vec())
                        .collect::<Vec<_>>()
                });
                let (full, ragged): (Vec<_>, Vec<_>) =
                    wanted.iter().cloned().partition(|record| record.len() == width);
                assert_eq!(rows.collect::<Vec<_>>(), full, "{text:?}");
                let found: Vec<_> = tokens.ragged.iter().map(|record| record.fields).collect();
                assert_eq!(found, ragged.iter().map(Vec::len).collect::<Vec<_>>(), "{text:?}");
            }
        }
    }

    #[test]
    fn only_the_columns_that_are_read_are_kept() {
        let mut layout = layout(0);
        layout.slots = vec![Some(1), None, Some(0)];
        layout.columns = 2;
        let text = "a,b,c\n\"d\"\"\",e,f\nx\n";
        let tokens = Tokens::new(text, &layout, 3);
        assert_eq!(tokens.column(text, 0).collect::<Vec<_>>(), ["c", "f"]);
        assert_eq!(tokens.column(text, 1).collect::<Vec<_>>(), ["a", "d\""]);
        assert_eq!(tokens.column_bytes(1), 3);
        assert_eq!(tokens.starts, [0, 6]);
        assert_eq!(tokens.ragged, [Ragged { start: 16, fields: 1 }]);
    }
}
