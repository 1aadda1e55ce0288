//! What a source of files reads, and in which format.

use tidegate_core::port::Watermark;
use tidegate_core::schema::Column;

use super::config::CheckedFiles;
use super::cursor::FileCursor;
use super::origin::Origins;
use super::parquet::ParquetFiles;
use super::source::FileSource;
use super::text::TextFiles;

/// What a source of files reads.
pub(crate) struct ReadFiles {
    pub(crate) columns: Vec<Column>,
    /// The files, from the cursor's on.
    pub(crate) files: Origins,
    /// Where to go on in the first of the files.
    pub(crate) resume: Option<FileCursor>,
    pub(crate) batch_rows: usize,
    pub(crate) format: FileFormat,
    /// What the source answers as its watermark.
    pub(crate) watermark: Option<Watermark>,
}

/// What the files hold.
pub(crate) enum FileFormat {
    /// CSV or JSON Lines, as the config says.
    Text(CheckedFiles),
    /// Parquet. `fill_missing`: a nullable column that a file does not have is null there, since the file is from before it
    /// was added.
    Parquet { fill_missing: bool },
}

impl ReadFiles {
    /// Starts to read.
    pub(crate) fn start(self) -> FileSource {
        let schema = Column::schema(&self.columns);
        let Self {
            columns,
            files,
            resume,
            watermark,
            ..
        } = self;
        let batch_rows = self.batch_rows.max(1);
        let source = match self.format {
            FileFormat::Text(config) => {
                let files = TextFiles {
                    config,
                    columns,
                    schema: schema.clone(),
                    files,
                    resume,
                    batch_rows,
                    watermark: watermark.clone(),
                };
                FileSource::start(schema, move |outlet| files.read(outlet))
            }
            FileFormat::Parquet { fill_missing } => {
                let files = ParquetFiles {
                    columns,
                    schema: schema.clone(),
                    files,
                    resume,
                    batch_rows,
                    watermark: watermark.clone(),
                    fill_missing,
                };
                FileSource::start(schema, move |outlet| files.read(outlet))
            }
        };
        source.up_to(watermark)
    }
}
