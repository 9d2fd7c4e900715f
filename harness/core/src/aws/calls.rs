//! Counts the calls to AWS: an account has limits on them that everything in it shares.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// How many requests were sent, by service (its name in the SDK or that of its endpoint: `ec2`) and operation (`DescribeInstances`). Every attempt counts,
/// as it does to AWS. Requests for credentials, to presigned addresses and to clusters are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(BTreeMap<(&'static str, String), u64>);

impl Calls {
    /// To all services together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// One line for each operation, most used first: `ec2 DescribeInstances 17`.
    pub fn by_operation(&self) -> Vec<String> {
        let mut operations: Vec<_> = self.0.iter().collect();
        operations.sort_by_key(|(_, count)| Reverse(**count));
        operations.iter().map(|((service, operation), count)| format!("{service} {operation} {count}")).collect()
    }
}

/// `61 calls to AWS: ec2 40, eks 21`.
impl fmt::Display for Calls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        write!(out, "{total} {} to AWS", if total == 1 { "call" } else { "calls" })?;
        let mut services = BTreeMap::<&str, u64>::new();
        for ((service, _), count) in &self.0 {
            *services.entry(service).or_default() += count;
        }
        for (index, (service, count)) in services.iter().enumerate() {
            write!(out, "{} {service} {count}", if index == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// What the clients of one account and region have sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(Arc<Mutex<Calls>>);

impl Counter {
    /// What the client of a service reports to. `sdk` is the name of its crate, `aws_sdk_ec2`.
    pub(super) fn of(&self, sdk: &'static str) -> CountedClient {
        CountedClient { service: sdk.strip_prefix("aws_sdk_").unwrap_or(sdk), counter: self.clone() }
    }

    /// The calls so far.
    pub(super) fn calls(&self) -> Calls {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts one more.
    pub(super) fn add(&self, service: &'static str, operation: &str) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.0.entry((service, operation.to_owned())).or_default() += 1;
    }
}

/// The interceptor of one client.
#[derive(Debug)]
pub(super) struct CountedClient {
    service: &'static str,
    counter: Counter,
}

#[dyn_dispatch_hint]
impl Intercept for CountedClient {
    fn name(&self) -> &'static str {
        "CountedClient"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.counter.add(self.service, config.load::<Metadata>().map_or("unknown operation", Metadata::name));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_service_and_operation() {
        let counter = Counter::default();
        assert_eq!(counter.calls().to_string(), "0 calls to AWS");
        counter.add(counter.of("aws_sdk_ec2").service, "DescribeVolumes");
        assert_eq!(counter.calls().to_string(), "1 call to AWS: ec2 1");
        counter.add(counter.of("aws_sdk_eks").service, "DescribeCluster");
        counter.add(counter.of("aws_sdk_ec2").service, "DescribeInstances");
        counter.add(counter.of("aws_sdk_ec2").service, "DescribeInstances");
        assert_eq!(counter.calls().to_string(), "4 calls to AWS: ec2 3, eks 1");
        assert_eq!(
            counter.calls().by_operation(),
            ["ec2 DescribeInstances 2", "ec2 DescribeVolumes 1", "eks DescribeCluster 1"]
        );
    }
}
