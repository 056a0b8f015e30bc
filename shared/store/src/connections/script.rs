//! A Lua script, called by its digest.

use redis::Cmd;

/// A script with its digest.
pub(crate) struct Script {
    source: &'static str,
    digest: String,
}

impl Script {
    pub(crate) fn new(source: &'static str) -> Self {
        Self { source, digest: redis::Script::new(source).get_hash().to_owned() }
    }

    /// A call of this script; keys and arguments follow.
    pub(crate) fn call(&self, keys: usize) -> Cmd {
        let mut command = Cmd::with_capacity(8 + keys * 4, 512);
        command.arg("EVALSHA").arg(&self.digest).arg(keys);
        command
    }

    /// Has a server keep the script.
    pub(super) fn load(&self) -> Cmd {
        let mut command = Cmd::new();
        command.arg("SCRIPT").arg("LOAD").arg(self.source);
        command
    }
}
