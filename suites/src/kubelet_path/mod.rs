//! Suite `kubelet-path`: what goes from the API server through a kubelet's port 10250. The only checks that may fail when a host
//! firewall closes that port.

pub mod attach;
pub mod configz;
pub mod exec;
pub mod logs;
pub mod metrics;
pub mod port_forward;
mod proxy;
mod target;

#[cfg(test)]
mod tests;
