//! MIME multipart, the form in which cloud-init takes several parts.

use amiproof_model::yaml;
use amiproof_model::yaml::{Limits, Node};

use super::Refusal;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The media type, without parameters: `text/x-shellscript`.
    pub(super) media_type: String,
    /// Further headers of the part unchanged, apart from its content type.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
    /// The line of the user's file in which the body begins, from 1; 0 for a part of amiproof's own.
    pub(super) line: usize,
}

impl Part {
    pub(super) fn new(media_type: &str, body: impl Into<String>) -> Self {
        Self { media_type: media_type.to_owned(), headers: Vec::new(), body: body.into(), line: 0 }
    }
}

/// Media types that the parts of Amazon Linux user data have.
pub(super) const SHELL_SCRIPT: &str = "text/x-shellscript";
pub(super) const CLOUD_CONFIG: &str = "text/cloud-config";
pub(super) const NODE_CONFIG: &str = "application/node.eks.aws";

/// Joins parts under a boundary that none of them contains.
pub(super) fn join(parts: &[Part]) -> String {
    let boundary = (0_u32..)
        .map(|number| format!("==amiproof-{number}=="))
        .find(|boundary| !parts.iter().any(|part| part.body.contains(boundary.as_str())))
        .unwrap_or_default();
    let mut text = format!("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\n");
    for part in parts {
        text.push_str(&format!("\n--{boundary}\nContent-Type: {}\n", content_type(part)));
        for header in &part.headers {
            text.push_str(header);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(part.body.trim_end_matches('\n'));
        text.push('\n');
    }
    text.push_str(&format!("\n--{boundary}--\n"));
    text
}

/// nodeadm compares the media type of its own part literally, so that one never gets parameters.
fn content_type(part: &Part) -> String {
    if part.media_type.starts_with("text/") {
        let charset = if part.body.is_ascii() { "us-ascii" } else { "utf-8" };
        format!("{}; charset=\"{charset}\"", part.media_type)
    } else {
        part.media_type.clone()
    }
}

/// Reads what a user wrote for Amazon Linux: a multipart document, or one part that its first line names.
pub(super) fn parts_of_user(text: &str) -> Result<Vec<Part>, Refusal> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let start = text.trim_start();
    let line = text[..text.len() - start.len()].matches('\n').count() + 1;
    if start.is_empty() {
        let help = "remove `userData`, or write a shell script, a cloud-config or a NodeConfig";
        return Err(Refusal::new(1, "the file is empty", help));
    }
    let lower = start.to_ascii_lowercase();
    if lower.starts_with("mime-version:") || lower.starts_with("content-type:") {
        return split(start, line);
    }
    let media_type = if start.starts_with("#!") {
        SHELL_SCRIPT
    } else if start.starts_with("#cloud-config") {
        CLOUD_CONFIG
    } else if is_node_config(start) || (start.contains("node.eks.aws/") && start.contains("NodeConfig")) {
        // Even one that cannot be read, so that its errors are reported.
        NODE_CONFIG
    } else {
        return Err(Refusal::new(
            line,
            "neither a shell script, nor a cloud-config, nor a NodeConfig, nor MIME multipart",
            "begin the file with #!/bin/bash, with #cloud-config, with apiVersion: node.eks.aws/v1alpha1, or with MIME-Version: 1.0",
        ));
    };
    Ok(vec![Part { line, ..Part::new(media_type, start) }])
}

/// The parts of a multipart document that begins in a line of the user's file.
fn split(text: &str, first_line: usize) -> Result<Vec<Part>, Refusal> {
    let refused = |message: String, help: &str| Refusal::new(first_line, message, help);
    let (head, body) = text.split_once("\n\n").ok_or_else(|| {
        refused("MIME multipart without an empty line after its headers".to_owned(), "write one before the first part")
    })?;
    let boundary = head.split_once("boundary=").map(|(_, rest)| rest.lines().next().unwrap_or_default());
    let boundary = boundary
        .map(|rest| rest.split(';').next().unwrap_or_default().trim().trim_matches('"'))
        .filter(|boundary| !boundary.is_empty())
        .ok_or_else(|| {
            let message = "MIME multipart without `boundary=` in its Content-Type header".to_owned();
            refused(message, "write Content-Type: multipart/mixed; boundary=\"==BOUNDARY==\"")
        })?;
    let (opening, closing) = (format!("--{boundary}"), format!("--{boundary}--"));
    let body_line = first_line + head.matches('\n').count() + 2;
    let mut parts: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut closed = false;
    for (line, number) in body.lines().zip(body_line..) {
        if line.trim_end() == closing {
            closed = true;
            break;
        } else if line.trim_end() == opening {
            parts.push((number + 1, Vec::new()));
        } else if let Some((_, part)) = parts.last_mut() {
            part.push(line);
        }
    }
    if !closed {
        return Err(refused(
            format!("MIME multipart without the closing line {closing}"),
            "write it after the last part",
        ));
    }
    if parts.is_empty() {
        let message = format!("MIME multipart without a part: no line is {opening}");
        return Err(refused(message, "write the boundary before each part"));
    }
    parts.into_iter().map(|(line, lines)| read_part(&lines.join("\n"), line)).collect()
}

/// A part that begins, with its headers, in a line of the user's file.
fn read_part(text: &str, first_line: usize) -> Result<Part, Refusal> {
    // A part without headers begins with the empty line itself, and is plain text by the standard.
    let (head, body) =
        text.strip_prefix('\n').map(|body| ("", body)).or_else(|| text.split_once("\n\n")).unwrap_or((text, ""));
    let line = if head.is_empty() { first_line + 1 } else { first_line + head.matches('\n').count() + 2 };
    let mut media_type = "text/plain".to_owned();
    let mut headers = Vec::new();
    for header in head.replace("\n ", " ").replace("\n\t", " ").lines() {
        match header.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-type") => {
                media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            }
            Some(_) => headers.push(header.to_owned()),
            None => {
                let message = format!("'{header}' is not a header of a MIME part");
                return Err(Refusal::new(first_line, message, "separate headers from the body by an empty line"));
            }
        }
    }
    Ok(Part { media_type, headers, body: body.to_owned(), line })
}

/// Whether a text is a NodeConfig, in YAML or JSON, quoted or not.
pub(super) fn is_node_config(text: &str) -> bool {
    // A group in its own right, or a kind of that name: a mistake in the other one is then said as such.
    let tree = yaml::documents("", text.as_bytes(), Limits::MATRIX).ok().and_then(|all| all.into_iter().next());
    tree.is_some_and(|tree| {
        let says = |key: &str, is_it: fn(&str) -> bool| tree.get(key).and_then(Node::text).is_some_and(is_it);
        says("kind", |kind| kind == "NodeConfig") || says("apiVersion", |version| version.starts_with("node.eks.aws/"))
    })
}
