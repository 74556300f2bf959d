//! The SDK's client for a database inside this process.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};

/// A client for a database inside this process. Nothing leaves the process, so nothing is signed, retried or timed.
#[must_use]
pub fn client(http: SharedHttpClient) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(behaviour())
        .region(Region::new("us-east-1"))
        .endpoint_url("http://embedded.invalid")
        .allow_no_auth()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(aws_sdk_dynamodb::config::StalledStreamProtectionConfig::disabled())
        .http_client(http);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The SDK's defaults of one date, so that an update changes none of them unseen.
pub(crate) fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}
