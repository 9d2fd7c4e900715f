//! `host/selinux-denials`: if SELinux is enforcing, it has denied nothing to the kubelet, the container runtime or containers since boot
//! (guide: "Run SELinux"). A missing container-selinux or a wrong label is visible here before volumes and sockets fail.
//!
//! On existing nodes, denials to containers from before the run do not count, but denials to the node's own programs do. A denial that
//! breaks nothing in the run is not a failure: see `amiproof_model::prediction`.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::matrix::NodeSource;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::decision;
use crate::definition::Definition;
use crate::node::{judged, resource, silent};

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/selinux-denials",
    "SELinux has denied nothing that nodes and containers need",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

/// Programs of a node, by the kernel's names (at most 15 characters).
const PROGRAMS: [&str; 9] = [
    "kubelet",
    "containerd",
    "containerd-shim",
    "runc",
    "nodeadm",
    "ssm-agent-worke",
    "amazon-ssm-agen",
    "aws-k8s-agent",
    "ecr-credential-",
];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let since = match context.variant.nodes {
        NodeSource::Selected(_) => Some(context.ledger.header().started.as_second()),
        _ => None,
    };
    Ok(decision(context, assess(context.facts.of(context).await, since)))
}

/// `since` is the start of the run in Unix seconds, if the nodes are older.
fn assess(facts: &[NodeFacts], since: Option<i64>) -> Verdict {
    judged(facts, |node, read| {
        match read.get("selinux.mode") {
            Some("Enforcing") => {}
            Some(mode) => return Err(Verdict::NotApplicable(format!("SELinux is {mode}, so it denies nothing"))),
            None => return Err(silent(node, "in which mode SELinux is")),
        }
        let text = read.measured("denials").unwrap_or_default();
        if text.is_empty() {
            return Err(silent(node, "what SELinux denied"));
        }
        let denials: Vec<&str> = text.lines().filter(|line| matters(line, since)).collect();
        if denials.is_empty() {
            return Ok(Vec::new());
        }
        let help =
            "install container-selinux, and label what the image keeps under /var/lib (restorecon) when it is built";
        let summary = format!("SELinux denied something to {}", programs(&denials).join(", "));
        Ok(vec![Finding::new(resource(node), summary).with_detail(denials.join("\n")).with_remediation(help)])
    })
}

/// The value of a field such as `name="kubelet"` or `permissive=0`.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .map(|value| value.trim_matches('"'))
}

/// Whether a denial affects the node's own programs, or a container since the start of the run.
fn matters(line: &str, since: Option<i64>) -> bool {
    let context = value(line, "scontext").unwrap_or_default();
    let of_container = context.contains(":container") || context.contains(":control_t");
    let of_node = context.contains(":kubelet_t") || value(line, "comm").is_some_and(|comm| PROGRAMS.contains(&comm));
    let is_of_run = since.is_none_or(|since| second(line).is_none_or(|second| second >= since));
    line.contains("denied") && value(line, "permissive") != Some("1") && (of_node || of_container && is_of_run)
}

/// The time of a record in Unix seconds: `audit(1732000000.123:45)`.
fn second(line: &str) -> Option<i64> {
    line.split_once("audit(")?.1.split(['.', ':']).next()?.parse().ok()
}

/// The programs with denials, each once.
fn programs(denials: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = denials.iter().filter_map(|line| value(line, "comm")).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::measured;

    const KUBELET: &str = "type=AVC msg=audit(1.2:3): avc:  denied  { execute } for  pid=1 comm=\"kubelet\" \
                           scontext=system_u:system_r:init_t:s0 tcontext=system_u:object_r:var_lib_t:s0 tclass=file permissive=0";

    fn asked(mode: &str, text: &str) -> Verdict {
        assess(&[measured(1, &[("selinux.mode", mode)], &[("denials", text)])], None)
    }

    #[test]
    fn what_is_denied_to_the_node_or_a_container_is_a_finding() {
        assert_eq!(asked("Enforcing", "asked"), Verdict::Pass);
        let Verdict::Fail(findings) = asked("Enforcing", &format!("asked\n{KUBELET}")) else { panic!("a finding") };
        assert_eq!(findings[0].summary, "SELinux denied something to kubelet");
        let container = KUBELET.replace("kubelet", "cat").replace("init_t", "container_t");
        assert!(matches!(asked("Enforcing", &container), Verdict::Fail(_)));
    }

    #[test]
    fn on_nodes_that_were_there_before_only_containers_of_the_runs_time_count() {
        let container = KUBELET.replace("kubelet", "cat").replace("init_t", "container_t");
        let at =
            |second: &str| format!("asked\n{}", container.replace("audit(1.2:3)", &format!("audit({second}.2:3)")));
        let asked = |text: &str| {
            assess(&[measured(1, &[("selinux.mode", "Enforcing")], &[("denials", text)])], Some(1_700_000_000))
        };
        assert_eq!(asked(&at("1699999999")), Verdict::Pass);
        assert!(matches!(asked(&at("1700000000")), Verdict::Fail(_)));
        assert!(matches!(asked(&format!("asked\n{KUBELET}")), Verdict::Fail(_)), "the node's own program, whenever");
    }

    #[test]
    fn what_is_only_logged_or_somebody_elses_is_none() {
        let logged = KUBELET.replace("permissive=0", "permissive=1");
        let other = KUBELET.replace("kubelet", "logrotate");
        assert_eq!(asked("Enforcing", &format!("asked\n{logged}\n{other}")), Verdict::Pass);
        assert!(matches!(asked("Permissive", KUBELET), Verdict::NotApplicable(_)));
        assert!(matches!(asked("Enforcing", ""), Verdict::NotEvaluated(_)));
    }
}
