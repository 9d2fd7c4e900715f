//! A cause as a line of text, the same in every format.

use amiproof_model::report::Cause;

/// A cause in one line with how sure it is: `forwarded packets are dropped (nftables forward policy, 3.4.2.7): 18 workloads, 1 add-on [likely]`.
pub(crate) fn cause_line(cause: &Cause) -> String {
    format!("{} [{}]", cause.headline(), cause.certainty.as_str())
}
