//! Sorts delays in minutes into named classes: `reads: [delay]` of int16, int32 or int64, `writes: [delay_class]`.

use tidegate_sdk::prelude::*;

/// Where classes end and what they are called.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column to write.
    #[serde(default = "default_output")]
    output: String,
    /// The classes, the shortest delay first.
    classes: Vec<Class>,
    /// The class of every delay beyond the last.
    beyond: String,
}

/// One class.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// What it is called.
    name: String,
    /// The longest delay in it, in minutes.
    up_to: i64,
}

fn default_output() -> String {
    "delay_class".into()
}

/// The bound transform.
pub struct DelayClass(Config);

impl Transform for DelayClass {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(1, "the delay in minutes")?;
        if !matches!(
            input.schema().field(0).data_type(),
            DataType::Int16 | DataType::Int32 | DataType::Int64
        ) {
            input.expect(0, &DataType::Int64)?;
        }
        if let Some(index) = config
            .classes
            .windows(2)
            .position(|pair| pair[0].up_to >= pair[1].up_to)
        {
            let message = "`up_to` must rise from class to class";
            return Err(Fault::config(format!("/classes/{}/up_to", index + 1), message));
        }
        Ok(Self(config))
    }

    fn shape(&self) -> Shape {
        Shape::beside([made(&self.0.output, DataType::Utf8).from([0])])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let column = batch.column(0);
        let classes: StringArray = match column.data_type() {
            DataType::Int16 => self.classes(column.as_primitive::<Int16Type>()),
            DataType::Int32 => self.classes(column.as_primitive::<Int32Type>()),
            _ => self.classes(column.as_primitive::<Int64Type>()),
        };
        Ok(Output::all([classes]).into())
    }
}

impl DelayClass {
    fn classes<T: ArrowPrimitiveType>(&self, delays: &PrimitiveArray<T>) -> StringArray
    where
        T::Native: Into<i64>,
    {
        delays
            .iter()
            .map(|delay| delay.map(|delay| self.class(delay.into())))
            .collect()
    }

    fn class(&self, delay: i64) -> &str {
        let class = self.0.classes.iter().find(|class| delay <= class.up_to);
        class.map_or(&self.0.beyond, |class| &class.name)
    }
}

tidegate_sdk::export_transform!(DelayClass);

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> serde_json::Value {
        serde_json::json!({
            "classes": [{"name": "on_time", "up_to": 15}, {"name": "late", "up_to": 60}],
            "beyond": "very_late",
        })
    }

    #[test]
    fn delays_fall_into_the_first_class_that_holds_them() {
        let input =
            record_batch!(("delay", Int32, [Some(-5), Some(15), Some(16), Some(61), None])).expect("a batch");
        let done = testing::run::<DelayClass>(config(), &input).expect("classes");
        let classes: Vec<_> = done.column(0).as_string::<i32>().iter().collect();
        assert_eq!(
            classes,
            [
                Some("on_time"),
                Some("on_time"),
                Some("late"),
                Some("very_late"),
                None
            ]
        );
    }

    #[test]
    fn classes_that_do_not_rise_are_refused() {
        let mut config = config();
        config["classes"][1]["up_to"] = 15.into();
        let input = record_batch!(("delay", Int32, [1])).expect("a batch");
        let fault = testing::run::<DelayClass>(config, &input).expect_err("a fault");
        assert_eq!(
            fault.to_string(),
            "invalid config at /classes/1/up_to: `up_to` must rise from class to class"
        );
    }
}
