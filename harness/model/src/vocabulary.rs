//! One vocabulary for benchmarks and controls, whatever a scanner calls them: `cis-kubernetes-1.6` is kube-bench's `1.6` and its
//! `cis-1.6`, `cis-windows-2022-5.0.0` is what CIS-CAT and Inspector both judge Windows Server 2022 by.

use crate::name::Benchmark;

/// The prefix of the ids that the Center for Internet Security gives to rules; Chef's profiles use them too.
const CIS_RULE: &str = "cisecurity.benchmarks_rule_";

/// The prefix of the ids that it gives to benchmarks.
const CIS_BENCHMARK: &str = "cisecurity.benchmarks_benchmark_";

/// Whether a text is a control's number: `3.3.1` and `5.1`, but not `2023` or `v1.0`.
pub fn is_number(text: &str) -> bool {
    text.contains('.')
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The number of a control in what a scanner or a person calls it: `3.3.1`, `CIS 3.3.1`, `3.3.1 Ensure TLS 1.2`, `cis-al2023-3.3.1`,
/// `xccdf_org.cisecurity.benchmarks_rule_3.3.1_Ensure_…`. `None` if no part of the text certainly is one.
pub fn number_in(text: &str) -> Option<&str> {
    let text = text.trim().trim_matches(['\'', '"', '=', '`', '(', ')', '[', ']']);
    if let Some((_, name)) = text.split_once(CIS_RULE) {
        return name.split('_').next().filter(|number| is_number(number));
    }
    let mut words = text.split([' ', '\t', '_', '-', ':', ')', '(', '/']).filter(|word| !word.is_empty());
    let bare = |word: &str| word.trim_end_matches(['.', ',', ';']).len();
    let number = |word: &'_ str| is_number(&word[..bare(word)]).then(|| bare(word));
    let head = words.next()?;
    if let Some(length) = number(head) {
        return Some(&head[..length]);
    }
    let leads = ["cis", "control", "rule", "check", "recommendation", "id", "l1", "l2"];
    if leads.contains(&head.to_ascii_lowercase().as_str())
        && let Some(word) = words.clone().next()
        && let Some(length) = number(word)
    {
        return Some(&word[..length]);
    }
    // An id ends with its number; a sentence may end with any.
    let last = words.next_back().filter(|_| !text.contains(char::is_whitespace))?;
    number(last).map(|length| &last[..length])
}

/// The benchmark of a version as kube-bench prints it (`eks-1.8.0`, `cis-1.10`, `1.6` before release 0.3,
/// `rke2-cis-1.7`, `cis-1.6-k3s`); `None` if it is not a version of a CIS benchmark.
pub fn of_kube_bench(version: &str) -> Option<Benchmark> {
    let parts: Vec<&str> = version.split('-').filter(|part| !part.is_empty() && *part != "cis").collect();
    let is_version = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit()) && part.contains('.');
    let number = parts.iter().rev().find(|part| is_version(part))?;
    let product: Vec<&str> = parts.iter().filter(|part| *part != number).copied().collect();
    let product = if product.is_empty() { "kubernetes".to_owned() } else { product.join("-") };
    format!("cis-{product}-{number}").parse().ok()
}

/// The benchmark of an id like `xccdf_org.cisecurity.benchmarks_benchmark_1.0.0_CIS_Amazon_Linux_2023_Benchmark`.
pub fn of_cis_id(id: &str) -> Option<Benchmark> {
    let (version, name) = id.split_once(CIS_BENCHMARK)?.1.split_once('_')?;
    let name = name.trim_start_matches("CIS_").trim_end_matches("_Benchmark");
    format!("cis-{}-{}", product(name), version.trim_start_matches(['v', 'V'])).parse().ok()
}

/// The benchmark that Inspector judges a platform by, where the platform's name says which it is (`AMAZON_LINUX_2023`,
/// `WINDOWS_SERVER_2019`); Inspector user guide, "Supported operating systems: CIS scanning".
pub fn of_inspector(platform: &str) -> Option<Benchmark> {
    let name = platform.to_ascii_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let table: [(&[&str], &str); 6] = [
        (&["windows", "server", "2016"], "cis-windows-2016-4.0.0"),
        (&["windows", "server", "2019"], "cis-windows-2019-5.0.0"),
        (&["windows", "server", "2022"], "cis-windows-2022-5.0.0"),
        (&["windows", "server", "2025"], "cis-windows-2025-2.0.0"),
        (&["amazon", "linux", "2023"], "cis-al2023-1.0.0"),
        (&["amazon", "linux", "2"], "cis-al2-3.0.0"),
    ];
    // The words of a platform must be adjacent, so that the version of a benchmark is not taken for that of a
    // platform; a STIG is another benchmark.
    let is_named = |wanted: &[&str]| words.windows(wanted.len()).any(|some| some == wanted);
    let mut known = table.into_iter().filter(|_| !words.contains(&"stig"));
    known.find(|(wanted, _)| is_named(wanted)).and_then(|(_, benchmark)| benchmark.parse().ok())
}

fn product(name: &str) -> String {
    let windows = name.strip_prefix("Microsoft_Windows_Server_").and_then(|rest| rest.split_at_checked(4));
    if let Some((year, rest)) = windows
        && year.bytes().all(|byte| byte.is_ascii_digit())
    {
        // `2016_RTM_Release_1607` is the same server; `2022_STIG` is another benchmark.
        let rest = if rest.starts_with("_RTM") { String::new() } else { word(rest) };
        return if rest.is_empty() { format!("windows-{year}") } else { format!("windows-{year}-{rest}") };
    }
    match name {
        "Amazon_Linux_2023" => "al2023".to_owned(),
        "Amazon_Linux_2" => "al2".to_owned(),
        "Bottlerocket" | "AWS_Bottlerocket" | "Amazon_Bottlerocket" => "bottlerocket".to_owned(),
        name if name.contains("Elastic_Kubernetes_Service") => "eks".to_owned(),
        other => word(other),
    }
}

fn word(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_where_it_is_sure_to_be_one() {
        for (text, number) in [
            ("3.3.1", Some("3.3.1")),
            (" 3.3.1. ", Some("3.3.1")),
            ("=\"1.10\"", Some("1.10")),
            ("CIS 1.1.2.1", Some("1.1.2.1")),
            ("cis-5.1", Some("5.1")),
            ("1.1.2.2 Ensure TLS 1.2 is used", Some("1.1.2.2")),
            ("Ensure TLS 1.2", None),
            ("cis-al2023-3.2.1", Some("3.2.1")),
            ("cis-dil-benchmark-1.1.1.1", Some("1.1.1.1")),
            ("xccdf_org.cisecurity.benchmarks_rule_1.1.1_L1_Ensure_history", Some("1.1.1")),
            ("xccdf_org.cisecurity.benchmarks_rule_Ensure_1.1", None),
            ("V-230223", None),
            ("2023", None),
            ("Total", None),
            ("", None),
        ] {
            assert_eq!(number_in(text), number, "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_benchmark_is_one_name() {
        let name = |benchmark: Option<Benchmark>| benchmark.map(String::from).unwrap_or_default();
        for (version, wanted) in [
            ("eks-1.8.0", "cis-eks-1.8.0"),
            ("1.6", "cis-kubernetes-1.6"),
            ("cis-1.6", "cis-kubernetes-1.6"),
            ("cis-1.10", "cis-kubernetes-1.10"),
            ("cis-1.6-k3s", "cis-k3s-1.6"),
            ("k3s-cis-1.7", "cis-k3s-1.7"),
            ("rke2-cis-1.7", "cis-rke2-1.7"),
            ("gke-1.6.0", "cis-gke-1.6.0"),
            ("eks-stig-kubernetes-v1r6", ""),
            ("", ""),
        ] {
            assert_eq!(name(of_kube_bench(version)), wanted, "{version}");
        }
        for (id, wanted) in [
            ("1.0.0_CIS_Amazon_Linux_2023_Benchmark", "cis-al2023-1.0.0"),
            ("3.0.0_CIS_Amazon_Linux_2_Benchmark", "cis-al2-3.0.0"),
            ("5.0.0_CIS_Microsoft_Windows_Server_2022_Benchmark", "cis-windows-2022-5.0.0"),
            ("4.0.0_CIS_Microsoft_Windows_Server_2016_RTM_Release_1607_Benchmark", "cis-windows-2016-4.0.0"),
            ("1.0.0_CIS_Microsoft_Windows_Server_2022_STIG_Benchmark", "cis-windows-2022-stig-1.0.0"),
            ("1.8.0_CIS_Amazon_Elastic_Kubernetes_Service_EKS_Benchmark", "cis-eks-1.8.0"),
            ("1.1.0_CIS_Debian_Linux_12_Benchmark", "cis-debian-linux-12-1.1.0"),
        ] {
            assert_eq!(name(of_cis_id(&format!("xccdf_org.{CIS_BENCHMARK}{id}"))), wanted, "{id}");
        }
        for (platform, wanted) in [
            ("AMAZON_LINUX_2023", "cis-al2023-1.0.0"),
            (
                "Windows Server 2022",
                of_cis_id(&format!("x.{CIS_BENCHMARK}5.0.0_CIS_Microsoft_Windows_Server_2022_Benchmark"))
                    .unwrap()
                    .as_str(),
            ),
            ("WINDOWS_SERVER_2019", "cis-windows-2019-5.0.0"),
            ("CIS Amazon Linux 2023 Benchmark", "cis-al2023-1.0.0"),
            ("AMAZON_LINUX_2", "cis-al2-3.0.0"),
            ("CIS Amazon Linux 2 Benchmark v3.0.0", "cis-al2-3.0.0"),
            ("CIS Amazon Linux 2 STIG Benchmark", ""),
            ("AMAZON_LINUX", ""),
            ("WINDOWS_SERVER_2012_R2", ""),
            ("UBUNTU_22_04", ""),
            ("RHEL_9", ""),
            ("DEBIAN_12", ""),
        ] {
            assert_eq!(name(of_inspector(platform)), wanted, "{platform}");
        }
    }
}
