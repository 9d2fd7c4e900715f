//! The user's part for Amazon Linux, read as nodeadm and cloud-init read it on the node.
//!
//! nodeadm (awslabs/amazon-eks-ami 81fec2e8, `nodeadm/internal/configprovider`): only parts of the type `application/node.eks.aws` on the
//! first level of a multipart document count, or a document that is a NodeConfig as a whole; base64 and gzip are undone; of several YAML
//! documents the first counts; a NodeConfig that cannot be decoded counts as none.

use std::io::Read as _;

use amiproof_model::matrix::Family;
use amiproof_model::problem::{Place, Problem};
use amiproof_model::yaml;
use amiproof_model::yaml::{Limits, Node, Value};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;

use super::known::kubelet::CONFIGURATION;
use super::known::node_config::NODE_CONFIG as FIELDS;
use super::mime::{CLOUD_CONFIG, NODE_CONFIG, Part, SHELL_SCRIPT, is_node_config, parts_of_user};
use super::reading::{Reader, Reading, Unknown};
use super::toml_tree;

/// The only version of NodeConfig.
pub(super) const API_VERSION: &str = "node.eks.aws/v1alpha1";

const NODEADM: Reader = Reader { name: "nodeadm", unknown: Unknown::Ignored };
const KUBELET: Reader = Reader { name: "the kubelet", unknown: Unknown::Logged };

/// The cluster settings that amiproof generates.
const OWN: [&str; 4] = ["name", "apiServerEndpoint", "certificateAuthority", "cidr"];

/// Reads the user's part for a family of Amazon Linux.
pub(super) fn read(reading: &mut Reading<'_>, family: Family, text: &str) {
    let parts = match parts_of_user(text) {
        Ok(parts) => parts,
        Err(refusal) => {
            let place = Place { line: refusal.line, column: 1 };
            return reading.problem(place, "", refusal.message, refusal.help);
        }
    };
    for part in &parts {
        self::part(reading, family, part);
    }
}

fn part(reading: &mut Reading<'_>, family: Family, part: &Part) {
    let start = Place { line: part.line.max(1), column: 1 };
    if part.media_type.starts_with("multipart/") {
        let message = "a nested multipart document: nodeadm ignores it, and a NodeConfig in it is lost";
        return reading.problem(start, "", message, "move its parts one level up");
    }
    let (text, is_encoded) = match decoded(part) {
        Ok(decoded) => decoded,
        Err(why) => return reading.problem(start, "", why, "write the part as plain text, or encode it again"),
    };
    let inner = |reading: &mut Reading<'_>| of_type(reading, family, &part.media_type, &text);
    if is_encoded { reading.fixed(start.line, inner) } else { reading.within(start.line, inner) }
}

/// The text of a part as its readers see it, and whether it had to be decoded.
fn decoded(part: &Part) -> Result<(String, bool), String> {
    let encoding = part.headers.iter().find_map(|header| {
        let (name, value) = header.split_once(':')?;
        name.eq_ignore_ascii_case("content-transfer-encoding").then(|| value.trim().to_ascii_lowercase())
    });
    let compact: String = part.body.split_ascii_whitespace().collect();
    let is_base64 = encoding.as_deref() == Some("base64");
    let bytes = match BASE64_STANDARD.decode(&compact) {
        Ok(bytes) if is_base64 || (part.media_type == NODE_CONFIG && !bytes.is_empty()) => bytes,
        Err(error) if is_base64 => return Err(format!("the part declares base64, but is not base64: {error}")),
        _ => return Ok((part.body.clone(), false)),
    };
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        let most = u64::try_from(Limits::MATRIX.bytes).unwrap_or(u64::MAX);
        let unpacked = GzDecoder::new(bytes.as_slice()).take(most).read_to_end(&mut plain);
        unpacked.map_err(|error| format!("the part begins like gzip, and it is not: {error}"))?;
        plain
    } else {
        bytes
    };
    String::from_utf8(bytes)
        .map(|text| (text, true))
        .map_err(|_| "the part decodes to something that is not text".to_owned())
}

fn of_type(reading: &mut Reading<'_>, family: Family, media_type: &str, text: &str) {
    match media_type {
        NODE_CONFIG if family == Family::Al2 => {
            let message = "a NodeConfig, which nothing on Amazon Linux 2 reads";
            reading.problem(
                Place::START,
                "",
                message,
                "write a shell script: bootstrap.sh of the image starts the kubelet",
            );
        }
        NODE_CONFIG => node_config(reading, text),
        other if is_node_config(text) => {
            let message = format!(
                "a NodeConfig in a part of the type {other}: nodeadm reads those of the type {NODE_CONFIG} only"
            );
            reading.problem(Place::START, "", message, format!("write Content-Type: {NODE_CONFIG}"));
        }
        SHELL_SCRIPT => shell_script(reading, family, text),
        CLOUD_CONFIG => match yaml::document("", text.as_bytes(), Limits::MATRIX) {
            Ok(tree) if matches!(tree.value, Value::Map(_) | Value::Null) => {}
            Ok(tree) => {
                reading.problem(tree.place, "", "a cloud-config that is not a map of keys", "write keys like runcmd:")
            }
            Err(problem) if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) => {
                drop(problem);
            }
            Err(problem) => reading.parser_problem(problem),
        },
        _ => {}
    }
}

fn shell_script(reading: &mut Reading<'_>, family: Family, text: &str) {
    if !text.trim_start().starts_with("#!") {
        let message = "a shell script without its first line, which cloud-init cannot run";
        reading.problem(Place::START, "", message, "begin it with #!/bin/bash");
    }
    let commands = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    for (index, line) in commands {
        let place = Place { line: index + 1, column: 1 };
        if family == Family::Al2 && line.contains("/etc/eks/bootstrap.sh") {
            let message =
                "the script calls bootstrap.sh, and so does amiproof's own part: the second call has no effect";
            reading.problem(
                place,
                "",
                message,
                "remove the call: amiproof calls it after your script, for this cluster",
            );
        } else if family == Family::Al2023 && line.contains("nodeadm init") {
            let message = "the script calls nodeadm, which the image runs by itself before any script";
            reading.warning(place, "", message, "write a NodeConfig instead, and nodeadm merges it");
        }
    }
}

fn node_config(reading: &mut Reading<'_>, text: &str) {
    let documents = match yaml::documents("", text.as_bytes(), Limits::MATRIX) {
        Ok(documents) => documents,
        Err(problem) => return reading.parser_problem(problem),
    };
    let Some(tree) = documents.first() else {
        return reading.problem(Place::START, "", "the NodeConfig is empty", "remove the part, or write one");
    };
    if let Some(second) = documents.get(1) {
        let message = "a second document starts here, and nodeadm reads only the first";
        reading.problem(second.place, "", message, "write one NodeConfig, or each in a part of its own");
    }
    for (key, wanted) in [("apiVersion", API_VERSION), ("kind", "NodeConfig")] {
        let node = tree.get(key);
        if node.and_then(Node::text) != Some(wanted) {
            let place = node.map_or(tree.place, |node| node.place);
            let message =
                format!("a NodeConfig without {key}: {wanted}, which nodeadm cannot decode and therefore ignores");
            reading.problem(place, key, message, format!("write {key}: {wanted}"));
        }
    }
    reading.check(tree, &FIELDS, "", NODEADM);
    let Some(spec) = tree.get("spec") else { return };
    cluster(reading, spec);
    kubelet(reading, spec);
    containerd(reading, spec);
}

fn cluster(reading: &mut Reading<'_>, spec: &Node) {
    let Some(cluster) = spec.get("cluster") else { return };
    for key in OWN {
        if let Some(node) = cluster.get(key) {
            let message = format!("amiproof sets the cluster that the nodes join, so this {key} is ignored");
            reading.warning(node.place, &format!("spec.cluster.{key}"), message, "remove it");
        }
    }
    let authority = cluster.get("certificateAuthority");
    if let Some((node, text)) = authority.and_then(|node| Some((node, node.text()?)))
        && BASE64_STANDARD.decode(text.trim()).is_err()
    {
        let message = "not base64, so nodeadm cannot decode the NodeConfig and ignores it";
        reading.problem(node.place, "spec.cluster.certificateAuthority", message, "remove it");
    }
}

fn kubelet(reading: &mut Reading<'_>, spec: &Node) {
    let Some(kubelet) = spec.get("kubelet") else { return };
    if let Some(config) = kubelet.get("config") {
        reading.check(config, &CONFIGURATION, "spec.kubelet.config", KUBELET);
    }
    let Some(Value::List(flags)) = kubelet.get("flags").map(|flags| &flags.value) else { return };
    for (index, flag) in flags.iter().enumerate() {
        if let Some(text) = flag.text()
            && !text.starts_with('-')
        {
            let message = format!("'{text}' is not a flag, so the kubelet would not start");
            let path = format!("spec.kubelet.flags[{index}]");
            reading.problem(flag.place, &path, message, format!("write --{text}"));
        }
    }
}

fn containerd(reading: &mut Reading<'_>, spec: &Node) {
    let node = spec.get("containerd").and_then(|containerd| containerd.get("config"));
    let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else { return };
    if let Err(Problem { place, message, help, .. }) = toml_tree::parse(text) {
        let line = place.map_or(1, |place| place.line);
        let message = format!("line {line} of it is {message}: nodeadm fails to merge it, and the node never joins");
        reading.problem(node.place, "spec.containerd.config", message, help);
    }
}
