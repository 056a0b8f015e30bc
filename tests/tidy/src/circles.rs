//! No circle of more than two files inside a crate: files that use each other in a loop can only be read together.
//!
//! A file uses another when it names the other's module by `crate::`, `super::`, `self::` or as its child. A name that a
//! module only hands on (`pub use`) belongs to the file that defines it. What a module takes from those above it does not
//! count: it is a part of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Finding, Tree};

/// How many files may use each other in a loop.
const CIRCLE_FILES_MAX: usize = 2;

/// Circles that are still there, by their files in order. This list only gets shorter: one that is gone has to leave it.
const KNOWN: &[&[&str]] = &[
    &[
        "services/api/src/access.rs",
        "services/api/src/app.rs",
        "services/api/src/authenticate.rs",
        "services/api/src/idempotency.rs",
        "services/api/src/members/mod.rs",
        "services/api/src/operation.rs",
        "services/api/src/page.rs",
        "services/api/src/priority.rs",
    ],
    &["services/keys/src/charge.rs", "services/keys/src/lookup.rs", "services/keys/src/verify.rs"],
    &[
        "shared/store/src/credits.rs",
        "shared/store/src/customers.rs",
        "shared/store/src/duplicates.rs",
        "shared/store/src/keys/mod.rs",
        "shared/store/src/keys/secrets.rs",
        "shared/store/src/keys/write.rs",
        "shared/store/src/scope_removal.rs",
        "shared/store/src/store.rs",
        "shared/store/src/unscoped.rs",
        "shared/store/src/write.rs",
    ],
];

/// Circles that are not known, and known ones that are gone.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, KNOWN)
}

fn check_with(tree: &Tree, known: &[&[&str]]) -> Vec<Finding> {
    let circles: Vec<_> = crates(tree).into_iter().flat_map(|root| Crate::read(tree, &root).circles()).collect();
    let new = circles.iter().filter(|circle| !known.iter().any(|files| circle.iter().eq(files.iter())));
    let what = |circle: &[String]| format!("uses itself in a circle of {} files: {}", circle.len(), circle.join(", "));
    let gone = known.iter().filter(|files| !circles.iter().any(|circle| circle.iter().eq(files.iter())));
    let gone =
        gone.map(|files| Finding::of(files[0], "its circle is gone: take it off the list of known ones".to_owned()));
    new.map(|circle| Finding::of(&circle[0], what(circle))).chain(gone).collect()
}

/// The source folders of all crates.
fn crates(tree: &Tree) -> BTreeSet<String> {
    let roots = tree.ending(".rs").filter_map(|path| path.strip_suffix("/lib.rs").or(path.strip_suffix("/main.rs")));
    roots.filter(|folder| folder.ends_with("/src")).map(str::to_owned).collect()
}

type Path = Vec<String>;

/// The modules of a crate that are files.
struct Crate {
    files: BTreeMap<Path, File>,
}

struct File {
    path: String,
    /// What it names, from the crate's root.
    uses: Vec<Path>,
    /// Names that it hands on, and whose they are.
    exports: BTreeMap<String, Path>,
}

impl Crate {
    fn read(tree: &Tree, root: &str) -> Self {
        let inside = |path: &str| path.strip_prefix(root)?.strip_prefix('/').map(str::to_owned);
        let sources: BTreeMap<Path, String> = tree
            .ending(".rs")
            .filter(|path| !path.ends_with("/tests.rs") && !path.contains("/tests/"))
            .filter_map(|path| Some((module_of(&inside(path)?), path.to_owned())))
            .collect();
        let files = sources.iter().map(|(module, path)| {
            let code = code_of(&tree.text(path).unwrap_or_default());
            let is_child = |name: &str| sources.contains_key(&joined(module, name));
            let (mut uses, mut exports) = (Vec::new(), BTreeMap::new());
            for (named, is_export) in named_paths(&code) {
                let Some(target) = from_root(module, &named, is_child) else { continue };
                match target.last().cloned().filter(|_| is_export) {
                    Some(name) => drop(exports.insert(name, target)),
                    None => uses.push(target),
                }
            }
            (module.clone(), File { path: path.clone(), uses, exports })
        });
        Self { files: files.collect() }
    }

    /// The file that defines what a path names.
    fn owner(&self, path: &[String]) -> Option<&str> {
        let mut path = path.to_vec();
        // As often as a name can be handed on.
        for _ in 0..8 {
            let depth = (0..=path.len()).rev().find(|depth| self.files.contains_key(&path[..*depth]))?;
            let file = &self.files[&path[..depth]];
            match path.get(depth).and_then(|name| file.exports.get(name)) {
                Some(target) if *target != path => path.clone_from(target),
                _ => return Some(&file.path),
            }
        }
        None
    }

    /// The sets of more than two files of which each is reached from each other.
    fn circles(&self) -> Vec<Vec<String>> {
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, file) in &self.files {
            let above: Vec<&File> = (0..module.len()).filter_map(|depth| self.files.get(&module[..depth])).collect();
            let is_above = |owner: &str| above.iter().any(|file| file.path == owner);
            let owners = file.uses.iter().filter_map(|used| self.owner(used));
            arrows
                .entry(&file.path)
                .or_default()
                .extend(owners.filter(|owner| *owner != file.path && !is_above(owner)));
        }
        let reach: BTreeMap<&str, BTreeSet<&str>> = arrows.keys().map(|from| (*from, reached(&arrows, from))).collect();
        let circle = |from: &&str| -> Vec<String> {
            let both = reach[from].iter().filter(|to| reach[*to].contains(from));
            both.map(|file| (*file).to_owned()).collect()
        };
        let circles: BTreeSet<Vec<String>> = arrows.keys().map(circle).collect();
        circles.into_iter().filter(|circle| circle.len() > CIRCLE_FILES_MAX).collect()
    }
}

fn reached<'f>(arrows: &BTreeMap<&'f str, BTreeSet<&'f str>>, from: &str) -> BTreeSet<&'f str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = arrows[from].iter().copied().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(arrows[file].iter().copied());
        }
    }
    reached
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn module_of(inside: &str) -> Path {
    let name = inside.strip_suffix(".rs").unwrap_or(inside);
    let name = name.strip_suffix("/mod").unwrap_or(name);
    name.split('/').filter(|part| !["lib", "main"].contains(part)).map(str::to_owned).collect()
}

fn joined(module: &[String], name: &str) -> Path {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// The same path from the crate's root; `None` when it is another crate's.
fn from_root(module: &[String], named: &[String], is_child: impl Fn(&str) -> bool) -> Option<Path> {
    let (first, rest) = named.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        child if is_child(child) => joined(module, child),
        _ => return None,
    };
    for part in rest {
        match part.as_str() {
            "super" => drop(base.pop()),
            "self" => {}
            name => base.push(name.to_owned()),
        }
    }
    Some(base)
}

/// The code up to the tests, without comments and texts.
fn code_of(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let without_comment = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    let lines: Vec<String> = code.lines().map(without_comment).collect();
    lines.join("\n").split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// All paths in some code, each with whether it is handed on; the branches of a `{}` are paths of their own.
fn named_paths(code: &str) -> Vec<(Path, bool)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_path = is_name(tokens[at]) && tokens.get(at + 1) == Some(&"::") && (at == 0 || tokens[at - 1] != "::");
        if !is_path {
            at += 1;
            continue;
        }
        let before: Vec<&str> = tokens[..at].iter().rev().take(6).copied().collect();
        let is_export = before.first() == Some(&"use") && before.get(1).is_some_and(|word| ["pub", ")"].contains(word));
        let mut branches = Vec::new();
        at = read_branch(&tokens, at, &[], &mut branches);
        found.extend(branches.into_iter().map(|path| (path, is_export)));
    }
    found
}

/// Reads one path, or each of several in `{}`, behind `prefix`; says where it ends.
fn read_branch(tokens: &[&str], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        match *token {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    let end = read_branch(tokens, at, &path, found);
                    at = if tokens.get(end) == Some(&",") { end + 1 } else { end.max(at + usize::from(end == at)) };
                }
                return at + 1;
            }
            name if is_name(name) => path.push(name.to_owned()),
            _ => break,
        }
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    // `a as b` is handed on as b, which nobody asks for by that name here.
    if tokens.get(at) == Some(&"as") {
        at += 2;
    }
    found.push(path);
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    const CIRCLE: [(&str, &str); 4] = [
        ("x/src/lib.rs", "pub mod a;\nmod b;\nmod c;\npub use b::B;\n"),
        ("x/src/a.rs", "use crate::B;\n"),
        ("x/src/b.rs", "use super::c::{self, C};\n"),
        ("x/src/c.rs", "fn c() -> super::a::A {}\n"),
    ];

    fn check_all(tree: &Tree) -> Vec<Finding> {
        check_with(tree, &[])
    }

    #[test]
    fn no_files_use_each_other_in_a_circle() {
        assert_kept(check);
    }

    #[test]
    fn a_circle_is_found_through_what_is_handed_on() {
        let all = "x/src/a.rs, x/src/b.rs, x/src/c.rs";
        assert_eq!(findings(check_all, &CIRCLE), [format!("x/src/a.rs: uses itself in a circle of 3 files: {all}")]);
    }

    #[test]
    fn a_circle_of_two_and_one_of_tests_are_left_alone() {
        let files = [
            ("x/src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("x/src/a.rs", "use crate::b::B;\n"),
            ("x/src/b.rs", "use crate::{a::A, c::C};\n"),
            (
                "x/src/c.rs",
                "// crate::a\nconst C: &str = \"crate::a\";\n\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n",
            ),
        ];
        assert_eq!(findings(check_all, &files), Vec::<String>::new());
    }

    #[test]
    fn a_known_circle_is_passed_over_until_it_is_gone() {
        let known = |tree: &Tree| check_with(tree, &[&["x/src/a.rs", "x/src/b.rs", "x/src/c.rs"]]);
        assert_eq!(findings(known, &CIRCLE), Vec::<String>::new());
        assert_eq!(findings(known, &CIRCLE[..3]).len(), 1, "one without its last file is none");
    }
}
