//! What comes before a run: everything that keeps amiproof from talking to AWS or a cluster is said in its own words, once, and leaves no
//! folder behind; a signal ends it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::process::{LabProcess, Watched, amiproof, finish, matrix, run, stderr};

fn ended(command: &mut Command) -> Output {
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// `apply` of a matrix, with keys that an emulator would take.
fn apply(dir: &Path, endpoint: &str) -> Command {
    let mut command = amiproof(dir);
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
    command.args(["apply", "--file"]).arg(matrix("pair.yaml"));
    command
}

/// A port that takes connections and never answers.
fn black_hole() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A port that nothing listens on.
fn closed() -> String {
    black_hole().1
}

/// A server that gives every request the same answer; the first lines of the requests come out of the channel.
fn answers(answer: String) -> (String, Receiver<String>) {
    let (listener, url) = black_hole();
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let first = serve(stream, &answer);
            if sender.send(first).is_err() {
                return;
            }
        }
    });
    (url, seen)
}

/// Reads one request, answers, closes.
fn serve(mut stream: TcpStream, answer: &str) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(size) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = size.trim().parse().unwrap();
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
    // A client that has heard enough may have gone.
    let _ = stream.write_all(answer.as_bytes());
    first
}

fn xml(status: &str, date: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn refused(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

/// A date as HTTP writes it, a number of seconds from now.
fn date(from_now: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(from_now);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// An invocation that ended before its run: it says these words, names whom it asked, and leaves nothing.
fn assert_says(dir: &Path, output: &Output, words: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.starts_with("connecting to ")), "{text}");
    for word in words {
        assert!(text.contains(word), "no '{word}' in:\n{text}");
    }
    assert!(!text.contains("Status {") && !text.contains("dispatch failure\n"), "{text}");
    assert!(!dir.join("runs").exists() && !dir.join("latest").exists(), "nothing was begun:\n{text}");
}

#[test]
fn an_endpoint_that_refuses_or_does_not_answer_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let output = ended(&mut apply(dir.path(), &closed()));
    assert_says(dir.path(), &output, &["cannot connect to AWS", "connection refused", "HTTPS_PROXY"]);
    let (_listener, url) = black_hole();
    let output = ended(&mut apply(dir.path(), &url));
    assert_says(dir.path(), &output, &["cannot connect to AWS", "no answer within 12 s"]);
    let output = ended(&mut apply(dir.path(), "http://endpoint.invalid:4599"));
    assert_says(dir.path(), &output, &["cannot be resolved"]);
    let (url, seen) = answers("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned());
    let output = ended(apply(dir.path(), "https://endpoint.invalid").env("HTTPS_PROXY", &url));
    assert_says(dir.path(), &output, &["cannot connect to AWS"]);
    assert!(seen.recv().unwrap().starts_with("CONNECT endpoint.invalid:443 "));
}

#[test]
fn credentials_that_are_missing_broken_expired_or_unknown_are_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    let helper = "[profile helped]\ncredential_process = sh -c 'echo no session >&2; exit 3'\n[profile empty]\nregion = us-west-2\n";
    std::fs::write(&config, helper).unwrap();
    let (_listener, url) = black_hole();
    for (profile, words) in [
        ("helped", &["as profile helped", "the credentials cannot be loaded", "no session"][..]),
        ("empty", &["as profile empty", "credentials"][..]),
        ("nowhere", &["as profile nowhere", "credentials"][..]),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut command = apply(home.path(), &url);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("AWS_CONFIG_FILE", &config);
        let output = ended(command.env("HOME", home.path()).env("AWS_PROFILE", profile));
        assert_says(home.path(), &output, words);
        assert!(stderr(&output).contains("aws sts get-caller-identity"), "{}", stderr(&output));
    }
    for (code, words) in [
        ("ExpiredToken", "The security token included in the request is expired"),
        ("InvalidClientTokenId", "The security token included in the request is invalid"),
    ] {
        let (url, seen) = answers(xml("403 Forbidden", &date(0), &refused(code, words)));
        let output = ended(&mut apply(dir.path(), &url));
        assert_says(dir.path(), &output, &[code, words, "log in, or name a profile"]);
        let asked = seen.try_iter().filter(|first| first.starts_with("POST / ")).count();
        assert_eq!(asked, 1, "credentials that are refused are not sent again");
    }
}

#[test]
fn keys_of_the_environment_do_not_stand_in_for_a_profile_of_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    std::fs::write(&config, "[profile other]\ncredential_process = sh -c 'exit 7'\n").unwrap();
    let (_listener, url) = black_hole();
    let output = ended(apply(dir.path(), &url).args(["--profile", "other"]).env("AWS_CONFIG_FILE", &config));
    assert_says(dir.path(), &output, &["as profile other", "the credentials cannot be loaded"]);
}

#[test]
fn a_clock_that_is_three_days_off_is_named_and_nothing_is_made_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let days = 3 * 86_400 + 60;
    let expired =
        refused("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260104T000000Z");
    let (url, _seen) = answers(xml("403 Forbidden", &date(days), &expired));
    let output = ended(&mut apply(dir.path(), &url));
    assert_says(dir.path(), &output, &["this machine's clock is 3 days behind AWS", "timedatectl set-ntp true"]);
    let caller = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/a</Arn>\
                  <UserId>A</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let (url, _seen) = answers(xml("200 OK", &date(-days), caller));
    let output = ended(&mut apply(dir.path(), &url));
    assert_says(dir.path(), &output, &["this machine's clock is 3 days ahead of AWS", "nothing was created"]);
}

#[test]
fn a_signal_ends_what_waits_for_an_answer() {
    // Under nohup the tests and their children ignore HUP, so it stops nothing, as intended.
    let ignored = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let is_nohup = ignored.is_some_and(|mask| mask & 1 == 1);
    for name in ["INT", "TERM", "HUP"].into_iter().filter(|name| *name != "HUP" || !is_nohup) {
        let dir = tempfile::tempdir().unwrap();
        let (_listener, url) = black_hole();
        let waiting = Watched::start(&mut apply(dir.path(), &url));
        waiting.wait_for(&["connecting to ", "(us-west-2)"]);
        waiting.signal(name);
        let (code, text) = waiting.end();
        assert_eq!(code, Some(130), "{name}: {text}");
        assert!(text.contains("interrupted before anything was created"), "{text}");
        assert!(!dir.path().join("runs").exists(), "{name}");
        let mut sweep = amiproof(dir.path());
        sweep.env("AWS_ENDPOINT_URL", &url).env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
        let waiting = Watched::start(sweep.args(["sweep", "--region", "us-west-2"]));
        waiting.wait_for(&["connecting to ", "(us-west-2)"]);
        waiting.signal(name);
        let (code, text) = waiting.end();
        assert_eq!(code, Some(130), "{name}: {text}");
        assert!(text.contains("the next sweep deletes it"), "{text}");
    }
}

#[test]
fn a_signal_ends_what_waits_for_credentials() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    // Longer than anything here may take.
    std::fs::write(&config, "[profile slow]\ncredential_process = sh -c 'exec sleep 900'\n").unwrap();
    let (_listener, url) = black_hole();
    let pair = matrix("pair.yaml");
    let pair = pair.to_str().unwrap();
    for arguments in [&["apply", "--file", pair][..], &["doctor", "--file", pair], &["sweep", "--region", "us-west-2"]]
    {
        let mut command = amiproof(home.path());
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("HOME", home.path());
        command.env("AWS_CONFIG_FILE", &config).env("AWS_ENDPOINT_URL", &url).args(arguments);
        let waiting = Watched::start(command.args(["--profile", "slow"]));
        waiting.wait_for(&["connecting to ", "as profile slow"]);
        waiting.signal("INT");
        let (code, text) = waiting.end();
        assert_eq!(code, Some(130), "{arguments:?}: {text}");
        assert!(!home.path().join("runs").exists(), "{arguments:?}");
    }
}

#[test]
fn a_cluster_that_refuses_or_does_not_accept_the_caller_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let given = dir.path().join("given.yaml");
    let text = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: given}\ncluster: {name: c}\n\
                variants: [{name: v, family: al2023, nodes: {selector: a=b}}]\n";
    std::fs::write(&given, text).unwrap();
    let unauthorized = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{unauthorized}",
        unauthorized.len()
    );
    let (url, _seen) = answers(answer);
    for (server, words) in [
        (closed(), &["the API server cannot be reached", "connection refused"][..]),
        (url, &["does not accept the credentials (401)"][..]),
    ] {
        let config = dir.path().join("kubeconfig");
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: a, contexts: [{{name: a, context: {{cluster: c, user: u}}}}], \
             clusters: [{{name: c, cluster: {{server: '{server}'}}}}], users: [{{name: u, user: {{token: t}}}}]}}"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = amiproof(dir.path());
        command.args(["test", "--file"]).arg(&given).arg("--kubeconfig").arg(&config);
        assert_says(dir.path(), &ended(&mut command), words);
    }
}

#[test]
fn what_is_on_this_machine_is_asked_through_no_proxy_and_everything_else_by_its_rules() {
    let dir = tempfile::tempdir().unwrap();
    let lab = LabProcess::start(None);
    let nowhere = closed();
    let proxied = |command: &mut Command| {
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
            command.env(name, &nowhere);
        }
        command.env("NO_PROXY", "example.com").env("AWS_PROFILE", "prod");
    };
    let mut command = amiproof(&dir.path().join("outside"));
    proxied(lab.target(&mut command).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml")));
    let output = ended(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut command = amiproof(&dir.path().join("inside"));
    proxied(command.args(["run", "--lab", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml")));
    let output = ended(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let (url, seen) = answers("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned());
    let mut command = apply(&dir.path().join("through"), "http://endpoint.invalid");
    let output = ended(command.env("HTTP_PROXY", &url).env("NO_PROXY", "example.com"));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let asked: Vec<String> = seen.try_iter().collect();
    assert!(asked.iter().any(|first| first.contains("http://endpoint.invalid/")), "the proxy is asked: {asked:?}");
    let mut command = apply(&dir.path().join("around"), "http://endpoint.invalid");
    let output = ended(command.env("HTTP_PROXY", &url).env("NO_PROXY", ".invalid"));
    assert_says(&dir.path().join("around"), &output, &["cannot be resolved"]);
    assert_eq!(seen.try_iter().count(), 0, "NO_PROXY names the endpoint");
}

#[test]
fn a_kubeconfig_names_its_own_proxy() {
    for (proxy, tunnels) in [tunnel(), socks5()] {
        asked_through(&proxy, &tunnels);
    }
}

fn asked_through(proxy: &str, tunnels: &Receiver<String>) {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let mut command = amiproof(&dir.path().join("theirs"));
    lab.target(&mut command).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
    let output = ended(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut config = lab.kubeconfig("pair");
    let at = config.find("server:").unwrap();
    let indent = &config[config[..at].rfind('\n').unwrap() + 1..at].replace('-', " ");
    config.insert_str(at, &format!("proxy-url: {proxy}\n{indent}"));
    let path = dir.path().join("kubeconfig");
    std::fs::write(&path, config).unwrap();
    let mut command = amiproof(&dir.path().join("ours"));
    command.current_dir(dir.path()).args(["test", "--checks", "node/ready", "--kubeconfig"]).arg(&path);
    let output = ended(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(tunnels.try_iter().count() > 0, "every connection went through it");
}

/// A proxy that connects where it is told.
fn tunnel() -> (String, Receiver<String>) {
    let (listener, url) = black_hole();
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let Some(to) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else { continue };
            let server = TcpStream::connect(to).unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            if sender.send(to.to_owned()).is_err() {
                return;
            }
            relay(stream, server);
        }
    });
    (url, seen)
}

/// Passes on what comes, both ways.
fn relay(one: TcpStream, other: TcpStream) {
    for (mut from, mut to) in [(one.try_clone().unwrap(), other.try_clone().unwrap()), (other, one)] {
        std::thread::spawn(move || {
            // Either side may end the connection as it likes.
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    }
}

/// A SOCKS proxy (RFC 1928) without a password that connects where it is told.
fn socks5() -> (String, Receiver<String>) {
    let (listener, url) = black_hole();
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let Some(to) = socks5_target(&mut stream) else { continue };
            let server = TcpStream::connect(&to).unwrap();
            // Version, succeeded, reserved, and an IPv4 address that nobody reads.
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
            if sender.send(to).is_err() {
                return;
            }
            relay(stream, server);
        }
    });
    (url.replacen("http", "socks5", 1), seen)
}

/// The greeting and the request of a client that wants a connection; where to.
fn socks5_target(stream: &mut TcpStream) -> Option<String> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).ok()?;
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).ok()?;
    stream.write_all(&[5, 0]).ok()?;
    let mut request = [0; 4];
    stream.read_exact(&mut request).ok()?;
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            stream.read_exact(&mut address).ok()?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => {
            let mut length = [0; 1];
            stream.read_exact(&mut length).ok()?;
            let mut name = vec![0; usize::from(length[0])];
            stream.read_exact(&mut name).ok()?;
            String::from_utf8(name).ok()?
        }
        _ => return None,
    };
    let mut port = [0; 2];
    stream.read_exact(&mut port).ok()?;
    Some(format!("{host}:{}", u16::from_be_bytes(port)))
}

#[test]
fn a_wrong_invocation_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let pair = matrix("pair.yaml");
    let pair = pair.to_str().unwrap();
    let lab = ["run", "--lab", "--file", pair, "--scenario", "nope"];
    let twice = ["run", "--lab", "--profile", "prod", "--file", pair];
    let mut wrong = vec![lab.to_vec(), twice.to_vec()];
    for command in ["run", "test", "scan", "plan", "check", "list"] {
        wrong.push(vec![command, "--file", pair, "--checks", "node/joined,nodes/ready"]);
    }
    for arguments in wrong {
        let output = run(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        if arguments.contains(&"--checks") {
            assert!(stderr(&output).contains("did you mean 'node/ready'?"), "{}", stderr(&output));
        }
        assert!(!dir.path().join("runs").exists() && !dir.path().join("latest").exists(), "{arguments:?}");
    }
}
