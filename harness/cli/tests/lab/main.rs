//! The command as a user runs it, against the lab.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot continue ends there, and says what it skips"
)]

mod addons;
mod bootstrap;
mod budget;
mod build;
mod cleanup;
mod connect;
mod cost;
mod disruptive;
mod docs;
mod doctor;
mod examples;
mod explain;
mod findings;
mod given;
mod hosts;
mod import;
mod in_cluster;
mod installed;
mod irsa;
mod joining;
mod living;
mod logs;
mod meeting;
mod moto;
mod nights;
mod openscap;
mod own;
mod ownership;
mod permissions;
mod preflight;
mod process;
mod promote;
mod release;
mod releases;
mod rendering;
mod resume;
mod round_trip;
mod runs;
mod scans;
mod scenarios;
mod schemas;
mod seeds;
mod shards;
mod steps;
mod sweep;
mod third_party;
mod waivers;
mod windows;
