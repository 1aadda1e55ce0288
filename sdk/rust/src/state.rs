//! States as bytes, for `snapshot` and `restore`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// A state as JSON, for `snapshot`.
pub fn save<S: Serialize>(state: &S) -> Result<Option<Vec<u8>>, Fault> {
    serde_json::to_vec(state)
        .map(Some)
        .map_err(|error| Fault::fatal(format!("the state is not JSON: {error}")))
}

/// The state that [`save`] gave, for `restore`.
pub fn load<S: DeserializeOwned>(state: &[u8]) -> Result<S, Fault> {
    serde_json::from_slice(state).map_err(|error| {
        Fault::fatal(format!(
            "the state is none that this version of the plugin saves: {error}"
        ))
    })
}
