//! A destination, as the component's.

use std::cell::RefCell;
use std::marker::PhantomData;

use arrow_schema::SchemaRef;

use super::types::arrow_schema;
use super::{config, earlier, kept};
use crate::batch::Batch;
use crate::bindings::destination::exports::tidegate::plugin::destination as wit;
use crate::bindings::{batches, types};
use crate::destination::{Destination, Load, LoadMode};

/// The component's destination.
pub struct Component<D>(PhantomData<D>);

/// The schema of its config.
pub fn schema<D: Destination>() -> schemars::Schema {
    schemars::schema_for!(D::Config)
}

/// A writer of one load, as the component's resource.
pub struct Writer<D> {
    destination: RefCell<D>,
    columns: SchemaRef,
}

impl<D: Destination> wit::Guest for Component<D> {
    type Writer = Writer<D>;

    fn check(text: String) -> Result<(), types::Fault> {
        Ok(D::check(&config(&text)?)?)
    }
}

impl<D: Destination> wit::GuestWriter for Writer<D> {
    fn open(request: wit::Request) -> Result<wit::Writer, types::Fault> {
        let columns = arrow_schema(&request.schema);
        let staged = match &request.staged {
            Some(bytes) => Some(earlier(bytes, "what was staged")?),
            None => None,
        };
        let destination = D::open(
            config(&request.config)?,
            Load {
                asset: request.asset,
                partition: (!request.partition.is_empty()).then_some(request.partition),
                mode: match request.mode {
                    wit::LoadMode::Append => LoadMode::Append,
                    wit::LoadMode::Upsert => LoadMode::Upsert,
                    wit::LoadMode::Replace => LoadMode::Replace,
                    wit::LoadMode::ReplacePartition => LoadMode::ReplacePartition,
                },
                columns: columns.clone(),
                key: request.key,
                token: request.token,
                staged,
                epoch: request.epoch,
            },
        )?;
        Ok(wit::Writer::new(Self {
            destination: RefCell::new(destination),
            columns,
        }))
    }

    fn write(&self, input: &batches::Batch, token: String) -> Result<(), types::Fault> {
        let batch = Batch::of_host(input, self.columns.clone());
        Ok(self.destination.borrow_mut().write(&batch, &token)?)
    }

    fn stage(&self) -> Result<Option<Vec<u8>>, types::Fault> {
        let staged = self.destination.borrow_mut().stage()?;
        let bytes = staged.map(|staged| kept(&staged, "what was staged"));
        Ok(bytes.transpose()?)
    }

    fn commit(&self) -> Result<wit::Receipt, types::Fault> {
        let receipt = self.destination.borrow_mut().commit()?;
        Ok(wit::Receipt {
            row_count: receipt.rows,
            byte_count: receipt.bytes,
            location: receipt.location,
        })
    }

    fn abort(&self) -> Result<(), types::Fault> {
        Ok(self.destination.borrow_mut().abort()?)
    }
}
