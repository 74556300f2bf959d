//! The SDK's clients, for the real services and for an emulator.

use crate::embedded::behaviour;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Region, SharedHttpClient};
use std::time::Duration;

/// A connection is there within this time or not at all.
const CONNECT: Duration = Duration::from_secs(2);
/// One try of a call.
const ATTEMPT: Duration = Duration::from_secs(4);
/// A whole call, with its retries: shorter than any deadline that the engine works with.
const CALL: Duration = Duration::from_secs(8);
/// Tries of a call that may be repeated.
const ATTEMPTS: u32 = 3;
/// The SDK starts at a second, which is long beside a call of some milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The clients of the three services that hold our state.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The table.
    pub dynamo: aws_sdk_dynamodb::Client,
    /// The queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The credentials of the accounts.
    pub secrets: aws_sdk_secretsmanager::Client,
}

/// Clients for the services of the environment: region and credentials from the default chain, and `AWS_ENDPOINT_URL`
/// (or its variants per service) when it is set.
pub async fn from_environment() -> Clients {
    let config = aws_config::defaults(behaviour())
        .http_client(https())
        .timeout_config(timeouts())
        .retry_config(retries())
        .load()
        .await;
    Clients {
        dynamo: aws_sdk_dynamodb::Client::new(&config),
        sqs: aws_sdk_sqs::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
    }
}

/// The SDK's client over rustls and ring; it speaks plain HTTP to an `http://` endpoint.
#[must_use]
pub fn https() -> SharedHttpClient {
    use aws_smithy_http_client::{Builder, tls};
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
}

macro_rules! local_client {
    ($sdk:ident, $endpoint:expr, $http:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version(behaviour())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("local", "local", None, None, "local"))
                .endpoint_url($endpoint)
                .timeout_config(timeouts())
                .retry_config(retries())
                .http_client($http)
                .build(),
        )
    };
}

/// Clients for an emulator of AWS at `endpoint`, with credentials that mean nothing.
#[must_use]
pub fn emulated(endpoint: &str, http: &SharedHttpClient) -> Clients {
    Clients {
        dynamo: local_client!(aws_sdk_dynamodb, endpoint, http.clone()),
        sqs: local_client!(aws_sdk_sqs, endpoint, http.clone()),
        secrets: local_client!(aws_sdk_secretsmanager, endpoint, http.clone()),
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).operation_timeout(CALL).build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE)
}
