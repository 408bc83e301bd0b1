//! `ringway export-config` and `import-config`: the store of the AWS control plane as API files, and back.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ringway_controlplane::Loader;
use ringway_controlplane::aws::{ControlPlane, Settings};
use ringway_controlplane::process::ProcessConfig;

use crate::check::plural;
use crate::cli::{EXIT_CONFIGURATION, ExportConfigArgs, ImportConfigArgs};
use crate::control_plane::{Store, random, settings};
use crate::reload::unix_seconds;

/// Writes the files, and tells what they do not hold.
pub(crate) fn export(arguments: &ExportConfigArgs) -> u8 {
    finish(write_files(arguments))
}

/// Writes API files into a store.
pub(crate) fn import(arguments: &ImportConfigArgs) -> u8 {
    finish(read_files(arguments))
}

/// Prints what was done, or what kept it from being done.
fn finish(done: Result<String, Vec<String>>) -> u8 {
    match done {
        Ok(message) => {
            println!("{message}");
            0
        }
        Err(messages) => {
            messages.iter().for_each(|message| eprintln!("ringway: {message}"));
            EXIT_CONFIGURATION
        }
    }
}

fn write_files(arguments: &ExportConfigArgs) -> Result<String, Vec<String>> {
    let out = &arguments.out;
    if !arguments.force {
        check_is_empty(out).map_err(|message| vec![message])?;
    }
    let store = Store::copy_of(&arguments.store).map_err(|message| vec![message])?;
    // Region and account are in no file.
    let mut plane = plane(Some(&store), settings(&ProcessConfig::default()))?;
    let exported = plane.export_files(arguments.with_api_keys)?;
    for (path, text) in &exported.files {
        let path = out.join(path);
        write(&path, text).map_err(|error| vec![format!("cannot write {}: {error}", path.display())])?;
    }
    exported.left_out.iter().for_each(|line| eprintln!("not in the files: {line}"));
    let (files, left_out) = (exported.files.len(), exported.left_out.len());
    Ok(format!("{} in {}; {} not in them", plural(files, "file"), out.display(), plural(left_out, "thing")))
}

fn check_is_empty(directory: &Path) -> Result<(), String> {
    let name = directory.display();
    match fs::read_dir(directory) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                Err(format!("{name} is not empty; name another directory, or write into it with --force"))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut options = OpenOptions::new();
    // A file of API keys is for its owner.
    let is_secret = path.extension().is_some_and(|extension| extension == "csv");
    options.write(true).create(true).truncate(true).mode(if is_secret { 0o600 } else { 0o666 });
    options.open(path)?.write_all(text.as_bytes())
}

fn read_files(arguments: &ImportConfigArgs) -> Result<String, Vec<String>> {
    let ImportConfigArgs { store: path, region, account_id, files } = arguments;
    let process =
        ProcessConfig { region: region.clone(), account_id: account_id.clone(), ..ProcessConfig::default() };
    let loaded = Loader::new(process.account()).api_files(files);
    let loaded = loaded.map_err(|issues| issues.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let one = |message| vec![message];
    // Where nothing can be written, no empty store is left behind.
    let store = path.exists().then(|| Store::open(path)).transpose().map_err(one)?;
    let mut plane = plane(store.as_ref(), settings(&process))?;
    let imported = plane.import_files(&loaded, unix_seconds() as i64)?;
    let store = store.map_or_else(|| Store::open(path), Ok).map_err(one)?;
    store.apply(&imported.writes).map_err(one)?;
    imported.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    Ok(format!("{} in {}", plural(files.len(), "file"), path.display()))
}

/// A control plane with the rows of a store.
fn plane(store: Option<&Store>, settings: Settings) -> Result<ControlPlane, Vec<String>> {
    let mut plane = ControlPlane::new(settings, random);
    if let Some(store) = store {
        store.read(|table, key, value| plane.load(table, key, value)).map_err(|message| vec![message])?;
    }
    Ok(plane)
}
