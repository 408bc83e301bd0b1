//! Signals, as events of the control thread.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalEvent {
    /// SIGHUP: load the API files again.
    Reload,
    /// SIGUSR1: reopen the access log.
    ReopenLog,
    /// SIGTERM or SIGINT, with its number.
    Stop(i32),
}

/// The signals that the process listens to.
pub(crate) struct Signals {
    hangup: Signal,
    user1: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over. From here on none of them ends the process by itself.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one. Safe to drop.
    pub(crate) async fn next(&mut self) -> SignalEvent {
        tokio::select! {
            _ = self.hangup.recv() => SignalEvent::Reload,
            _ = self.user1.recv() => SignalEvent::ReopenLog,
            _ = self.terminate.recv() => SignalEvent::Stop(SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => SignalEvent::Stop(SignalKind::interrupt().as_raw_value()),
        }
    }
}
