//! The section `scans`.

use super::file::{KubeBenchSection, OpenScapSection, RunsSection, ScansSection};
use super::resolver::{Resolver, list};
use super::spec::scans::{KubeBench, OpenScap, Runs, RunsBy, ScanSettings};
use super::variant::Named;
use crate::form::List;
use crate::problem::instead;

/// Resolves the section.
pub(super) fn resolve(resolver: &mut Resolver<'_>, raw: Option<ScansSection>, variants: &[Named]) -> ScanSettings {
    let raw = raw.unwrap_or_default();
    ScanSettings {
        kube_bench: raw.kube_bench.map(|raw| kube_bench(resolver, raw)).unwrap_or_default(),
        openscap: openscap(resolver, raw.openscap.unwrap_or_default(), variants),
        approved_registries: list(
            resolver,
            "scans.approvedRegistries",
            raw.approved_registries,
            |resolver, path, text| {
                let rule = "a registry as images name it, without https:// and tag, like public.ecr.aws/eks-distro";
                resolver.text(path, text, "registry", rule, is_registry)
            },
        ),
    }
}

/// A host, with or without a port and a path of repositories.
fn is_registry(text: &str) -> bool {
    let (host, path) = text.split_once('/').unwrap_or((text, "a"));
    let legal = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    legal(host, ".-:") && path.split('/').all(|part| legal(part, "._-"))
}

fn openscap(resolver: &mut Resolver<'_>, raw: List<OpenScapSection>, variants: &[Named]) -> Vec<OpenScap> {
    let known: Vec<&str> = variants.iter().filter_map(Named::name).collect();
    let mut entries = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let (path, Some(raw)) = (format!("scans.openscap[{index}]"), raw) else { continue };
        let variants = list(resolver, &format!("{path}.variants"), raw.variants, |resolver, path, name| {
            if !known.contains(&name.as_str()) {
                resolver.problem(path, format!("there is no variant '{name}'"), instead(&name, &known));
                return None;
            }
            resolver.name(path, name.parse())
        });
        let content = raw.content.and_then(|text| {
            let rule = "an absolute path of letters, digits and '/._-' on the nodes";
            resolver.text(&format!("{path}.content"), text, "path of SCAP content", rule, is_plain_path)
        });
        let profile = raw.profile.and_then(|text| {
            let rule = "the id of a profile as `oscap info --profiles` lists it";
            resolver.text(&format!("{path}.profile"), text, "profile", rule, is_plain)
        });
        let benchmark = raw.benchmark.and_then(|text| resolver.name(&format!("{path}.benchmark"), text.parse()));
        entries.push(OpenScap { variants, content, profile, benchmark });
    }
    entries
}

fn is_plain(text: &str) -> bool {
    (1..=300).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

fn is_plain_path(text: &str) -> bool {
    text.starts_with('/') && is_plain(text)
}

fn kube_bench(resolver: &mut Resolver<'_>, raw: KubeBenchSection) -> KubeBench {
    let benchmark = raw.benchmark.and_then(|text| {
        if !text.starts_with("cis-eks-") {
            let message = format!("'{text}' is not a CIS EKS benchmark; others check paths that EKS nodes do not have");
            resolver.problem("scans.kubeBench.benchmark", message, "write a benchmark like cis-eks-1.8.0");
            return None;
        }
        resolver.name("scans.kubeBench.benchmark", text.parse())
    });
    let image = raw.image.and_then(|image| {
        let rule = "an image with a tag or digest, like docker.io/aquasec/kube-bench:v0.15.6";
        resolver.text("scans.kubeBench.image", image, "image", rule, is_pinned)
    });
    let from = raw.from.and_then(|raw| runs(resolver, raw));
    if from.is_some() {
        for (key, given) in [("image", image.is_some()), ("nodes", raw.nodes.is_some())] {
            if given {
                let message = "has no effect: results of existing runs are read";
                resolver.warning(&format!("scans.kubeBench.{key}"), message, "remove it, or remove from");
            }
        }
    }
    KubeBench { nodes: raw.nodes.unwrap_or_default(), benchmark, image, from }
}

fn runs(resolver: &mut Resolver<'_>, raw: RunsSection) -> Option<Runs> {
    const PATH: &str = "scans.kubeBench.from";
    let name = |resolver: &mut Resolver<'_>, key: &str, text: String, what: &'static str| {
        let rule = "a Kubernetes name: lower-case letters, digits, '-' and '.'";
        resolver.text(&format!("{PATH}.{key}"), text, what, rule, is_object_name)
    };
    let namespace = raw.namespace.and_then(|text| name(resolver, "namespace", text, "namespace"));
    let by = match (raw.job, raw.pod) {
        (Some(job), None) => name(resolver, "job", job, "Job").map(RunsBy::Job),
        (None, Some(pod)) => name(resolver, "pod", pod, "pod").map(RunsBy::Pod),
        _ => {
            resolver.problem(PATH, "exactly one of job and pod is needed", "name one of job and pod");
            None
        }
    };
    Some(Runs { namespace: namespace?, by: by? })
}

/// Whether an image says which one it is: benchmarks and numbers change between versions.
fn is_pinned(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    let tag = name.split_once(['@', ':']).map_or("", |(_, tag)| tag);
    !image.contains(char::is_whitespace) && !tag.is_empty() && tag != "latest"
}

fn is_object_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (1..=253).contains(&text.len())
        && text.chars().all(legal)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_host_and_perhaps_a_path() {
        for (text, wanted) in [
            ("111122223333.dkr.ecr.us-west-2.amazonaws.com", true),
            ("public.ecr.aws/eks-distro", true),
            ("registry.local:5000/team/apps", true),
            ("https://public.ecr.aws", false),
            ("public.ecr.aws/", false),
            ("public.ecr.aws/app:1", false),
            ("", false),
        ] {
            assert_eq!(is_registry(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_path_of_content_needs_no_quotes() {
        for (path, wanted) in [
            ("/usr/share/xml/scap/ssg/content/ssg-al2023-ds.xml", true),
            ("relative.xml", false),
            ("/a b", false),
            ("/a'; rm -rf /", false),
            ("", false),
        ] {
            assert_eq!(is_plain_path(path), wanted, "{path}");
        }
    }

    #[test]
    fn an_image_must_say_which_one_it_is() {
        for (image, wanted) in [
            ("docker.io/aquasec/kube-bench:v0.15.6", true),
            ("registry:5000/kube-bench@sha256:00", true),
            ("registry:5000/kube-bench", false),
            ("kube-bench:latest", false),
            ("kube bench:v1", false),
        ] {
            assert_eq!(is_pinned(image), wanted, "{image}");
        }
    }
}
