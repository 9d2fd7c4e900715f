//! What a query by tag looks for, without a ledger.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::name::RunId;
use aws_sdk_ec2::types::Filter;
use jiff::Timestamp;

use super::owned::{Claim, has_expired};
use crate::aws::names::{EXPIRES_TAG, RUN_TAG};

/// CloudFormation's tag on each member of a stack.
const STACK_TAG: &str = "aws:cloudformation:stack-id";

/// What to look for.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    /// What one run created, with the namespaces and clusters in its ledger.
    Run { run: RunId, namespaces: BTreeSet<String>, clusters: BTreeSet<String> },
    /// What expired runs created.
    Expired(Timestamp),
}

impl Query {
    /// The claim for resources that are deleted because of it.
    pub(crate) fn claim(&self) -> Claim {
        match self {
            Self::Run { run, .. } => Claim::Run { run: run.clone(), id: None },
            Self::Expired(now) => Claim::Expired(*now),
        }
    }

    /// Whether a resource with these tags matches. Members of a stack are deleted with their stack, never by themselves.
    pub(super) fn wants(&self, tags: &BTreeMap<String, String>) -> bool {
        if tags.contains_key(STACK_TAG) {
            return false;
        }
        match self {
            Self::Run { run, .. } => tags.get(RUN_TAG).is_some_and(|tag| tag == run.as_str()),
            Self::Expired(now) => has_expired(tags, *now),
        }
    }

    /// The query as a filter of EC2.
    pub(super) fn filter(&self) -> Filter {
        match self {
            Self::Run { run, .. } => Filter::builder().name(format!("tag:{RUN_TAG}")).values(run.as_str()).build(),
            Self::Expired(_) => Filter::builder().name("tag-key").values(EXPIRES_TAG).build(),
        }
    }
}
