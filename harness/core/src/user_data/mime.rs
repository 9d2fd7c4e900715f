//! MIME multipart, the form in which cloud-init takes several parts.

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The media type, without parameters: `text/x-shellscript`.
    pub(super) media_type: String,
    /// Further headers of the part as they stood, apart from its content type.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

impl Part {
    pub(super) fn new(media_type: &str, body: impl Into<String>) -> Self {
        Self { media_type: media_type.to_owned(), headers: Vec::new(), body: body.into() }
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
pub(super) fn parts_of_user(text: &str) -> Result<Vec<Part>, String> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let start = text.trim_start();
    if start.is_empty() {
        return Err(
            "the file is empty: remove `userData`, or write a shell script, a cloud-config or a NodeConfig".to_owned()
        );
    }
    let lower = start.to_ascii_lowercase();
    if lower.starts_with("mime-version:") || lower.starts_with("content-type:") {
        return split(start);
    }
    let media_type = if start.starts_with("#!") {
        SHELL_SCRIPT
    } else if start.starts_with("#cloud-config") {
        CLOUD_CONFIG
    } else if start.contains("node.eks.aws/") && start.contains("kind: NodeConfig") {
        NODE_CONFIG
    } else {
        return Err("neither a shell script (first line `#!/bin/bash`), nor `#cloud-config`, nor a NodeConfig \
                    (`apiVersion: node.eks.aws/v1alpha1`), nor MIME multipart: begin the file with one of these"
            .to_owned());
    };
    Ok(vec![Part::new(media_type, start)])
}

fn split(text: &str) -> Result<Vec<Part>, String> {
    let (head, body) = text.split_once("\n\n").ok_or("MIME multipart without an empty line after its headers")?;
    let boundary = head.split_once("boundary=").map(|(_, rest)| rest.lines().next().unwrap_or_default());
    let boundary = boundary
        .map(|rest| rest.split(';').next().unwrap_or_default().trim().trim_matches('"'))
        .filter(|boundary| !boundary.is_empty())
        .ok_or("MIME multipart without `boundary=` in its Content-Type header")?;
    let (opening, closing) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut parts: Vec<Vec<&str>> = Vec::new();
    let mut closed = false;
    for line in body.lines() {
        if line.trim_end() == closing {
            closed = true;
            break;
        } else if line.trim_end() == opening {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(line);
        }
    }
    if !closed {
        return Err(format!("MIME multipart without its last line `{closing}`"));
    }
    parts.into_iter().map(|lines| read_part(&lines.join("\n"))).collect()
}

fn read_part(text: &str) -> Result<Part, String> {
    // A part without headers begins with the empty line itself, and is plain text by the standard.
    let (head, body) =
        text.strip_prefix('\n').map(|body| ("", body)).or_else(|| text.split_once("\n\n")).unwrap_or((text, ""));
    let mut media_type = "text/plain".to_owned();
    let mut headers = Vec::new();
    for header in head.replace("\n ", " ").replace("\n\t", " ").lines() {
        match header.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-type") => {
                media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            }
            Some(_) => headers.push(header.to_owned()),
            None => {
                return Err(format!(
                    "'{header}' is not a header of a MIME part: separate headers from the body by an empty line"
                ));
            }
        }
    }
    Ok(Part { media_type, headers, body: body.to_owned() })
}
