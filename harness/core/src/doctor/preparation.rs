//! Prerequisites in the account: images that exist and may be launched, Inspector, Systems Manager.

use amiproof_model::matrix::{Family, Matrix, Variant};
use camino::Utf8Path;

use super::Finding;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _};
use crate::run::preflight::preflight;
use crate::scan::inspector;

/// Checks images and launches with EC2 dry runs. `base` is the folder of the matrix file. Reads are retried, dry runs too, because they
/// have no effect ([RunInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html), `DryRun`).
pub async fn images(clients: &Clients, matrix: &Matrix, base: &Utf8Path) -> Vec<Finding> {
    const CHECK: &str = "images";
    let made = matrix.variants.iter().filter(|variant| variant.made().is_some()).count();
    if made == 0 {
        return vec![Finding::ok(CHECK, "every node exists already")];
    }
    // Inspector has a line of its own.
    let found = preflight(clients, matrix, base, false).await;
    let mut findings: Vec<Finding> = Vec::new();
    let help = "change `ami` of the variant, subscribe to the image, or allow what is denied";
    findings.extend(found.missing.into_iter().map(|what| Finding::problem(CHECK, what, help)));
    findings.extend(found.doubts.into_iter().map(|what| {
        Finding::warning(CHECK, what, "attach the policy that `amiproof iam-policy` prints, or start with one variant")
    }));
    findings
        .extend(found.unknown.into_iter().map(|what| Finding::undecided(CHECK, what, "run `amiproof doctor` again")));
    if findings.is_empty() {
        let count = if made == 1 { "the image exists".to_owned() } else { format!("all {made} images exist") };
        findings.push(Finding::ok(CHECK, format!("{count} and may be launched")));
    }
    findings
}

/// Whether Inspector is enabled; `None` if no variant needs its CIS scans.
/// [BatchGetAccountStatus](https://docs.aws.amazon.com/inspector/v2/APIReference/API_BatchGetAccountStatus.html) is a read, so it is
/// retried.
pub async fn inspector(clients: &Clients, matrix: &Matrix, scans: bool) -> Option<Finding> {
    const CHECK: &str = "inspector";
    let judges = |variant: &Variant| matches!(variant.family, Family::Al2023 | Family::Windows);
    if !scans || !matrix.variants.iter().any(judges) {
        return None;
    }
    Some(match inspector::why_not_enabled(clients).await {
        Ok(None) => Finding::ok(CHECK, "scans EC2 instances"),
        Ok(Some(why)) => {
            let (what, help) = why.split_once(": ").unwrap_or((&why, ""));
            Finding::warning(CHECK, format!("{what}; os-cis is not evaluated without it"), help)
        }
        Err(error) => {
            Finding::unknown(CHECK, format!("cannot determine whether it is enabled: {error}"), help_of(&error))
        }
    })
}

/// Whether the caller can use Systems Manager, through which commands reach nodes.
/// [DescribeInstanceInformation](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html) is a
/// read, so it is retried.
pub async fn systems_manager(clients: &Clients) -> Finding {
    const CHECK: &str = "systems manager";
    let ask = || async {
        let request = clients.ssm.describe_instance_information().max_results(5);
        request.send().await.explain("DescribeInstanceInformation", "the nodes of this account")
    };
    match clients.read(ask).await {
        Ok(_) => Finding::ok(CHECK, "answers"),
        Err(error) => {
            let message = format!(
                "does not answer: {error}; without it, node facts are read through pods, and Inspector cannot scan"
            );
            Finding::unknown(CHECK, message, help_of(&error))
        }
    }
}

fn help_of(error: &AwsError) -> &'static str {
    match error.class {
        Class::AccessDenied => "attach the policy that `amiproof iam-policy` prints",
        _ => "run `amiproof doctor` again",
    }
}
