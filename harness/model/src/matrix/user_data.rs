//! User data that a variant brings.

use super::file::UserDataSection;
use super::resolver::Resolver;
use super::spec::UserData;

/// EC2 accepts at most 16 KiB of user data (EC2 user guide, "Run commands at launch").
pub(super) const USER_DATA_LIMIT: usize = 16 * 1024;

pub(super) fn user_data(resolver: &mut Resolver<'_>, path: &str, raw: UserDataSection) -> Option<UserData> {
    let at = format!("{path}.userData.merge");
    let (path, text) =
        resolver.read_text(&at, &raw.merge?, "write the path of a text file, relative to the matrix file")?;
    let size = text.len();
    if size > USER_DATA_LIMIT {
        let help = "fetch the larger part at boot, for example from S3";
        resolver.problem(&at, format!("{path} has {size} bytes, but EC2 accepts at most {USER_DATA_LIMIT}"), help);
        return None;
    }
    if text.trim().is_empty() {
        resolver.warning(&at, format!("{path} is empty"), "remove userData, or write something into the file");
    }
    Some(UserData { path, text })
}
