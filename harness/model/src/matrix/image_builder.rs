//! Images of EC2 Image Builder, which tags every AMI with the ARN of the build that made it
//! (<https://docs.aws.amazon.com/imagebuilder/latest/userguide/tag-resources.html>), so that no other API is asked.

/// The tag that Image Builder puts on an AMI: `arn:aws:imagebuilder:us-west-2:123456789012:image/golden/1.0.0/3`.
pub const TAG: &str = "Ec2ImageBuilderArn";

/// The pattern with `*` that the tag of an AMI matches if a build of `arn` made it: one build, the builds of a version, or those of every
/// version (`x.x.x`, or no version at all).
///
/// # Errors
/// The rule that `arn` breaks, as a help text.
pub fn pattern(arn: &str) -> Result<String, String> {
    const EXAMPLE: &str = "arn:aws:imagebuilder:us-west-2:123456789012:image/golden/x.x.x";
    let rule = || format!("write the ARN of an image of Image Builder: {EXAMPLE}");
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "imagebuilder", region, account, resource] = fields.as_slice() else { return Err(rule()) };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !partition.starts_with("aws") || region.is_empty() || !is_account {
        return Err(rule());
    }
    let parts: Vec<&str> = resource.split('/').collect();
    let (name, version) = match parts.as_slice() {
        ["image", name] => (name, "x.x.x"),
        ["image", name, version] => (name, *version),
        ["image", name, version, build] if is_version(version) && is_number(build) => {
            return if is_name(name) && !version.contains('x') { Ok(arn.to_owned()) } else { Err(rule()) };
        }
        ["image-pipeline" | "image-recipe", ..] => {
            return Err(format!(
                "name the image that it makes, which has the name of its recipe: {EXAMPLE}; `aws imagebuilder list-images` lists them"
            ));
        }
        _ => return Err(rule()),
    };
    if !is_name(name) || !is_version(version) {
        return Err(rule());
    }
    let image = arn.split('/').take(2).collect::<Vec<_>>().join("/");
    Ok(format!("{image}/{}/*", version.replace('x', "*")))
}

/// `1.0.0`, or with `x` for any number.
fn is_version(text: &str) -> bool {
    let numbers: Vec<&str> = text.split('.').collect();
    numbers.len() == 3 && numbers.iter().all(|number| *number == "x" || is_number(number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_versions_and_names_are_images_and_pipelines_are_not() {
        let arn = |resource: &str| pattern(&format!("arn:aws:imagebuilder:us-west-2:123456789012:{resource}"));
        let found = |resource: &str| arn(resource).map(|pattern| pattern.split_once("012:").unwrap().1.to_owned());
        for (resource, expected) in [
            ("image/golden/1.0.0/3", "image/golden/1.0.0/3"),
            ("image/golden/1.0.0", "image/golden/1.0.0/*"),
            ("image/golden/1.x.x", "image/golden/1.*.*/*"),
            ("image/golden/x.x.x", "image/golden/*.*.*/*"),
            ("image/golden", "image/golden/*.*.*/*"),
        ] {
            assert_eq!(found(resource).as_deref(), Ok(expected));
        }
        for resource in [
            "image/golden/1.0",
            "image/golden/*/3",
            "image/golden/x.x.x/3",
            "image/golden/1.0.0/x",
            "image/golden/1.0.0/3/4",
            "image/Golden",
            "image/",
            "component/golden/1.0.0",
        ] {
            assert!(arn(resource).unwrap_err().starts_with("write the ARN"), "{resource}");
        }
        assert!(arn("image-pipeline/golden").unwrap_err().starts_with("name the image that it makes"));
        assert!(pattern("arn:aws:ec2:us-west-2:123456789012:image/golden").is_err());
        assert!(
            pattern("arn:aws:imagebuilder:us-west-2:aws:image/amazon-linux-2023-x86/x.x.x").is_err(),
            "not an AMI of the account"
        );
        assert!(pattern("golden").is_err());
    }
}
