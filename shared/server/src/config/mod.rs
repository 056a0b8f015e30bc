//! Configuration: compiled-in defaults, then a file, then `CLAVIGER__SECTION__KEY`; all mistakes are told together.
//!
//! A message names the setting and what it should be, never the value that it has: it may be a secret.

mod tree;

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use serde_yaml_ng::{Mapping, Value};

use self::tree::{Step, join, merge, remove, set, steps_of, value_at};

/// What a variable's name starts with.
pub const VARIABLE_PREFIX: &str = "CLAVIGER__";

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting, as `section.key`, or the file.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

/// All mistakes of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// No mistakes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a mistake, for the rules that a type cannot say.
    pub fn push(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigError { path: path.into(), message: message.into() });
    }

    /// The mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }

    /// The configuration if there is no mistake in it.
    pub fn none_or<T>(self, config: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(config) } else { Err(self) }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not usable")?;
        for error in &self.0 {
            write!(f, "\n  {}: {}", error.path, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Loads a configuration. `defaults_yaml` is the compiled-in file that documents every setting.
pub fn load<T: DeserializeOwned>(
    defaults_yaml: &str,
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<T, ConfigErrors> {
    let defaults: Value = serde_yaml_ng::from_str(defaults_yaml).expect("the compiled-in defaults are YAML");
    let mut loading = Loading::new(defaults);
    if let Some(file) = file {
        loading.read_file(file)?;
    }
    for (name, value) in environment {
        loading.read_variable(&name, &value);
    }
    loading.finish()
}

/// The settings of `T` that the defaults do not name, and the names in the defaults that `T` does not have; for a test.
pub fn undocumented<T: DeserializeOwned + Serialize>(defaults_yaml: &str) -> Vec<String> {
    let documented: Value = serde_yaml_ng::from_str(defaults_yaml).expect("the compiled-in defaults are YAML");
    let loaded = load::<T>(defaults_yaml, None, std::iter::empty()).map(|config| serde_yaml_ng::to_value(config));
    let Ok(Ok(known)) = loaded else { return vec!["the defaults do not load".to_owned()] };
    let (documented, known) = (tree::paths(&documented), tree::paths(&known));
    documented.symmetric_difference(&known).cloned().collect()
}

struct Loading {
    defaults: Value,
    tree: Value,
    errors: ConfigErrors,
    /// What a variable set, as it was written: a password of digits is text after all.
    variables: BTreeMap<String, (String, String)>,
    /// Places that hold a stand-in, so that reading can go on; with how many were tried.
    stand_ins: BTreeMap<String, usize>,
}

/// Tried in turn where a value is missing or wrong, only to find the mistakes behind it.
fn stand_in(attempt: usize) -> Option<Value> {
    let choices = [Value::Null, Value::from(""), Value::from(1), Value::from(false), Value::Sequence(Vec::new())];
    choices.into_iter().chain([Value::Mapping(Mapping::new())]).nth(attempt)
}

impl Loading {
    /// Far above the number of settings; bounds the search for mistakes.
    const ROUNDS_MAX: usize = 500;

    fn new(defaults: Value) -> Self {
        let tree = defaults.clone();
        Self { defaults, tree, errors: ConfigErrors::new(), variables: BTreeMap::new(), stand_ins: BTreeMap::new() }
    }

    fn read_file(&mut self, file: &Path) -> Result<(), ConfigErrors> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            let mut errors = ConfigErrors::new();
            errors.push(&name, format!("cannot be read: {error}"));
            errors
        })?;
        match serde_yaml_ng::from_str(&text) {
            Ok(Value::Null) => {}
            Ok(Value::Mapping(settings)) => merge(&mut self.tree, Value::Mapping(settings)),
            Ok(_) => self.errors.push(name, "is not a mapping of settings"),
            Err(error) => {
                let place = error
                    .location()
                    .map_or(String::new(), |at| format!(" at line {} column {}", at.line(), at.column()));
                self.errors.push(name, format!("is not YAML{place}"));
            }
        }
        Ok(())
    }

    fn read_variable(&mut self, name: &str, text: &str) {
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return };
        let path: Vec<Step> = rest.to_lowercase().split("__").map(Step::of).collect();
        let value = serde_yaml_ng::from_str(text).unwrap_or_else(|_| Value::from(text));
        let is_named = path.iter().all(|step| !step.is_empty());
        if is_named && set(&mut self.tree, &path, value) {
            self.variables.insert(join(&path), (name.to_owned(), text.to_owned()));
        } else {
            self.errors.push(name, "names no setting");
        }
    }

    fn finish<T: DeserializeOwned>(mut self) -> Result<T, ConfigErrors> {
        for _ in 0..Self::ROUNDS_MAX {
            let error = match serde_path_to_error::deserialize::<_, T>(self.tree.clone()) {
                Ok(config) => return self.errors.none_or(config),
                Err(error) => error,
            };
            let path = steps_of(error.path());
            if !self.repair(path, &error.inner().to_string()) {
                break;
            }
        }
        Err(self.errors)
    }

    /// Notes the mistake and makes the tree readable up to the next one; false when that cannot be done.
    fn repair(&mut self, path: Vec<Step>, message: &str) -> bool {
        if let Some(field) = quoted(message, "unknown field `") {
            let place = self.member(path, field);
            let known = message.split_once("expected ").map_or("none", |(_, known)| known);
            self.note(&place, format!("there is no such setting; known here: {known}"));
            return remove(&mut self.tree, &place);
        }
        if let Some(field) = quoted(message, "missing field `") {
            let place = self.member(path, field);
            self.note(&place, "is missing".to_owned());
            return self.put_stand_in(&place);
        }
        let name = join(&path);
        if self.stand_ins.contains_key(&name) {
            return self.put_stand_in(&path);
        }
        if let Some((_, text)) = self.variables.get(&name)
            && !value_at(&self.tree, &path).is_some_and(Value::is_string)
        {
            let text = Value::from(text.as_str());
            return set(&mut self.tree, &path, text);
        }
        self.note(&path, without_value(message));
        match value_at(&self.defaults, &path).cloned() {
            Some(default) if value_at(&self.tree, &path) != Some(&default) => set(&mut self.tree, &path, default),
            Some(_) | None => self.put_stand_in(&path),
        }
    }

    /// The path of `field`, whether or not the reader had stepped into it already.
    fn member(&self, mut path: Vec<Step>, field: &str) -> Vec<Step> {
        let is_there =
            path.last().is_some_and(|last| *last == Step::of(field)) && value_at(&self.tree, &path).is_some();
        if !is_there {
            path.push(Step::of(field));
        }
        path
    }

    fn note(&mut self, path: &[Step], message: String) {
        let is_of_stand_in = (1..=path.len()).any(|length| self.stand_ins.contains_key(&join(&path[..length])));
        if is_of_stand_in {
            return;
        }
        let name = join(path);
        let message = match self.variables.iter().find(|(set, _)| **set == name || set.starts_with(&format!("{name}.")))
        {
            Some((_, (variable, _))) => format!("{message} (set by {variable})"),
            None => message,
        };
        self.errors.push(if name.is_empty() { "the configuration".to_owned() } else { name }, message);
    }

    fn put_stand_in(&mut self, path: &[Step]) -> bool {
        let attempt = self.stand_ins.entry(join(path)).or_default();
        let value = stand_in(*attempt);
        *attempt += 1;
        value.is_some_and(|value| !path.is_empty() && set(&mut self.tree, path, value))
    }
}

fn quoted<'m>(message: &'m str, before: &str) -> Option<&'m str> {
    message.strip_prefix(before)?.split('`').next()
}

/// Serde's messages begin with the value that was found; what was expected stands behind it.
fn without_value(message: &str) -> String {
    let is_serdes = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "]
        .iter()
        .any(|start| message.starts_with(start));
    match message.rsplit_once("expected ") {
        Some((_, expected)) if is_serdes => format!("expected {expected}"),
        Some(_) | None => message.to_owned(),
    }
}
