//! Which content and which profile judge a variant. Pure.

use amiproof_model::matrix::Family;
use amiproof_model::name::Level;

use super::script::guide;

/// What a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No `oscap`.
    Absent,
    /// `oscap` without content for it; what is there instead.
    NoContent(String),
    /// Content and the ids of its profiles.
    Content { path: String, profiles: Vec<String> },
}

/// Reads what [`super::script::look`] printed.
///
/// # Errors
/// What came instead.
pub(super) fn found(text: &str) -> Result<Found, String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.next() {
        Some("absent") => Ok(Found::Absent),
        Some(line) if line.starts_with("no content: ") => {
            Ok(Found::NoContent(line.trim_start_matches("no content: ").to_owned()))
        }
        Some(line) if line.starts_with("content ") => Ok(Found::Content {
            path: line.trim_start_matches("content ").to_owned(),
            profiles: lines.filter_map(|line| line.strip_prefix("profile ")).map(str::to_owned).collect(),
        }),
        other => Err(format!("the script that looks for oscap printed '{}'", other.unwrap_or_default())),
    }
}

/// Where content for a family is looked for when the matrix file names none.
pub(super) fn contents(family: Family) -> Vec<String> {
    match family {
        Family::Al2023 => guide(&["al2023", "amzn2023"]),
        Family::Al2 => guide(&["amzn2", "al2"]),
        Family::Bottlerocket | Family::Windows => Vec::new(),
    }
}

/// The CIS profile of a level among the profiles of some content: `…_profile_cis_server_l1`, `…_profile_Level_1`. The SCAP Security
/// Guide calls level 2 for servers plainly `cis`; of `server` and `workstation` it is the server's.
pub(super) fn profile(profiles: &[String], level: Level) -> Option<&str> {
    let own: &[&str] = match level {
        Level::One => &["cis_server_l1", "level_1___server", "level_1", "level1"],
        Level::Two => &["cis_server_l2", "cis", "level_2___server", "level_2", "level2"],
    };
    let name = |id: &str| {
        let name = id.rsplit_once("_profile_").map_or(id, |(_, name)| name);
        name.to_ascii_lowercase().replace(['-', '.', ' '], "_")
    };
    let is_for_servers = |id: &&String| !name(id).contains("workstation");
    own.iter().find_map(|wanted| {
        let exact = profiles.iter().find(|id| name(id) == *wanted);
        let part = || {
            let holds = |id: &&String| *wanted != "cis" && name(id).contains(wanted);
            profiles.iter().filter(is_for_servers).find(holds)
        };
        exact.or_else(part).map(String::as_str)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_has_is_read() {
        assert_eq!(found("absent\n"), Ok(Found::Absent));
        assert_eq!(found("no content: /x holds a.xml\n"), Ok(Found::NoContent("/x holds a.xml".to_owned())));
        let text = "content /x/ssg-al2023-ds.xml\nprofile a_profile_cis\nprofile a_profile_standard\n";
        let profiles = vec!["a_profile_cis".to_owned(), "a_profile_standard".to_owned()];
        assert_eq!(found(text), Ok(Found::Content { path: "/x/ssg-al2023-ds.xml".to_owned(), profiles }));
        assert!(found("sh: no").unwrap_err().contains("sh: no"));
        assert!(found("").is_err());
    }

    #[test]
    fn the_profile_is_the_servers_of_the_level_and_never_a_workstations() {
        let ids = |names: &[&str]| -> Vec<String> { names.iter().map(|name| format!("x_profile_{name}")).collect() };
        let guide = ids(&["cis", "cis_server_l1", "cis_workstation_l1", "cis_workstation_l2", "standard", "stig"]);
        let workbench = ids(&["Level_1_-_Server", "Level_1_-_Workstation", "Level_2_-_Server"]);
        let short = ids(&["Level_1", "Level_2"]);
        for (profiles, level, wanted) in [
            (&guide, Level::One, Some("x_profile_cis_server_l1")),
            (&guide, Level::Two, Some("x_profile_cis")),
            (&workbench, Level::One, Some("x_profile_Level_1_-_Server")),
            (&workbench, Level::Two, Some("x_profile_Level_2_-_Server")),
            (&short, Level::Two, Some("x_profile_Level_2")),
            (&ids(&["standard", "stig", "cis_workstation_l1"]), Level::One, None),
            (&ids(&["standard", "cis_workstation_l2"]), Level::Two, None),
        ] {
            assert_eq!(profile(profiles, level), wanted, "{profiles:?}");
        }
    }
}
