//! Release builds of `ringway` at chosen revisions, kept under `target/ab`: the binary of a commit is built once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::history::git;
use crate::{Outcome, cargo};

/// The revision that stands for the work tree as it is, committed or not.
pub(crate) const WORK_TREE: &str = ".";
/// Characters of a commit's name in paths and tables.
const SHORT: usize = 12;

/// A build of `ringway`.
#[derive(Clone)]
pub(crate) struct Build {
    /// The revision as it was asked for, with its commit.
    pub(crate) name: String,
    /// The binary.
    pub(crate) program: PathBuf,
}

/// Builds `ringway` at `revision`; `features` as cargo takes them.
pub(crate) fn build(revision: &str, features: &[&str]) -> Outcome<Build> {
    let directory = cargo::target_directory()?.join("ab");
    if revision == WORK_TREE {
        let name = [&["the work tree"], features].concat().join(" with ");
        let program = keep(&directory, "work-tree", features)?;
        compile(cargo::root(), &directory, features, &program)?;
        return Ok(Build { name, program });
    }
    let commit =
        git(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")]).map_err(|_| {
            format!("`{revision}` is no revision of this repository (`{WORK_TREE}` is the work tree)")
        })?;
    let short = &commit[..SHORT];
    let name = [&[format!("{revision} ({short})").as_str()], features].concat().join(" with ");
    let program = keep(&directory, short, features)?;
    if !program.exists() {
        let tree = Worktree::check_out(&directory.join("trees").join(short), &commit)?;
        compile(&tree.0, &directory, features, &program)?;
    }
    Ok(Build { name, program })
}

/// Where the binary of a build is kept.
fn keep(directory: &Path, revision: &str, features: &[&str]) -> Outcome<PathBuf> {
    let words: Vec<String> =
        [&[revision], features].concat().iter().map(|word| word.replace('/', "-")).collect();
    let directory = directory.join("builds").join(words.join("-"));
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(directory.join("ringway"))
}

/// Builds in `tree` and puts the binary at `program`. All revisions share one directory of cargo, so that what they depend on is built
/// once.
fn compile(tree: &Path, directory: &Path, features: &[&str], program: &Path) -> Outcome<()> {
    let target = directory.join("cargo");
    let mut command = Command::new("cargo");
    // The cargo of this run would build with this run's toolchain; the revision names its own.
    command.env_remove("RUSTUP_TOOLCHAIN").env("CARGO_TARGET_DIR", &target).current_dir(tree);
    command.args(["build", "--release", "--package", "ringway", "--bin", "ringway"]);
    for feature in features {
        command.args(["--features", feature]);
    }
    cargo::run(&mut command)?;
    let built = target.join("release").join("ringway");
    fs::copy(&built, program).map(drop).map_err(|error| format!("{}: {error}", built.display()))
}

/// A checked-out revision; gone when dropped, because only its binary is wanted.
struct Worktree(PathBuf);

impl Worktree {
    fn check_out(path: &Path, commit: &str) -> Outcome<Self> {
        let spelled = path.display().to_string();
        git(&["worktree", "prune"])?;
        git(&["worktree", "add", "--detach", "--force", &spelled, commit])?;
        Ok(Worktree(path.to_owned()))
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        if let Err(error) = git(&["worktree", "remove", "--force", &self.0.display().to_string()]) {
            eprintln!("{error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::build;

    #[test]
    fn an_unknown_revision_is_named() {
        let error = build("no-such-revision", &[]).err().unwrap();
        assert!(error.contains("no-such-revision"), "{error}");
    }
}
