//! Tags in the form of IAM.

use aws_sdk_iam::types::Tag;

use super::error::{AwsError, Class};
use super::names::Tags;

/// Tags as IAM takes them.
///
/// # Errors
/// If the SDK considers a tag incomplete.
pub(crate) fn tag_list(tags: &Tags, operation: &'static str, name: &str) -> Result<Vec<Tag>, AwsError> {
    let tags: Result<Vec<Tag>, _> =
        tags.pairs().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    tags.map_err(|error| AwsError::new(Class::Request, operation, name, error.to_string()))
}
