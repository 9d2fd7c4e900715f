//! The nights of a matrix: what is kept of each, which of them a later one is compared with, and what they say about a check over time.

pub mod keep;
pub mod key;
pub mod location;
pub mod mark;
pub mod night;
pub mod track;

pub use self::keep::Keep;
pub use self::key::Key;
pub use self::location::Location;
pub use self::mark::Mark;
pub use self::night::Night;
pub use self::track::{Track, Trend};
