//! Finds where records end: for CSV exactly where the `csv-core` crate does, for JSON Lines at each line that is not
//! blank.

use memchr::{memchr, memchr_iter, memchr2, memchr3};

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `\n`, `\r\n` or `\r` outside quotes. A quote opens at the start of a field only; inside, `""` stands for one.
    Csv { delimiter: u8, quote: Option<u8> },
    /// `\n`.
    Lines,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A record, up to [`Scan::end`].
    Record,
    /// The bytes end within a record, or between two.
    More,
    /// There is no further record.
    End,
    /// The input ends within a quote that was opened so many lines behind the start.
    Unclosed { lines: u64 },
}

/// A walk over bytes, record by record. Bytes may be added to the end between two steps.
pub(super) struct Scan {
    dialect: Dialect,
    state: State,
    /// What was looked at.
    at: usize,
    /// Where the record under way, or the last one, starts.
    record_start: usize,
    /// Line ends before `at`.
    lines: u64,
    /// Line ends before `record_start`.
    record_lines: u64,
    /// Line ends before the quote that is open.
    quote_lines: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Plain,
    Quoted,
}

impl Scan {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            state: State::Between,
            at: 0,
            record_start: 0,
            lines: 0,
            record_lines: 0,
            quote_lines: 0,
        }
    }

    /// Where the last record ends, behind its line end.
    pub(super) fn end(&self) -> usize {
        self.at
    }

    /// Where the record under way, or the last one, starts.
    pub(super) fn record_start(&self) -> usize {
        self.record_start
    }

    /// Line ends before [`Scan::end`].
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Line ends before [`Scan::record_start`].
    pub(super) fn record_lines(&self) -> u64 {
        self.record_lines
    }

    /// Goes on to the end of the next record. `ended` tells that no bytes will be added.
    pub(super) fn step(&mut self, bytes: &[u8], ended: bool) -> Step {
        match self.dialect {
            Dialect::Csv { delimiter, quote } => self.step_csv(bytes, ended, delimiter, quote),
            Dialect::Lines => self.step_lines(bytes, ended),
        }
    }

    fn step_csv(&mut self, bytes: &[u8], ended: bool, delimiter: u8, quote: Option<u8>) -> Step {
        loop {
            match self.state {
                State::Between => match self.skip_line_ends(bytes, ended) {
                    Some(step) => return step,
                    None => self.begin(),
                },
                State::Plain => {
                    let found = match quote {
                        Some(quote) => memchr3(quote, b'\n', b'\r', &bytes[self.at..]),
                        None => memchr2(b'\n', b'\r', &bytes[self.at..]),
                    };
                    let Some(found) = found else {
                        self.at = bytes.len();
                        return self.run_out(ended);
                    };
                    let at = self.at + found;
                    if Some(bytes[at]) == quote {
                        if at == self.record_start || bytes[at - 1] == delimiter {
                            self.state = State::Quoted;
                            self.quote_lines = self.lines;
                        }
                        self.at = at + 1;
                        continue;
                    }
                    if bytes[at] == b'\r' && at + 1 == bytes.len() && !ended {
                        self.at = at;
                        return Step::More;
                    }
                    let pair = bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
                    self.at = at + 1 + usize::from(pair);
                    self.lines += 1;
                    self.state = State::Between;
                    return Step::Record;
                }
                State::Quoted => {
                    let quote = quote.unwrap_or_default();
                    match memchr(quote, &bytes[self.at..]) {
                        Some(found) => {
                            let at = self.at + found;
                            self.lines += count_lines(&bytes[self.at..at]);
                            self.at = at;
                            if at + 1 == bytes.len() && !ended {
                                return Step::More;
                            }
                            if bytes.get(at + 1) == Some(&quote) {
                                self.at = at + 2;
                            } else {
                                self.at = at + 1;
                                self.state = State::Plain;
                            }
                        }
                        None if ended => {
                            return Step::Unclosed {
                                lines: self.quote_lines,
                            };
                        }
                        None => {
                            // A `\r` at the end may be half a line end.
                            let end = bytes.len()
                                - usize::from(bytes.last() == Some(&b'\r') && bytes.len() > self.at);
                            self.lines += count_lines(&bytes[self.at..end]);
                            self.at = end;
                            return Step::More;
                        }
                    }
                }
            }
        }
    }

    fn step_lines(&mut self, bytes: &[u8], ended: bool) -> Step {
        loop {
            if self.state == State::Between {
                self.begin();
            }
            let Some(found) = memchr(b'\n', &bytes[self.at..]) else {
                self.at = bytes.len();
                if ended && bytes[self.record_start..].trim_ascii().is_empty() {
                    return Step::End;
                }
                return self.run_out(ended);
            };
            self.at += found + 1;
            self.lines += 1;
            self.state = State::Between;
            if !bytes[self.record_start..self.at].trim_ascii_start().is_empty() {
                return Step::Record;
            }
        }
    }

    fn begin(&mut self) {
        self.record_start = self.at;
        self.record_lines = self.lines;
        self.state = State::Plain;
    }

    /// Passes over blank lines; answers none at the first byte of a record.
    fn skip_line_ends(&mut self, bytes: &[u8], ended: bool) -> Option<Step> {
        loop {
            match bytes.get(self.at) {
                Some(b'\n') => self.at += 1,
                Some(b'\r') => match bytes.get(self.at + 1) {
                    Some(b'\n') => self.at += 2,
                    None if !ended => return Some(Step::More),
                    _ => self.at += 1,
                },
                Some(_) => return None,
                None => return Some(if ended { Step::End } else { Step::More }),
            }
            self.lines += 1;
        }
    }

    /// The bytes have ended within a record outside quotes.
    fn run_out(&mut self, ended: bool) -> Step {
        if ended {
            self.state = State::Between;
            Step::Record
        } else {
            Step::More
        }
    }
}

/// How many line ends there are: `\n`, `\r\n` or a `\r` alone.
pub(super) fn count_lines(bytes: &[u8]) -> u64 {
    let alone = memchr_iter(b'\r', bytes)
        .filter(|at| bytes.get(at + 1) != Some(&b'\n'))
        .count();
    (memchr_iter(b'\n', bytes).count() + alone) as u64
}

#[cfg(test)]
pub(in crate::format) mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const CSV: Dialect = Dialect::Csv {
        delimiter: b',',
        quote: Some(b'"'),
    };

    /// The records of some bytes, with the line of each, as they come in pieces.
    fn records(dialect: Dialect, bytes: &[u8], pieces: &[usize]) -> Result<Vec<(u64, Vec<u8>)>, u64> {
        let mut scan = Scan::new(dialect);
        let mut known = 0;
        let mut pieces = pieces.iter();
        let mut found = Vec::new();
        loop {
            let ended = known == bytes.len();
            match scan.step(&bytes[..known], ended) {
                Step::Record => found.push((
                    scan.record_lines(),
                    bytes[scan.record_start()..scan.end()].to_vec(),
                )),
                Step::More => {
                    known = (known + pieces.next().copied().unwrap_or(bytes.len())).min(bytes.len());
                }
                Step::End => return Ok(found),
                Step::Unclosed { lines } => return Err(lines),
            }
        }
    }

    /// The records that csv-core sees, as fields.
    pub(in crate::format) fn csv_core(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv_core::Reader::new();
        let (mut rest, mut found) = (bytes, Vec::new());
        loop {
            let (mut output, mut ends) = (vec![0; bytes.len() + 1], vec![0; bytes.len() + 2]);
            let (mut written, mut ended) = (0, 0);
            loop {
                let (result, read, output_bytes, output_ends) =
                    reader.read_record(rest, &mut output[written..], &mut ends[ended..]);
                rest = &rest[read..];
                written += output_bytes;
                ended += output_ends;
                match result {
                    csv_core::ReadRecordResult::Record => break,
                    csv_core::ReadRecordResult::End => return found,
                    _ => {}
                }
            }
            let starts = [0].into_iter().chain(ends[..ended].iter().copied());
            let fields = starts
                .zip(&ends[..ended])
                .map(|(start, end)| output[start..*end].to_vec());
            found.push(fields.collect());
        }
    }

    pub(in crate::format) fn random_text(random: &mut StdRng) -> String {
        let alphabet = ["a", "b", ",", ",", "\"", "\"", "\n", "\r", "\r\n", " ", "é", "''"];
        (0..random.random_range(0..40))
            .map(|_| alphabet[random.random_range(0..alphabet.len())])
            .collect()
    }

    #[test]
    fn records_end_where_csv_core_ends_them() {
        let mut random = StdRng::seed_from_u64(1);
        let mut unclosed = 0;
        for _ in 0..50_000 {
            let text = random_text(&mut random);
            let pieces: Vec<_> = (0..20).map(|_| random.random_range(1..8)).collect();
            let wanted = csv_core(text.as_bytes());
            let Ok(found) = records(CSV, text.as_bytes(), &pieces) else {
                // csv-core ends the last record at the end of the input, quoted or not.
                unclosed += 1;
                continue;
            };
            let each: Vec<_> = found.iter().flat_map(|(_, record)| csv_core(record)).collect();
            assert_eq!(found.len(), wanted.len(), "{text:?}");
            assert_eq!(each, wanted, "{text:?}");
        }
        assert!((1_000..40_000).contains(&unclosed));
    }

    #[test]
    fn pieces_make_no_difference() {
        let mut random = StdRng::seed_from_u64(2);
        for dialect in [CSV, Dialect::Lines] {
            for _ in 0..20_000 {
                let text = random_text(&mut random);
                let whole = records(dialect, text.as_bytes(), &[]);
                let singles = records(dialect, text.as_bytes(), &[1; 200]);
                assert_eq!(whole, singles, "{text:?}");
            }
        }
    }

    #[test]
    fn lines_are_those_that_an_editor_shows() {
        let text = b"a\n\r\n\"b\r\nb\rb\",c\rd\r\n\n\ne";
        let lines: Vec<_> = records(CSV, text, &[])
            .unwrap()
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [0, 2, 5, 8]);
        assert_eq!(count_lines(text), 8);
        assert_eq!(records(CSV, b"a\n\n\"b\nc", &[]), Err(2));
    }

    #[test]
    fn blank_json_lines_are_no_records() {
        let found = records(Dialect::Lines, b" \n{}\r\n\r\n\t{}\n  ", &[]).unwrap();
        assert_eq!(found, [(1, b"{}\r\n".to_vec()), (3, b"\t{}\n".to_vec())]);
    }
}
