//! A gateway with a control plane that everybody may call: it can be started again on the same addresses and the same store.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::process::{self, Scratch, Server};
use crate::{Outcome, cargo};

/// Where it listens, and how it is started.
pub(super) struct Gateway {
    pub(super) data: SocketAddr,
    pub(super) control: SocketAddr,
    command: Command,
}

impl Gateway {
    /// With these API files beside its store.
    pub(super) fn new(
        program: &Path,
        scratch: &Scratch,
        store: &Path,
        apis: &[&Path],
        driver: &str,
    ) -> Outcome<Self> {
        let (data, admin, control) =
            (process::free_address()?, process::free_address()?, process::free_address()?);
        let apis: Vec<String> = apis.iter().map(|path| path.display().to_string()).collect();
        let configuration = format!(
            r#"cores = 1
listen = ["{data}"]
admin = "{admin}"
apis = {apis:?}
driver = "{driver}"

[accessLog]
path = "off"

[controlPlane]
listen = "{control}"
store = "{store}"
requestsPerSecond = 0
"#,
            store = store.display()
        );
        let path = scratch.write("control-plane.toml", &configuration)?;
        let mut command = Command::new(program);
        command.args(["serve", "--insecure-no-auth", "--config"]).arg(path);
        Ok(Gateway { data, control, command })
    }

    /// Starts the process; it may not serve yet.
    pub(super) fn start(&self, scratch: &Scratch) -> Outcome<Server> {
        Server::start_unchecked("ringway", &self.command, None, self.data, scratch)
    }

    /// What an API answers on the data plane; `None` while there is nobody to answer, or it answers anything but 200.
    pub(super) fn ask(&self, api: &str, path: &str) -> Option<Vec<u8>> {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {api}.execute-api.us-east-1.amazonaws.com\r\nConnection: close\r\n"
        );
        process::request(self.data, &head)
            .ok()
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.body)
    }
}

/// The program, in release mode.
pub(super) fn program() -> Outcome<std::path::PathBuf> {
    Ok(cargo::release(&["ringway"])?.join("ringway"))
}
