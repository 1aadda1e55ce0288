//! A check, as the component's.

use std::cell::RefCell;
use std::marker::PhantomData;

use arrow_schema::SchemaRef;

use super::config;
use super::types::arrow_schema;
use crate::batch::{Batch, Input};
use crate::bindings::check::exports::tidegate::plugin::check as wit;
use crate::bindings::{batches, types};
use crate::check::{Check, Severity};
use crate::fault::Fault;

/// The component's check.
pub struct Component<C>(PhantomData<C>);

/// The schema of its config.
pub fn schema<C: Check>() -> schemars::Schema {
    schemars::schema_for!(C::Config)
}

/// A bound check, as the component's resource.
pub struct Checker<C> {
    check: RefCell<C>,
    input: SchemaRef,
}

impl<C: Check> wit::Guest for Component<C> {
    type Checker = Checker<C>;
}

impl<C: Check> wit::GuestChecker for Checker<C> {
    fn bind(text: String, input: types::Schema) -> Result<wit::Checker, types::Fault> {
        let input = arrow_schema(&input);
        let check = bind(&text, &Input::new(input.clone()))?;
        Ok(wit::Checker::new(Self {
            check: RefCell::new(check),
            input,
        }))
    }

    fn observe(&self, input: &batches::Batch) -> Result<(), types::Fault> {
        let batch = Batch::of_host(input, self.input.clone());
        Ok(self.check.borrow_mut().observe(&batch)?)
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, types::Fault> {
        Ok(self.check.borrow().snapshot()?)
    }

    fn restore(&self, state: Vec<u8>) -> Result<(), types::Fault> {
        Ok(self.check.borrow_mut().restore(&state)?)
    }

    fn verdict(&self) -> Result<wit::Verdict, types::Fault> {
        let verdict = self.check.borrow_mut().verdict()?;
        Ok(wit::Verdict {
            passed: verdict.passed,
            severity: match verdict.severity {
                Severity::Warn => wit::Severity::Warn,
                Severity::Error => wit::Severity::Error,
            },
            message: verdict.message,
            measures: verdict.measures,
        })
    }
}

/// The config as its type, then the check.
pub(crate) fn bind<C: Check>(text: &str, input: &Input) -> Result<C, Fault> {
    C::bind(config(text)?, input)
}
