//! The Lua scripts, called by digest and loaded when Redis does not know them.

use std::sync::Arc;

use redis::{Cmd, ErrorKind, ServerErrorKind, Value};

use super::link::{Away, Link};
use super::session::Session;
use super::slots::Slot;

/// A script with its digest.
pub(super) struct Script {
    source: &'static str,
    digest: String,
}

impl Script {
    pub(super) fn new(source: &'static str) -> Self {
        Self { source, digest: redis::Script::new(source).get_hash().to_owned() }
    }

    /// A call of this script; keys and arguments follow.
    pub(super) fn call(&self, keys: usize) -> Cmd {
        let mut command = Cmd::with_capacity(8 + keys * 4, 512);
        command.arg("EVALSHA").arg(&self.digest).arg(keys);
        command
    }

    /// What a call names the script by.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Sends a call, whose keys are all of one slot, to the session that has the slot; says which run answered.
    ///
    /// A server that says that another has the slot by now has executed nothing, so that other one is asked, once.
    pub(super) async fn send(
        &self,
        link: &Link,
        (slot, session): (Slot, &Arc<Session>),
        call: &Cmd,
    ) -> Result<(Value, u64), Away> {
        let refusal = match self.send_to(link, session, call).await {
            Ok(value) => return Ok((value, session.run)),
            Err(refusal) => refusal,
        };
        let Some(owner) = link.redirected(slot, session, &refusal) else { return Err(refusal) };
        Ok((self.send_to(link, &owner, call).await?, owner.run))
    }

    /// Loads the script first when this Redis has not seen it yet.
    async fn send_to(&self, link: &Link, session: &Arc<Session>, call: &Cmd) -> Result<Value, Away> {
        match link.send(session, call).await {
            Err(Away(Some(error))) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut load = Cmd::new();
                load.arg("SCRIPT").arg("LOAD").arg(self.source);
                link.send(session, &load).await?;
                link.send(session, call).await
            }
            answered => answered,
        }
    }
}
