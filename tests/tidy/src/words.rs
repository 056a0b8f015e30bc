//! Words that are not used here: modules that hold anything, exemptions without a reason, places of one machine.

use crate::{Finding, Tree};

/// Modules called so end up holding everything.
const MODULES: [&str; 5] = ["utils", "util", "helpers", "manager", "misc"];

/// Texts in code, and what to do instead. Taken apart, so that this file does not contain them.
const CODE: [(&str, &str); 3] = [
    (concat!("#[", "allow("), "use #[expect(…, reason = \"…\")], which tells when it is no longer needed"),
    (concat!("#![", "allow("), "use #![expect(…, reason = \"…\")], which tells when it is no longer needed"),
    (concat!("#[", "ignore"), "a test that does not run proves nothing: assert what happens today, and say so"),
];

/// Texts anywhere. Taken apart, as above.
const ANYWHERE: [(&str, &str); 7] = [
    (concat!("/", "home/"), "no path of one machine: make it relative, or say what it is for"),
    (concat!("/", "Users/"), "no path of one machine: make it relative, or say what it is for"),
    (concat!("/", "root/"), "no path of one machine: make it relative, or say what it is for"),
    (concat!("/", "work/"), "no path of one machine: make it relative, or say what it is for"),
    (concat!("shared", "/spec"), "say it here; what is outside the repository cannot be cited"),
    (concat!("FIX", "ME"), "open an issue and write TODO with its number"),
    (concat!("X", "XX"), "open an issue and write TODO with its number"),
];

/// What others wrote, and lists that tools write.
const NOT_OURS: [&str; 5] =
    ["Cargo.lock", "package-lock.json", ".min.js", "shared/server/static/swagger-ui", "services/console/web/dist/"];

/// Files and lines with a word that is not used here.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in tree.ending(".rs") {
        let stem = path.rsplit('/').next().and_then(|file| file.strip_suffix(".rs")).unwrap_or_default();
        let folder = path.rsplit('/').nth(1).filter(|_| stem == "mod").unwrap_or_default();
        if MODULES.contains(&stem) || MODULES.contains(&folder) {
            found.push(Finding::of(path, "name the module after what it hides"));
        }
    }
    for (path, number, line) in tree.lines(".rs") {
        found.extend(in_code(&path, &line).into_iter().map(|what| Finding::at(&path, number, what)));
    }
    for (path, number, line) in tree.lines("") {
        if !NOT_OURS.iter().any(|part| path.contains(part)) {
            found.extend(anywhere(&line).into_iter().map(|what| Finding::at(&path, number, what)));
        }
    }
    found
}

fn in_code(path: &str, line: &str) -> Vec<String> {
    let mut found: Vec<String> = told(&CODE, line).collect();
    let is_front = ["/lib.rs", "/mod.rs", "/main.rs"].iter().any(|end| path.ends_with(end));
    if line.trim_start().starts_with("pub use ") && !is_front {
        found.push("names are exported by a crate's root or a folder's mod.rs, nowhere else".to_owned());
    }
    found
}

fn anywhere(line: &str) -> Vec<String> {
    let mut found: Vec<String> = told(&ANYWHERE, line).collect();
    let todo = concat!("TO", "DO");
    let is_numbered = |rest: &str| {
        rest.trim_start_matches([' ', '(', ':'])
            .strip_prefix('#')
            .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    };
    let is_promise = |(_, rest): (&str, &str)| rest.starts_with([':', '(', ' ']) || rest.is_empty();
    if line.split_once(todo).is_some_and(|parts| is_promise(parts) && !is_numbered(parts.1)) && !is_about(line, todo) {
        found.push("needs the number of an issue, as (#12)".to_owned());
    }
    found
}

/// Says whether the line speaks of the word rather than using it.
fn is_about(line: &str, word: &str) -> bool {
    line.contains(&format!("`{word}")) || line.contains(&format!("write {word}"))
}

fn told<'t>(words: &'t [(&str, &str)], line: &'t str) -> impl Iterator<Item = String> + 't {
    words.iter().filter(|(word, _)| line.contains(word)).map(|(word, instead)| format!("`{word}`: {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn no_such_word_is_used() {
        assert_kept(check);
    }

    #[test]
    fn each_word_is_found() {
        for (word, _) in CODE {
            assert_eq!(findings(check, &[("a/src/lib.rs", &format!("{word}dead_code)]\n"))]).len(), 1, "{word}");
        }
        for (word, _) in ANYWHERE {
            assert_eq!(findings(check, &[("README.md", &format!("Look at {word} there.\n"))]).len(), 1, "{word}");
        }
        for module in MODULES {
            assert_eq!(findings(check, &[(&format!("a/src/{module}.rs"), "//! A.\n")]).len(), 1, "{module}");
            assert_eq!(findings(check, &[(&format!("a/src/{module}/mod.rs"), "//! A.\n")]).len(), 1, "{module}");
        }
        assert_eq!(findings(check, &[("a/src/b.rs", "pub use c::D;\n")]).len(), 1);
    }

    #[test]
    fn a_promise_needs_the_number_of_an_issue() {
        let todo = concat!("TO", "DO");
        for unnumbered in [format!("// {todo}: later"), format!("// {todo}(me) later"), format!("# {todo}")] {
            assert_eq!(findings(check, &[("a/run.sh", &unnumbered)]).len(), 1, "{unnumbered}");
        }
        for numbered in [format!("// {todo}(#12): later"), format!("// {todo} #7")] {
            assert_eq!(findings(check, &[("a/run.sh", &numbered)]), Vec::<String>::new(), "{numbered}");
        }
    }
}
