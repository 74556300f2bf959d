//! The settings that the deployment gives to every function, as types. `template.yaml` sets them.

use crate::QueueUrls;

/// A setting that is missing or unusable.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvError {
    /// It is not set, or is empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// It is set to something else than what we need.
    #[error("the environment variable {name} is not {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Where the state of the hub lives on AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvSettings {
    /// `TABLE_NAME`.
    pub table: String,
    /// `CHANGES_QUEUE_URL`, `LANE_QUEUE_URL`, `CHANGES_DLQ_URL` and `LANE_DLQ_URL`.
    pub queues: QueueUrls,
    /// `SECRETS_PREFIX`, without a slash at its end.
    pub secrets_prefix: String,
    /// `PUBLIC_URL`: where stores and people reach this hub, without a slash at its end. `None` when it is not set.
    pub public_url: Option<String>,
    /// `ALLOW_INSECURE_ENDPOINTS`: whether stores may be reached without TLS or on this machine. Only `true` says so; the
    /// template never does.
    pub allow_insecure_endpoints: bool,
}

impl EnvSettings {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// [`EnvError`] names the first variable that is missing or wrong.
    pub fn from_environment() -> Result<Self, EnvError> {
        Self::read(&|name| std::env::var(name).ok())
    }

    /// Reads variables through `lookup`.
    ///
    /// # Errors
    /// [`EnvError`] names the first variable that is missing or wrong.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvError> {
        let optional = |name| lookup(name).filter(|value: &String| !value.trim().is_empty());
        let required = |name| optional(name).ok_or(EnvError::Missing(name));
        let url = |name| required(name).and_then(|value| web_address(name, value));
        Ok(Self {
            table: required("TABLE_NAME")?,
            queues: QueueUrls {
                changes: url("CHANGES_QUEUE_URL")?,
                lane: url("LANE_QUEUE_URL")?,
                changes_dead: url("CHANGES_DLQ_URL")?,
                lane_dead: url("LANE_DLQ_URL")?,
            },
            secrets_prefix: without_slash(&required("SECRETS_PREFIX")?),
            public_url: optional("PUBLIC_URL")
                .map(|value| web_address("PUBLIC_URL", value))
                .transpose()?
                .map(|value| without_slash(&value)),
            allow_insecure_endpoints: lookup("ALLOW_INSECURE_ENDPOINTS").is_some_and(|value| value == "true"),
        })
    }
}

fn web_address(name: &'static str, value: String) -> Result<String, EnvError> {
    if value.starts_with("https://") || value.starts_with("http://") {
        return Ok(value);
    }
    Err(EnvError::Invalid { name, expected: "an http or https address" })
}

fn without_slash(value: &str) -> String {
    value.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(name: &str) -> Option<String> {
        let value = match name {
            "TABLE_NAME" => "stock",
            "SECRETS_PREFIX" => "hub/",
            "PUBLIC_URL" => "",
            _ => "https://sqs.example/1/queue",
        };
        Some(value.to_owned())
    }

    #[test]
    fn a_complete_environment_is_read() {
        let settings = EnvSettings::read(&complete).expect("complete");
        assert_eq!(settings.table, "stock");
        assert_eq!(settings.secrets_prefix, "hub");
        assert_eq!(settings.public_url, None);
        assert!(!settings.allow_insecure_endpoints, "only the word true allows it");
    }

    #[test]
    fn the_missing_variable_is_named() {
        let without = |name: &str| complete(name).filter(|_| name != "LANE_DLQ_URL");
        assert_eq!(EnvSettings::read(&without), Err(EnvError::Missing("LANE_DLQ_URL")));
    }

    #[test]
    fn a_queue_name_instead_of_its_address_is_wrong() {
        let wrong = |name: &str| if name == "LANE_QUEUE_URL" { Some("lane".to_owned()) } else { complete(name) };
        let error = EnvSettings::read(&wrong).expect_err("not an address");
        assert_eq!(error.to_string(), "the environment variable LANE_QUEUE_URL is not an http or https address");
    }
}
