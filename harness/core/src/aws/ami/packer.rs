//! The manifest that Packer's `manifest` post-processor writes.

use amiproof_model::name::AmiId;
use serde::Deserialize;

#[derive(Deserialize)]
struct Manifest {
    builds: Vec<Build>,
    #[serde(default)]
    last_run_uuid: Option<String>,
}

#[derive(Deserialize)]
struct Build {
    #[serde(default)]
    name: String,
    #[serde(default)]
    build_time: i64,
    /// `region:ami-…`, several of them joined by commas; other builders write other things.
    #[serde(default)]
    artifact_id: String,
}

/// The newest AMI of a manifest for a region; `select` keeps the builds whose name contains it.
///
/// # Errors
/// A clause that says what is wrong with the manifest and what to do: not JSON, no build of that name, none in that region.
pub fn newest_in_manifest(text: &str, select: Option<&str>, region: &str) -> Result<AmiId, String> {
    let manifest: Manifest = serde_json::from_str(text)
        .map_err(|error| format!("not a Packer manifest ({error}): it comes from the post-processor \"manifest\""))?;
    let named: Vec<&Build> =
        manifest.builds.iter().filter(|build| select.is_none_or(|part| build.name.contains(part))).collect();
    if named.is_empty() {
        return Err(match (select, manifest.builds.is_empty()) {
            (_, true) => "the Packer manifest lists no builds: run `packer build` first".to_owned(),
            (select, false) => format!(
                "no build's name contains '{}': there are {}",
                select.unwrap_or_default(),
                listed(manifest.builds.iter().map(|build| build.name.as_str()))
            ),
        });
    }
    let here = |build: &&Build| image_in(&build.artifact_id, region).map(|id| (build.build_time, id.to_owned()));
    let newest = named.iter().filter_map(here).max_by_key(|(time, _)| *time);
    let (_, id) = newest.ok_or_else(|| {
        format!(
            "no image was built for {region}: the artifacts are {}; build there, or copy the image",
            listed(named.iter().map(|build| build.artifact_id.as_str()))
        )
    })?;
    id.parse().map_err(|error| format!("{error}"))
}

/// The run of Packer that wrote a manifest last; `None` if it does not say, or is not a manifest.
pub fn last_run(text: &str) -> Option<String> {
    serde_json::from_str::<Manifest>(text).ok()?.last_run_uuid.filter(|run| !run.is_empty())
}

/// The AMI that the last run of Packer built, and no earlier one: [`newest_in_manifest`] among its builds.
///
/// # Errors
/// As [`newest_in_manifest`].
pub fn of_last_run(text: &str, select: Option<&str>, region: &str) -> Result<AmiId, String> {
    let mut manifest: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| format!("not a Packer manifest ({error}): it comes from the post-processor \"manifest\""))?;
    let run = last_run(text).ok_or("the Packer manifest names no run: it was not written by Packer 1.2 or newer")?;
    if let Some(builds) = manifest["builds"].as_array_mut() {
        builds.retain(|build| build["packer_run_uuid"].as_str() == Some(run.as_str()));
    }
    let text = manifest.to_string();
    let image = newest_in_manifest(&text, select, region)?;
    let builds: Manifest = serde_json::from_value(manifest).map_err(|error| error.to_string())?;
    let named = builds.builds.iter().filter(|build| select.is_none_or(|part| build.name.contains(part)));
    let other = named.filter_map(|build| image_in(&build.artifact_id, region)).find(|id| *id != image.as_str());
    match other {
        Some(other) => Err(format!(
            "the last run built {image} and {other}: choose one source with `only`, or a build with `select`"
        )),
        None => Ok(image),
    }
}

fn image_in<'a>(artifact: &'a str, region: &str) -> Option<&'a str> {
    artifact.split(',').find_map(|part| part.trim().strip_prefix(region)?.strip_prefix(':'))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
