//! The files of a repository, and what a rule finds in them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository's files.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: Vec<String>,
}

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the root.
    pub path: String,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

impl Tree {
    /// This repository: the checkout that cargo runs in, for builds are shared between checkouts.
    pub fn repository() -> Self {
        let own = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where this crate is");
        Self::at(&Path::new(&own).join("../.."))
    }

    /// The files under `root`: what git tracks or would add, or simply all of them where git does not know the folder.
    pub fn at(root: &Path) -> Self {
        let mut files = if root.join(".git").exists() { tracked(root) } else { walk(root) };
        files.retain(|file| root.join(file).is_file());
        files.sort();
        files.dedup();
        Self { root: root.to_owned(), files }
    }

    /// The paths that end like this, from the root, sorted.
    pub fn ending<'t>(&'t self, end: &'t str) -> impl Iterator<Item = &'t str> {
        self.files.iter().map(String::as_str).filter(move |path| path.ends_with(end))
    }

    /// Says whether there is such a file.
    pub fn has(&self, path: &str) -> bool {
        self.files.binary_search_by(|file| file.as_str().cmp(path)).is_ok()
    }

    /// A file's text; `None` if it is not text or not there.
    pub fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }

    /// The lines of the files that end like this, as path, number from 1, and text.
    pub fn lines(&self, end: &str) -> Vec<(String, usize, String)> {
        let numbered = |path: &str| {
            let text = self.text(path).unwrap_or_default();
            let lines: Vec<_> =
                text.lines().enumerate().map(|(at, line)| (path.to_owned(), at + 1, line.to_owned())).collect();
            lines
        };
        self.ending(end).flat_map(numbered).collect()
    }
}

impl Finding {
    /// Something that is wrong with a line.
    pub fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }

    /// Something that is wrong with a file.
    pub fn of(path: &str, what: impl Into<String>) -> Self {
        Self::at(path, 0, what)
    }
}

fn tracked(root: &Path) -> Vec<String> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git lists the files of its own checkout");
    assert!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout).expect("paths of this repository are UTF-8");
    names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn walk(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be listed").flatten() {
            let path = entry.path();
            let is_built =
                path.parent() == Some(root) && [".git", ".claviger", "target"].iter().any(|it| path.ends_with(it));
            if path.is_dir() && !is_built {
                folders.push(path);
            } else if let Some(inside) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                files.push(inside.to_owned());
            }
        }
    }
    files
}

#[cfg(test)]
pub(crate) mod planted {
    //! Repositories of a few files, made to break a rule.

    use super::{Finding, Tree};

    /// Holds a rule against this repository.
    pub(crate) fn assert_kept(rule: fn(&Tree) -> Vec<Finding>) {
        let tree = Tree::repository();
        assert!(tree.has("Cargo.toml"), "the rule looks at something");
        assert_eq!(tell(&rule(&tree)), Vec::<String>::new());
    }

    /// What a rule finds in a repository of these files.
    pub(crate) fn findings(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = root.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        tell(&rule(&Tree::at(root.path())))
    }

    fn tell(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }
}
