//! The documentation, as a reader follows it: the commands of a page in their order, in a folder that looks like a checkout, with a lab
//! where the reader has an account.

mod generated;
mod page;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use snapbox::assert::Assert;

use self::page::{Block, Page, Run, Step, pages};
use crate::process::{LabProcess, amiproof, finish, matrix, root};

/// How many commands of all pages no test can execute. Whoever adds one changes this number, and so thinks about it.
const NOT_RUN: usize = 29;

/// How many are executed at least.
const RUN: usize = 90;

/// What takes longer is said, for whoever wants the test faster.
const SLOW: Duration = Duration::from_secs(5);

/// A reader's folder: links to what a checkout has, and nothing of this machine's configuration.
struct Reader {
    home: tempfile::TempDir,
    lab: LabProcess,
    has_account: bool,
}

impl Reader {
    fn new(has_account: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(root()).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with('.') && name != "target" {
                std::os::unix::fs::symlink(entry.path().canonicalize().unwrap(), home.path().join(name)).unwrap();
            }
        }
        std::fs::create_dir(home.path().join("target")).unwrap();
        std::os::unix::fs::symlink(bin(), home.path().join("target/debug")).unwrap();
        Self { home, lab: LabProcess::start(None), has_account }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A line in the reader's shell, with its code and everything that appears on the terminal.
    fn types(&self, line: &str) -> (Option<i32>, String) {
        // Not a login of anybody: what the commands find is what the page says that the reader has.
        let mut shell = Command::new("sh");
        shell.env_clear().args(["-uc", &format!("exec 2>&1\n{line}")]).current_dir(self.home.path());
        let path = format!(
            "{}:{}:{}",
            self.home.path().join("bin").display(),
            bin().display(),
            std::env::var("PATH").unwrap()
        );
        if self.has_account {
            self.lab.target(&mut shell);
        }
        // `make` runs what is built, and does not build it again.
        shell
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("CARGO", "true")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        let output = finish(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn bin() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_amiproof")).parent().unwrap()
}

/// What a reader of a page has before it begins.
fn prepare(page: &Page, reader: &Reader) {
    if page.path.ends_with("docs/workloads.md") || page.path.ends_with("/existing-cluster.md") {
        theirs(reader);
    }
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME, namespace: theirs}\nspec:\n  \
    selector: {matchLabels: {app: NAME}}\n  template:\n    metadata: {labels: {app: NAME}}\n    spec:\n      containers:\n        \
    - {name: app, image: 'public.ecr.aws/docker/library/busybox:1.36.1', command: [sleep, '600']}\n";

/// Prints a chart as helm would; a machine that runs the tests need not have helm.
const HELM: &str = "#!/bin/sh\nset -e\ntest \"$1\" = template\nshift\nif test \"$1\" = --; then shift; fi\nsed \"s/NAME/$1/\" \"$2/templates/app.yaml\"\n";

/// A cluster with two node groups and a kubeconfig, and apps as manifests and charts.
fn theirs(reader: &Reader) {
    reader.write("deploy/app.yaml", &DEPLOYMENT.replace("NAME", "shop"));
    reader.write(
        "deploy/role.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: shop}\n",
    );
    for chart in ["cart", "blog"] {
        reader
            .write(&format!("charts/{chart}/Chart.yaml"), &format!("apiVersion: v2\nname: {chart}\nversion: 1.0.0\n"));
        reader.write(&format!("charts/{chart}/templates/app.yaml"), DEPLOYMENT);
    }
    reader.write("bin/helm", HELM);
    assert!(Command::new("chmod").arg("+x").arg(reader.home.path().join("bin/helm")).status().unwrap().success());
    let mut apply = amiproof(&reader.home.path().join("theirs"));
    reader.lab.target(&mut apply).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
    let applied = finish(apply.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(applied.status.code(), Some(0), "{}", crate::process::stderr(&applied));
    reader.write(".kube/config", &reader.lab.kubeconfig("pair"));
}

/// What is wrong with a page, as far as its first command that does not do what it says.
fn follow(page: &Page) -> Option<String> {
    // Without an account the command chooses the lab by itself, as the page about workloads says.
    let reader = Reader::new(!page.path.ends_with("docs/workloads.md"));
    prepare(page, &reader);
    let resources = reader.lab.resources();
    for block in &page.blocks {
        match block {
            Block::File { name, text } => reader.write(name, text),
            Block::Commands { run: Run::Not(_), .. } => {}
            Block::Commands { line, steps, run: Run::Exits(code) } => {
                for (at, step) in steps.iter().enumerate() {
                    let wanted = if at + 1 == steps.len() { *code } else { 0 };
                    if let Some(problem) = differs(&reader, step, wanted) {
                        return Some(format!("{}:{line}: $ {}\n{problem}", page.path, step.command));
                    }
                }
            }
        }
    }
    let left = reader.lab.resources();
    (left != resources).then(|| format!("{}: the page leaves {left:#?}", page.path))
}

fn differs(reader: &Reader, step: &Step, wanted: i32) -> Option<String> {
    let started = Instant::now();
    let (code, printed) = reader.types(&step.command);
    if started.elapsed() > SLOW {
        eprintln!("{:.1} s: {}", started.elapsed().as_secs_f64(), step.command);
    }
    let lines: Vec<&str> = printed.lines().collect();
    let end = lines[lines.len().saturating_sub(60)..].join("\n");
    let end = format!("it printed {} lines, the last of them:\n{end}", lines.len());
    if code != Some(wanted) {
        return Some(format!("exits {code:?}, not {wanted}; {end}"));
    }
    if step.output.is_empty() {
        return None;
    }
    let shown = step.output.clone();
    let compared = Assert::new().normalize_paths(false).try_eq(None, printed.clone().into(), shown.into());
    compared.err().map(|_| format!("the page shows:\n{}\n{end}", step.output))
}

fn commands(pages: &[Page]) -> Vec<(&Run, &Step)> {
    let mut found = Vec::new();
    for block in pages.iter().flat_map(|page| &page.blocks) {
        if let Block::Commands { steps, run, .. } = block {
            found.extend(steps.iter().map(|step| (run, step)));
        }
    }
    found
}

/// `AMIPROOF_PAGE=quickstart` follows only the pages whose names contain it.
#[test]
fn every_command_of_the_documentation_does_what_its_page_says() {
    let only = std::env::var("AMIPROOF_PAGE").unwrap_or_default();
    let mut pages = pages(&root());
    pages.retain(|page| page.path.contains(&only));
    let is_run = |block: &Block| matches!(block, Block::Commands { run: Run::Exits(_), .. });
    let mut queue: Vec<&Page> = pages.iter().filter(|page| page.blocks.iter().any(is_run)).collect();
    assert!(!queue.is_empty(), "no page is named '{only}'");
    // The longest first, so that they do not end last: that of the demo, then those with most commands.
    queue.sort_by_key(|page| (page.path.ends_with("/quickstart.md"), page.blocks.len()));
    let (queue, problems) = (Mutex::new(queue), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        // Readers with an account mostly wait for the clock of their lab.
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(page) = queue.lock().unwrap().pop() else { break };
                    let started = Instant::now();
                    let problem = follow(page);
                    problems.lock().unwrap().extend(problem);
                    eprintln!("{}: {:.1} s", page.path, started.elapsed().as_secs_f64());
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn what_no_test_executes_is_counted() {
    let pages = pages(&root());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut run = 0;
    for (how, _) in commands(&pages) {
        match how {
            Run::Exits(_) => run += 1,
            Run::Not(reason) => *reasons.entry(reason.as_str()).or_default() += 1,
        }
    }
    let not_run: usize = reasons.values().sum();
    eprintln!("{run} commands executed, {not_run} only parsed: {reasons:#?}");
    assert!(run >= RUN, "only {run} commands are executed");
    assert_eq!(not_run, NOT_RUN, "{reasons:#?}");
}

/// `make docs` checks headings as well, in the built site.
#[test]
fn every_page_is_in_the_summary_and_links_lead_to_files() {
    let pages = pages(&root());
    let summary = pages.iter().find(|page| page.path == "harness/docs/SUMMARY.md").unwrap();
    for page in &pages {
        let folder = root().join(&page.path).parent().unwrap().to_owned();
        for link in page.links.iter().filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            assert!(folder.join(file).exists(), "{}: {link} leads nowhere", page.path);
        }
        if let Some(name) = page.path.strip_prefix("harness/docs/").filter(|name| *name != "SUMMARY.md") {
            assert!(summary.links.iter().any(|link| link == name), "{name} is not in SUMMARY.md");
        }
    }
}

/// The page is about what people saw: each symptom has a source or a setting, and says what to do.
#[test]
fn every_symptom_says_what_to_do_and_where_it_was_seen() {
    let text = std::fs::read_to_string(root().join("harness/docs/troubleshooting.md")).unwrap();
    let reported = text.split_once("\n## amiproof itself").unwrap().0;
    let rows: Vec<&str> =
        reported.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| symptom")).collect();
    assert!(rows.len() > 31, "{}", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [symptom, _, _, what_to_do, report] = cells[..] else { panic!("{row}") };
        assert!(symptom.len() > 20 && what_to_do.len() > 20 && report.contains("](https://"), "{row}");
    }
}

#[test]
fn a_page_that_lies_is_noticed() {
    let reader = Reader::new(true);
    let step = |command: &str, output: &str| Step { command: command.to_owned(), output: output.to_owned() };
    for (command, output, code) in
        [("true", "", 1), ("echo one", "two\n", 0), ("echo one; echo two", "...\none\n", 0), ("exit 3", "", 0)]
    {
        assert!(differs(&reader, &step(command, output), code).is_some(), "{command}");
    }
    for (command, output, code) in
        [("echo one; echo two", "one\ntwo\n", 0), ("seq 9", "1\n...\n9\n", 0), ("echo a b; exit 1", "a [..]\n", 1)]
    {
        assert_eq!(differs(&reader, &step(command, output), code), None, "{command}");
    }
    for text in
        ["```console\nno prompt\n```\n", "```sh\nmake\n```\n", "x\n\n    indented\n", "```console never\n$ x\n```\n"]
    {
        assert!(page::blocks(text).is_err(), "{text}");
    }
}
