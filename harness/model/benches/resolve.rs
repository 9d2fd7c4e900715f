//! How long a matrix of thirty variants takes to be read and checked: `cargo bench -p amiproof-model --bench resolve`.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::time::{Duration, Instant};

use amiproof_model::matrix::{Files, resolve};

const RUNS: usize = 200;
const THIRTY: &[u8] = include_bytes!("../../../fixtures/matrices/thirty.yaml");

fn main() {
    let first = time();
    let mut times: Vec<Duration> = (0..RUNS).map(|_| time()).collect();
    times.sort();
    println!(
        "resolve 30 variants: first {first:?} (with the schema), median {:?}, slowest {:?}",
        times[RUNS / 2],
        times[RUNS - 1]
    );
}

fn time() -> Duration {
    let start = Instant::now();
    let resolved = resolve("thirty.yaml", THIRTY, &Files::new(), &["node"]);
    let took = start.elapsed();
    assert_eq!(resolved.map(|resolved| resolved.matrix.variants.len()), Ok(30));
    took
}
