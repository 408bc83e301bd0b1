//! Servers that are started for a measurement, and the little HTTP that asks them something.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::{Outcome, cargo, host};

/// How long a server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a server is asked whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A directory of this run, gone with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// An empty directory: in memory where the system has a place for that, because writing logs of a hundred megabytes a second back to a
    /// disk would disturb what is measured, else among the temporary files.
    pub(crate) fn new(name: &str) -> Outcome<Self> {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        Self::below(&place, name)
    }

    /// As [`Scratch::new`], beside what cargo builds: for what is about a disk.
    pub(crate) fn on_disk(name: &str) -> Outcome<Self> {
        Self::below(&cargo::target_directory()?, name)
    }

    fn below(place: &Path, name: &str) -> Outcome<Self> {
        let path = place.join(format!("ringway-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Scratch(path))
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in it and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.file(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is small and in a directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server; ended when dropped.
pub(crate) struct Server {
    name: String,
    child: Child,
    output: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `command` on `core`, its output in a file of `scratch`, and waits until it accepts connections.
    pub(crate) fn start(
        name: &str,
        command: &Command,
        core: Option<usize>,
        address: SocketAddr,
        scratch: &Scratch,
    ) -> Outcome<Self> {
        let mut server = Self::start_unchecked(name, command, core, address, scratch)?;
        server.wait_until(|server| TcpStream::connect(server.address).is_ok())?;
        Ok(server)
    }

    /// As [`Server::start`], for what does not listen on TCP.
    pub(crate) fn start_unchecked(
        name: &str,
        command: &Command,
        core: Option<usize>,
        address: SocketAddr,
        scratch: &Scratch,
    ) -> Outcome<Self> {
        let output = scratch.file(&format!("{name}.out"));
        let file = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
        let stdout = file(&output)?;
        let stderr = stdout.try_clone().map_err(|error| format!("{name}: {error}"))?;
        let mut pinned = pinned(command, core);
        let child = pinned
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("{}: {error}", cargo::spell(&pinned)))?;
        Ok(Server { name: name.to_owned(), child, output, address })
    }

    /// Waits until `ready`, or says what the server wrote before it ended or time was up.
    pub(crate) fn wait_until(&mut self, ready: impl Fn(&Server) -> bool) -> Outcome<()> {
        let start = Instant::now();
        while !ready(self) {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || start.elapsed() > PATIENCE {
                let why =
                    ended.map_or("is not ready in time".to_owned(), |status| format!("ended: {status}"));
                return Err(format!("{} {why}; it wrote:\n{}", self.name, self.written()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Ends it with SIGKILL: it learns nothing of it.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has written to stdout and stderr.
    pub(crate) fn written(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// That process and its descendants.
    pub(crate) fn pids(&self) -> Vec<u32> {
        host::tree(self.child.id())
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM first: nginx ends its workers itself, and would leave them behind on SIGKILL.
        let _ = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        let start = Instant::now();
        while self.is_running() && start.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `command` on one core (exec'd by taskset, so that the process id stays) with as many descriptors as are allowed.
pub(crate) fn pinned(command: &Command, core: Option<usize>) -> Command {
    // The shell raises the soft limit: what is started inherits this process's, which may be 1,024.
    let mut pinned = Command::new("sh");
    pinned.args(["-c", "ulimit -n $(ulimit -Hn); exec \"$@\"", "sh"]);
    if let Some(core) = core {
        pinned.args(["taskset", "-c", &core.to_string()]);
    }
    pinned.arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        pinned.current_dir(directory);
    }
    pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    pinned
}

/// Runs `command` to its end on `core` and returns what it printed.
pub(crate) fn capture(command: &Command, core: Option<usize>) -> Outcome<String> {
    let output =
        pinned(command, core).output().map_err(|error| format!("{}: {error}", cargo::spell(command)))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("`{}` failed ({}): {said}", cargo::spell(command), output.status))
    }
}

/// Runs `command` to its end: whether it succeeded, and what it wrote, errors last.
pub(crate) fn both_outputs(command: &mut Command) -> Outcome<(bool, String)> {
    let output = command.output().map_err(|error| format!("{}: {error}", cargo::spell(command)))?;
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Ok((output.status.success(), text))
}

/// Ports that servers are given: below those that the kernel gives to clients, one of which could take a free port before its server does.
const PORTS: Range<u16> = 12_000..32_000;

/// An address of the loopback network that nobody listens on; another one each time.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() as u16;
    for _ in PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + first.wrapping_mul(97).wrapping_add(step) % PORTS.len() as u16;
        if let Ok(address) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|one| one.local_addr()) {
            return Ok(address);
        }
    }
    Err("no free port".to_owned())
}

/// An answer to [`request`].
pub(crate) struct Answer {
    /// Its status; 0 if it was no HTTP.
    pub(crate) status: u16,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// Bytes of head and body.
    pub(crate) bytes: usize,
}

/// One request on a connection of its own; `head` holds everything but Connection and the empty line.
pub(crate) fn request(address: SocketAddr, head: &str) -> Outcome<Answer> {
    let asked = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        read_answer(&mut stream)
    };
    let answer = asked().map_err(|error| format!("{address}: {error}"))?;
    let head = head_length(&answer).ok_or_else(|| format!("{address}: an answer without a head"))?;
    let status = String::from_utf8_lossy(&answer).get(9..12).and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Answer { status, bytes: answer.len(), body: answer[head..].to_vec() })
}

/// Reads one answer with a Content-Length, or up to the end of the stream where it has none.
fn read_answer(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(head) = head_length(&answer) {
            let length = content_length(&answer[..head]);
            if length.is_some_and(|length| answer.len() >= head + length) {
                return Ok(answer);
            }
        }
        match stream.read(&mut part)? {
            0 => return Ok(answer),
            count => answer.extend_from_slice(&part[..count]),
        }
    }
}

/// Bytes of the head of an answer, once they are all there.
pub(crate) fn head_length(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// What a head says of the length of its body.
pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    String::from_utf8_lossy(head).lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::{content_length, free_address, head_length, request};
    use std::io::{Read, Write};

    #[test]
    fn heads_and_lengths() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\n\r\nabc";
        assert_eq!(head_length(answer), Some(answer.len() - 3));
        assert_eq!(content_length(answer), Some(3));
        assert_eq!(head_length(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn asks_a_server() {
        let listener = std::net::TcpListener::bind(free_address().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 256];
            assert!(stream.read(&mut head).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").unwrap();
            stream
        });
        let answer = request(address, "GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (404, b"no".as_slice()));
        server.join().unwrap();
    }
}
