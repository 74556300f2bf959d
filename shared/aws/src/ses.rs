//! Mail through the Simple Email Service, version 2 of its API:
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>. One signed request; a client of its own for
//! one call would be the largest part of the function.

use crate::clients::https;
use crate::embedded::behaviour;
use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use channels::{Http, Request};
use engine::ports::{Mail, MailError, Mailer};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long the service may take for a mail.
const PATIENCE: Duration = Duration::from_secs(8);

/// The Simple Email Service in one region.
pub struct SesMailer {
    credentials: SharedCredentialsProvider,
    region: String,
    from: String,
    http: Arc<dyn Http>,
}

impl SesMailer {
    /// SES in `region`; mails come `from` an address that is verified there.
    #[must_use]
    pub fn new(credentials: SharedCredentialsProvider, region: String, from: String, http: Arc<dyn Http>) -> Self {
        Self { credentials, region, from, http }
    }

    async fn request(&self, mail: &Mail, now: SystemTime) -> Result<Request, String> {
        let uri = format!("https://email.{}.amazonaws.com/v2/email/outbound-emails", self.region);
        let body = body(&self.from, mail);
        let credentials = self.credentials.provide_credentials().await.map_err(|error| error.to_string())?;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ses")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let headers = std::iter::once(("content-type", "application/json"));
        let signable = SignableRequest::new("POST", &uri, headers, SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| error.to_string())?;
        let (signed, _) = sign(signable, &params).map_err(|error| error.to_string())?.into_parts();
        let mut request = http::Request::post(&uri)
            .header("content-type", "application/json")
            .body(body.into_bytes().into())
            .map_err(|error| error.to_string())?;
        signed.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// The mailer that the environment asks for: `MAIL_FROM` names a sender that is verified in SES. `None` when it is not set.
pub async fn from_environment(http: Arc<dyn Http>) -> Option<Arc<dyn Mailer>> {
    let from = std::env::var("MAIL_FROM").ok().filter(|from| !from.trim().is_empty())?;
    let config = aws_config::defaults(behaviour()).http_client(https()).load().await;
    let (credentials, region) = (config.credentials_provider()?, config.region()?.to_string());
    Some(Arc::new(SesMailer::new(credentials, region, from, http)))
}

fn body(from: &str, mail: &Mail) -> String {
    let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
    json!({
        "FromEmailAddress": from,
        "Destination": {"ToAddresses": [mail.to]},
        "Content": {"Simple": {"Subject": text(&mail.subject), "Body": {"Text": text(&mail.text)}}},
    })
    .to_string()
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let request = self.request(mail, SystemTime::now()).await.map_err(MailError)?;
        let answer = self.http.send(request, PATIENCE).await.map_err(|error| MailError(error.to_string()))?;
        if answer.status().is_success() {
            return Ok(());
        }
        // its answers hold an error code and a sentence, no secret
        let said = String::from_utf8_lossy(answer.body());
        Err(MailError(format!("SES answers {}: {:.200}", answer.status(), said)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use engine::ports::Mail;

    struct NoHttp;

    #[async_trait]
    impl Http for NoHttp {
        async fn send(&self, _: Request, _: Duration) -> Result<channels::Response, channels::HttpError> {
            Err(channels::HttpError::NotSent("a test".into()))
        }
    }

    #[tokio::test]
    async fn a_mail_is_one_signed_request() {
        let keys = Credentials::new("AKID", "secret", Some("session".into()), None, "test");
        let mailer = SesMailer::new(
            SharedCredentialsProvider::new(keys),
            "eu-west-1".into(),
            "hub@example.com".into(),
            Arc::new(NoHttp),
        );
        let mail =
            Mail { to: "ann@example.com".into(), subject: "Evenstock: north failing".into(), text: "503".into() };
        let request = mailer.request(&mail, SystemTime::UNIX_EPOCH).await.expect("it can be signed");
        assert_eq!(request.uri(), "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails");
        let authorization = request.headers()["authorization"].to_str().expect("text");
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/19700101/eu-west-1/ses/aws4_request"),
            "{authorization}"
        );
        assert_eq!(request.headers()["x-amz-security-token"], "session");
        let body: serde_json::Value = serde_json::from_slice(request.body()).expect("JSON");
        assert_eq!(body["Destination"]["ToAddresses"][0], "ann@example.com");
        assert!(matches!(mailer.send(&mail).await, Err(MailError(said)) if said.contains("a test")));
    }
}
