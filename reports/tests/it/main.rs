//! Renderers over whole reports. `fixture` builds the reports; every other module tests one form.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built should stop its test")]

mod browser;
mod compare;
mod cost;
mod csv;
mod exclusions;
mod files;
mod fixture;
mod history;
mod html;
mod impact;
mod in_toto;
mod junit;
mod machine;
mod markdown;
mod readers;
mod terminal;
mod verdicts;
mod waivers;
