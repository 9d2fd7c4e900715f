//! The number of a shard, as `--shard` writes it.

use std::fmt;
use std::str::FromStr;

use crate::name::NameError;

/// One shard of several: `2/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 1.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

/// More shards than variants of any matrix, and few enough to be listed.
const LIMIT: u32 = 1000;

impl FromStr for Shard {
    type Err = NameError;

    /// Reads `I/N`.
    ///
    /// # Errors
    /// When it is not two numbers with 1 <= I <= N <= 1000.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let rule = format!("the number of the shard and the number of shards, such as 1/3; at most {LIMIT} shards");
        let wrong = || NameError { what: "shard", text: text.to_owned(), rule: rule.clone() };
        let number =
            |text: &str| Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok();
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let (index, count) = number(index).zip(number(count)).ok_or_else(wrong)?;
        if index == 0 || index > count || count > LIMIT {
            return Err(wrong());
        }
        Ok(Self { index, count })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_several() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        assert_eq!("1/1".parse::<Shard>().unwrap().to_string(), "1/1");
        for wrong in ["", "1", "0/3", "4/3", "1/0", "-1/3", "+1/3", "1/3/4", " 1/3", "1/1001", "a/b", "1/99999999999"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
