//! The policy documents for some goals: one statement per scope, split into documents that are small enough for IAM.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::action::{Action, Goal};
use super::place::Place;
use super::table::actions;

/// The most characters of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas").
pub const LIMIT: usize = 6_144;

/// A statement before it is JSON.
#[derive(Clone, Debug, PartialEq)]
struct Statement {
    sid: &'static str,
    actions: BTreeSet<&'static str>,
    resources: BTreeSet<String>,
    condition: Option<Value>,
}

impl Statement {
    fn json(&self) -> Value {
        let one_or_many = |texts: &[String]| match texts {
            [one] => json!(one),
            many => json!(many),
        };
        let mut statement = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": one_or_many(&self.actions.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "Resource": one_or_many(&self.resources.iter().cloned().collect::<Vec<_>>()),
        });
        if let Some(condition) = &self.condition {
            statement["Condition"] = condition.clone();
        }
        statement
    }

    /// Whether this statement allows everything that `other` allows.
    fn covers(&self, other: &Self) -> bool {
        let is_within = |arn: &String| self.resources.iter().any(|pattern| is_covered(pattern, arn));
        self.condition.is_none() && other.resources.iter().all(is_within)
    }
}

/// Whether an ARN pattern with `*` matches everything that another one matches.
fn is_covered(pattern: &str, arn: &str) -> bool {
    WildMatch::new(pattern).matches(arn)
}

/// The actions that the goals need, one for each scope.
pub fn needed(goals: &[Goal]) -> impl Iterator<Item = &'static Action> {
    actions().filter(move |action| action.goals.iter().any(|goal| goals.contains(goal)))
}

fn statements(goals: &[Goal], place: &Place) -> Vec<Statement> {
    let one = |action: &'static Action| Statement {
        sid: action.scope.sid,
        actions: BTreeSet::from([action.name]),
        resources: action.scope.resources(place).into_iter().collect(),
        condition: action.scope.condition(place),
    };
    let each: Vec<Statement> = needed(goals).map(one).filter(|statement| !statement.resources.is_empty()).collect();
    let mut all: Vec<Statement> = Vec::new();
    for (index, statement) in each.iter().enumerate() {
        // A statement that another one covers is left out; of two equal ones the first stays.
        let is_said = each.iter().enumerate().any(|(other_index, other)| {
            let is_first = other_index < index || !statement.covers(other);
            other_index != index && other.actions == statement.actions && other.covers(statement) && is_first
        });
        if is_said {
            continue;
        }
        let is_same = |known: &&mut Statement| {
            let is_group = known.sid == statement.sid || known.resources == statement.resources;
            is_group && known.condition == statement.condition
        };
        match all.iter_mut().find(is_same) {
            Some(known) => {
                known.actions.extend(&statement.actions);
                known.resources.extend(statement.resources.iter().cloned());
            }
            None => all.push(statement.clone()),
        }
    }
    all
}

/// The policy documents: one, or as many as are needed so that each is within [`LIMIT`].
pub fn documents(goals: &[Goal], place: &Place) -> Vec<Value> {
    let document = |statements: &[Value]| json!({"Version": "2012-10-17", "Statement": statements});
    let mut parts: Vec<Vec<Value>> = vec![Vec::new()];
    for statement in statements(goals, place) {
        let statement = statement.json();
        let last = parts.len() - 1;
        let mut longer = parts[last].clone();
        longer.push(statement.clone());
        if size(&document(&longer)) <= LIMIT || parts[last].is_empty() {
            parts[last] = longer;
        } else {
            parts.push(vec![statement]);
        }
    }
    parts.iter().map(|statements| document(statements)).collect()
}

/// How many characters of a document count.
pub fn size(document: &Value) -> usize {
    document.to_string().chars().filter(|character| !character.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn place() -> Place {
        let place = Place {
            cluster: "ami-conformance".to_owned(),
            node_policies: vec!["arn:aws:iam::111122223333:policy/golden".to_owned()],
            keys: vec!["arn:aws:kms:us-west-2:111122223333:key/1".to_owned()],
            parameters: vec!["/golden/ami".to_owned()],
            roles: vec!["arn:aws:iam::111122223333:role/node".to_owned()],
            ..Place::default()
        };
        let store = "s3://nights/team-a".parse().unwrap();
        place.with_store(Some(&store)).in_region(Some("us-west-2")).in_account("111122223333")
    }

    #[test]
    fn the_policy_of_every_goal() {
        let mut text = String::new();
        for &goal in Goal::ALL {
            for document in documents(&[goal], &place()) {
                text.push_str(&format!("{}: {} characters\n{document:#}\n\n", goal.as_str(), size(&document)));
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn everything_together_takes_two_managed_policies() {
        let named = Place { cluster: "ami-conformance".to_owned(), ..Place::default() };
        let named = named.in_region(Some("us-west-2")).in_account("111122223333");
        for place in [Place::default(), named] {
            let sizes: Vec<usize> = documents(Goal::OF_RUNS, &place).iter().map(size).collect();
            assert_eq!(sizes.len(), 2, "{sizes:?}");
        }
    }

    #[test]
    fn every_statement_has_an_id_of_its_own() {
        for documents in [documents(Goal::OF_RUNS, &Place::default()), documents(Goal::OF_RUNS, &place())] {
            for document in documents {
                let mut seen = BTreeSet::new();
                for statement in document["Statement"].as_array().unwrap() {
                    let sid = statement["Sid"].as_str().unwrap();
                    assert!(sid.chars().all(|c| c.is_ascii_alphanumeric()), "{sid}");
                    assert!(seen.insert(sid.to_owned()), "{sid} appears twice");
                }
            }
        }
    }

    #[test]
    fn what_a_matrix_does_not_name_is_not_allowed() {
        let text = documents(Goal::OF_RUNS, &Place::default()).iter().map(Value::to_string).collect::<String>();
        for word in ["kms:", "golden", "s3:"] {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn a_pattern_covers_what_it_matches() {
        for (pattern, arn, wanted) in [
            ("*", "arn:x", true),
            ("arn:*:a/*", "arn:p:a/b", true),
            ("arn:a/*", "arn:a/amiproof-*", true),
            ("arn:a/b", "arn:a/*", false),
            ("arn:a/amiproof/*", "arn:a/*", false),
            ("arn:a", "arn:a", true),
        ] {
            assert_eq!(is_covered(pattern, arn), wanted, "{pattern} {arn}");
        }
    }

    /// Action, resource and condition of everything that documents allow.
    fn allowed(documents: &[Value]) -> BTreeMap<(String, String), Vec<Value>> {
        let texts = |value: &Value| match value {
            Value::Array(many) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
        };
        let mut found: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
        for statement in documents.iter().flat_map(|document| document["Statement"].as_array().unwrap()) {
            for action in texts(&statement["Action"]) {
                for resource in texts(&statement["Resource"]) {
                    found.entry((action.clone(), resource)).or_default().push(statement["Condition"].clone());
                }
            }
        }
        found
    }

    proptest! {
        /// Whatever the goals and however long the names: each document fits, and every action is allowed on every resource of its scope.
        #[test]
        fn documents_fit_and_lose_nothing(mask in 1_usize..256, cluster in "[a-z][a-z0-9-]{0,99}", is_placed: bool) {
            let goals: Vec<Goal> = Goal::ALL.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, goal)| *goal).collect();
            let place = if is_placed { Place { cluster, ..place() } } else { Place::default() };
            let documents = documents(&goals, &place);
            prop_assert!(documents.iter().all(|document| size(document) <= LIMIT));
            let allowed = allowed(&documents);
            for action in needed(&goals) {
                let condition = action.scope.condition(&place).unwrap_or_default();
                for resource in action.scope.resources(&place) {
                    let is_allowed = allowed.iter().any(|((name, pattern), conditions)| {
                        name == action.name && is_covered(pattern, &resource)
                            && conditions.iter().any(|given| given.is_null() || *given == condition)
                    });
                    prop_assert!(is_allowed, "{} on {resource}", action.name);
                }
            }
            for (name, _) in allowed.keys() {
                prop_assert!(needed(&goals).any(|action| action.name == name), "{name} is not needed");
            }
        }
    }
}
