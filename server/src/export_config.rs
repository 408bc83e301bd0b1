//! `ringway export-config`: the store of the AWS control plane as API files.

use std::fs;
use std::path::Path;

use ringway_controlplane::aws::{ControlPlane, Settings};
use ringway_controlplane::process::ProcessConfig;

use crate::check::plural;
use crate::cli::{EXIT_CONFIGURATION, ExportConfigArgs};
use crate::control_plane::{Store, random, settings};

/// Writes the files, and tells what they do not hold.
pub(crate) fn export(arguments: &ExportConfigArgs) -> u8 {
    finish(write_files(arguments))
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
    let exported = plane.export_files()?;
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
    fs::write(path, text)
}

/// A control plane with the rows of a store.
fn plane(store: Option<&Store>, settings: Settings) -> Result<ControlPlane, Vec<String>> {
    let mut plane = ControlPlane::new(settings, random);
    if let Some(store) = store {
        store.read(|table, key, value| plane.load(table, key, value)).map_err(|message| vec![message])?;
    }
    Ok(plane)
}
