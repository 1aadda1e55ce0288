//! What an attempt at a step is given.

use serde_json::Value;
use tidegate_core::plan::{AssetName, Expression, ExpressionError, Template, plain};
use tidegate_core::port::PoolLimit;
use tidegate_core::schema::{LoadedProject, RetryDecl, StepDecl};
use tidegate_core::{Error, Kind, Result};

/// A step, or what it does for one of its values, ready to be done.
pub(crate) struct StepWork {
    /// What the schema says.
    pub(crate) step: StepDecl,
    /// Its job.
    pub(crate) job: AssetName,
    /// What its expressions see.
    pub(crate) scope: Value,
    /// Whether it is a step with `for_each` that finds its values; what is done for each is work of its own.
    pub(crate) expands: bool,
    /// What each attempt uses of what is limited.
    pub(crate) pools: Vec<PoolLimit>,
    /// How one that failed is made again.
    pub(crate) retry: RetryDecl,
    /// How long one may take, in milliseconds.
    pub(crate) timeout_ms: Option<u64>,
}

impl StepWork {
    pub(super) fn pools(step: &StepDecl, loaded: &LoadedProject) -> Vec<PoolLimit> {
        let limits = &loaded.project.value.concurrency.pools;
        let used = step.pools.iter().filter_map(|name| {
            let limit = *limits.get(name)?;
            Some(PoolLimit {
                pool: format!("pool:{name}"),
                limit,
            })
        });
        used.collect()
    }

    /// The value of an expression of the step; `key` is where it stands.
    pub(super) fn evaluate(&self, key: &str, text: &str) -> Result<Value> {
        Expression::parse(text)
            .and_then(|expression| expression.evaluate(&self.scope))
            .map_err(|error| self.wrong(key, text, &error))
    }

    /// Whether an expression of the step holds.
    pub(super) fn holds(&self, key: &str, text: &str) -> Result<bool> {
        Expression::parse(text)
            .and_then(|expression| expression.holds(&self.scope))
            .map_err(|error| self.wrong(key, text, &error))
    }

    /// A text with the values in it.
    pub(super) fn fill(&self, key: &str, text: &str) -> Result<String> {
        self.fill_with(key, text, &plain)
    }

    pub(super) fn fill_with(
        &self,
        key: &str,
        text: &str,
        written: &dyn Fn(&Value) -> String,
    ) -> Result<String> {
        Template::parse(text)
            .and_then(|template| template.fill(&self.scope, written))
            .map_err(|error| self.wrong(key, text, &error))
    }

    /// A document with the values in its texts; a text that is nothing but one becomes it.
    pub(super) fn fill_value(&self, key: &str, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => Template::parse(text)
                .and_then(|template| template.value(&self.scope))
                .map_err(|error| self.wrong(key, text, &error))?,
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.fill_value(key, item))
                    .collect::<Result<_>>()?,
            ),
            Value::Object(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.fill_value(key, value)?)))
                    .collect::<Result<_>>()?,
            ),
            other => other.clone(),
        })
    }

    fn wrong(&self, key: &str, text: &str, error: &ExpressionError) -> Error {
        let message = format!(
            "step `{}`, `{key}`, at character {} of `{text}`: {error}",
            self.step.name,
            error.at + 1
        );
        Error::new(Kind::Data, "step.expression", message)
            .hint("`tidegate runs show RUN --json` shows what came of the steps before it")
    }
}

/// What may come of a step, as JSON text in bytes: it is kept in the state, and given to the steps behind it.
pub(super) const MAX_RESULT_BYTES: usize = 256 << 10;

/// A result, unless it is too large to be one.
pub(super) fn fitting(step: &AssetName, result: Value) -> Result<Value> {
    let bytes = result.to_string().len();
    if bytes <= MAX_RESULT_BYTES {
        return Ok(result);
    }
    Err(too_large(step, &format!("{bytes} bytes")))
}

pub(super) fn too_large(step: &AssetName, size: &str) -> Error {
    let message = format!("the result of step `{step}` has {size}; {MAX_RESULT_BYTES} are allowed");
    Error::new(Kind::Data, "step.result_too_large", message)
        .hint("write it to a file or an asset, and give its name as the result")
}
