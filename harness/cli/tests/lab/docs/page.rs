//! The pages of the documentation as data: blocks of commands with what they print, and files that readers write.
//!
//! The text after the language of a block says what a test does with it:
//!
//! * `console`: the commands are executed in the order of the page, and their output is compared if the page shows it. `...` on a line
//!   of its own stands for any lines, `[..]` for any part of a line.
//! * `console exit=1`: the last command ends with this code.
//! * `console not-run: REASON`: the commands cannot be executed by a test. They are parsed, and counted.
//! * `yaml file=amiproof.yaml`: the reader saves the block under this name; so does the test.

use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// Languages of blocks without commands.
const WITHOUT_COMMANDS: [&str; 9] = ["xml", "yaml", "json", "toml", "hcl", "text", "groovy", "powershell", "rust"];

/// One page.
pub(crate) struct Page {
    /// Its file, relative to the checkout.
    pub(crate) path: String,
    /// Its blocks, in order.
    pub(crate) blocks: Vec<Block>,
    /// The links that it makes, as it writes them.
    pub(crate) links: Vec<String>,
}

/// One block of a page.
pub(crate) enum Block {
    /// Commands, with the line that they begin on.
    Commands { line: usize, steps: Vec<Step>, run: Run },
    /// A file that the reader writes.
    File { name: String, text: String },
}

/// What a test does with the commands of a block.
pub(crate) enum Run {
    /// It executes them; the last one ends with this code.
    Exits(i32),
    /// It only parses them, for this reason.
    Not(String),
}

/// A command and its output, which is empty if the page does not show it.
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) output: String,
}

/// The pages of the documentation, and the files beside it that quote commands.
pub(crate) fn pages(root: &Path) -> Vec<Page> {
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    collect(&root.join("harness/docs"), &mut files);
    files.iter().map(|file| read(root, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "md") {
            files.push(path);
        }
    }
}

fn read(root: &Path, file: &Path) -> Page {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let path = file.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    let blocks = blocks(&text).unwrap_or_else(|problem| panic!("{path}:{problem}"));
    let links = Parser::new(&text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    });
    Page { path, blocks, links: links.collect() }
}

/// The blocks of a text.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut found = Vec::new();
    let mut open: Option<(String, Range<usize>, String)> = None;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                open = Some((info.to_string(), range, String::new()))
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                return Err(format!(
                    "{}: an indented block, which no test sees: use a fence",
                    line_of(text, range.start)
                ));
            }
            Event::Text(part) => {
                if let Some((_, _, body)) = &mut open {
                    body.push_str(&part);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                let Some((info, range, body)) = open.take() else { continue };
                let line = line_of(text, range.start);
                found.extend(block(&info, line, body).map_err(|problem| format!("{line}: {problem}"))?);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn block(info: &str, line: usize, body: String) -> Result<Option<Block>, String> {
    let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
    if language == "console" {
        let run = match rest.split_once('=') {
            None if rest.is_empty() => Run::Exits(0),
            Some(("exit", code)) => Run::Exits(code.parse().map_err(|_| format!("'{code}' is not an exit code"))?),
            _ => match rest.strip_prefix("not-run: ") {
                Some(reason) => Run::Not(reason.to_owned()),
                None => return Err(format!("'{rest}' is neither exit=N nor not-run: REASON")),
            },
        };
        return Ok(Some(Block::Commands { line, steps: steps(&body)?, run }));
    }
    if let Some(name) = rest.strip_prefix("file=") {
        return Ok(Some(Block::File { name: name.to_owned(), text: body }));
    }
    if WITHOUT_COMMANDS.contains(&language) { Ok(None) } else { Err(format!("'{info}' is not a known kind of block")) }
}

fn steps(body: &str) -> Result<Vec<Step>, String> {
    let mut found: Vec<Step> = Vec::new();
    let mut is_continued = false;
    for line in body.lines() {
        if is_continued {
            let Some(step) = found.last_mut() else { break };
            step.command.push('\n');
            step.command.push_str(line);
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push(Step { command: command.to_owned(), output: String::new() });
        } else if let Some(step) = found.last_mut() {
            step.output.push_str(line);
            step.output.push('\n');
        } else {
            return Err(format!("a block of commands begins with '$ ' and not with '{line}'"));
        }
        // A command that ends with a backslash continues on the next line.
        let is_command = is_continued || line.starts_with("$ ");
        is_continued = is_command && line.ends_with('\\');
    }
    if found.is_empty() { Err("a block without commands".to_owned()) } else { Ok(found) }
}
