//! How long the things that a run creates exist: with the times that AWS usually takes, and at most, if everything
//! takes until its timeout.

use std::ops::Add;
use std::time::Duration;

use serde::Serialize;

use crate::name::VariantName;

/// A duration: the expected one, and the longest. Seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// As long as it usually takes.
    pub expected: f64,
    /// As long as its timeouts allow.
    pub at_most: f64,
}

impl Window {
    /// A part of a run that usually takes `expected` and may take `at_most`.
    pub fn new(expected: Duration, at_most: Duration) -> Self {
        let (expected, at_most) = (expected.as_secs_f64(), at_most.as_secs_f64());
        Self { expected: expected.min(at_most), at_most }
    }

    fn longer(self, other: Self) -> Self {
        Self { expected: self.expected.max(other.expected), at_most: self.at_most.max(other.at_most) }
    }

    fn within(self, limit: f64) -> Self {
        Self { expected: self.expected.min(limit), at_most: self.at_most.min(limit) }
    }
}

impl Add for Window {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { expected: self.expected + other.expected, at_most: self.at_most + other.at_most }
    }
}

/// The parts of a run; what it does not do takes no time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stages {
    /// Creating the network stack.
    pub network: Window,
    /// Creating the cluster.
    pub cluster: Window,
    /// Each variant.
    pub variants: Vec<VariantStages>,
    /// Checks of the whole cluster, after those of the variants.
    pub cluster_checks: Window,
    /// Deleting a node group.
    pub group_deletion: Window,
    /// Deleting the cluster.
    pub cluster_deletion: Window,
    /// Deleting the network stack.
    pub network_deletion: Window,
    /// After which time checks are stopped and everything is deleted.
    pub deadline: Option<Duration>,
    /// How long everything is kept instead of being deleted when the checks are over.
    pub kept: Option<Duration>,
}

/// The parts of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantStages {
    /// The variant.
    pub name: VariantName,
    /// The variant whose nodes it needs until its checks are over.
    pub reference: Option<VariantName>,
    /// From the creation of its node group until its nodes are Ready.
    pub nodes: Window,
    /// Its checks and scans: concurrently if all goes well, one after another at worst.
    pub checks: Window,
}

/// How long everything exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Timetable {
    /// The network stack.
    pub network: Window,
    /// The cluster.
    pub cluster: Window,
    /// The nodes of each variant, in the order of the stages.
    pub variants: Vec<Window>,
    /// The whole run.
    pub total: Window,
}

impl Timetable {
    /// The timetable of a run.
    pub fn of(stages: &Stages) -> Self {
        let work: Vec<Window> = stages.variants.iter().map(|variant| variant.nodes + variant.checks).collect();
        let all = || stages.variants.iter().zip(&work);
        let lives = all().map(|(variant, own)| {
            let users = all().filter(|(other, _)| other.reference.as_ref() == Some(&variant.name));
            users.fold(*own, |longest, (_, other)| longest.longer(*other)) + stages.group_deletion
        });
        let variants: Vec<Window> = lives.collect();
        let longest = variants.iter().fold(Window::default(), |longest, own| longest.longer(*own));
        let cluster = stages.cluster + longest + stages.cluster_checks + stages.cluster_deletion;
        let network = stages.network + cluster + stages.network_deletion;
        Self { network, cluster, variants, total: network }.limited(stages).kept(stages)
    }

    /// With a deadline nothing exists for longer than that and its deletion.
    fn limited(mut self, stages: &Stages) -> Self {
        let Some(deadline) = stages.deadline else { return self };
        let of_group = deadline.as_secs_f64() + stages.group_deletion.at_most;
        let of_cluster = of_group + stages.cluster_deletion.at_most;
        let of_network = of_cluster + stages.network_deletion.at_most;
        self.variants.iter_mut().for_each(|window| *window = window.within(of_group));
        self.cluster = self.cluster.within(of_cluster);
        self.network = self.network.within(of_network);
        self.total = self.total.within(of_network);
        self
    }

    /// Kept resources exist until they expire, however long the checks take.
    fn kept(mut self, stages: &Stages) -> Self {
        let Some(kept) = stages.kept else { return self };
        let window = Window::new(kept, kept);
        self.variants.iter_mut().for_each(|own| *own = window);
        (self.network, self.cluster, self.total) = (window, window, window);
        self
    }
}
