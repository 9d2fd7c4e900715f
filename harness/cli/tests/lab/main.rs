//! The command as a user runs it, against the lab.

mod addons;
mod cleanup;
mod disruptive;
mod given;
mod import;
mod process;
mod scenarios;
mod strangers;
