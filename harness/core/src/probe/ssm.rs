//! Commands through Systems Manager's RunCommand.
//!
//! GetCommandInvocation shows 24,000 characters of standard output and drops the rest (API reference, GetCommandInvocation), so the
//! result is packed on the node and read in pieces, each a command of its own.

use std::time::Duration;

use amiproof_model::report::NodeRecord;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::time::Instant;

use super::output::Attempt;
use super::{Channel, Error, Output, packed};
use crate::aws::{Clients, ssm};

/// Characters per piece, below what GetCommandInvocation shows.
const PIECE: usize = 23_000;
/// Deadline for reading one piece, and for delivering a command.
const DELIVERY: Duration = Duration::from_secs(60);

/// The document that runs shell scripts.
pub(super) const SHELL: &str = "AWS-RunShellScript";

/// Where scripts look for programs: the agent's own path leaves out the folders of the administrator.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A managed node, and how its agent reaches the host.
pub(super) struct Agent<'a> {
    pub(super) clients: &'a Clients,
    pub(super) instance: &'a str,
    pub(super) node: &'a NodeRecord,
    pub(super) way: Channel,
    /// Wraps a script for the agent so that it runs on the host.
    pub(super) road: fn(&str) -> String,
}

impl Agent<'_> {
    /// Runs a script on the host and returns its complete result.
    pub(super) async fn run(&self, script: &str, deadline: Duration) -> Result<Output, Attempt> {
        let first = self.send(&wrapped(script, deadline), deadline).await?;
        let (size, folder, mut text) = head(&first.stdout).ok_or_else(|| {
            self.lost(format!("exit code {}: {} {}", first.code, tail(&first.stdout), tail(&first.stderr)))
        })?;
        tracing::debug!(node = self.node.name, size, "reads a packed result through Systems Manager");
        while text.len() < size {
            let is_last = text.len() + PIECE >= size;
            let line = (self.road)(&piece(&folder, text.len() + 1, is_last));
            let more = ssm::run(self.clients, self.instance, SHELL, &[&line], DELIVERY).await;
            let more = more.map_err(|error| self.lost(error.to_string()))?;
            if more.stdout.trim().is_empty() {
                return Err(self.lost(format!("it ends after {} of {size} characters", text.len())));
            }
            text.push_str(more.stdout.trim());
        }
        finish(&text, self.node, deadline, self.way).map_err(Attempt::Over)
    }

    /// Sends a script. If Systems Manager rejects it, it never ran, and another channel may work; if the answer is lost, it may have run.
    async fn send(&self, script: &str, deadline: Duration) -> Result<ssm::CommandOutput, Attempt> {
        let until = Instant::now() + deadline + DELIVERY;
        let line = (self.road)(script);
        let answer = ssm::run(self.clients, self.instance, SHELL, &[&line], deadline + DELIVERY).await;
        answer.map_err(|error| match error.operation {
            "SendCommand" => Attempt::NoWay(error.to_string()),
            _ if Instant::now() >= until => {
                Attempt::Over(Error::Deadline { node: self.node.name.clone(), after: deadline, way: self.way })
            }
            _ => self.lost(error.to_string()),
        })
    }

    fn lost(&self, why: String) -> Attempt {
        Attempt::Over(Error::Lost { node: self.node.name.clone(), way: self.way, why })
    }
}

/// Unpacks a complete result.
pub(super) fn finish(text: &str, node: &NodeRecord, deadline: Duration, way: Channel) -> Result<Output, Error> {
    let unpacked = packed::unpack(text).map_err(|why| Error::Lost { node: node.name.clone(), way, why })?;
    if packed::ran_out_of_time(unpacked.exit_code) {
        return Err(Error::Deadline { node: node.name.clone(), after: deadline, way });
    }
    Ok(Output { exit_code: unpacked.exit_code, stdout: unpacked.stdout, stderr: unpacked.stderr, way })
}

/// Runs the script under `timeout`, packs its result below `/run` (memory, writable on every host) and prints length, folder and the
/// first piece. What does not fit stays there for [`piece`].
fn wrapped(script: &str, deadline: Duration) -> String {
    let encoded = BASE64_STANDARD.encode(script);
    let (seconds, pack, most) = (deadline.as_secs().max(1), packed::shell(), packed::MAX_PACKED);
    format!(
        r#"export PATH={PATH} LC_ALL=C
d=$(mktemp -d /run/amiproof.XXXXXX) || exit 125
script=$(echo {encoded} | base64 -d)
timeout -k 5 {seconds} "${{BASH:-sh}}" -c "$script" > "$d/out" 2> "$d/err" < /dev/null
code=$?
{pack}if [ "$size" -gt {most} ]; then rm -rf "$d"; echo "the packed result has $size bytes, the limit is {most}" >&2; exit 126; fi
echo "$size $d"
head -c {PIECE} "$d/packed"
if [ "$size" -le {PIECE} ]; then rm -rf "$d"; fi
"#
    )
}

/// Prints the piece that begins at a byte, counted from 1. After the last piece it removes the folder.
fn piece(folder: &str, from: usize, is_last: bool) -> String {
    let remove = if is_last { format!("; rm -rf '{folder}'") } else { String::new() };
    format!("tail -c +{from} '{folder}/packed' | head -c {PIECE}{remove}")
}

/// Length, folder and first piece of what [`wrapped`] printed.
fn head(stdout: &str) -> Option<(usize, String, String)> {
    let (line, first) = stdout.split_once('\n')?;
    let (size, folder) = line.trim().split_once(' ')?;
    // The folder goes into the next command line.
    let is_plain = folder.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let size = size.parse().ok().filter(|size| *size <= packed::MAX_PACKED)?;
    is_plain.then(|| (size, folder.to_owned(), first.trim().to_owned()))
}

fn tail(text: &str) -> &str {
    let text = text.trim();
    &text[text.ceil_char_boundary(text.len().saturating_sub(300))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_result_is_length_folder_and_first_piece() {
        assert_eq!(head("12 /run/amiproof.ab12CD\nH4sI"), Some((12, "/run/amiproof.ab12CD".into(), "H4sI".into())));
        for wrong in ["", "12", "x /run/a\nb", "12 /run/$(reboot)\nb", "12 /run/';reboot'\nb", "99999999 /run/a\nb"] {
            assert_eq!(head(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn pieces_follow_each_other_and_the_last_one_removes_the_folder() {
        assert_eq!(piece("/run/a", 20_001, false), "tail -c +20001 '/run/a/packed' | head -c 23000");
        assert!(piece("/run/a", 20_001, true).ends_with("; rm -rf '/run/a'"));
    }
}
