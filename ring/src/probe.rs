//! What the kernel lets us do, found out by doing it, and said in plain words.

use std::fmt;
use std::io;

use io_uring_06::{Builder, IoUring, opcode};

use crate::native;
use crate::start::Driver;

/// Which driver the operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriverChoice {
    /// The best that works: native, else monoio on io_uring, else epoll.
    #[default]
    Auto,
    /// The native driver, or refuse to start.
    Native,
    /// monoio on io_uring, or refuse to start.
    Monoio,
    /// epoll.
    Epoll,
}

impl std::str::FromStr for DriverChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(DriverChoice::Auto),
            "native" => Ok(DriverChoice::Native),
            "monoio" => Ok(DriverChoice::Monoio),
            "epoll" => Ok(DriverChoice::Epoll),
            other => Err(format!("unknown driver {other:?}: choose auto, native, monoio or epoll")),
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
    /// Whether everything that the native driver does was done here.
    pub native: bool,
    /// The best flags with which monoio's ring works; `None` where io_uring does not work at all.
    pub monoio: Option<RingFlags>,
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// What is missing and what to do about it; empty when nothing is.
    pub missing: Vec<String>,
}

/// The driver that is used, and what to say about it.
#[derive(Debug, Clone)]
pub struct ChosenDriver {
    /// The driver.
    pub driver: Driver,
    /// What was chosen and why, in one line.
    pub reason: String,
    /// To be said loudly: it is slower than it could be.
    pub warning: Option<String>,
    /// Whether a core whose ring cannot be made may run on epoll.
    pub fallback: bool,
}

impl ProbeReport {
    /// Chooses between what is asked for and what works. An error says what is missing.
    pub fn choose(&self, choice: DriverChoice) -> Result<ChosenDriver, String> {
        let kernel = &self.kernel;
        let missing = self.missing.join("\n  ");
        let refused =
            |name| Err(format!("--driver {name} does not work on this Linux {kernel}:\n  {missing}"));
        let (driver, warning) = match (choice, self.native, self.monoio) {
            (DriverChoice::Epoll, _, _) => (Driver::Epoll, None),
            (DriverChoice::Auto | DriverChoice::Native, true, _) => (Driver::Native, None),
            (DriverChoice::Native, false, _) => return refused("native"),
            (DriverChoice::Monoio, _, Some(flags)) => (Driver::Monoio(flags), None),
            (DriverChoice::Monoio, _, None) => return refused("monoio"),
            (DriverChoice::Auto, false, Some(flags)) => (
                Driver::Monoio(flags),
                Some(format!(
                    "the native driver does not work here; monoio is somewhat slower:\n  {missing}"
                )),
            ),
            (DriverChoice::Auto, false, None) => (
                Driver::Epoll,
                Some(format!(
                    "FALLING BACK TO EPOLL, about 0.7 times the speed of io_uring:\n  {missing}\n  \
                     --driver epoll silences this; --driver native refuses to start instead"
                )),
            ),
        };
        let why = match choice {
            DriverChoice::Auto => "the best that works here",
            _ => "as asked for",
        };
        let reason = format!("{}, {why}, on Linux {kernel}", driver.describe());
        Ok(ChosenDriver { driver, reason, warning, fallback: choice == DriverChoice::Auto })
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let works = match (self.native, self.monoio) {
            (true, _) => "the native driver works".into(),
            (false, Some(flags)) => format!("io_uring works through monoio ({})", flags.names()),
            (false, None) => "io_uring does not work".to_owned(),
        };
        write!(f, "Linux {}: {works}", self.kernel)?;
        for missing in &self.missing {
            write!(f, "\n  {missing}")?;
        }
        Ok(())
    }
}

/// Sets up rings and runs the operations of each driver through them.
pub fn probe() -> ProbeReport {
    let kernel = read_line("/proc/sys/kernel/osrelease");
    let mut report = ProbeReport { native: false, monoio: None, kernel, missing: Vec::new() };
    match native::try_everything() {
        Ok(()) => report.native = true,
        Err(refusal) => {
            report.missing.push(explain(&format!("native driver, {}", refusal.step), &refusal.error));
        }
    }
    for flags in RingFlags::ALL {
        match try_ring(flags) {
            Ok(()) => {
                report.monoio = Some(flags);
                break;
            }
            Err(error) => report.missing.push(explain(&format!("monoio, {}", flags.names()), &error)),
        }
    }
    report
}

/// A ring with these flags that completes a no-op.
fn try_ring(flags: RingFlags) -> io::Result<()> {
    let mut ring = flags.builder().build(8)?;
    let mut supported = io_uring_06::Probe::new();
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

/// Why something did not work, in words that say what to change.
fn explain(with: &str, error: &io::Error) -> String {
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
            format!(
                "{with}: not known to this kernel (the native driver and the best flags need Linux 6.1; io_uring as used here 5.19)"
            )
        }
        Some(libc::ENOMEM) => format!("{with}: no memory for the ring: raise the memlock limit (ulimit -l)"),
        Some(libc::EMFILE | libc::ENFILE) => {
            format!("{with}: no file descriptor left: raise the limit (ulimit -n)")
        }
        None if error.kind() == io::ErrorKind::Unsupported => {
            format!("{with}: this kernel's io_uring does not have it (the native driver needs Linux 6.1)")
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
        assert!(report.native || !report.missing.is_empty(), "{report}");
        assert!(report.monoio.is_some() || report.missing.len() > RingFlags::ALL.len(), "{report}");
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
            let text = explain("a ring", &io::Error::from_raw_os_error(code));
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn the_choice_follows_what_works_and_says_so() {
        let report = |native, monoio| ProbeReport {
            native,
            monoio,
            kernel: "6.1".into(),
            missing: vec!["forbidden by a seccomp profile".into()],
        };
        let chosen = report(true, Some(RingFlags::Plain)).choose(DriverChoice::Auto).unwrap();
        assert_eq!((chosen.driver, chosen.warning), (Driver::Native, None));
        let chosen = report(false, Some(RingFlags::Coop)).choose(DriverChoice::Auto).unwrap();
        assert_eq!(chosen.driver, Driver::Monoio(RingFlags::Coop));
        assert!(chosen.warning.unwrap().contains("seccomp"));
        let chosen = report(false, None).choose(DriverChoice::Auto).unwrap();
        assert!(chosen.driver == Driver::Epoll && chosen.fallback);
        assert!(chosen.warning.unwrap().contains("FALLING BACK TO EPOLL"));
        for choice in [DriverChoice::Native, DriverChoice::Monoio] {
            assert!(report(false, None).choose(choice).unwrap_err().contains("seccomp"));
        }
        let chosen = report(true, None).choose(DriverChoice::Epoll).unwrap();
        assert!(chosen.driver == Driver::Epoll && chosen.warning.is_none() && !chosen.fallback);
    }
}
