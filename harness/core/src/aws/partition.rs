//! Partitions of AWS: `aws`, China, GovCloud, the isolated ones. ARNs and host names differ between them.

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The partition in ARNs: `aws-us-gov`.
    pub name: &'static str,
    /// What names of endpoints end with: `amazonaws.com`.
    pub domain: &'static str,
}

/// Beginnings of region codes that are not of the partition `aws` (botocore, `data/partitions.json`).
const OTHERS: [(&str, Partition); 8] = [
    ("cn-", Partition { name: "aws-cn", domain: "amazonaws.com.cn" }),
    ("us-gov-", Partition { name: "aws-us-gov", domain: "amazonaws.com" }),
    ("us-iso-", Partition { name: "aws-iso", domain: "c2s.ic.gov" }),
    ("us-isob-", Partition { name: "aws-iso-b", domain: "sc2s.sgov.gov" }),
    ("eu-isoe-", Partition { name: "aws-iso-e", domain: "cloud.adc-e.uk" }),
    ("us-isof-", Partition { name: "aws-iso-f", domain: "csp.hci.ic.gov" }),
    ("eu-isof-", Partition { name: "aws-iso-f", domain: "csp.hci.ic.gov" }),
    ("eusc-", Partition { name: "aws-eusc", domain: "amazonaws.eu" }),
];

/// The partition of a region.
pub fn of(region: &str) -> Partition {
    let other = OTHERS.iter().find(|(prefix, _)| region.starts_with(prefix)).map(|(_, partition)| *partition);
    other.unwrap_or(Partition { name: "aws", domain: "amazonaws.com" })
}

/// The ARN of a policy that AWS manages: `service-role/AmazonEBSCSIDriverPolicy`.
pub fn managed_policy(region: &str, name: &str) -> String {
    format!("arn:{}:iam::aws:policy/{name}", of(region).name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_says_its_partition() {
        for (region, name, domain) in [
            ("eu-central-1", "aws", "amazonaws.com"),
            ("cn-northwest-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-east-1", "aws-us-gov", "amazonaws.com"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
        ] {
            assert_eq!(of(region), Partition { name, domain }, "{region}");
        }
        assert_eq!(managed_policy("cn-north-1", "X"), "arn:aws-cn:iam::aws:policy/X");
    }
}
