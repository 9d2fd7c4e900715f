//! What bisections found, as text for a terminal.

use amiproof_model::bisect::Side;
use amiproof_model::report::Proof;
use amiproof_model::report::proof::{ProofEnd, TrialRecord};

use crate::terminal::{Style, write_titled, write_wrapped};

/// How many settings that are out of reach are listed.
const LISTED: usize = 10;

/// The proofs, each with every run.
pub fn render(proofs: &[&Proof], style: &Style) -> String {
    let mut out = String::new();
    for proof in proofs {
        write_proof(&mut out, proof, style);
    }
    let left = proofs.first().map_or(&[][..], |proof| proof.not_restored.as_slice());
    for node in left {
        write_titled(&mut out, style, 0, "not restored", node);
    }
    out
}

fn write_proof(out: &mut String, proof: &Proof, style: &Style) {
    let word = match proof.end {
        ProofEnd::Proven => "proven",
        _ => "not proven",
    };
    write_titled(out, style, 0, word, &proof.sentence());
    let culprits = proof.necessary.iter().chain(proof.sufficient.iter().flatten());
    let mut shown: Vec<String> = Vec::new();
    for culprit in culprits {
        let line = culprit.values();
        if !shown.contains(&line) {
            write_wrapped(out, style, 2, &line, usize::MAX);
            shown.push(line);
        }
    }
    let settings = counted(proof.settings, "setting");
    write_wrapped(
        out,
        style,
        2,
        &format!("{} among {settings} that differ and can be exchanged:", counted(proof.runs, "run")),
        usize::MAX,
    );
    for trial in &proof.trials {
        write_wrapped(out, style, 4, &line(proof, trial), usize::MAX);
    }
    if proof.end != ProofEnd::Proven && !proof.out_of_reach.is_empty() {
        write_wrapped(out, style, 2, "not exchanged:", usize::MAX);
        for one in proof.out_of_reach.iter().take(LISTED) {
            write_wrapped(out, style, 4, &format!("{}: {}", one.fact, one.why), usize::MAX);
        }
        let more = proof.out_of_reach.len().saturating_sub(LISTED);
        if more > 0 {
            write_wrapped(out, style, 4, &format!("and {more} more, in report.json"), usize::MAX);
        }
    }
    out.push('\n');
}

fn line(proof: &Proof, trial: &TrialRecord) -> String {
    let (side, from) = match trial.side {
        Side::Candidate => (&proof.variant, &proof.reference),
        Side::Reference => (&proof.reference, &proof.variant),
    };
    let with = match (trial.exchanged, trial.settings.as_slice()) {
        (0, _) => "as it is".to_owned(),
        (_, [one]) => format!("with {one} of {from}"),
        (number, _) => format!("with {number} settings of {from}"),
    };
    let peers = if trial.with_peers { format!(", with the nodes of {} fixed", proof.variant) } else { String::new() };
    format!("{side} {with}{peers}: {}", trial.answers.join(", "))
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
