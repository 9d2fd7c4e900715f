//! The command as a user runs it, against the lab.

mod addons;
mod budget;
mod cleanup;
mod disruptive;
mod given;
mod hosts;
mod import;
mod irsa;
mod living;
mod own;
mod process;
mod scans;
mod scenarios;
mod schemas;
mod strangers;
