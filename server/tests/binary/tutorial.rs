//! The tutorials of docs: every block is run, and its output searched for what the page says.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that does not outlive its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A block of the page: its command, whether it goes on running, and what its output has to have.
struct Block {
    command: String,
    background: bool,
    expected: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let is_python = line == "```python";
        if !line.starts_with("```sh") && !is_python {
            continue;
        }
        let mut block =
            Block { command: String::new(), background: line.ends_with("background"), expected: Vec::new() };
        for line in lines.by_ref().take_while(|line| *line != "```") {
            match line.strip_prefix("# => ") {
                Some(expected) => block.expected.push(expected.to_owned()),
                None => block.command += &format!("{line}\n"),
            }
        }
        if is_python {
            block.command = format!("python3 - <<'END'\n{}END\n", block.command);
        }
        blocks.push(block);
    }
    blocks
}

/// Builds `ringload`: cargo gives a test the programs of its own package only. Returns the directory of both programs.
fn programs(root: &Path) -> PathBuf {
    let ringway = Path::new(env!("CARGO_BIN_EXE_ringway"));
    let directory = ringway.parent().unwrap();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    build.args(["build", "--package", "ringway-loadgen", "--bin", "ringload", "--profile", "test"]);
    build.arg("--target-dir").arg(directory.parent().unwrap()).current_dir(root);
    assert!(build.status().unwrap().success(), "ringload cannot be built");
    directory.to_owned()
}

/// A page, the directory of its files, and the ports that they name.
struct Tutorial {
    page: &'static str,
    files: &'static str,
    ports: &'static [&'static str],
}

/// A copy of the tutorial's files, and its page, with ports that are free.
fn with_free_ports(root: &Path, tutorial: &Tutorial) -> (tempfile::TempDir, String) {
    let copy = tempfile::tempdir().unwrap();
    let files = copy.path().join(tutorial.files);
    std::fs::create_dir_all(&files).unwrap();
    let listener = |port| (port, std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let listeners: Vec<_> = tutorial.ports.iter().map(listener).collect();
    let moved = |text: &str| {
        listeners.iter().fold(text.to_owned(), |text, (old, new)| {
            text.replace(*old, &format!(":{}", new.local_addr().unwrap().port()))
        })
    };
    for entry in std::fs::read_dir(root.join(tutorial.files)).unwrap() {
        let path = entry.unwrap().path();
        // Who followed the page has a store there.
        if path.extension().is_some_and(|extension| extension != "redb" && extension != "key") {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(files.join(path.file_name().unwrap()), moved(&text)).unwrap();
        }
    }
    let page = std::fs::read_to_string(root.join(tutorial.page)).unwrap();
    (copy, moved(&page))
}

/// Runs the blocks of a page as in one shell: what a block sets, those after it have. Returns how many there are.
fn run(tutorial: &Tutorial, environment: &Environment) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (copy, page) = with_free_ports(&root, tutorial);
    let path = format!("{}:{}", programs(&root).display(), environment.path);
    std::fs::write(copy.path().join("variables"), "").unwrap();
    let (mut servers, mut ran) = (Vec::new(), 0);
    for block in blocks(&page) {
        let shell = |command: &str| {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!(". ./variables; set -a\n{command}")).current_dir(copy.path());
            environment.give(&mut shell, &path);
            shell
        };
        if block.background {
            let mut server = shell(&format!("exec {}", block.command));
            servers.push(Server(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()));
            wait_for_port(&block.command, copy.path());
            continue;
        }
        let output = shell(&format!("{}export -p > variables", block.command)).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        for expected in &block.expected {
            assert!(text.contains(expected), "{}\nhas no {expected:?}:\n{text}", block.command);
        }
        assert!(!block.expected.is_empty(), "nothing is expected of {}", block.command);
        ran += 1;
    }
    ran
}

/// What the commands of a page find.
struct Environment {
    path: String,
    variables: Vec<(&'static str, String)>,
}

impl Environment {
    /// That of the tests.
    fn inherited() -> Self {
        Environment { path: std::env::var("PATH").unwrap_or_default(), variables: Vec::new() }
    }

    /// With boto3 where `cargo xtask test` has put it, else that of the host; without either this says so.
    fn with_boto3() -> Option<Self> {
        let mut environment = Self::inherited();
        let target = Path::new(env!("CARGO_BIN_EXE_ringway")).ancestors().nth(2).unwrap();
        environment.variables.push(("PYTHONPATH", target.join("tools").join("boto3").display().to_string()));
        environment.leave_settings();
        let mut python = Command::new("python3");
        environment.give(python.args(["-c", "import boto3"]), &environment.path);
        let found = python.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Some(environment);
        }
        eprintln!("SKIPPED: boto3 is not installed; `cargo xtask test` installs it");
        None
    }

    /// What the host has of AWS's settings is not for tests.
    fn leave_settings(&mut self) {
        for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            self.variables.push((name, "/dev/null".to_owned()));
        }
    }

    /// With the AWS CLI where `cargo xtask test` has put it, else that of the host; without either this says so.
    fn with_aws() -> Option<Self> {
        let mut environment = Self::inherited();
        let target = Path::new(env!("CARGO_BIN_EXE_ringway")).ancestors().nth(2).unwrap();
        let installed = target.join("tools").join("awscli");
        if installed.is_dir() {
            environment.variables.push(("PYTHONPATH", installed.display().to_string()));
            environment.path = format!("{}:{}", installed.join("bin").display(), environment.path);
        }
        environment.leave_settings();
        let mut aws = Command::new("aws");
        environment.give(aws.arg("--version"), &environment.path);
        let found = aws.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Some(environment);
        }
        eprintln!("SKIPPED: the AWS CLI is not installed; `cargo xtask test` installs it");
        None
    }

    fn give(&self, command: &mut Command, path: &str) {
        command.env("PATH", path).envs(self.variables.iter().cloned());
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_DEFAULT_OUTPUT"] {
            command.env_remove(name);
        }
    }
}

#[test]
fn every_block_of_the_rest_tutorial_does_what_the_page_says() {
    let ports = &[":9100", ":8081", ":9902"];
    let tutorial = Tutorial { page: "docs/tutorial-rest.md", files: "config/tutorial", ports };
    let ran = run(&tutorial, &Environment::inherited());
    assert!(ran >= 10, "{ran}");
}

#[test]
fn every_block_of_the_aws_tutorial_does_what_the_page_says() {
    let Some(environment) = Environment::with_aws() else { return };
    let ports = &[":9100", ":8081", ":9901", ":9902"];
    let tutorial = Tutorial { page: "docs/tutorial-aws-cli.md", files: "config/tutorial-aws", ports };
    let ran = run(&tutorial, &environment);
    assert!(ran >= 15, "{ran}");
}

#[test]
fn every_block_of_the_tutorial_of_usage_plans_does_what_the_page_says() {
    let Some(environment) = Environment::with_boto3() else { return };
    let ports = &[":8081", ":9901", ":9902"];
    let tutorial = Tutorial { page: "docs/tutorial-usage-plans.md", files: "config/tutorial-aws", ports };
    let ran = run(&tutorial, &environment);
    assert!(ran >= 10, "{ran}");
}

/// Waits until what the command starts listens: the address is in the command, or in the process file that it names.
fn wait_for_port(command: &str, directory: &Path) {
    let mut text = command.to_owned();
    if let Some(file) = command.split_whitespace().find(|word| word.ends_with(".toml")) {
        text = std::fs::read_to_string(directory.join(file)).unwrap();
    }
    let (_, rest) = text.split_once("127.0.0.1:").unwrap();
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        assert!(Instant::now() < deadline, "{command} does not listen on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
