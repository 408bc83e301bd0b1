//! What the kernel lets us do, found out by doing it, and said in plain words.

use std::fmt;
use std::io;

use io_uring::{Builder, IoUring, opcode};

/// Which driver the operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriverChoice {
    /// io_uring where it works, else epoll.
    #[default]
    Auto,
    /// io_uring, or refuse to start.
    IoUring,
    /// epoll.
    Epoll,
}

impl std::str::FromStr for DriverChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(DriverChoice::Auto),
            "io_uring" => Ok(DriverChoice::IoUring),
            "epoll" => Ok(DriverChoice::Epoll),
            other => Err(format!("unknown driver {other:?}: choose auto, io_uring or epoll")),
        }
    }
}

/// The set-up flags that pay on a ring used by one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingFlags {
    /// SINGLE_ISSUER, DEFER_TASKRUN and COOP_TASKRUN (Linux 6.1).
    SingleIssuerDeferCoop,
    /// COOP_TASKRUN (Linux 5.19).
    Coop,
    /// None.
    Plain,
}

impl RingFlags {
    /// All, best first.
    pub(super) const ALL: [RingFlags; 3] =
        [RingFlags::SingleIssuerDeferCoop, RingFlags::Coop, RingFlags::Plain];

    /// A ring builder with these flags.
    pub fn builder(self) -> Builder {
        let mut builder = IoUring::builder();
        match self {
            RingFlags::SingleIssuerDeferCoop => {
                builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
            }
            RingFlags::Coop => {
                builder.setup_coop_taskrun();
            }
            RingFlags::Plain => {}
        }
        builder
    }

    /// Their names, as a start message shows them.
    pub fn names(self) -> &'static str {
        match self {
            RingFlags::SingleIssuerDeferCoop => "SINGLE_ISSUER, DEFER_TASKRUN, COOP_TASKRUN",
            RingFlags::Coop => "COOP_TASKRUN",
            RingFlags::Plain => "no ring flags",
        }
    }
}

/// What the probe found.
#[derive(Debug, Clone)]
pub struct ProbeReport {
    /// The best flags with which a ring works; `None` where io_uring does not work at all.
    pub io_uring: Option<RingFlags>,
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// What is missing and what to do about it; empty when nothing is.
    pub missing: Vec<String>,
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.io_uring {
            Some(flags) => write!(f, "Linux {}: io_uring works ({})", self.kernel, flags.names())?,
            None => write!(f, "Linux {}: io_uring does not work", self.kernel)?,
        }
        for missing in &self.missing {
            write!(f, "\n  {missing}")?;
        }
        Ok(())
    }
}

/// Sets up rings and runs an operation through one.
pub fn probe() -> ProbeReport {
    let kernel = read_line("/proc/sys/kernel/osrelease");
    let mut missing = Vec::new();
    for flags in RingFlags::ALL {
        match try_ring(flags) {
            Ok(()) => return ProbeReport { io_uring: Some(flags), kernel, missing },
            Err(error) => missing.push(explain(flags, &error)),
        }
    }
    ProbeReport { io_uring: None, kernel, missing }
}

/// A ring with these flags that completes a no-op.
fn try_ring(flags: RingFlags) -> io::Result<()> {
    let mut ring = flags.builder().build(8)?;
    let mut supported = io_uring::Probe::new();
    ring.submitter().register_probe(&mut supported)?;
    let needed = [
        (opcode::Recv::CODE, "recv"),
        (opcode::Send::CODE, "send"),
        (opcode::Accept::CODE, "accept"),
        (opcode::Connect::CODE, "connect"),
        (opcode::AsyncCancel::CODE, "cancel"),
        (opcode::PollAdd::CODE, "poll"),
        (opcode::Writev::CODE, "writev"),
    ];
    for (code, name) in needed {
        if !supported.is_supported(code) {
            let message = format!("the kernel's io_uring has no {name} operation");
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
    }
    let nop = opcode::Nop::new().build().user_data(1);
    // SAFETY: a no-op refers to no memory.
    unsafe { ring.submission().push(&nop) }.map_err(|_| io::Error::other("the submission queue is full"))?;
    ring.submit_and_wait(1)?;
    match ring.completion().next() {
        Some(_) => Ok(()),
        None => Err(io::Error::other("the no-op did not complete")),
    }
}

/// Why a ring could not be set up, in words that say what to change.
fn explain(flags: RingFlags, error: &io::Error) -> String {
    let with = flags.names();
    match error.raw_os_error() {
        Some(libc::EPERM) => match read_line("/proc/sys/kernel/io_uring_disabled").as_str() {
            "2" => format!(
                "{with}: forbidden by sysctl kernel.io_uring_disabled=2 (sysctl -w kernel.io_uring_disabled=0 allows it)"
            ),
            "1" => format!(
                "{with}: sysctl kernel.io_uring_disabled=1 allows it to the group in kernel.io_uring_group and to CAP_SYS_ADMIN only"
            ),
            _ => format!(
                "{with}: forbidden (EPERM), most likely by a seccomp profile: Docker's default one forbids io_uring \
                 (use a profile that allows io_uring_setup, io_uring_enter and io_uring_register)"
            ),
        },
        Some(libc::ENOSYS) => {
            format!("{with}: the kernel was built without io_uring, or a seccomp profile hides it")
        }
        Some(libc::EINVAL) => {
            format!("{with}: not known to this kernel (the flags need Linux 6.1; io_uring as used here 5.19)")
        }
        Some(libc::ENOMEM) => format!("{with}: no memory for the ring: raise the memlock limit (ulimit -l)"),
        Some(libc::EMFILE | libc::ENFILE) => {
            format!("{with}: no file descriptor left: raise the limit (ulimit -n)")
        }
        _ => format!("{with}: {error}"),
    }
}

fn read_line(path: &str) -> String {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_finds_a_ring_or_says_why_not() {
        let report = probe();
        assert!(report.io_uring.is_some() || report.missing.len() == RingFlags::ALL.len(), "{report}");
        assert!(!report.kernel.is_empty());
    }

    #[test]
    fn refusals_are_explained() {
        for (code, word) in [
            (libc::EPERM, "forbidden"),
            (libc::ENOSYS, "seccomp"),
            (libc::EINVAL, "kernel"),
            (libc::ENOMEM, "memlock"),
            (libc::EMFILE, "ulimit -n"),
        ] {
            let text = explain(RingFlags::Plain, &io::Error::from_raw_os_error(code));
            assert!(text.contains(word), "{text}");
        }
    }
}
