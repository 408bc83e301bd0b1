//! Caches across a restart: a drain writes them, and the next start reads them. Best effort: without the file a cache begins empty.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use ringway_core::cache::{self, Cache, Damaged};
use ringway_core::model::Api;
use ringway_core::snapshot::Snapshot;
use ringway_ring::clock::{monotonic_nanos, unix_millis};

/// Bytes that go to the file, or come from it, at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// Fills the caches of stages that have a file. Before the first core there is nobody to disturb: this may block.
pub(crate) fn load(apis: &[Arc<Api>], snapshot: &Snapshot) {
    for (owner, file, cache) in files(apis, snapshot) {
        match read(&file, &owner, &cache) {
            Ok(None) => {}
            Ok(Some(count)) => {
                tracing::info!("the cache of {owner} begins with {count} answers of {}", file.display())
            }
            Err(problem) => {
                tracing::warn!(
                    "the cache of {owner} begins empty: {} is not used: {problem}",
                    file.display()
                );
            }
        }
    }
}

/// Writes the caches of stages that have a file. Once the cores have ended: this may block.
pub(crate) fn dump(apis: &[Arc<Api>], snapshot: &Snapshot) {
    for (owner, file, cache) in files(apis, snapshot) {
        match write(&file, &owner, &cache) {
            Ok(count) => tracing::info!("the cache of {owner}: {count} answers are in {}", file.display()),
            Err(error) => tracing::warn!("the cache of {owner} is lost: {}: {error}", file.display()),
        }
    }
}

type WarmFile = (String, std::path::PathBuf, Arc<Cache>);

fn files<'a>(apis: &'a [Arc<Api>], snapshot: &'a Snapshot) -> impl Iterator<Item = WarmFile> + 'a {
    let plans = snapshot.stages.iter().filter(|plan| !plan.is_canary);
    plans.filter_map(move |plan| {
        let api = apis.iter().find(|api| *api.id == *plan.api_id)?;
        let stage = api.stages.iter().find(|stage| *stage.stage_name == *plan.stage_name)?;
        let owner = format!("{}/{}", plan.api_id, plan.stage_name);
        Some((owner, stage.cache.warm_file.clone()?, plan.cache.clone()?))
    })
}

/// Reads a file and removes it: what is flushed from now on must not come back with the start after the next.
fn read(file: &Path, owner: &str, cache: &Cache) -> Result<Option<u64>, Damaged> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    fs::remove_file(file)?;
    let mut input = BufReader::with_capacity(BUFFER_BYTES, opened);
    cache::load(cache, owner, monotonic_nanos(), unix_millis(), &mut input).map(Some)
}

fn write(file: &Path, owner: &str, cache: &Cache) -> io::Result<u64> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    // Answers are what clients got, perhaps each its own: nobody else reads them.
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(partial)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, opened);
    let count = cache::dump(cache, owner, monotonic_nanos(), unix_millis(), &mut out)?;
    out.flush()?;
    fs::rename(partial, file)?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_read_once_and_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("prod.cache");
        let cache = Cache::new(1 << 20);
        assert_eq!(read(&file, "a/prod", &cache).unwrap(), None);
        assert_eq!(write(&file, "a/prod", &cache).unwrap(), 0);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&file, "a/prod", &cache).unwrap(), Some(0));
        assert!(!file.exists());
        fs::write(&file, b"something else").unwrap();
        assert!(read(&file, "a/prod", &cache).is_err() && !file.exists());
    }
}
