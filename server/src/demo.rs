//! `ringway demo`: the sample configuration of `config/` in front of a sample backend. It is written to a temporary directory, so
//! that it can be edited while it is served.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;

use crate::boot;
use crate::cli::{DemoArgs, EXIT_UNAVAILABLE};
use crate::sample_backend;

/// The sample, by its path below the directory of the demo.
const FILES: [(&str, &str); 4] = [
    ("apis/petstore-v1.toml", include_str!("../../config/apis/petstore-v1.toml")),
    ("apis/petstore-v1.openapi.yaml", include_str!("../../config/apis/petstore-v1.openapi.yaml")),
    ("apis/petstore-v2.toml", include_str!("../../config/apis/petstore-v2.toml")),
    ("apis/petstore-v2.openapi.yaml", include_str!("../../config/apis/petstore-v2.openapi.yaml")),
];
/// The backends that the sample names; the demo's own takes their place.
const SAMPLE_BACKENDS: [&str; 2] = ["127.0.0.1:9001", "127.0.0.1:9002"];

/// Serves the demo until it is told to stop, and returns the exit code.
pub(crate) fn run(arguments: &DemoArgs) -> u8 {
    let prepared = start_backend().and_then(|backend| {
        let directory = Directory::create()?;
        write_files(&directory.0, arguments, backend)?;
        Ok((directory, backend))
    });
    match prepared {
        Ok((directory, backend)) => {
            let greeting = greeting(arguments, backend, &directory.0);
            boot::serve(&directory.0.join("ringway.toml"), arguments.driver, false, &greeting)
        }
        Err(error) => {
            eprintln!("ringway: the demo cannot start: {error}");
            EXIT_UNAVAILABLE
        }
    }
}

/// A directory of this run alone; it goes away with the value.
struct Directory(PathBuf);

impl Directory {
    fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ringway-demo-{}", std::process::id()));
        // Fails where somebody else has made it: what is served is nobody else's to write.
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Only what the demo wrote, and what an editor left beside it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_files(directory: &Path, arguments: &DemoArgs, backend: SocketAddr) -> io::Result<()> {
    fs::create_dir(directory.join("apis"))?;
    for (name, text) in FILES {
        let mut text = text.to_owned();
        for sample in SAMPLE_BACKENDS {
            text = text.replace(sample, &backend.to_string());
        }
        fs::write(directory.join(name), text)?;
    }
    for (file, api, base_path) in
        [("petstore-v1.toml", "petstore01", "v1"), ("petstore-v2.toml", "petstore02", "v2")]
    {
        let mut file = OpenOptions::new().append(true).open(directory.join("apis").join(file))?;
        // Without a stage: the caller names it, as in /v1/dev/pets.
        write!(
            file,
            "\n# Whatever host name curl uses.\n[[domainNames]]\ndomainName = \"*\"\n\
             [[domainNames.basePathMappings]]\nbasePath = \"{base_path}\"\nrestApiId = \"{api}\"\n"
        )?;
    }
    let DemoArgs { port, admin_port, .. } = arguments;
    let process = format!(
        "# Written by `ringway demo`; config/ringway.toml of the source describes every setting.\n\
         listen = [\"127.0.0.1:{port}\"]\n\
         admin = \"127.0.0.1:{admin_port}\"\n\
         apis = [\"apis/*.toml\"]\n\
         connectionsMax = 1000\n"
    );
    fs::write(directory.join("ringway.toml"), process)
}

/// Starts the sample backend on a thread of its own, so that it and the control thread do not wait for each other.
fn start_backend() -> io::Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = runtime.block_on(sample_backend::start())?;
    thread::Builder::new()
        .name("sample-backend".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(address)
}

fn greeting(arguments: &DemoArgs, backend: SocketAddr, directory: &Path) -> String {
    let gateway = format!("http://127.0.0.1:{}", arguments.port);
    let admin = format!("http://127.0.0.1:{}", arguments.admin_port);
    let directory = directory.display();
    format!(
        "
The sample backend answers on http://{backend}. Access-log lines appear below as you paste:

  # the pets, through version 1, stage dev
  curl -i {gateway}/v1/dev/pets
  curl -i {gateway}/v1/dev/pets -d '{{\"name\":\"Ada\",\"type\":\"cat\"}}'
  curl -i {gateway}/v1/dev/pets/4

  # the other stage (the backend says which it saw), and the other version
  curl -i {gateway}/v1/prod/pets?type=dog
  curl -i {gateway}/v2/dev/pets/1/photos

  # the same by a custom domain name, and by the name that AWS would give
  curl -i {gateway}/v1/pets -H 'Host: api.example.com'
  curl -i {gateway}/dev/pets -H 'Host: petstore01.execute-api.us-east-1.amazonaws.com'

  # the gateway itself answers (MOCK)
  curl -i {gateway}/v1/dev/health

  # everything below a greedy variable; the backend shows what arrived
  curl -i '{gateway}/v1/dev/proxy/any/path?q=1'
  curl -iN {gateway}/v1/dev/proxy/stream

  # an unknown path: 403 Missing Authentication Token, as on AWS
  curl -i {gateway}/v1/dev/nothing

  # a backend that never answers: 504 after 29 s
  curl -i {gateway}/v2/dev/slow

  # metrics, readiness
  curl -s {admin}/metrics | grep ringway_requests_total
  curl -s {admin}/readyz

  # edit a file and save it: it is reloaded while requests run. Break one, and see who goes on serving
  ${{EDITOR:-vi}} {directory}/apis/petstore-v1.openapi.yaml
  curl -s -X POST {admin}/reload

Ctrl-C ends the demo and removes {directory}.

"
    )
}
