//! Pure types and judgement of amiproof: no I/O, no clock, no async runtime.
//!
//! Reading order: [`name`] (what things are called), [`matrix`] (what the user asks for), [`workload`] (what a sample app is),
//! [`verdict`] (what a check decides), [`charge`] (whom a failed traffic check blames), [`waiver`] and [`judge`] (what that means
//! for the run), [`report`] (the one truth on disk) and [`exit`] (what the process answers).

pub mod charge;
pub mod exit;
pub mod judge;
pub mod matrix;
pub mod name;
pub mod report;
pub mod verdict;
pub mod waiver;
pub mod workload;
