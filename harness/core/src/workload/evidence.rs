//! The evidence for a workload's verdict: pods, termination messages, events.

use std::collections::BTreeSet;

use amiproof_model::verdict::Evidence;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;

use crate::evidence::evidence;
use crate::wait::{Observed, pods};

/// One line per pod: where it ran and how it is.
pub fn pod_table(observed: &Observed) -> String {
    let mut pods: Vec<&Pod> = observed.pods.iter().collect();
    pods.sort_by_key(|pod| pod.name_any());
    let lines = pods.iter().map(|pod| {
        let node = pods::node(pod).unwrap_or("no node yet");
        let ready = if pods::is_ready(pod) { ", ready" } else { "" };
        let states: Vec<String> = pods::containers(pod).map(container_line).collect();
        format!("{}: {}{ready} on {node}{}", pod.name_any(), pods::phase(pod), states.concat())
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn container_line(container: &k8s_openapi::api::core::v1::ContainerStatus) -> String {
    let state = container.state.as_ref();
    let words = if let Some(end) = state.and_then(|state| state.terminated.as_ref()) {
        pods::words_of(end)
    } else if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
        let reason = waiting.reason.as_deref().unwrap_or("waiting");
        let message = waiting.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
        format!("{reason}{message}")
    } else {
        "running".to_owned()
    };
    let restarts = match container.restart_count {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        count => format!(", {count} restarts"),
    };
    format!("\n  {} ({}): {words}{restarts}", container.name, container.image)
}

/// The termination messages of all containers, one evidence each.
pub fn last_words(observed: &Observed) -> Vec<Evidence> {
    let all = observed.pods.iter().flat_map(|pod| pods::containers(pod).map(move |container| (pod, container)));
    let spoken = all.filter_map(|(pod, container)| {
        let message = pods::last_end(container)?.message.as_deref()?.trim();
        let name = format!("termination message of {}, container {}", pod.name_any(), container.name);
        (!message.is_empty()).then(|| evidence(name, message))
    });
    spoken.collect()
}

/// The restarted containers, with why the last run ended: a workload that still passes was unavailable for a while.
pub fn restarts(observed: &Observed) -> Option<Evidence> {
    let all = observed.pods.iter().flat_map(|pod| pods::containers(pod).map(move |container| (pod, container)));
    let again = all.filter(|(_, container)| container.restart_count > 0).map(|(pod, container)| {
        let end = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let why = end.map(|end| format!(": {}", pods::words_of(end))).unwrap_or_default();
        let count = match container.restart_count {
            1 => "1 restart".to_owned(),
            count => format!("{count} restarts"),
        };
        format!("{}, container {}: {count}{why}", pod.name_any(), container.name)
    });
    let lines = again.collect::<Vec<_>>().join("\n");
    (!lines.is_empty()).then(|| evidence("restarts", &lines))
}

/// The images that ran, each by the digest that the container runtime resolved: two nights may compare two images under one tag.
pub fn images(observed: &Observed) -> Option<Evidence> {
    let ran =
        observed.pods.iter().flat_map(pods::containers).filter(|container| container.image_id.contains("sha256:"));
    let lines: BTreeSet<String> =
        ran.map(|container| format!("{} is {}", container.image, container.image_id)).collect();
    let text = lines.into_iter().collect::<Vec<_>>().join("\n");
    (!text.is_empty()).then(|| evidence("images that ran", &text))
}

/// One line per event that is not routine, oldest first, and per pull that has not ended: a registry that does not answer shows in
/// nothing else.
pub fn event_lines(events: &[Event]) -> String {
    let is_last = |event: &Event| {
        let of_same = |other: &&Event| other.involved_object.uid == event.involved_object.uid;
        events.iter().filter(of_same).all(|other| time(other) <= time(event))
    };
    let is_pulling = |event: &Event| event.reason.as_deref() == Some("Pulling") && is_last(event);
    let mut unusual: Vec<&Event> =
        events.iter().filter(|event| event.type_.as_deref() != Some("Normal") || is_pulling(event)).collect();
    unusual.sort_by_key(|event| time(event));
    let lines = unusual.iter().map(|event| {
        let object = &event.involved_object;
        let count = event.count.filter(|count| *count > 1).map(|count| format!(" ({count} times)")).unwrap_or_default();
        format!(
            "{} {} {}: {}{count}",
            object.kind.as_deref().unwrap_or("object"),
            object.name.as_deref().unwrap_or_default(),
            event.reason.as_deref().unwrap_or_default(),
            event.message.as_deref().unwrap_or_default().trim()
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn time(event: &Event) -> Option<jiff::Timestamp> {
    let micro = event.event_time.as_ref().map(|time| time.0);
    event.last_timestamp.as_ref().map(|time| time.0).or(micro).or(event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wait::tests::{container, observed, pod};

    #[test]
    fn a_pull_is_told_of_until_something_follows_it() {
        let event = |reason: &str, second: u32| -> Event {
            serde_json::from_value(json!({
                "metadata": {}, "type": "Normal", "reason": reason, "message": "Pulling image \"web:1\"",
                "involvedObject": {"kind": "Pod", "name": "web-1", "uid": "u"},
                "lastTimestamp": format!("2026-11-21T12:00:{second:02}Z"),
            }))
            .unwrap()
        };
        let pulling = [event("Scheduled", 1), event("Pulling", 2)];
        assert_eq!(event_lines(&pulling), "Pod web-1 Pulling: Pulling image \"web:1\"");
        assert_eq!(event_lines(&[event("Pulling", 2), event("Pulled", 3)]), "");
    }

    #[test]
    fn pods_and_their_last_words_are_told() {
        let end = json!({"terminated": {"exitCode": 1, "message": "no route\n"}});
        let seen = observed(json!({"pods": [
            pod("b", "", "Pending", json!({"containerStatuses": [container(json!({"waiting": {"reason": "ContainerCreating"}}), 0)]})),
            pod("a", "", "Failed", json!({"containerStatuses": [container(end, 2)]}))]}));
        assert_eq!(
            pod_table(&seen),
            "a: Failed on node-a\n  main (busybox:1.36.1): exit code 1: no route, 2 restarts\n\
             b: Pending on node-a\n  main (busybox:1.36.1): ContainerCreating"
        );
        let words = last_words(&seen);
        assert_eq!((words.len(), words[0].text.as_str()), (1, "no route"));
        assert_eq!(words[0].name, "termination message of a, container main");
    }

    #[test]
    fn routine_events_are_left_out_and_repeated_ones_counted() {
        let event = |kind: &str, reason: &str, count: i32| -> Event {
            serde_json::from_value(
                json!({"metadata": {"name": "e"}, "type": kind, "reason": reason, "message": "said\n",
                "count": count, "involvedObject": {"kind": "Pod", "name": "a"}}),
            )
            .unwrap()
        };
        let lines = event_lines(&[event("Normal", "Pulled", 1), event("Warning", "FailedMount", 3)]);
        assert_eq!(lines, "Pod a FailedMount: said (3 times)");
    }
}
