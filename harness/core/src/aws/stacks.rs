//! The CloudFormation stacks of amiproof in a region, and what is in them.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{Stack, StackStatus};

use super::Clients;
use super::error::{AwsError, Explain as _, found};
use super::names::RUN_TAG;

/// A stack that is not deleted.
#[derive(Clone, Debug)]
pub(crate) struct StandingStack {
    /// Its name.
    pub(crate) name: String,
    /// Its StackId, or its name.
    pub(crate) id: String,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
}

impl From<&Stack> for StandingStack {
    fn from(stack: &Stack) -> Self {
        let name = stack.stack_name().unwrap_or_default().to_owned();
        let tags = stack.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
        Self { id: stack.stack_id().unwrap_or(&name).to_owned(), name, tags: tags.collect() }
    }
}

/// Every stack with a run's tag that is not deleted.
///
/// # Errors
/// [`AwsError`] of [DescribeStacks](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html).
pub(crate) async fn standing(clients: &Clients) -> Result<Vec<StandingStack>, AwsError> {
    let mut pages = clients.cloudformation.describe_stacks().into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.explain("DescribeStacks", "stacks with amiproof's tags")?;
        let there = page.stacks().iter().filter(|stack| stack.stack_status() != Some(&StackStatus::DeleteComplete));
        all.extend(there.map(StandingStack::from).filter(|stack| stack.tags.contains_key(RUN_TAG)));
    }
    Ok(all)
}

/// The VPCs of a stack, by its name or StackId.
///
/// # Errors
/// As [`members`].
pub(crate) async fn vpcs(clients: &Clients, id: &str) -> Result<Vec<String>, AwsError> {
    let members = members(clients, id).await?.into_iter();
    Ok(members.filter(|(kind, _)| kind == "AWS::EC2::VPC").map(|(_, id)| id).collect())
}

/// The resources of a stack: types and physical ids.
///
/// # Errors
/// [`AwsError`] of
/// [DescribeStackResources](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html).
pub(crate) async fn members(clients: &Clients, id: &str) -> Result<Vec<(String, String)>, AwsError> {
    let describe = || async {
        let request = clients.cloudformation.describe_stack_resources().stack_name(id);
        request.send().await.explain("DescribeStackResources", format!("stack {id}"))
    };
    let answer = found(clients.read(describe).await)?;
    let members = answer.iter().flat_map(|answer| answer.stack_resources()).filter_map(|member| {
        let id = member.physical_resource_id().filter(|id| !id.is_empty())?;
        Some((member.resource_type().unwrap_or_default().to_owned(), id.to_owned()))
    });
    Ok(members.collect())
}
