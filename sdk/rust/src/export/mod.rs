//! Between the traits that an author implements and what the component exports.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

pub mod check;
pub mod destination;
pub mod manifest;
pub mod sensor;
pub mod source;
pub mod transform;

mod types;

/// The config as its type; an empty text is a config without keys.
pub(crate) fn config<C: DeserializeOwned>(text: &str) -> Result<C, Fault> {
    serde_json::from_str(if text.is_empty() { "{}" } else { text }).map_err(|error| {
        // Without the line and column: the config was YAML when its author saw it.
        let message = error.to_string();
        Fault::config("", message.split(" at line ").next().unwrap_or_default())
    })
}

/// The schema of a plugin's config: that of its role, or of any of its roles where they differ.
pub fn schema(roles: impl IntoIterator<Item = schemars::Schema>) -> String {
    let mut all: Vec<schemars::Schema> = Vec::new();
    for schema in roles {
        if !all.contains(&schema) {
            all.push(schema);
        }
    }
    match all.as_slice() {
        [only] => only.as_value().to_string(),
        _ => schemars::json_schema!({ "anyOf": all }).as_value().to_string(),
    }
}

/// A cursor, or what was staged, that this plugin made earlier.
pub(crate) fn earlier<C: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<C, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        Fault::fatal(format!(
            "{what} is none that this version of the plugin makes: {error}"
        ))
    })
}

/// A cursor, or what was staged, as the host keeps it.
pub(crate) fn kept<C: Serialize>(value: &C, what: &str) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::fatal(format!("{what} is not JSON: {error}")))
}

/// Makes types that implement a role's trait the component's, one a role, and puts the manifest (name, version,
/// description, licence and authors of the crate that calls it) into the component:
///
/// ```ignore
/// tidegate_sdk::export_plugin!(source: Issues, destination: Hook);
/// ```
///
/// Each role parses the config as its own; where the types differ, the config's schema is any of theirs.
#[macro_export]
macro_rules! export_plugin {
    ($($role:ident: $type:ty),+ $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::manifest!($($role),+);

            struct Configuration;

            impl $crate::bindings::configuration::exports::tidegate::plugin::configuration::Guest for Configuration {
                fn schema() -> ::std::string::String {
                    $crate::export::schema([$($crate::export::$role::schema::<$type>()),+])
                }
            }

            $crate::bindings::configuration::export!(
                Configuration with_types_in $crate::bindings::configuration
            );

            $(const _: () = {
                type Component = $crate::export::$role::Component<$type>;
                $crate::bindings::$role::export!(Component with_types_in $crate::bindings::$role);
            };)+
        };
    };
}

/// Makes a type that implements [`Transform`](crate::Transform) the component's transform; see [`export_plugin!`].
#[macro_export]
macro_rules! export_transform {
    ($transform:ty) => {
        $crate::export_plugin!(transform: $transform);
    };
}

/// Makes a type that implements [`RowTransform`](crate::row::RowTransform) the component's transform; see
/// [`export_plugin!`].
#[macro_export]
macro_rules! export_row_transform {
    ($transform:ty) => {
        $crate::export_plugin!(transform: $crate::row::ByRow<$transform>);
    };
}

/// Makes a type that implements [`Source`](crate::Source) the component's source; see [`export_plugin!`].
#[macro_export]
macro_rules! export_source {
    ($source:ty) => {
        $crate::export_plugin!(source: $source);
    };
}

/// Makes a type that implements [`Destination`](crate::Destination) the component's destination; see
/// [`export_plugin!`].
#[macro_export]
macro_rules! export_destination {
    ($destination:ty) => {
        $crate::export_plugin!(destination: $destination);
    };
}

/// Makes a type that implements [`Check`](crate::Check) the component's check; see [`export_plugin!`].
#[macro_export]
macro_rules! export_check {
    ($check:ty) => {
        $crate::export_plugin!(check: $check);
    };
}

/// Makes a type that implements [`Sensor`](crate::Sensor) the component's sensor; see [`export_plugin!`].
#[macro_export]
macro_rules! export_sensor {
    ($sensor:ty) => {
        $crate::export_plugin!(sensor: $sensor);
    };
}
