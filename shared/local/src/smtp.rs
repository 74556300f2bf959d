//! Mail over SMTP, for a hub on one machine.

use async_trait::async_trait;
use engine::ports::{Mail, MailError, Mailer};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// How long the server may take for a mail.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mail server.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpMailer {
    /// The server at `url`, such as `smtps://user:password@mail.example.com` or `smtp://localhost:25`; mails come `from` this
    /// address.
    ///
    /// # Errors
    /// A sentence that names the setting and what to do.
    pub fn new(url: &str, from: &str) -> Result<Self, String> {
        let from = from.parse().map_err(|_| format!("mail from: {from:?} is not a mail address"))?;
        let wrong = "smtp url: it cannot be read; use smtps://user:password@host or smtp://host:25";
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| wrong.to_owned())?;
        Ok(Self { transport: transport.timeout(Some(PATIENCE)).build(), from })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let to = mail.to.parse().map_err(|_| MailError(format!("{} is not a mail address", mail.to)))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| MailError(error.to_string()))?;
        self.transport.send(message).await.map(drop).map_err(|error| MailError(error.to_string()))
    }
}
