//! What a new password has to be like: long enough, and not one that others try first.

use std::collections::HashSet;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::config::Passwords;

/// The longest password, in bytes: what nobody types, and what a hash never sees.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// A password of fewer different characters is a pattern.
const DISTINCT_CHARS_MIN: usize = 5;
/// The commonest ones of breaches that are long enough to be chosen.
const COMMON: &str = include_str!("common.txt");

/// The rules of this installation.
#[derive(Debug, Clone)]
pub struct Rules {
    min_chars: usize,
    /// The first bytes of digests: a list of millions takes 8 bytes for each.
    breached: HashSet<u64>,
}

impl Rules {
    /// Reads the list that the configuration names, beside the one that is compiled in.
    pub fn load(config: &Passwords) -> anyhow::Result<Self> {
        let mut breached: HashSet<u64> = COMMON.lines().map(digest).collect();
        if !config.breach_file.is_empty() {
            let bytes = std::fs::read(&config.breach_file).context("passwords.breach_file")?;
            breached.extend(String::from_utf8_lossy(&bytes).lines().map(digest));
        }
        Ok(Self { min_chars: config.min_chars, breached })
    }

    /// How many characters a password has at least.
    pub fn min_chars(&self) -> usize {
        self.min_chars
    }

    /// Why a password cannot be chosen by whoever has this address; `Ok` where it can.
    pub fn check(&self, password: &str, email: &str) -> Result<(), String> {
        if password.chars().count() < self.min_chars {
            return Err(format!("Use at least {} characters; a few words are best.", self.min_chars));
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(format!("Use at most {PASSWORD_BYTES_MAX} bytes."));
        }
        if password.chars().collect::<HashSet<char>>().len() < DISTINCT_CHARS_MIN {
            return Err("Use more different characters.".to_owned());
        }
        let folded = domain::names::fold(password);
        let local = email.split('@').next().unwrap_or_default();
        let rest = folded.replace(&domain::names::fold(email), "").replace(&domain::names::fold(local), "");
        if rest.chars().count() < self.min_chars / 2 {
            return Err("Do not make it of your e-mail address.".to_owned());
        }
        if self.breached.contains(&digest(password)) {
            return Err("This password is known from breaches; choose another.".to_owned());
        }
        Ok(())
    }
}

fn digest(password: &str) -> u64 {
    let digest = Sha256::digest(password.trim_end_matches('\r').to_lowercase().as_bytes());
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hashing;

    #[test]
    fn what_others_try_first_cannot_be_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("breached.txt");
        std::fs::write(&file, "Correct Horse Battery\r\n").unwrap();
        let breach_file = file.to_str().unwrap().to_owned();
        let rules = Rules::load(&Passwords { min_chars: 12, breach_file, hashing: Hashing::CheapForTests }).unwrap();
        let emoji = "🐎🔋📎✅ and four words";
        for chosen in [emoji, "tangerine outpost 44", &"lorem ipsum ".repeat(20)] {
            assert_eq!(rules.check(chosen, "ines.okafor@halden.app"), Ok(()), "{chosen}");
        }
        for refused in [
            "short",
            "eleven char",
            "aaaaaaaaaaaabbb",
            "correct horse battery",
            "password1234",
            "PASSWORD1234",
            "ines.okafor@halden.app",
            "ines.okafor2026",
            &"long word ".repeat(200),
        ] {
            assert!(rules.check(refused, "ines.okafor@halden.app").is_err(), "{refused}");
        }
    }
}
