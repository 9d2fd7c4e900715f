//! Files of data that are part of the program: one document each, with version, kind and name before what it says.

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document<N, S> {
    api_version: String,
    kind: String,
    metadata: Metadata<N>,
    spec: S,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata<N> {
    name: N,
}

/// Reads the document of a kind: its name and its `spec`.
///
/// # Errors
/// The first thing that is wrong with it, as a sentence.
pub(crate) fn read<N: DeserializeOwned, S: DeserializeOwned>(text: &str, wanted: &str) -> Result<(N, S), String> {
    let document: Document<N, S> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let Document { api_version, kind, metadata, spec } = document;
    if (api_version.as_str(), kind.as_str()) != ("amiproof/v1", wanted) {
        return Err(format!("it is {api_version} {kind} and not amiproof/v1 {wanted}"));
    }
    Ok((metadata.name, spec))
}
