//! The table itself, for local mode, tests and emulators. On AWS the template creates the same one.

use super::{EXPIRY, INDEX, errors::store_error};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableStatus, TimeToLiveSpecification,
};
use engine::ports::StoreError;
use std::time::Duration;

/// Polls for the new table to become active, 100 ms apart.
const POLLS: usize = 300;

/// Creates the table unless it is there, waits until it is active, and turns expiry on.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Busy`] when the table is not active after half a minute.
pub async fn create_table(client: &Client, name: &str) -> Result<(), StoreError> {
    let request = described(client.create_table().table_name(name)).map_err(|e| StoreError::Refused(e.to_string()))?;
    match request.send().await {
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {
            return wait_until_active(client, name).await;
        }
        answer => answer.map_err(|error| store_error(&error))?,
    };
    wait_until_active(client, name).await?;
    turn_expiry_on(client, name).await
}

fn described(request: CreateTableFluentBuilder) -> Result<CreateTableFluentBuilder, BuildError> {
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .key_schema(key("gpk", KeyType::Hash)?)
        .key_schema(key("gsk", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()?;
    let request = request.billing_mode(BillingMode::PayPerRequest).global_secondary_indexes(index);
    let request = request.key_schema(key("pk", KeyType::Hash)?).key_schema(key("sk", KeyType::Range)?);
    ["pk", "sk", "gpk", "gsk"].into_iter().try_fold(request, |request, name| {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        Ok(request.attribute_definitions(attribute.build()?))
    })
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}

async fn wait_until_active(client: &Client, name: &str) -> Result<(), StoreError> {
    for _ in 0..POLLS {
        let answer = client.describe_table().table_name(name).send().await.map_err(|error| store_error(&error))?;
        if answer.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(StoreError::Busy(format!("the table {name} is not active yet")))
}

async fn turn_expiry_on(client: &Client, name: &str) -> Result<(), StoreError> {
    let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRY).build();
    let expiry = expiry.map_err(|error| StoreError::Refused(error.to_string()))?;
    let request = client.update_time_to_live().table_name(name).time_to_live_specification(expiry);
    request.send().await.map(drop).map_err(|error| store_error(&error))
}
