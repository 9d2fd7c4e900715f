//! What a run costs: the prices of AWS as dated data ([`prices`]), how long the things that it creates exist
//! ([`timetable`]), what a plan will cost ([`estimate`]), and amounts ([`Usd`]). What a run has cost is a part of its
//! report ([`crate::report::cost`]).
//!
//! A price that is not in the data is not known: its line has no amount, and the sum is marked as incomplete. Nothing
//! is guessed.

pub mod estimate;
pub mod item;
pub mod line;
pub mod prices;
pub mod timetable;
pub mod usd;

pub use self::estimate::Estimate;
pub use self::item::Item;
pub use self::line::{Billed, CostLine};
pub use self::prices::{Instances, Prices, PricesError, Tariff};
pub use self::timetable::{Stages, Timetable, VariantStages, Window};
pub use self::usd::Usd;

#[cfg(test)]
mod tests;
