//! Suite `windows`: the recommendations of the EKS best practices guide, "Windows hardening", that no other suite covers.
//!
//! The guide's rows about age, Systems Manager and private subnets are `node/age`, `host/ssm-managed` and `host/private-subnets`, which
//! run on Windows too. kube-bench does not support Windows; Inspector evaluates the operating system (`os-cis`).

pub mod guard_duty;
pub mod guard_duty_findings;
pub mod image_age;
pub mod inspector_cis;
pub mod no_remote_access;
pub mod server_core;

use amiproof_core::check::Applies;
use amiproof_model::matrix::{Family, Variant};

/// Variants that run Windows.
pub(crate) fn windows_only(variant: &Variant) -> Applies {
    match variant.family {
        Family::Windows => Applies::Yes,
        Family::Al2023 | Family::Al2 | Family::Bottlerocket => Applies::No("Windows only"),
    }
}
