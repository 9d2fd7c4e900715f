//! The rule of a result: one of the tool itself, or of one of its extensions (3.52, 3.54).

use std::collections::HashMap;

use super::form::{Component, ComponentReference, Rule, SarifResult};

/// The rules of a run's tool and of its extensions.
pub(super) struct Rules<'a> {
    driver: &'a Component,
    extensions: &'a [Component],
    by_id: HashMap<&'a str, &'a Rule>,
}

impl<'a> Rules<'a> {
    /// All rules. If two have the same id, the tool's own wins.
    pub(super) fn of(driver: &'a Component, extensions: &'a [Component]) -> Self {
        let mut by_id = HashMap::new();
        for rule in std::iter::once(driver).chain(extensions).flat_map(|component| &component.rules.0) {
            by_id.entry(rule.id.0.as_str()).or_insert(rule);
        }
        Self { driver, extensions, by_id }
    }

    /// The rule of a result: at its place in the component that it names, unless the rule there has another id; else by its id.
    pub(super) fn find(&self, result: &SarifResult) -> Option<&'a Rule> {
        let reference = result.rule.as_ref();
        let id = result.rule_id.as_ref().or_else(|| reference?.id.as_ref()).map(|id| id.0.as_str());
        // `ruleId` may be more precise than the rule's own id: `CA1000/1` (3.27.5).
        let is_same = |rule: &&Rule| id.is_none_or(|id| id == rule.id.0 || id.starts_with(&format!("{}/", rule.id.0)));
        let component = self.component(reference.and_then(|rule| rule.tool_component.as_ref()));
        let at = reference.and_then(|rule| rule.index).or(result.rule_index).and_then(|at| usize::try_from(at).ok());
        let there = at.and_then(|at| component?.rules.0.get(at)).filter(is_same);
        let in_component = || component?.rules.0.iter().find(|rule| id == Some(rule.id.0.as_str()));
        let by_id = || {
            let id = id?;
            self.by_id.get(id).or_else(|| self.by_id.get(id.rsplit_once('/')?.0)).copied()
        };
        there.or_else(in_component).or_else(by_id)
    }

    fn component(&self, reference: Option<&ComponentReference>) -> Option<&'a Component> {
        let Some(reference) = reference else { return Some(self.driver) };
        let is_named = |component: &&'a Component| {
            let guid = reference.guid.is_some() && component.guid == reference.guid;
            guid || reference.name.as_ref().is_some_and(|name| *name == component.name)
        };
        match reference.index.map(usize::try_from) {
            Some(Ok(at)) => self.extensions.get(at),
            // -1 stands for the tool itself.
            Some(Err(_)) => Some(self.driver),
            None => self.extensions.iter().chain(std::iter::once(self.driver)).find(is_named),
        }
    }
}
