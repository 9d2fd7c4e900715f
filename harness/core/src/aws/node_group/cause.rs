//! Why a node group did not come up, in the words of EKS, Auto Scaling and EC2: who is at fault, and whether a retry can help.
//!
//! Sources: EKS API reference, `Issue.code`; EC2 Auto Scaling user guide, "Troubleshoot Amazon EC2 Auto Scaling" (launch failures, AMI
//! issues); EC2 API reference, `StateReason` and "Error codes".

use aws_sdk_eks::types::NodegroupIssueCode;

/// What keeps AWS from launching nodes, whatever their image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Infrastructure {
    /// Calls of EKS or Auto Scaling were throttled.
    Throttled,
    /// EC2 has no capacity for the type in the zone, or interrupted a spot instance.
    Capacity,
    /// A quota of the account is used up.
    Quota,
    /// The account has not subscribed to the image's product in AWS Marketplace, or AWS has not verified the account.
    Subscription,
    /// A permission is missing: of the caller, EKS or Auto Scaling, or for the key that encrypts volumes.
    Denied,
    /// Launch template, instance type, image id or role do not exist or do not fit each other.
    Configuration,
    /// Subnets, security groups or addresses; or EKS cannot reach the API server.
    Network,
    /// An internal error of AWS.
    Internal,
    /// A cause that this list does not know.
    Unlisted,
}

impl Infrastructure {
    /// Whether the request keeps failing until something is changed: then it is made only once.
    pub fn is_permanent(self) -> bool {
        match self {
            Self::Quota | Self::Subscription | Self::Denied | Self::Configuration => true,
            Self::Throttled | Self::Capacity | Self::Network | Self::Internal | Self::Unlisted => false,
        }
    }

    /// What to do about it.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Throttled => "run again, or run fewer variants at a time",
            Self::Capacity => "name more instance types or another zone's subnets, or run again later",
            Self::Quota => "raise the quota in Service Quotas, or ask for fewer or smaller nodes",
            Self::Subscription => "subscribe to the image's product in AWS Marketplace with this account",
            Self::Denied => {
                "check the account's policies, service-linked roles and the KMS key of the image's snapshots"
            }
            Self::Configuration => "check the launch template, the instance types and the node role of the matrix",
            Self::Network => "check the subnets of the matrix: free addresses, routes and security groups",
            Self::Internal => "run again",
            Self::Unlisted => "see the evidence",
        }
    }
}

/// What a message blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Nodes that were launched: the image, what is in it, or how it is started.
    Nodes,
    /// AWS or the account.
    Infrastructure(Infrastructure),
}

/// What a health issue of a node group blames. Only `NodeCreationFailure` is about launched nodes; issues that this list does not have
/// are not blamed on an image.
pub(super) fn of_issue(code: &NodegroupIssueCode, message: &str) -> Blame {
    use Infrastructure::{
        Capacity, Configuration, Denied, Internal, Network, Quota, Subscription, Throttled, Unlisted,
    };
    use NodegroupIssueCode as Code;
    Blame::Infrastructure(match code {
        Code::NodeCreationFailure => return Blame::Nodes,
        // Says only that launches failed; Auto Scaling's own words after it say why.
        Code::AsgInstanceLaunchFailures => of_launch(message).unwrap_or(Capacity),
        Code::IamThrottling | Code::AutoScalingGroupRateLimitExceeded => Throttled,
        Code::InstanceLimitExceeded
        | Code::LimitExceeded
        | Code::IamLimitExceeded
        | Code::Ec2LaunchTemplateMaxLimitExceeded
        | Code::Ec2LaunchTemplateVersionMaxLimitExceeded => Quota,
        Code::AutoScalingGroupOptInRequired => Subscription,
        Code::AccessDenied => Denied,
        Code::AmiIdNotFound
        | Code::AutoScalingGroupInvalidConfiguration
        | Code::Ec2InstanceTypeDoesNotExist
        | Code::Ec2LaunchTemplateDeletionFailure
        | Code::Ec2LaunchTemplateInvalidConfiguration
        | Code::Ec2LaunchTemplateNotFound
        | Code::Ec2LaunchTemplateVersionMismatch
        | Code::Ec2SecurityGroupNotFound
        | Code::Ec2SubnetInvalidConfiguration
        | Code::Ec2SubnetListTooLong
        | Code::Ec2SubnetMissingIpv6Assignment
        | Code::Ec2SubnetNotFound
        | Code::IamInstanceProfileNotFound
        | Code::IamNodeRoleNotFound
        | Code::KubernetesLabelInvalid
        | Code::SourceEc2LaunchTemplateNotFound => Configuration,
        Code::InsufficientFreeAddresses | Code::ClusterUnreachable | Code::Ec2SecurityGroupDeletionFailure => Network,
        Code::AutoScalingGroupInstanceRefreshActive
        | Code::AutoScalingGroupNotFound
        | Code::InternalFailure
        | Code::NodeTerminationFailure
        | Code::PodEvictionFailure => Internal,
        _ => of_launch(message).unwrap_or(Unlisted),
    })
}

/// Phrases in the status message of a failed scaling activity, in the order in which they are checked. They are EC2's sentences and,
/// where Auto Scaling passes them on, EC2's error codes.
const LAUNCHES: [(&str, Infrastructure); 52] = [
    ("VcpuLimitExceeded", Infrastructure::Quota),
    ("vCPU capacity than your current", Infrastructure::Quota),
    ("more vCPU than your current", Infrastructure::Quota),
    ("InstanceLimitExceeded", Infrastructure::Quota),
    ("more instances (", Infrastructure::Quota),
    ("instance(s) are already running", Infrastructure::Quota),
    ("MaxSpotInstanceCountExceeded", Infrastructure::Quota),
    ("Max spot instance count exceeded", Infrastructure::Quota),
    ("VolumeLimitExceeded", Infrastructure::Quota),
    ("AddressLimitExceeded", Infrastructure::Quota),
    ("NetworkInterfaceLimitExceeded", Infrastructure::Quota),
    ("OptInRequired", Infrastructure::Subscription),
    ("accept terms and subscribe", Infrastructure::Subscription),
    ("not subscribed", Infrastructure::Subscription),
    ("AWS Marketplace", Infrastructure::Subscription),
    ("PendingVerification", Infrastructure::Subscription),
    ("currently verifying your account", Infrastructure::Subscription),
    ("account is currently blocked", Infrastructure::Subscription),
    ("UnauthorizedOperation", Infrastructure::Denied),
    ("AccessDenied", Infrastructure::Denied),
    ("Access denied", Infrastructure::Denied),
    ("not authorized", Infrastructure::Denied),
    ("InvalidKMSKey", Infrastructure::Denied),
    ("KMS key", Infrastructure::Denied),
    ("Client.InternalError", Infrastructure::Denied),
    ("RequestLimitExceeded", Infrastructure::Throttled),
    ("Request limit exceeded", Infrastructure::Throttled),
    ("Rate exceeded", Infrastructure::Throttled),
    ("InsufficientFreeAddresses", Infrastructure::Network),
    ("not enough free addresses", Infrastructure::Network),
    ("security group", Infrastructure::Configuration),
    ("key pair", Infrastructure::Configuration),
    ("InvalidAMIID", Infrastructure::Configuration),
    ("AMI ID", Infrastructure::Configuration),
    ("image id", Infrastructure::Configuration),
    ("is pending, and cannot be run", Infrastructure::Configuration),
    ("InvalidSnapshot", Infrastructure::Configuration),
    ("does not match the architecture", Infrastructure::Configuration),
    ("InvalidParameter", Infrastructure::Configuration),
    ("InvalidBlockDeviceMapping", Infrastructure::Configuration),
    ("Invalid device name", Infrastructure::Configuration),
    ("launch template", Infrastructure::Configuration),
    ("does not exist", Infrastructure::Configuration),
    ("InsufficientInstanceCapacity", Infrastructure::Capacity),
    ("do not have sufficient", Infrastructure::Capacity),
    ("Spot request price", Infrastructure::Capacity),
    ("Spot capacity", Infrastructure::Capacity),
    ("SpotInstanceTermination", Infrastructure::Capacity),
    ("SpotInstanceShutdown", Infrastructure::Capacity),
    ("requested Availability Zone", Infrastructure::Capacity),
    ("capacity", Infrastructure::Capacity),
    ("Server.InternalError", Infrastructure::Internal),
];

/// Why Auto Scaling could not launch an instance; `None` for an unknown message.
///
/// `Invalid IAM Instance Profile` is left unknown: IAM is eventually consistent, and a new profile may not be visible yet.
pub(super) fn of_launch(message: &str) -> Option<Infrastructure> {
    LAUNCHES.iter().find(|(sign, _)| message.contains(sign)).map(|(_, class)| *class)
}

/// What the state reason of a terminated instance blames: EC2 itself, or the instance, which shut down or failed its checks.
pub(super) fn of_end(code: &str) -> Blame {
    match code {
        // Someone, for the most part Auto Scaling after failed status checks, ended it; or its own system did.
        "" | "Client.UserInitiatedShutdown" | "Client.InstanceInitiatedShutdown" | "Client.InstanceTerminated" => {
            Blame::Nodes
        }
        other => Blame::Infrastructure(of_launch(other).unwrap_or(Infrastructure::Internal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_the_sdk_knows_has_a_class() {
        // EKS itself says `Unknown` where it has no code; that is not a class.
        for code in NodegroupIssueCode::values().iter().filter(|code| **code != "Unknown") {
            let blame = of_issue(&NodegroupIssueCode::from(*code), "");
            assert_ne!(blame, Blame::Infrastructure(Infrastructure::Unlisted), "{code}");
            assert_eq!(blame == Blame::Nodes, *code == "NodeCreationFailure", "{code}");
        }
        let unknown = of_issue(&NodegroupIssueCode::from("SomethingNew"), "nobody knows");
        assert_eq!(unknown, Blame::Infrastructure(Infrastructure::Unlisted));
    }

    #[test]
    fn launches_that_fail_are_read_as_ec2_means_them() {
        use Infrastructure::{Capacity, Configuration, Denied, Network, Quota, Subscription, Throttled};
        for (message, class) in [
            (
                "You have requested more vCPU capacity than your current vCPU limit of 5 allows for the instance bucket",
                Some(Quota),
            ),
            ("VcpuLimitExceeded: limit of 32", Some(Quota)),
            ("20 instance(s) are already running. Launching EC2 instance failed.", Some(Quota)),
            (
                "In order to use this AWS Marketplace product you need to accept terms and subscribe.",
                Some(Subscription),
            ),
            ("OptInRequired: You are not subscribed to this service", Some(Subscription)),
            ("You are not authorized to perform this operation.", Some(Denied)),
            ("Client.InternalError: Client error on launch.", Some(Denied)),
            (
                "We currently do not have sufficient m6i.large capacity in the Availability Zone you requested",
                Some(Capacity),
            ),
            ("There is no Spot capacity available that matches your request.", Some(Capacity)),
            (
                "Your requested instance type (x) is not supported in your requested Availability Zone (us-west-2d)",
                Some(Capacity),
            ),
            ("The AMI ID ami-1 does not exist. Launching EC2 instance failed.", Some(Configuration)),
            ("The security group sg-1 does not exist. Launching EC2 instance failed.", Some(Configuration)),
            (
                "The architecture 'arm64' of the specified instance type does not match the architecture 'x86_64'",
                Some(Configuration),
            ),
            ("There are not enough free addresses in subnet 'subnet-1' to satisfy the request", Some(Network)),
            ("Request limit exceeded.", Some(Throttled)),
            ("Invalid IAM Instance Profile name", None),
            ("", None),
        ] {
            assert_eq!(of_launch(message), class, "{message}");
        }
    }

    #[test]
    fn an_instance_that_shut_itself_down_is_not_blamed_on_aws_and_one_that_was_taken_back_is() {
        for code in ["Client.InstanceInitiatedShutdown", "Client.UserInitiatedShutdown", ""] {
            assert_eq!(of_end(code), Blame::Nodes, "{code}");
        }
        assert_eq!(of_end("Server.SpotInstanceTermination"), Blame::Infrastructure(Infrastructure::Capacity));
        assert_eq!(of_end("Client.InternalError"), Blame::Infrastructure(Infrastructure::Denied));
        assert_eq!(of_end("Server.InternalError"), Blame::Infrastructure(Infrastructure::Internal));
        assert_eq!(of_end("Client.VolumeLimitExceeded"), Blame::Infrastructure(Infrastructure::Quota));
    }
}
