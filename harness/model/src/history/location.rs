//! Where a history is kept: a folder, or a prefix of a bucket in S3.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use crate::name::NameError;

/// Where a history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine, or of a file system that it has mounted.
    Folder(Utf8PathBuf),
    /// A bucket in S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix of its objects, without a slash at either end; may be empty.
        prefix: String,
    },
}

impl Location {
    /// The location by a path that is relative to a folder.
    #[must_use]
    pub fn beside(self, folder: &Utf8Path) -> Self {
        match self {
            Self::Folder(path) => Self::Folder(folder.join(path)),
            bucket @ Self::S3 { .. } => bucket,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => out.write_str(path.as_str()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(out, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(out, "s3://{bucket}/{prefix}"),
        }
    }
}

impl FromStr for Location {
    type Err = NameError;

    /// Reads a path, or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// When it is empty, a URL of something else, or a bucket or prefix that S3 or its tools would reject or change.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = |rule: &str| NameError { what: "store", text: text.to_owned(), rule: rule.to_owned() };
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.split_once("://") {
                Some(_) => Err(wrong("a folder, or s3://BUCKET/PREFIX")),
                None if text.trim().is_empty() => Err(wrong("a folder, or s3://BUCKET/PREFIX")),
                None => Ok(Self::Folder(Utf8PathBuf::from(text))),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_bucket = (3..=63).contains(&bucket.len())
            && bucket.chars().all(is_inner)
            && bucket.starts_with(is_end)
            && bucket.ends_with(is_end);
        if !is_bucket {
            return Err(wrong("s3://BUCKET/PREFIX with a bucket of 3 to 63 lower-case letters, digits, '-' and '.'"));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_part = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '='))
        };
        if !prefix.is_empty() && !prefix.split('/').all(is_part) {
            return Err(wrong(
                "s3://BUCKET/PREFIX with a prefix of letters, digits, '-', '_', '.', '=' and single '/'",
            ));
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_buckets_are_told_apart_and_written_back() {
        for (text, shown) in [
            ("nights", "nights"),
            ("../a b/nights", "../a b/nights"),
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://my.bucket-1/amiproof/team=a/", "s3://my.bucket-1/amiproof/team=a"),
        ] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            " ",
            "gs://bucket/x",
            "s3://",
            "s3://ab",
            "s3://Bucket",
            "s3://-bucket",
            "s3://bucket//x",
            "s3://bucket/../x",
            "s3://bucket/a b",
            "s3://bucket/x?y",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_folders_are_relative_to_the_file_that_names_them() {
        let beside = |text: &str| text.parse::<Location>().unwrap().beside(Utf8Path::new("ci")).to_string();
        assert_eq!(
            (beside("nights").as_str(), beside("/nights").as_str(), beside("s3://bucket").as_str()),
            ("ci/nights", "/nights", "s3://bucket")
        );
    }
}
