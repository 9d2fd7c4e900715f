//! IAM roles that a run makes outside of its stack.

use aws_sdk_iam::types::Tag;
use serde_json::Value;

use super::Clients;
use super::error::{AwsError, Class, Explain as _};
use super::names::Tags;
use super::network::ROLE_PATH;

/// Creates a role, or finds the one that a lost answer made, and attaches its managed policies; its ARN. `boundary` is the policy that limits
/// it, where the account demands one. Doing it twice is the same as once.
///
/// # Errors
/// [`AwsError`] of [CreateRole](https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html) and [GetRole](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html).
pub(crate) async fn make(
    clients: &Clients,
    name: &str,
    trust: &Value,
    policies: &[String],
    boundary: Option<&str>,
    tags: &Tags,
) -> Result<String, AwsError> {
    let tags = tag_list(tags, "CreateRole", name)?;
    let request = clients.iam.create_role().role_name(name).path(ROLE_PATH);
    let request = request.assume_role_policy_document(trust.to_string()).set_tags(Some(tags));
    let request = request.set_permissions_boundary(boundary.map(str::to_owned));
    let made = request.send().await.explain("CreateRole", format!("role {name}"));
    let arn = match made {
        Ok(answer) => answer.role.map(|role| role.arn),
        Err(error) if error.class == Class::Exists => {
            let found =
                clients.iam.get_role().role_name(name).send().await.explain("GetRole", format!("role {name}"))?;
            found.role.map(|role| role.arn)
        }
        Err(error) => return Err(error),
    };
    for policy in policies {
        let request = clients.iam.attach_role_policy().role_name(name).policy_arn(policy);
        request.send().await.explain("AttachRolePolicy", format!("role {name}, policy {policy}"))?;
    }
    arn.ok_or_else(|| AwsError::new(Class::Infrastructure, "CreateRole", name, "the answer has no role"))
}

/// Tags as IAM takes them.
///
/// # Errors
/// When the SDK takes one for incomplete.
pub(super) fn tag_list(tags: &Tags, operation: &'static str, name: &str) -> Result<Vec<Tag>, AwsError> {
    let tags: Result<Vec<Tag>, _> =
        tags.pairs().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    tags.map_err(|error| AwsError::new(Class::Request, operation, name, error.to_string()))
}
