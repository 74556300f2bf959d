//! The SDK's transport that never leaves the process.

use super::calls::Answer;
use super::worker::Call;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::sync::mpsc::Sender;
use tokio::sync::oneshot;

/// Hands requests to the worker.
#[derive(Debug, Clone)]
pub(super) struct Connector(Sender<Call>);

impl Connector {
    pub(super) const fn new(calls: Sender<Call>) -> Self {
        Self(calls)
    }

    pub(super) fn into_client(self) -> SharedHttpClient {
        let shared = SharedHttpConnector::new(self);
        http_client_fn(move |_, _| shared.clone())
    }

    fn hand_over(&self, request: &HttpRequest) -> Result<oneshot::Receiver<Answer>, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a streaming body".into()))?.to_vec();
        let (reply, answer) = oneshot::channel();
        self.0.send(Call { operation, body, reply }).map_err(|_| stopped())?;
        Ok(answer)
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.hand_over(&request);
        HttpConnectorFuture::new(async move {
            let answer = answer?.await.map_err(|_| stopped())?;
            let status = StatusCode::try_from(answer.status).map_err(|e| ConnectorError::other(e.into(), None))?;
            Ok(HttpResponse::new(status, SdkBody::from(answer.body)))
        })
    }
}

fn stopped() -> ConnectorError {
    ConnectorError::io("the embedded store has stopped".into())
}
