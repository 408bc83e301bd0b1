//! Clients that spend the quotas of keys until the gateway is gone, or until nothing is left.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::backend::PATH;

/// Connections, so many that both cores have some.
pub(super) const CONNECTIONS: usize = 8;
/// How long an answer may take; the gateway waits for its store at most a part of that.
const PATIENCE: Duration = Duration::from_secs(10);

/// A key as its caller has it.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) number: usize,
    pub(super) value: String,
}

/// What was answered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answers {
    pub(super) admitted: u64,
    /// 429
    pub(super) exhausted: u64,
    /// 503: the store was not in time.
    pub(super) unavailable: u64,
    /// Anything else, which has no place here.
    pub(super) wrong: u64,
}

impl Answers {
    pub(super) fn add(&mut self, other: Answers) {
        self.admitted += other.admitted;
        self.exhausted += other.exhausted;
        self.unavailable += other.unavailable;
        self.wrong += other.wrong;
    }
}

/// Spends while the gateway answers; each connection ends when nothing is left of any of `keys`.
pub(super) fn spend(gateway: SocketAddr, keys: &[Key]) -> Answers {
    let mut all = Answers::default();
    thread::scope(|scope| {
        let one = |connection: usize| move || spend_on_one(gateway, keys, connection);
        let threads: Vec<_> = (0..CONNECTIONS).map(|connection| scope.spawn(one(connection))).collect();
        for answers in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            all.add(answers);
        }
    });
    all
}

fn spend_on_one(gateway: SocketAddr, keys: &[Key], connection: usize) -> Answers {
    let mut answers = Answers::default();
    // An error is the gateway's end: it is killed.
    let Ok(stream) = TcpStream::connect(gateway) else { return answers };
    if stream.set_read_timeout(Some(PATIENCE)).is_err() || stream.set_nodelay(true).is_err() {
        return answers;
    }
    let mut reader = BufReader::new(&stream);
    let mut left: Vec<&Key> = keys.iter().collect();
    let mut turn = connection;
    while !left.is_empty() {
        turn += 1;
        let at = turn % left.len();
        let key = left[at];
        let request = format!(
            "GET {PATH}{} HTTP/1.1\r\nHost: quota.test\r\nx-api-key: {}\r\n\r\n",
            key.number, key.value
        );
        if (&stream).write_all(request.as_bytes()).is_err() {
            break;
        }
        let Some(status) = read_status(&mut reader) else { break };
        match status {
            200 => answers.admitted += 1,
            429 => {
                answers.exhausted += 1;
                left.swap_remove(at);
            }
            503 => answers.unavailable += 1,
            _ => {
                answers.wrong += 1;
                left.swap_remove(at);
            }
        }
    }
    answers
}

/// Reads an answer; `None`: the connection has ended.
fn read_status(reader: &mut impl BufRead) -> Option<u16> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    loop {
        line.clear();
        match reader.read_line(&mut line).ok()? {
            0 => return None,
            2 => break,
            _ => {}
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_one_after_the_other() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\nHTTP/1.1 503";
        let mut reader = text.as_bytes();
        assert_eq!([(); 3].map(|()| read_status(&mut reader)), [Some(200), Some(429), None]);
    }
}
