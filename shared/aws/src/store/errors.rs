//! What DynamoDB's errors mean for us: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.

use crate::said::said;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use engine::ports::StoreError;
use std::error::Error;

/// Maps any failure that is not a failed condition. Only an error that says so counts as "nothing was written".
pub(super) fn store_error<E>(error: &SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        // nothing left this machine: no credentials, or a request that cannot be built
        SdkError::ConstructionFailure(_) => StoreError::Busy(said(error)),
        SdkError::ServiceError(answer) => by_code(
            answer.err().code().unwrap_or_default(),
            answer.err().message().unwrap_or_default(),
            answer.raw().status().is_server_error(),
        ),
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => {
            StoreError::Unknown(said(error))
        }
    }
}

/// Maps an error code, also one in the cancellation reasons of a transaction.
pub(super) fn by_code(code: &str, message: &str, server_error: bool) -> StoreError {
    let said = format!("{code}: {message}");
    match code {
        "ProvisionedThroughputExceededException"
        | "ProvisionedThroughputExceeded"
        | "ThrottlingException"
        | "ThrottlingError"
        | "Throttling"
        | "RequestLimitExceeded"
        | "TransactionConflictException"
        | "TransactionConflict"
        | "ReplicatedWriteConflictException" => StoreError::Busy(said),
        // the first try of this very transaction may still succeed
        "TransactionInProgressException" | "RequestTimeout" | "RequestTimeoutException" => StoreError::Unknown(said),
        _ if server_error => StoreError::Unknown(said),
        _ => StoreError::Refused(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_error_never_claims_that_nothing_was_written() {
        assert!(matches!(by_code("InternalServerError", "", true), StoreError::Unknown(_)));
        assert!(matches!(by_code("TransactionInProgressException", "", false), StoreError::Unknown(_)));
    }

    #[test]
    fn throttling_is_busy_and_a_bad_request_is_refused() {
        assert!(matches!(by_code("ThrottlingException", "", false), StoreError::Busy(_)));
        assert!(matches!(by_code("TransactionConflict", "", false), StoreError::Busy(_)));
        assert!(matches!(by_code("ValidationException", "too large", false), StoreError::Refused(_)));
        assert!(matches!(by_code("ResourceNotFoundException", "", false), StoreError::Refused(_)));
    }
}
