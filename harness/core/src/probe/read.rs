//! Reading over whichever channel answers: what changes nothing may be asked again.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::output::Attempt;
use super::{Channel, Error, Output};

/// How often a channel is asked that ran the script and lost its result.
const TRIES: u32 = 2;

/// Asks each channel in turn until one answers. A channel that lost the result is asked again, unless the script has used up its deadline; one
/// that was not there, or did not end in time, is not.
///
/// # Errors
/// [`Error::Unread`] with the last error of each channel, or [`Error::Cancelled`].
pub(super) async fn over<'a>(
    node: &str,
    ways: &[Channel],
    deadline: Duration,
    mut ask: impl FnMut(Channel) -> BoxFuture<'a, Result<Output, Attempt>>,
) -> Result<Output, Error> {
    let mut why = Vec::new();
    for way in ways {
        let began = Instant::now();
        let mut tries = 1;
        let reason = loop {
            match ask(*way).await {
                Ok(output) => return Ok(output),
                Err(Attempt::Over(Error::Cancelled)) => return Err(Error::Cancelled),
                Err(Attempt::Over(Error::Lost { why, .. })) if tries >= TRIES || began.elapsed() >= deadline => {
                    break format!("the result was not received: {why}");
                }
                Err(Attempt::Over(Error::Lost { .. })) => tries += 1,
                Err(Attempt::Over(Error::Deadline { after, .. })) => {
                    break format!("the command did not finish within {}s", after.as_secs());
                }
                Err(Attempt::Over(error)) => break error.to_string(),
                Err(Attempt::NoWay(why)) => break why,
            }
        };
        why.push(format!("{}: {reason}", way.as_str()));
    }
    Err(Error::Unread { node: node.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// What one try ends with.
    #[derive(Clone, Copy, Debug)]
    enum End {
        Answer,
        NoWay,
        Lost,
        Deadline,
        Cancelled,
    }

    fn end(end: End, way: Channel) -> Result<Output, Attempt> {
        let node = || "n".to_owned();
        Err(match end {
            End::Answer => return Ok(Output { exit_code: 0, stdout: "x".into(), stderr: String::new(), way }),
            End::NoWay => Attempt::NoWay("it refuses".to_owned()),
            End::Lost => Attempt::Over(Error::Lost { node: node(), way, why: "it is incomplete".to_owned() }),
            End::Deadline => Attempt::Over(Error::Deadline { node: node(), after: Duration::from_secs(90), way }),
            End::Cancelled => Attempt::Over(Error::Cancelled),
        })
    }

    /// Which channels were asked, and what came of it.
    async fn ask(ends: &[End]) -> (Vec<Channel>, String) {
        let (mut asked, mut ends) = (Vec::new(), ends.iter());
        let result = over("n", &[Channel::Ssm, Channel::Pod], Duration::from_secs(90), |way| {
            asked.push(way);
            let next = ends.next().copied().unwrap_or(End::NoWay);
            async move { end(next, way) }.boxed()
        });
        let text = match result.await {
            Ok(output) => output.way.as_str().to_owned(),
            Err(error) => error.to_string(),
        };
        (asked, text)
    }

    #[tokio::test]
    async fn a_channel_that_fails_is_followed_by_the_other_and_a_lost_result_is_asked_for_again() {
        use Channel::{Pod, Ssm};
        for (ends, asked, text) in [
            (&[End::Answer][..], &[Ssm][..], "Systems Manager"),
            (&[End::NoWay, End::Answer], &[Ssm, Pod], "privileged pod"),
            (&[End::Deadline, End::Answer], &[Ssm, Pod], "privileged pod"),
            (&[End::Lost, End::Answer], &[Ssm, Ssm], "Systems Manager"),
            (&[End::Lost, End::Lost, End::Answer], &[Ssm, Ssm, Pod], "privileged pod"),
            (&[End::NoWay, End::Lost, End::Answer], &[Ssm, Pod, Pod], "privileged pod"),
            (&[End::Cancelled, End::Answer], &[Ssm], "interrupted"),
            (&[End::Lost, End::Cancelled, End::Answer], &[Ssm, Ssm], "interrupted"),
            (
                &[End::NoWay, End::Deadline],
                &[Ssm, Pod],
                "node n could not be read: Systems Manager: it refuses; privileged pod: the command did not finish within 90s",
            ),
            (
                &[End::Lost, End::NoWay, End::NoWay],
                &[Ssm, Ssm, Pod],
                "node n could not be read: Systems Manager: it refuses; privileged pod: it refuses",
            ),
        ] {
            assert_eq!(ask(ends).await, (asked.to_vec(), text.to_owned()), "{ends:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_is_lost_after_the_deadline_is_not_waited_for_again() {
        let mut asked = 0;
        let error = over("n", &[Channel::Ssm], Duration::from_secs(90), |way| {
            asked += 1;
            async move {
                tokio::time::sleep(Duration::from_secs(91)).await;
                end(End::Lost, way)
            }
            .boxed()
        });
        let text = error.await.unwrap_err().to_string();
        assert_eq!(
            (asked, text.as_str()),
            (1, "node n could not be read: Systems Manager: the result was not received: it is incomplete")
        );
    }
}
