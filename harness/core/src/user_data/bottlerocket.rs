//! Bottlerocket: settings in TOML.

use std::collections::BTreeMap;

use amiproof_model::problem::Place;
use amiproof_model::yaml::Value;
use toml::Table;

use super::known::bottlerocket::USER_DATA;
use super::reading::{Reader, Reading, Unknown};
use super::{ClusterFacts, Refusal, toml_tree};

const READER: Reader = Reader { name: "Bottlerocket", unknown: Unknown::Refused };

/// Merges the user's settings over the generated ones. The user's values win, except for the keys that make the node join this cluster and
/// be found there.
pub(super) fn generate(
    cluster: &ClusterFacts,
    dns_ip: &str,
    labels: &BTreeMap<String, String>,
    user: Option<&str>,
) -> Result<String, Refusal> {
    let mut settings = user.map(read).transpose()?.unwrap_or_default();
    overwrite(&mut settings, labels_table(labels))?;
    overwrite(&mut settings, cluster_table(cluster, dns_ip))?;
    toml::to_string(&settings).map_err(|error| Refusal::new(1, format!("cannot be written as TOML: {error}"), ""))
}

/// Reads the user's settings as the node does.
pub(super) fn check(reading: &mut Reading<'_>, text: &str) {
    let tree = match toml_tree::parse(text.trim_start_matches('\u{feff}')) {
        Ok(tree) => tree,
        Err(problem) => return reading.parser_problem(problem),
    };
    if let Value::Map(entries) = &tree.value
        && let Some(stray) = entries.iter().find(|entry| entry.key != "settings")
    {
        return reading.problem(stray.place, &stray.key, no_setting(&stray.key), EVERY_TABLE);
    }
    reading.check(&tree, &USER_DATA, "", READER);
    let Some(kubernetes) = tree.get("settings").and_then(|settings| settings.get("kubernetes")) else { return };
    for key in OWN {
        if let Some(node) = kubernetes.get(key) {
            let message = format!("amiproof sets the cluster that the nodes join, so this {key} is ignored");
            reading.warning(node.place, &format!("settings.kubernetes.{key}"), message, "remove it");
        }
    }
}

/// The images of the bootstrap containers that the user's settings name, sorted; none if they cannot be read.
pub(super) fn bootstrap_images(text: &str) -> Vec<String> {
    let settings = read(text).unwrap_or_default();
    let containers = settings.get("settings").and_then(|settings| settings.get("bootstrap-containers"));
    let sources = containers.and_then(toml::Value::as_table).into_iter().flat_map(Table::values);
    let mut images: Vec<String> = sources.filter_map(|one| Some(one.get("source")?.as_str()?.to_owned())).collect();
    images.sort();
    images
}

/// The cluster settings that amiproof generates.
const OWN: [&str; 4] = ["cluster-name", "api-server", "cluster-certificate", "cluster-dns-ip"];

const EVERY_TABLE: &str = "begin every table with settings., like [settings.kernel]";

fn no_setting(key: &str) -> String {
    format!("'{key}' is not a setting of Bottlerocket")
}

fn read(text: &str) -> Result<Table, Refusal> {
    let text = text.trim_start_matches('\u{feff}');
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| Place::of_byte(text.as_bytes(), span.start).line);
        let what = error.message().lines().next().unwrap_or_default().to_owned();
        Refusal::new(line, format!("not TOML: {what}"), "check quotes, brackets and '=' there")
    })?;
    // Bottlerocket refuses to boot with keys that it does not know, and every setting is below `settings`.
    match table.keys().find(|key| *key != "settings") {
        Some(stray) => Err(Refusal::new(1, no_setting(stray), EVERY_TABLE)),
        None => Ok(table),
    }
}

fn labels_table(labels: &BTreeMap<String, String>) -> Table {
    let labels: Table = labels.iter().map(|(key, value)| (key.clone(), toml::Value::from(value.as_str()))).collect();
    nested(Table::from_iter([("node-labels".to_owned(), toml::Value::Table(labels))]))
}

fn cluster_table(cluster: &ClusterFacts, dns_ip: &str) -> Table {
    nested(Table::from_iter([
        ("cluster-name".to_owned(), toml::Value::from(cluster.name.as_str())),
        ("api-server".to_owned(), toml::Value::from(cluster.endpoint.as_str())),
        ("cluster-certificate".to_owned(), toml::Value::from(cluster.certificate_authority.as_str())),
        ("cluster-dns-ip".to_owned(), toml::Value::from(dns_ip)),
    ]))
}

fn nested(kubernetes: Table) -> Table {
    let settings = Table::from_iter([("kubernetes".to_owned(), toml::Value::Table(kubernetes))]);
    Table::from_iter([("settings".to_owned(), toml::Value::Table(settings))])
}

/// Replaces leaves, at every depth.
fn overwrite(into: &mut Table, from: Table) -> Result<(), Refusal> {
    for (key, value) in from {
        let toml::Value::Table(from) = value else {
            into.insert(key, value);
            continue;
        };
        match into.entry(key.clone()).or_insert_with(|| toml::Value::Table(Table::new())) {
            toml::Value::Table(into) => overwrite(into, from)?,
            _ => {
                return Err(Refusal::new(
                    1,
                    format!("'{key}' is not a table of settings"),
                    format!("write a table [{key}]"),
                ));
            }
        }
    }
    Ok(())
}
