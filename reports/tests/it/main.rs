//! Renderers over whole reports. `fixture` builds the reports; every other module tests one form.

mod compare;
mod csv;
mod files;
mod fixture;
mod html;
mod junit;
mod markdown;
mod terminal;
