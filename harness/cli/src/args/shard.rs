//! `--shard job/N`: the shard of a pod is its index in the Indexed Job.

/// The option.
const OPTION: &str = "--shard";
/// What stands for the number of the shard.
const JOB: &str = "job/";

/// The arguments with the number of the shard in the place of `job`. `index` is the value of `JOB_COMPLETION_INDEX`, counted from 0
/// ([Indexed Job](https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode)).
///
/// # Errors
/// When there is no such value: in one sentence.
pub(super) fn of_job(arguments: Vec<String>, index: Option<&str>) -> Result<Vec<String>, String> {
    let mut resolved: Vec<String> = Vec::with_capacity(arguments.len());
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        let after_option = resolved.last().is_some_and(|last| last == OPTION);
        let (before, value) = match word.strip_prefix(OPTION).and_then(|rest| rest.strip_prefix('=')) {
            Some(value) => (format!("{OPTION}="), Some(value)),
            None => (String::new(), after_option.then_some(word.as_str())),
        };
        match value.and_then(|value| value.strip_prefix(JOB)) {
            Some(count) => resolved.push(format!("{before}{}/{count}", number(index, count)?)),
            None => resolved.push(word),
        }
        if resolved.last().is_some_and(|last| last == "--") {
            resolved.extend(words);
            break;
        }
    }
    Ok(resolved)
}

fn number(index: Option<&str>, count: &str) -> Result<u32, String> {
    let wanted = format!("'{OPTION} {JOB}{count}' takes the shard from JOB_COMPLETION_INDEX");
    let Some(text) = index else {
        return Err(format!(
            "{wanted}, which is not set: Kubernetes sets it in the pods of an Indexed Job; elsewhere write the shard as I/{count}"
        ));
    };
    let index: Option<u32> = text.parse().ok();
    index
        .and_then(|index| index.checked_add(1))
        .ok_or_else(|| format!("{wanted}, which is '{text}', not the index of a shard"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_index_of_the_pod_counts_from_zero_and_the_shard_from_one() {
        for (given, wanted) in [
            ("run --shard job/3 --run x", "run --shard 3/3 --run x"),
            ("run --shard=job/4 -v", "run --shard=3/4 -v"),
            ("run --shard 1/3", "run --shard 1/3"),
            ("run --run job/3", "run --run job/3"),
            ("run -- --shard job/3", "run -- --shard job/3"),
        ] {
            assert_eq!(of_job(words(given), Some("2")), Ok(words(wanted)), "{given}");
        }
    }

    #[test]
    fn outside_of_a_job_the_shard_has_to_be_named() {
        assert_eq!(of_job(words("run --shard 1/3"), None), Ok(words("run --shard 1/3")));
        let refused = of_job(words("run --shard job/3"), None).unwrap_err();
        assert!(refused.contains("which is not set") && refused.ends_with("write the shard as I/3"), "{refused}");
        for wrong in ["", "-1", "4294967295", "x"] {
            assert!(of_job(words("run --shard=job/3"), Some(wrong)).unwrap_err().contains("not the index"), "{wrong}");
        }
    }
}
