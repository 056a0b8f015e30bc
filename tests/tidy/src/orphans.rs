//! Files that are there but that nothing compiles.

use std::collections::BTreeSet;

use crate::{Finding, Tree};

/// Rust files that no `mod` leads to, and crates that are not members of the workspace.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = tree.ending(".rs").filter(|path| is_root(path)).map(str::to_owned).collect();
    while let Some(path) = open.pop() {
        open.extend(modules(tree, &path));
        reached.insert(path);
    }
    let files = tree.ending(".rs").filter(|path| !reached.contains(*path));
    let mut found: Vec<Finding> = files.map(|path| Finding::of(path, "no `mod` leads to this file")).collect();
    let workspace = tree.text("Cargo.toml").unwrap_or_default();
    let crates = tree.ending("/Cargo.toml").filter_map(|path| Some((path, path.strip_suffix("/Cargo.toml")?)));
    found.extend(
        crates
            .filter(|(_, folder)| !workspace.contains(&format!("\"{folder}\"")))
            .map(|(path, _)| Finding::of(path, "this crate is no member of the workspace")),
    );
    found
}

/// What cargo itself compiles: libraries, programs, test binaries, build scripts.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_program = matches!(
        parts.as_slice(),
        [.., "src", "lib.rs" | "main.rs"]
            | [.., "src", "bin", _]
            | [.., "src", "bin", _, "main.rs"]
            | [_, _, "build.rs"]
    );
    let is_test = matches!(
        parts.as_slice(),
        [_, _, "tests" | "benches" | "examples", _] | [_, _, "tests" | "benches" | "examples", _, "main.rs"]
    );
    is_program || is_test
}

/// The files that the `mod name;` lines of this one lead to.
fn modules(tree: &Tree, path: &str) -> Vec<String> {
    let text = tree.text(path).unwrap_or_default();
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let is_folder = is_root(path) || stem == "mod";
    let base = if is_folder { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut named = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(file) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            named = Some(format!("{folder}/{file}"));
        } else if let Some(name) = module_name(line) {
            let beside = [format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")];
            found.extend(named.take().into_iter().chain(beside).filter(|path| tree.has(path)));
        } else if !line.starts_with("#[") {
            named = None;
        }
    }
    found
}

fn module_name(line: &str) -> Option<&str> {
    let line = line.strip_suffix(';')?;
    let (before, name) = line.rsplit_once("mod ")?;
    let is_visibility = before.is_empty() || before.starts_with("pub");
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_visibility && is_name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn everything_is_compiled() {
        assert_kept(check);
    }

    #[test]
    fn what_no_mod_leads_to_is_found() {
        let found = findings(
            check,
            &[
                ("Cargo.toml", "members = [\"shared/a\"]"),
                ("shared/a/Cargo.toml", ""),
                ("shared/b/Cargo.toml", ""),
                (
                    "shared/a/src/lib.rs",
                    "mod b;\npub(crate) mod c;\n#[cfg(test)]\n#[path = \"b_tests.rs\"]\nmod tests;\n",
                ),
                ("shared/a/src/b.rs", "pub mod d;\n// mod lost;\n"),
                ("shared/a/src/b/d.rs", ""),
                ("shared/a/src/b_tests.rs", ""),
                ("shared/a/src/c/mod.rs", "mod e;"),
                ("shared/a/src/c/e.rs", ""),
                ("shared/a/src/d.rs", ""),
                ("shared/a/src/lost.rs", ""),
                ("shared/a/src/bin/tool.rs", ""),
                ("shared/a/tests/it/main.rs", "mod f;"),
                ("shared/a/tests/it/f.rs", ""),
                ("shared/a/tests/it/g.rs", ""),
            ],
        );
        assert_eq!(
            found,
            [
                "shared/a/src/d.rs: no `mod` leads to this file",
                "shared/a/src/lost.rs: no `mod` leads to this file",
                "shared/a/tests/it/g.rs: no `mod` leads to this file",
                "shared/b/Cargo.toml: this crate is no member of the workspace",
            ]
        );
    }
}
