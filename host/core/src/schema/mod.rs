//! The YAML schema: parse, decode, resolve, validate. Every error is collected, with file, line and column.
//!
//! [`Document`] is one file's document as a tree of [`Node`]s that know their place. [`decode`] turns a node into a
//! Rust type and finds everything that is wrong with it, not only the first thing. [`Project`] is the folder, loaded.

mod asset;
mod automation;
mod check;
mod column;
mod concurrency;
mod decode;
mod document;
mod duration;
mod freshness;
mod http;
mod job;
mod load;
mod node;
mod notification;
mod one_or_many;
mod partitions;
mod placeholder;
mod plain_url;
mod project;
mod reference;
mod reference_place;
mod resource;
mod retention;
mod retry;
mod schedule;
mod secret_name;
mod sensor;
mod step;
mod suggest;
mod syntax;
mod transform;
mod validate;

pub use asset::{Asset, CursorDecl, DestinationDecl, SourceDecl};
pub use automation::{AutomationDecl, CronTicks, SinceDecl};
pub use check::{
    AcceptedValuesDecl, CheckDecl, FreshColumnDecl, RangeDecl, RegexDecl, RelationDecl, RowCountAnomalyDecl,
    RowCountDecl,
};
pub use column::{Column, Contract, Load};
pub use concurrency::{ConcurrencyDecl, TagLimitDecl};
pub use decode::{decode, decode_without};
pub use document::{Document, MAX_DOCUMENT_BYTES};
pub use duration::{ByteSize, Millis};
pub use freshness::FreshnessDecl;
pub use http::{Basic, HttpGrant, HttpLimits};
pub use job::Job;
pub use load::{LoadedProject, Placed, load_project};
pub use node::{Node, NodeKind, Span};
pub use notification::{EmailDecl, Notification, SlackDecl, SmtpDecl, SmtpTls, WebhookDecl};
pub use one_or_many::OneOrMany;
pub use partitions::{CronWindow, DynamicKeys, MappingDecl, Partitions, PartitionsFault, StaticKeys, Window};
pub use placeholder::fill_placeholders;
pub use plain_url::{lies_below, plain_url};
pub use project::{CheckpointDecl, ProjectDecl, TargetDecl};
pub use reference::{Lookup, ReferenceError, ReferenceKind, Unavailable, fill, fill_grants, has_reference};
pub use resource::Resource;
pub use retention::{DEFAULT_EVENTS, Keep, RetentionDecl};
pub use retry::{Backoff, MAX_ATTEMPTS, RetryDecl, RetryOn};
pub use schedule::{Maintenance, Overlap, Schedule};
pub use secret_name::SecretName;
pub use sensor::{AssetSensor, FilesSensor, HttpSensor, PluginSensorDecl, RunFailedSensor, RunPer, Sensor};
pub use step::{ExecDecl, HttpStepDecl, MaterializeDecl, SqlStepDecl, StepDecl, When};
pub use suggest::closest;
pub use transform::{Limits, Reads, TransformDecl};
pub use validate::{GrantFault, MAX_ITEMS, grant_faults, needed_before, validate};
