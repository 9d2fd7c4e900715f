//! `amiproof workload images`: every image that a run pulls, to mirror them for accounts without internet access.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_core::check::{Body, Check};
use amiproof_core::cluster::pod_template::{mirrored, pod_template};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::Matrix;
use amiproof_model::workload::{WINDOWS_RELEASE, Workload};
use serde_json::json;

use crate::args::OutputForm;
use crate::output::{Failure, Output};

/// The releases of Windows that EKS has images of (EKS user guide, "Amazon EKS optimized Windows AMIs").
const WINDOWS_RELEASES: [&str; 3] = ["ltsc2019", "ltsc2022", "ltsc2025"];

/// Lists the images; with a registry also their names there.
pub(crate) fn run(
    workloads: &[Workload],
    registry: Option<&str>,
    form: OutputForm,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let images = images(workloads);
    match form {
        OutputForm::Text => {
            let line = |(image, users): (&String, &BTreeSet<String>)| match registry {
                Some(registry) => format!("{image} {}", mirrored(image, registry)),
                None => format!("{image:<56} {}", users.iter().cloned().collect::<Vec<_>>().join(", ")),
            };
            output.data(images.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
        OutputForm::Json => {
            let entry = |(image, users): (&String, &BTreeSet<String>)| json!({"image": image, "usedBy": users, "mirror": registry.map(|registry| mirrored(image, registry))});
            output.json(format_args!("{:#}", images.iter().map(entry).collect::<serde_json::Value>()));
        }
    }
    Ok(ExitCode::Passed)
}

/// Every image that the selected checks pull, by the name that nodes pull it by.
pub(crate) fn pulled(checks: &[Check], matrix: &Matrix, registry: Option<&str>) -> Vec<String> {
    let workloads = checks.iter().filter_map(|check| match &check.body {
        Body::Workload(workload) => Some((**workload).clone()),
        _ => None,
    });
    let workloads: Vec<Workload> = workloads.collect();
    let own = matrix.scans.kube_bench.image.clone();
    let all = images(&workloads).into_keys().chain(own);
    all.map(|image| registry.map_or_else(|| image.clone(), |registry| mirrored(&image, registry))).collect()
}

/// Each image with its users: workloads by name, and amiproof's own pods.
fn images(workloads: &[Workload]) -> BTreeMap<String, BTreeSet<String>> {
    let mut images: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (user, image) in amiproof_core::images::OWN {
        for image in spellings(image) {
            images.entry(image).or_default().insert((*user).to_owned());
        }
    }
    for workload in workloads {
        for object in &workload.objects {
            let mut object = object.clone();
            let Some(template) = pod_template(&mut object) else { continue };
            let lists = ["initContainers", "containers"];
            let containers = lists.iter().flat_map(|list| template["spec"][list].as_array().into_iter().flatten());
            for image in containers.filter_map(|container| container["image"].as_str()) {
                for image in spellings(image) {
                    images.entry(image).or_default().insert(workload.name.clone());
                }
            }
        }
    }
    images
}

/// An image for each release of Windows that its tag stands for.
fn spellings(image: &str) -> Vec<String> {
    if image.contains(WINDOWS_RELEASE) {
        WINDOWS_RELEASES.iter().map(|release| image.replace(WINDOWS_RELEASE, release)).collect()
    } else {
        vec![image.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_of_the_catalogue_is_listed_once_and_none_holds_a_placeholder() {
        let catalogue = amiproof_workloads::catalogue().unwrap();
        let images = images(catalogue);
        assert!(images.keys().all(|image| !image.contains(['{', '}', ' ']) && image.contains('/')), "{images:?}");
        let used: BTreeSet<&str> = images.values().flatten().map(String::as_str).collect();
        for workload in catalogue {
            assert!(used.contains(workload.name.as_str()), "{} uses no image", workload.name);
        }
        assert!(used.contains("kube-bench"));
    }
}
