//! What others have in the account, under names and tags much like those of a run.

use std::time::Duration;

use amiproof_lab::Lab;
use amiproof_lab::aws::Resource;
use serde_json::{Value, json};

use crate::Failure;

/// Two subnets of the default VPC.
const SUBNETS: [&str; 2] = ["subnet-0d1efa010", "subnet-0d1efa011"];
/// How long EKS and CloudFormation take to create it.
const MADE: Duration = Duration::from_secs(20 * 60);

/// Creates a cluster, a stack, roles, launch templates and a scan configuration of other runs and other people. Returns what there is then.
pub(crate) async fn plant(lab: &Lab) -> Result<Vec<Resource>, Failure> {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ]});
    let tags = |run: &str| json!([{"Key": "amiproof:run", "Value": run}, {"Key": "team", "Value": "images"}]);
    let role = async |name: &str, tags: Value| {
        let params = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string(), "Tags": tags});
        lab.call("iam", "CreateRole", &[], params).await
    };
    role("amiproof-chaos-2-aws-ebs-csi-driver", tags("chaos-2")).await?;
    role("amiproof-chaos", json!([])).await?;
    let cluster_role = role("pair-cluster", json!([])).await?;
    for (name, run) in [("amiproof-chaos-2-eks-al2023", "chaos-2"), ("amiproof-chaos-eks-al2023-old", "chaos-")] {
        let params = json!({
            "LaunchTemplateName": name,
            "LaunchTemplateData": {"InstanceType": "m6i.large"},
            "TagSpecification": [{"ResourceType": "launch-template", "Tag": tags(run)}],
        });
        lab.call("ec2", "CreateLaunchTemplate", &[], params).await?;
    }
    let template = json!({"Resources": {"Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "amiproof-pair-2-node", "AssumeRolePolicyDocument": trust},
    }}});
    let stack = json!({
        "StackName": "amiproof-pair-2",
        "TemplateBody": template.to_string(),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": tags("chaos-2"),
    });
    lab.call("cloudformation", "CreateStack", &[], stack).await?;
    let cluster = json!({
        "name": "pair-2",
        "version": "1.35",
        "roleArn": cluster_role["Role"]["Arn"],
        "resourcesVpcConfig": {"subnetIds": SUBNETS},
        "tags": {"amiproof:run": "chaos-2"},
    });
    lab.call("eks", "CreateCluster", &["clusters"], cluster).await?;
    tokio::time::sleep(MADE).await;
    Ok(lab.resources())
}

/// Which of them are gone or changed.
pub(crate) fn harmed(before: &[Resource], now: &[Resource]) -> Vec<String> {
    let is_harmed = |one: &&Resource| !now.contains(one);
    before.iter().filter(is_harmed).map(describe).collect()
}

/// What is there that was not there before.
pub(crate) fn left(before: &[Resource], now: &[Resource]) -> Vec<String> {
    let is_new = |one: &&Resource| !before.iter().any(|other| (&other.kind, &other.id) == (&one.kind, &one.id));
    now.iter().filter(is_new).map(describe).collect()
}

fn describe(resource: &Resource) -> String {
    let name = if resource.name.is_empty() { &resource.id } else { &resource.name };
    format!("{} {name}", resource.kind)
}
