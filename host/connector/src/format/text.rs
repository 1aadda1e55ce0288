//! Reads text files: cuts them into blocks on one thread and parses the blocks on others.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use tidegate_core::port::{SourceBatch, Watermark};
use tidegate_core::schema::Column;

use super::config::{CheckedFiles, Format};
use super::csv::CsvParser;
use super::cursor::{FileCursor, Position};
use super::error::Result;
use super::input::Input;
use super::jsonl::JsonlParser;
use super::origin::{Origin, Origins};
use super::rejects::Parsed;
use super::scan::Dialect;
use super::source::{Outlet, Read};
use super::splitter::{Block, Splitter};

/// What a text source reads.
pub(super) struct TextFiles {
    pub(super) config: CheckedFiles,
    pub(super) columns: Vec<Column>,
    pub(super) schema: SchemaRef,
    pub(super) files: Origins,
    /// Where to go on in the first of the files.
    pub(super) resume: Option<FileCursor>,
    pub(super) batch_rows: usize,
    pub(super) watermark: Option<Watermark>,
}

enum Parser {
    Csv(CsvParser),
    Jsonl(JsonlParser),
}

impl Parser {
    fn parse(&self, block: &Block) -> Result<Parsed> {
        match self {
            Self::Csv(parser) => parser.parse(block),
            Self::Jsonl(parser) => parser.parse(block),
        }
    }
}

impl TextFiles {
    /// Reads every file to its end.
    pub(super) fn read(mut self, outlet: &Outlet) -> Read {
        let mut resume = self.resume.take();
        while let Some(file) = self.files.next() {
            self.read_file(file?.as_ref(), resume.take(), outlet)?;
        }
        Ok(())
    }

    fn read_file(&self, file: &dyn Origin, resume: Option<FileCursor>, outlet: &Outlet) -> Read {
        let input = Input::open(file, self.config.compression)?;
        let dialect = match self.config.format {
            Format::Csv => CsvParser::dialect(&self.config),
            Format::Jsonl | Format::Parquet => Dialect::Lines,
        };
        let mut splitter = Splitter::open(input, dialect, self.config.max_record_bytes)?;
        let schema = Arc::clone(&self.schema);
        let parser = Arc::new(match self.config.format {
            Format::Csv => Parser::Csv(CsvParser::open(
                &self.config,
                &self.columns,
                schema,
                &mut splitter,
            )?),
            Format::Jsonl | Format::Parquet => Parser::Jsonl(JsonlParser::new(
                &self.config,
                &self.columns,
                schema,
                splitter.path(),
            )),
        });
        let mut records = 0;
        if let Some(cursor) = resume {
            records = cursor.records;
            if let Position::Text { offset, line } = cursor.position {
                splitter.skip_to(offset, line)?;
            }
        }
        let stamp = splitter.stamp().clone();
        let path = splitter.path();
        while let Some(block) = splitter.next_block(self.batch_rows)? {
            records += block.records as u64;
            let cursor = FileCursor {
                path: path.clone(),
                stamp: stamp.clone(),
                position: Position::Text {
                    offset: block.end_offset,
                    line: block.end_line,
                },
                records,
                watermark: self.watermark.clone(),
            };
            let parser = Arc::clone(&parser);
            outlet.parse(move || {
                let Parsed { batch, rejects } = parser.parse(&block)?;
                Ok(SourceBatch {
                    batch,
                    cursor: cursor.encode()?,
                    rejects,
                })
            })?;
        }
        file.verify(&stamp)?;
        Ok(())
    }
}
