//! Reviews the user data of a matrix before anything is created: it is generated with placeholder facts, and the user's parts are read as
//! their consumers on the node read them (nodeadm, Bottlerocket's early-boot-config,
//! cloud-init, EC2Launch).

use amiproof_model::matrix::{Family, Matrix, UserData, Variant};
use amiproof_model::name::RunId;
use amiproof_model::problem::Problem;
use camino::Utf8Path;

use super::reading::{Reading, Review};
use super::{ClusterFacts, bottlerocket, generate, node_config, windows};
use crate::aws::names;
use crate::aws::node_group::node_labels;

/// The longest id that a run can have: the size check must hold for every run.
const RUN: &str = "r-20261121-074220-4f2a";

/// Reads the user data of every variant whose nodes a run makes. `matrix_file` is the path of the matrix file, beside which the user's
/// files are; problems name them as seen from there.
pub fn review(matrix_file: &str, matrix: &Matrix) -> Review {
    let folder = Utf8Path::new(matrix_file).parent().unwrap_or(Utf8Path::new(""));
    let mut review = Review::default();
    for variant in &matrix.variants {
        let Some(user_data) = variant.made().and_then(|made| made.user_data.as_ref()) else { continue };
        let found = of_variant(folder.join(&user_data.path).as_str(), &matrix.cluster.name, variant, user_data);
        // Variants that share a file share its problems.
        for problem in found.problems {
            if !review.problems.contains(&problem) {
                review.problems.push(problem);
            }
        }
        for warning in found.warnings {
            if !review.warnings.contains(&warning) {
                review.warnings.push(warning);
            }
        }
    }
    review
}

fn of_variant(file: &str, cluster: &str, variant: &Variant, user_data: &UserData) -> Review {
    let mut reading = Reading { file, lines_before: 0, fixed: None, review: Review::default() };
    match variant.family {
        Family::Al2023 | Family::Al2 => node_config::read(&mut reading, variant.family, &user_data.text),
        Family::Bottlerocket => bottlerocket::check(&mut reading, &user_data.text),
        Family::Windows => windows::check(&mut reading, &user_data.text),
    }
    let mut review = reading.review;
    if review.problems.is_empty()
        && let Ok(run) = RUN.parse::<RunId>()
    {
        let labels = node_labels(&run, variant, &names::node_group(&run, &variant.name));
        if let Err(error) = generate(&ClusterFacts::placeholder(cluster), variant, Some(user_data), &labels) {
            let (message, help) = error.in_two();
            review.problems.push(Problem::of_file(file, message, help));
        }
    }
    review
}
