//! Workloads that are wrong: each is answered with its reason, within its time, and leaves nothing behind.

use std::sync::Arc;

use amiproof_core::check::{CheckError, Scope};
use amiproof_core::workload;
use amiproof_model::verdict::Verdict;
use amiproof_model::workload_file;

use crate::cluster::{Lab, REFERENCE, simulated};

/// Runs a workload of one expectation and some objects, and gives what it came to in a line.
async fn summary_of(lab: &Lab, expect: &str, objects: &str) -> String {
    let text = format!(
        "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {{name: broken}}\nspec:\n  title: it is wrong\n  \
         exercises: [image-pull]\n  timeout: 12s\n  expect: [{expect}]\n---\n{objects}"
    );
    let parsed =
        workload_file::parse("broken.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    match workload::run(&Arc::new(parsed), &lab.context(Scope::Variant)).await {
        Ok(decision) => match decision.verdict {
            Verdict::Fail(findings) => format!("fail: {} {}", findings[0].summary, findings[0].detail),
            other => format!("{other:?}"),
        },
        Err(CheckError::Api { doing, source }) => format!("error: {doing}: {source}"),
        Err(error) => format!("error: {error}"),
    }
}

fn deployment(container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  \
         template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{terminationGracePeriodSeconds: 0, containers: [{container}]}}\n"
    )
}

const BUSYBOX: &str = "image: public.ecr.aws/docker/library/busybox:1.36.1";

#[test]
fn what_is_wrong_with_a_workload_is_said_in_its_own_words_and_nothing_stays() {
    simulated(|| async {
        let lab = Lab::new(REFERENCE).await;

        let refused =
            deployment(&format!("{{name: a, {BUSYBOX}}}")).replace("labels: {app: web}", "labels: {app: other}");
        let refused = summary_of(&lab, "ready: deployment/web", &refused).await;
        assert!(
            refused.starts_with("error: applying Deployment web of the workload (broken.yaml:10:1): "),
            "{refused}"
        );
        assert!(refused.contains("selector"), "{refused}");

        let never = format!(
            "{{name: a, {BUSYBOX}, command: [sleep, '600'], readinessProbe: {{exec: {{command: ['false']}}, periodSeconds: 1}}}}"
        );
        let never = summary_of(&lab, "ready: deployment/web", &deployment(&never)).await;
        assert!(never.starts_with("fail: ") && never.contains("ready"), "{never}");
        assert!(
            never.contains("Unhealthy") || never.contains("Readiness probe failed"),
            "the pod's own events: {never}"
        );

        let image =
            summary_of(&lab, "ready: deployment/web", &deployment("{name: a, image: 'registry.invalid/no/such:1'}"))
                .await;
        assert!(image.contains("registry.invalid/no/such:1"), "{image}");
        assert!(
            image.contains("ImagePullBackOff") || image.contains("ErrImagePull") || image.contains("not found"),
            "{image}"
        );

        let kept = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, finalizers: [example.com/never]}\n";
        let fine = deployment(&format!("{{name: a, {BUSYBOX}, command: [sleep, '600']}}"));
        let kept = summary_of(&lab, "ready: deployment/web", &format!("{fine}{kept}")).await;
        assert_eq!(kept, "Pass", "the finalizer says nothing about the image");

        lab.assert_clean().await;
    });
}
