//! Actions on a running workload that an expectation in its file requires: one action per file.
//!
//! An action that changes a pod template is a pure function from object to object; the result is applied like the first one.
//! [`evict`] asks the API server and reports every answer. Whether an action had the expected effect is decided by a condition of
//! [`crate::wait`].

pub mod evict;
pub mod reschedule;
pub mod roll_back;
pub mod update;

use serde_json::Value;

pub use self::reschedule::MARK as RESCHEDULED_MARK;
pub use self::update::MARK as REVISION_MARK;
use crate::wait::Condition;
use crate::wait::observed::Observed;
use crate::wait::target::Target;

/// An action and its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// See [`update`].
    Update(Target),
    /// See [`roll_back`].
    RollBack(Target),
    /// See [`reschedule`].
    Reschedule(Target),
    /// See [`evict`].
    Evict(Target),
}

impl Act {
    /// The action of a condition, if it has one.
    pub fn of(condition: &Condition) -> Option<Self> {
        match condition {
            Condition::Updated(target) => Some(Self::Update(target.clone())),
            Condition::RolledBack(target) => Some(Self::RollBack(target.clone())),
            Condition::Rescheduled(target) => Some(Self::Reschedule(target.clone())),
            Condition::Evicted { target, .. } => Some(Self::Evict(target.clone())),
            _ => None,
        }
    }

    /// The object whose pods it affects.
    pub fn target(&self) -> &Target {
        match self {
            Self::Update(target) | Self::RollBack(target) | Self::Reschedule(target) | Self::Evict(target) => target,
        }
    }

    /// The object as it is to be applied now; `None` if the action changes no object.
    pub fn change(&self, object: &Value, observed: &Observed) -> Option<Value> {
        match self {
            Self::Update(_) => Some(update::updated(object.clone())),
            Self::RollBack(_) => Some(roll_back::rolled_back(object.clone())),
            Self::Reschedule(target) => Some(reschedule::rescheduled(object.clone(), target, observed)),
            Self::Evict(_) => None,
        }
    }
}
