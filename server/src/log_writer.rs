//! Writes the access log, on a thread of its own: batches of whole lines come from the cores, emptied ones go back.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Select, Sender, TrySendError, bounded, never};
use ringway_dataplane::log::LogSource;

/// Batches written with one system call: the kernel takes at most 1,024 slices (IOV_MAX).
const BATCHES_MAX: usize = 64;

/// Where the lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// A file, appended to and made if missing.
    File(PathBuf),
}

impl Target {
    fn open(&self) -> io::Result<Output> {
        match self {
            Target::Stdout => Ok(Output::Stdout(io::stdout())),
            Target::File(path) => {
                // Requests are nobody else's business.
                OpenOptions::new().append(true).create(true).mode(0o640).open(path).map(Output::File)
            }
        }
    }

    /// For messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Target::Stdout => "standard output".into(),
            Target::File(path) => path.display().to_string(),
        }
    }
}

enum Output {
    Stdout(io::Stdout),
    File(File),
}

impl Output {
    /// Writes all of `batches`, with one `writev` where the kernel takes everything at once.
    fn write(&mut self, batches: &[Vec<u8>]) -> io::Result<()> {
        match self {
            // Locking for the length of one batch: nothing else of this process writes there for long.
            Output::Stdout(stdout) => write_batches(&mut stdout.lock(), batches),
            Output::File(file) => write_batches(file, batches),
        }
    }
}

fn write_batches(out: &mut impl Write, batches: &[Vec<u8>]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = batches.iter().map(|batch| IoSlice::new(batch)).collect();
    let mut left = slices.as_mut_slice();
    // Skips slices without bytes: writing only them would yield the zero that a full disk yields.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match out.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut left, n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

/// The thread that writes.
pub(crate) struct LogWriter {
    thread: JoinHandle<()>,
    reopen: Sender<()>,
    /// Lines lost because writing failed.
    pub(crate) write_errors: Arc<AtomicU64>,
}

/// Reopens the log.
#[derive(Clone)]
pub(crate) struct Reopener(Sender<()>);

impl Reopener {
    /// Closes the file and opens its path anew, as log rotation needs.
    pub(crate) fn reopen(&self) {
        match self.0.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => tracing::error!("the log writer has ended"),
        }
    }
}

impl LogWriter {
    /// Opens `target` and starts the thread; it ends when every core has given up its end.
    pub(crate) fn start(target: Target, sources: Vec<LogSource>) -> io::Result<Self> {
        let output = target.open()?;
        let (reopen, reopens) = bounded(1);
        let write_errors = Arc::new(AtomicU64::new(0));
        let errors = write_errors.clone();
        let writer = Writer { target, output, torn: false, failing: false, errors, reopens };
        let thread =
            std::thread::Builder::new().name("ringway-log".into()).spawn(move || writer.run(&sources))?;
        Ok(LogWriter { thread, reopen, write_errors })
    }

    /// A handle that reopens.
    pub(crate) fn reopener(&self) -> Reopener {
        Reopener(self.reopen.clone())
    }

    /// Waits until everything that the cores logged is written. The cores have to have ended.
    pub(crate) fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the log writer panicked");
        }
    }
}

struct Writer {
    target: Target,
    output: Output,
    /// Whether the last thing written may be half a line.
    torn: bool,
    /// Whether the last write failed, which is said once.
    failing: bool,
    errors: Arc<AtomicU64>,
    reopens: Receiver<()>,
}

impl Writer {
    fn run(mut self, sources: &[LogSource]) {
        let mut reopens = self.reopens.clone();
        let mut open: Vec<&LogSource> = sources.iter().collect();
        let mut batches: Vec<Vec<u8>> = Vec::with_capacity(BATCHES_MAX);
        let mut origins: Vec<usize> = Vec::with_capacity(BATCHES_MAX);
        while !open.is_empty() {
            let mut select = Select::new();
            for source in &open {
                select.recv(&source.full);
            }
            let reopen_index = select.recv(&reopens);
            let ready = select.select();
            let index = ready.index();
            if index == reopen_index {
                match ready.recv(&reopens) {
                    Ok(()) => self.reopen(),
                    // Nobody is left to ask: only the rest of the lines matters.
                    Err(_) => reopens = never(),
                }
                continue;
            }
            let Ok(first) = ready.recv(&open[index].full) else {
                open.remove(index);
                continue;
            };
            batches.push(first);
            origins.push(index);
            for (index, source) in open.iter().enumerate() {
                let more = source.full.try_iter().take(BATCHES_MAX - batches.len());
                batches.extend(more);
                origins.resize(batches.len(), index);
            }
            self.write(&batches);
            for (mut batch, origin) in batches.drain(..).zip(origins.drain(..)) {
                batch.clear();
                // A core that has ended, or has enough of them, needs no more.
                let _ = open[origin].empty.try_send(batch);
            }
        }
    }

    fn write(&mut self, batches: &[Vec<u8>]) {
        let mended = if self.torn { self.output.write(&[b"\n".to_vec()]) } else { Ok(()) };
        self.torn &= mended.is_err();
        match mended.and_then(|()| self.output.write(batches)) {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("{}: the access log can be written again", self.target.name());
                }
            }
            Err(error) => {
                let lines = batches.iter().flatten().filter(|byte| **byte == b'\n').count();
                self.errors.fetch_add(lines as u64, Relaxed);
                self.torn = true;
                if !std::mem::replace(&mut self.failing, true) {
                    let name = self.target.name();
                    tracing::error!(
                        "{name}: the access log cannot be written ({error}): lines are lost and counted"
                    );
                }
            }
        }
    }

    fn reopen(&mut self) {
        match self.target.open() {
            Ok(output) => {
                (self.output, self.torn) = (output, false);
                tracing::info!("{}: access log reopened", self.target.name());
            }
            Err(error) => {
                tracing::error!("{}: cannot be reopened ({error}): the old file is kept", self.target.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many bytes of a call as it is told, then fails.
    struct Narrow {
        taken: Vec<u8>,
        at_once: usize,
        room: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.at_once).min(self.room);
            if n == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= n;
            self.taken.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn partial_writes_are_continued() {
        let mut out = Narrow { taken: Vec::new(), at_once: 3, room: usize::MAX };
        write_batches(&mut out, &[b"first\n".to_vec(), Vec::new(), b"second\n".to_vec()]).unwrap();
        assert_eq!(out.taken, b"first\nsecond\n");
        write_batches(&mut out, &[]).unwrap();
        write_batches(&mut out, &[Vec::new()]).unwrap();
        out.room = 2;
        let error = write_batches(&mut out, &[b"third\n".to_vec()]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    fn pair() -> (Sender<Vec<u8>>, Receiver<Vec<u8>>, LogSource) {
        let (full_in, full) = bounded(4);
        let (empty, empty_out) = bounded(4);
        (full_in, empty_out, LogSource { full, empty })
    }

    #[test]
    fn lines_of_all_cores_are_written_and_their_buffers_come_back() {
        let path = std::env::temp_dir().join(format!("ringway-log-writer-{}", std::process::id()));
        let (first_in, first_out, first) = pair();
        let (second_in, second_out, second) = pair();
        let writer = LogWriter::start(Target::File(path.clone()), vec![first, second]).unwrap();
        first_in.send(b"a\n".to_vec()).unwrap();
        second_in.send(b"b\nc\n".to_vec()).unwrap();
        assert_eq!(first_out.recv().unwrap(), b"", "it comes back empty");
        assert_eq!(second_out.recv().unwrap(), b"");
        drop(first_in);
        second_in.send(b"d\n".to_vec()).unwrap();
        drop(second_in);
        writer.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["a", "b", "c", "d"]);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (batches, _empty, source) = pair();
        // The kernel's file that is always full.
        let writer = LogWriter::start(Target::File("/dev/full".into()), vec![source]).unwrap();
        let errors = writer.write_errors.clone();
        batches.send(b"a\nb\n".to_vec()).unwrap();
        batches.send(b"c\n".to_vec()).unwrap();
        drop(batches);
        writer.finish();
        assert_eq!(errors.load(Relaxed), 3);
    }
}
