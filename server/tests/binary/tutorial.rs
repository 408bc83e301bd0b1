//! docs/tutorial-rest.md: every block is run, and its output searched for what the page says.

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
        if !line.starts_with("```sh") {
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

/// A copy of the tutorial's files, and its page, with ports that are free.
fn with_free_ports(root: &Path, page: &str) -> (tempfile::TempDir, String) {
    let copy = tempfile::tempdir().unwrap();
    let tutorial = copy.path().join("config/tutorial");
    std::fs::create_dir_all(&tutorial).unwrap();
    let listeners: Vec<_> = (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<String> =
        listeners.iter().map(|listener| format!(":{}", listener.local_addr().unwrap().port())).collect();
    let moved = |text: &str| {
        [":9100", ":8081", ":9902"]
            .iter()
            .zip(&ports)
            .fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    };
    for entry in std::fs::read_dir(root.join("config/tutorial")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(tutorial.join(path.file_name().unwrap()), moved(&text)).unwrap();
    }
    (copy, moved(page))
}

#[test]
fn every_block_does_what_the_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/tutorial-rest.md")).unwrap();
    let (copy, page) = with_free_ports(&root, &page);
    let path = format!("{}:{}", programs(&root).display(), std::env::var("PATH").unwrap_or_default());
    let (mut servers, mut ran) = (Vec::new(), 0);
    for block in blocks(&page) {
        let shell = |command: &str| {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(command).current_dir(copy.path()).env("PATH", &path);
            shell
        };
        if block.background {
            let mut server = shell(&format!("exec {}", block.command));
            servers.push(Server(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()));
            wait_for_port(&block.command, copy.path());
            continue;
        }
        let output = shell(&block.command).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        for expected in &block.expected {
            assert!(text.contains(expected), "{}\nhas no {expected:?}:\n{text}", block.command);
        }
        assert!(!block.expected.is_empty(), "nothing is expected of {}", block.command);
        ran += 1;
    }
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
