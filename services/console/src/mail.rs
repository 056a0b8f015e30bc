//! Mail to people: short texts with a link, sent behind the request that asks for them.

use std::time::Duration;

use anyhow::Context;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use url::Url;

use crate::config::Mail;

const SEND_TIME_MAX: Duration = Duration::from_secs(20);

/// Sends mail, where the installation can.
#[derive(Debug, Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// What the configuration says; `None` where it says nothing.
    pub fn connect(config: &Mail) -> anyhow::Result<Option<Self>> {
        if config.smtp_url.is_empty() {
            return Ok(None);
        }
        let from = config.from.parse().context("mail.from")?;
        let url = Url::parse(&config.smtp_url).context("mail.smtp_url")?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.smtp_url).context("mail.smtp_url")?;
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
        let builder = match url.scheme() {
            "smtp" if !is_here => builder.tls(Tls::Required(TlsParameters::new(host).context("mail.smtp_url")?)),
            _ => builder,
        };
        Ok(Some(Self { transport: builder.timeout(Some(SEND_TIME_MAX)).build(), from }))
    }

    /// Sends a text and does not wait: how long it takes would say whether there is an account.
    pub fn send(&self, to: &str, subject: &str, text: String) {
        let message = to.parse::<Mailbox>().ok().and_then(|to| {
            let builder = Message::builder().from(self.from.clone()).to(to).subject(subject);
            builder.header(ContentType::TEXT_PLAIN).body(text).ok()
        });
        let Some(message) = message else {
            tracing::warn!("a mail could not be written: its address is none that SMTP takes");
            return;
        };
        let transport = self.transport.clone();
        tokio::spawn(async move {
            if let Err(error) = transport.send(message).await {
                tracing::warn!(%error, "a mail could not be sent");
            }
        });
    }
}
