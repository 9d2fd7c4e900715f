//! The benchmark that Inspector evaluates an operating system against.

use amiproof_model::matrix::Family;
use amiproof_model::name::{Benchmark, NameError};

/// The benchmark of a platform (Inspector user guide, "Supported operating systems: CIS scanning"): the one that Inspector itself uses,
/// whatever the image was hardened to. `platform` is Inspector's own word for the operating system, whose spelling is not documented,
/// so only the year in it counts.
///
/// # Errors
/// Never for the benchmarks of this build.
pub fn judged_by(family: Family, platform: &str) -> Result<Benchmark, NameError> {
    let windows =
        [("2016", "cis-windows-2016-4.0.0"), ("2019", "cis-windows-2019-5.0.0"), ("2025", "cis-windows-2025-2.0.0")];
    match family {
        Family::Windows => {
            let known = windows.iter().find(|(year, _)| platform.contains(year));
            known.map_or("cis-windows-2022-5.0.0", |(_, benchmark)| benchmark)
        }
        Family::Al2023 | Family::Al2 | Family::Bottlerocket => "cis-al2023-1.0.0",
    }
    .parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmark_is_inspectors_and_not_the_one_that_the_image_was_hardened_to() {
        for (family, platform, wanted) in [
            (Family::Al2023, "AMAZON_LINUX_2023", "cis-al2023-1.0.0"),
            (Family::Windows, "Windows Server 2022", "cis-windows-2022-5.0.0"),
            (Family::Windows, "WINDOWS_SERVER_2019", "cis-windows-2019-5.0.0"),
            (Family::Windows, "", "cis-windows-2022-5.0.0"),
        ] {
            assert_eq!(judged_by(family, platform).unwrap().as_str(), wanted, "{platform}");
        }
    }
}
