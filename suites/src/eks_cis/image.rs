//! Registry, account and repository of an image, from its name.

/// The registry of an image, as container runtimes read it: the part before the first slash if it has a dot or a colon or is
/// `localhost`; otherwise Docker Hub.
pub(crate) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// The whole name without tag and digest, with Docker Hub's host if it has none.
pub(crate) fn full_name(image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let slash = name.rfind('/').map_or(0, |slash| slash + 1);
    let name = match name[slash..].find(':') {
        Some(colon) => &name[..slash + colon],
        None => name,
    };
    match registry(name) {
        "docker.io" if !name.starts_with("docker.io/") => {
            let library = if name.contains('/') { "" } else { "library/" };
            format!("docker.io/{library}{name}")
        }
        _ => name.to_owned(),
    }
}

/// The account, the region and the repository of an image in ECR.
fn in_ecr(image: &str) -> Option<(&str, &str, &str)> {
    let (host, path) = image.split_once('/')?;
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let (region, domain) = rest.split_once('.')?;
    let of_aws = matches!(domain, "amazonaws.com" | "amazonaws.com.cn");
    let path = path.split('@').next().unwrap_or(path);
    let path = path.split(':').next().unwrap_or(path);
    (of_aws && account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some((account, region, path))
}

/// The repository of an image, if it is in the registry of this account and region.
pub(crate) fn repository_of<'a>(image: &'a str, account: &str, region: &str) -> Option<&'a str> {
    in_ecr(image).filter(|(owner, place, _)| (*owner, *place) == (account, region)).map(|(_, _, repository)| repository)
}

/// Whether an image's name begins with one of some prefixes, each ending at a slash: `public.ecr.aws/eks`.
pub(crate) fn is_below(image: &str, prefixes: &[String]) -> bool {
    let name = full_name(image);
    prefixes
        .iter()
        .map(|prefix| prefix.trim_end_matches('/'))
        .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_container_runtimes_read_them() {
        for (image, host, full) in [
            ("nginx", "docker.io", "docker.io/library/nginx"),
            ("nginx:1.2@sha256:ab", "docker.io", "docker.io/library/nginx"),
            ("team/app:1", "docker.io", "docker.io/team/app"),
            ("docker.io/library/nginx", "docker.io", "docker.io/library/nginx"),
            ("localhost:5000/a/b:1", "localhost:5000", "localhost:5000/a/b"),
            ("public.ecr.aws/eks/x@sha256:ab", "public.ecr.aws", "public.ecr.aws/eks/x"),
        ] {
            assert_eq!((registry(image), full_name(image).as_str()), (host, full), "{image}");
        }
    }

    #[test]
    fn only_the_registry_of_the_account_and_region_is_the_own_one() {
        let image = "111122223333.dkr.ecr.us-west-2.amazonaws.com/team/app:1";
        assert_eq!(repository_of(image, "111122223333", "us-west-2"), Some("team/app"));
        assert_eq!(repository_of(image, "111122223333", "eu-west-1"), None);
        assert_eq!(repository_of(image, "444455556666", "us-west-2"), None);
        assert_eq!(repository_of("evil.dkr.ecr.us-west-2.amazonaws.com/x", "evil", "us-west-2"), None);
    }

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let prefixes = ["public.ecr.aws/eks/".to_owned(), "docker.io/library".to_owned()];
        assert!(is_below("public.ecr.aws/eks/coredns:1", &prefixes) && is_below("busybox", &prefixes));
        assert!(!is_below("public.ecr.aws/eks-evil/x", &prefixes) && !is_below("team/app", &prefixes));
    }
}
