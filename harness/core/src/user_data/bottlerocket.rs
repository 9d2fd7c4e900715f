//! Bottlerocket: settings in TOML.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::ClusterFacts;

/// Merges the user's settings over the generated ones. The user wins, except for the keys that make the node join this cluster.
pub(super) fn generate(
    cluster: &ClusterFacts,
    dns_ip: &str,
    labels: &BTreeMap<String, String>,
    user: Option<&str>,
) -> Result<String, String> {
    let mut settings = user.map(read).transpose()?.unwrap_or_default();
    merge_missing(&mut settings, labels_table(labels));
    overwrite(&mut settings, cluster_table(cluster, dns_ip))?;
    toml::to_string(&settings).map_err(|error| format!("cannot be written as TOML: {error}"))
}

fn read(text: &str) -> Result<Table, String> {
    let table: Table = text
        .trim_start_matches('\u{feff}')
        .parse()
        .map_err(|error: toml::de::Error| format!("not TOML: {}", error.to_string().trim_end()))?;
    // Bottlerocket refuses to boot with keys that it does not know, and every setting is below `settings`.
    match table.keys().find(|key| *key != "settings") {
        Some(stray) => Err(format!("'{stray}' is not a setting of Bottlerocket: every table begins with `settings.`")),
        None => Ok(table),
    }
}

fn labels_table(labels: &BTreeMap<String, String>) -> Table {
    let labels: Table = labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    nested(Table::from_iter([("node-labels".to_owned(), Value::Table(labels))]))
}

fn cluster_table(cluster: &ClusterFacts, dns_ip: &str) -> Table {
    nested(Table::from_iter([
        ("cluster-name".to_owned(), Value::from(cluster.name.as_str())),
        ("api-server".to_owned(), Value::from(cluster.endpoint.as_str())),
        ("cluster-certificate".to_owned(), Value::from(cluster.certificate_authority.as_str())),
        ("cluster-dns-ip".to_owned(), Value::from(dns_ip)),
    ]))
}

fn nested(kubernetes: Table) -> Table {
    let settings = Table::from_iter([("kubernetes".to_owned(), Value::Table(kubernetes))]);
    Table::from_iter([("settings".to_owned(), Value::Table(settings))])
}

/// Adds what is not there yet, at every depth.
fn merge_missing(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge_missing(into, from),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Replaces leaves, at every depth.
fn overwrite(into: &mut Table, from: Table) -> Result<(), String> {
    for (key, value) in from {
        let Value::Table(from) = value else {
            into.insert(key, value);
            continue;
        };
        match into.entry(key.clone()).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(into) => overwrite(into, from)?,
            _ => return Err(format!("'{key}' must be a table of settings")),
        }
    }
    Ok(())
}
