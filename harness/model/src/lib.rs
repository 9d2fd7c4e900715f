//! Pure types and evaluation of amiproof: no I/O, no clock, no async runtime.
//!
//! Reading order: [`name`] (what things are called), [`matrix`] (what the user asks for), [`workload`] (what a sample app is),
//! [`workload_file`] and [`waiver_file`] (how both are written), [`yaml`] and [`problem`] (how files are read, and what is wrong
//! with them), [`schema`] (their forms for editors), [`verdict`] (what a check decides), [`attribution`] (whom a failed traffic check
//! blames), [`prediction`] (what yields to what was observed), [`waiver`] with [`waiver_audit`] and [`judge`] (what that means for
//! the run), [`facts`] (which facts of a node belong to a failure), [`setting`] and [`explain`] (what caused the failures of a
//! variant), [`bisect`] (what proves it), [`controls`] and [`impact`] (what each control of a benchmark breaks), [`cost`] (what a run costs), [`report`] (the one truth
//! on disk), [`settle`] (what its results come to together), [`shard`] (one run in parts), [`conclusion`] (what a run comes to), [`history`] (what many runs come to), [`release`] (whether its image may be promoted) and [`exit`] (what the process answers).

pub mod attribution;
pub mod benchmark;
pub mod bisect;
pub mod candidate;
pub mod capability;
pub mod conclusion;
mod consequence;
pub mod controls;
pub mod cost;
mod document;
pub mod duration;
pub mod exit;
pub mod explain;
pub mod facts;
mod form;
pub mod history;
pub mod impact;
pub mod judge;
pub mod matrix;
pub mod name;
pub mod prediction;
pub mod problem;
pub mod pull;
pub mod release;
pub mod renamed;
pub mod report;
pub mod schema;
pub mod second_opinion;
pub mod selector;
pub mod setting;
pub mod settle;
pub mod shard;
pub mod text;
pub mod threshold;
pub mod verdict;
pub mod vocabulary;
pub mod waiver;
pub mod waiver_audit;
pub mod waiver_file;
pub mod waiver_import;
pub mod waiver_write;
pub mod workload;
pub mod workload_file;
pub mod yaml;
