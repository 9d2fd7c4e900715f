//! The finding about a kubelet that never received a serving certificate.

use amiproof_core::cluster::serving_certificate::Unanswered;
use amiproof_model::verdict::Finding;

/// The remediation for a missing certificate.
const REMEDIATION: &str = "see `kubectl get csr` and what denies the request: EKS signs a kubelet's request when its names and addresses are those that \
                           EC2 has for the instance, so check the host name that the image sets (hostname, hostnameOverride), the domain \
                           of the VPC's DHCP options, and that the kubelet runs with serverTLSBootstrap";

/// The finding about a node whose kubelet has no serving certificate; `None` if the error has another cause.
pub(super) fn finding(unanswered: &Unanswered, resource: &str, what: &str) -> Option<Finding> {
    let says = unanswered.certificate.as_ref()?;
    let finding = Finding::new(resource, format!("{what} fails: {says}"));
    Some(finding.with_detail(unanswered.error.to_string()).with_remediation(REMEDIATION))
}
