//! Suite `kubelet-path`: connections from the API server to a kubelet's port 10250, on every node of the variant. These are the only
//! checks that may fail if a host firewall closes that port. A kubelet without a serving certificate is retried, and one that never
//! receives a certificate is distinguished from a closed port.

pub mod attach;
mod certificate;
pub mod configz;
pub mod exec;
pub mod logs;
pub mod metrics;
pub mod port_forward;
mod proxy;
pub(crate) mod target;

#[cfg(test)]
mod tests;
