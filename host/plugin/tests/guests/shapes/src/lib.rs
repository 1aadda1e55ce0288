//! Every shape and selection of the contract, as its config says. `reads` a column of int64 and then any others.

use tidegate_sdk::output::NONE;
use tidegate_sdk::prelude::*;

/// What to do.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Take rows 2, 0, 0, 3 with a made column; the rest is filtered.
    Take,
    /// All rows in one output, the even ones again in a second, row 0 twice in a third.
    Several,
    /// Keep the even rows, refuse row 1, absorb the rest; a new row a batch at the end.
    Absorb,
    /// Pass the second column on under a new name, beside the rest.
    Rename,
    /// The second column under a new name and a made one, and nothing else.
    Instead,
    /// Twice as many new rows as there were, and nothing of the input.
    Double,
    /// Replace the first column, beside the rest.
    Replace,
    /// Give nothing at all.
    Nothing,
    /// Say what it was shown, in a log line.
    Tell,
}

/// The config.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    act: Act,
}

/// The bound transform.
pub struct Shapes {
    act: Act,
    first: String,
    shown: String,
    batches: usize,
}

impl Transform for Shapes {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect(0, &DataType::Int64)?;
        let fields = input.schema().fields();
        let shown: Vec<String> = fields
            .iter()
            .map(|field| format!("{} {}", field.name(), field.data_type()))
            .collect();
        Ok(Self {
            act: config.act,
            first: fields[0].name().clone(),
            shown: shown.join(", "),
            batches: 0,
        })
    }

    fn shape(&self) -> Shape {
        let tenfold = || made("tenfold", DataType::Int64).from([0]);
        match self.act {
            Act::Take | Act::Tell => Shape::beside([tenfold()]),
            Act::Several | Act::Nothing => Shape::rows_only(),
            Act::Rename => Shape::beside([passed(1, "renamed")]),
            Act::Instead => Shape::instead([passed(1, "renamed"), tenfold().into()]),
            Act::Double | Act::Absorb => Shape::instead([tenfold()]),
            Act::Replace => Shape::beside([made(&self.first, DataType::Utf8).from([0])]),
        }
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        self.batches += 1;
        let numbers = batch.primitive::<Int64Type>(0)?;
        let tenfold = numbers.unary::<_, Int64Type>(|number| number * 10);
        let even: BooleanArray = (0..batch.rows()).map(|row| Some(row % 2 == 0)).collect();
        Ok(match self.act {
            Act::Take => {
                let rows = vec![2, 0, 0, 3];
                let made: Int64Array = rows.iter().map(|row| tenfold.value(*row as usize)).collect();
                Output::take(rows, [made]).into()
            }
            Act::Several => Processed::from(Output::all(NONE))
                .output(Output::keep(&even, NONE))
                .output(Output::take(vec![0, 0], NONE)),
            Act::Absorb => {
                let mut done = Processed::from(Output::keep(&even, [tenfold])).absorbing();
                done.reject(1, "shapes.second", "the second row");
                done
            }
            Act::Rename => Output::all(NONE).into(),
            Act::Instead => Output::keep(&even, [tenfold]).into(),
            Act::Double => {
                let twice: Int64Array = tenfold.iter().chain(tenfold.iter()).collect();
                Output::rows(twice.len(), [twice]).into()
            }
            Act::Replace => {
                let text: StringArray = numbers
                    .iter()
                    .map(|number| number.map(|n| n.to_string()))
                    .collect();
                Output::all([text]).into()
            }
            Act::Nothing => Processed::nothing(),
            Act::Tell => {
                log::info(&self.shown);
                Output::all([tenfold]).into()
            }
        })
    }

    fn finish(&mut self) -> Result<Vec<Output>, Fault> {
        match self.act {
            Act::Absorb => {
                let rows: Int64Array = (0..self.batches as i64).map(Some).collect();
                Ok(vec![Output::rows(rows.len(), [rows])])
            }
            _ => Ok(Vec::new()),
        }
    }
}

tidegate_sdk::export_transform!(Shapes);
