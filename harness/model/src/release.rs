//! What follows from a report: whether an image may be promoted, and the statement that says so.
//!
//! [`gate`] decides (every reason against it, not only the first), [`statement`] says it in the terms of in-toto, and [`tag`] in tags of the
//! image. Pure: who tags, signs and writes parameters is in `amiproof_core::release`.

pub mod gate;
pub mod statement;
pub mod tag;

pub use self::gate::{Gates, Promotion, Refusal};
pub use self::tag::Status;
