//! Suite `kubelet-path`: what goes from the API server through a kubelet's port 10250, on every node of the variant. The only checks
//! that may fail when a host firewall closes that port. A kubelet that has no serving certificate yet is asked again, and one that never
//! gets one is told apart from a closed port.

pub mod attach;
mod certificate;
pub mod configz;
pub mod exec;
pub mod logs;
pub mod metrics;
pub mod port_forward;
mod proxy;
mod target;

#[cfg(test)]
mod tests;
