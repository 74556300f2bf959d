//! The template and the sample events: what an upload would not refuse and a merchant would still regret. Each check is
//! a function from the template to complaints, and is shown to fail on a copy of the real one with that part broken.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod people;
mod rights;
mod structure;
mod yaml;

use std::{fs, path::PathBuf};
use yaml::Complaints;
use yaml_serde::Value;

/// The timers' tasks; events/ has a sample of each.
const TASKS: &[&str] = &["compare", "full", "health", "sweep"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn template() -> String {
    fs::read_to_string(root().join("template.yaml")).unwrap()
}

/// Every complaint about a template.
fn complaints(text: &str) -> Complaints {
    use people::{asked_for, client, no_circle, pool};
    use rights::{actions, strangers, the_rest};
    use structure::{addresses, alarms, function_urls, functions, logs, mappings, parameters, queues, table, timers};
    let template: Value = yaml_serde::from_str(text).unwrap();
    let checks = [
        queues,
        mappings,
        logs,
        actions,
        strangers,
        the_rest,
        table,
        timers,
        functions,
        addresses,
        function_urls,
        alarms,
        parameters,
        asked_for,
        pool,
        client,
        no_circle,
    ];
    checks.iter().flat_map(|check| check(&template)).collect()
}

// ---- tests ---------------------------------------------------------------------------------------------------------

#[test]
fn the_template_keeps_its_promises() {
    let complaints = complaints(&template());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn broken_templates_are_seen() {
    let good = template();
    for (part, instead, complaint) in [
        ("FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []", "told one by one"),
        (
            "deadLetterTargetArn: !GetAtt LaneDeadQueue.Arn",
            "deadLetterTargetArn: !GetAtt ChangesDeadQueue.Arn",
            "LaneQueue",
        ),
        ("maxReceiveCount: 6", "maxReceiveCount: 1000", "after 6 tries"),
        ("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 60", "14 days"),
        ("Queue: !GetAtt LaneQueue.Arn", "Queue: !GetAtt ChangesQueue.Arn", "nobody reads LaneQueue"),
        ("RetentionInDays: !Ref LogRetentionDays", "Tags: []", "kept for ever"),
        ("LoggingConfig: {LogGroup: !Ref SyncLog}", "LoggingConfig: {}", "SyncFunction has no log group"),
        ("Action: sqs:SendMessage", "Action: sqs:*", "allows too much"),
        ("Action: secretsmanager:GetSecretValue", "Action: ['secretsmanager:Get*']", "allows too much"),
        ("Resource: [!GetAtt ChangesQueue.Arn, !GetAtt LaneQueue.Arn]", "Resource: '*'", "allows too much"),
        (
            "Principal: {AWS: !Sub \"arn:${AWS::Partition}:iam::${EventSender}:root\"}",
            "Principal: '*'",
            "allows too much",
        ),
        ("Condition: {ArnEquals: {\"aws:SourceArn\": !GetAtt EventsRule.Arn}}", "", "for anybody"),
        ("Action: dynamodb:PutItem", "Action: [dynamodb:PutItem, dynamodb:DeleteItem]", "may dynamodb:DeleteItem"),
        ("LeadingKeys\": [HUB, \"KEPT#*\"]", "LeadingKeys\": ['*']", "the whole table"),
        ("/signing-??????", "/*", "more than the signing secrets"),
        ("- dynamodb:ConditionCheckItem", "- dynamodb:Scan", "may dynamodb:Scan"),
        ("Principal: {Service: lambda.amazonaws.com}", "Principal: {AWS: '123456789012'}", "assumed by others"),
        ("SqsManagedSseEnabled: true", "SqsManagedSseEnabled: false", "not encrypted"),
        ("Action: lambda:InvokeFunctionUrl", "Action: lambda:GetFunction", "may not be called"),
        ("InvokedViaFunctionUrl: true", "InvokedViaFunctionUrl: false", "without its address"),
        ("Value: !GetAtt TimerDeadQueue.QueueName", "Value: none", "nobody watches TimerDeadQueue"),
        ("AlarmActions: [!Ref AlarmTopic]", "AlarmActions: []", "tells nobody"),
        (
            "Description: IANA time zone of the nightly full comparison.",
            "Description: zone",
            "TimeZone is not explained",
        ),
        (
            "EventSourceArn: !GetAtt EventsQueue.Arn",
            "EventSourceArn: !GetAtt LaneQueue.Arn",
            "nobody reads EventsQueue",
        ),
        ("PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false", "point in time"),
        ("DeletionProtectionEnabled: true", "DeletionProtectionEnabled: false", "by accident"),
        ("DeletionPolicy: Retain", "DeletionPolicy: Delete", "by accident"),
        ("{AttributeName: expires, Enabled: true}", "{AttributeName: expires, Enabled: false}", "never forgets"),
        ("DeadLetterConfig: {Arn: !GetAtt TimerDeadQueue.Arn}", "State: ENABLED", "Sweep has no dead letter queue"),
        ("\"${AWS::StackName}-sweep\"", "sweep", "Sweep has no dead letter queue"),
        ("'{\"task\":\"health\"}'", "'{}'", "timers for"),
        ("CodeUri: functions", "CodeUri: functions/webhook", "WebhookFunction has no binary"),
        ("Role: !GetAtt AdminRole.Arn", "Role: !GetAtt SyncRole.Arn", "a role for each"),
        ("PUBLIC_URL:", "PUBLIC_ADDRESS:", "ReconcileFunction and PUBLIC_URL"),
        ("STACK_NAME:", "STACK:", "no variable STACK_NAME"),
        ("FunctionName: !Ref WebhookFunction", "FunctionName: !Ref SyncFunction", "WebhookRoute leads nowhere"),
        ("DefaultRouteSettings:", "DefaultRoute:", "not throttled"),
        (
            "Type: AWS::Cognito::UserPoolDomain\n    Condition: HasCognito",
            "Type: AWS::Cognito::UserPoolDomain",
            "PeopleDomain is made",
        ),
        ("AllowAdminCreateUserOnly: true", "AllowAdminCreateUserOnly: false", "anybody may sign up"),
        ("AttributesRequireVerificationBeforeUpdate: [email]", "Nothing: []", "nobody has verified"),
        ("DeletionProtection: ACTIVE", "DeletionProtection: INACTIVE", "People can be deleted by accident"),
        ("MinimumLength: 12", "MinimumLength: 6", "short passwords"),
        ("EnabledMfas: [SOFTWARE_TOKEN_MFA]", "EnabledMfas: []", "no second factor"),
        ("GenerateSecret: true", "GenerateSecret: false", "no confidential client"),
        ("AllowedOAuthFlows: [code]", "AllowedOAuthFlows: [implicit]", "with the code flow"),
        ("[openid, email, profile]", "[openid, email, aws.cognito.signin.user.admin]", "may do"),
        ("${Base}sign-in/provider/back", "${Base}", "elsewhere than"),
        ("PreventUserExistenceErrors: ENABLED", "PreventUserExistenceErrors: LEGACY", "who has an account"),
        ("EnableTokenRevocation: true", "EnableTokenRevocation: false", "cannot be revoked"),
        ("\"client_secret\":", "\"secret\":", "does not find what PeopleSecret says"),
        ("OIDC_CLIENT_ID: !Ref OidcClientId", "OIDC_CLIENT_ID: !Ref PeopleClient", "wait for each other"),
    ] {
        assert!(good.contains(part), "the template no longer says {part}");
        let found = complaints(&good.replacen(part, instead, 1));
        assert!(found.iter().any(|each| each.contains(complaint)), "{part} → {instead} gave {found:?}");
    }
}

#[test]
fn every_function_has_sample_events() {
    let events: Vec<String> = fs::read_dir(root().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for event in &events {
        let text = fs::read_to_string(root().join("events").join(event)).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap().is_object(), "{event}");
    }
    for function in fs::read_dir(root().join("functions")).unwrap() {
        let function = function.unwrap();
        if function.file_type().unwrap().is_file() {
            continue;
        }
        let name = function.file_name().to_string_lossy().into_owned();
        assert!(events.iter().any(|event| event.starts_with(&name)), "no sample event for {name}");
    }
    for task in TASKS {
        let text = fs::read_to_string(root().join(format!("events/reconcile-{task}.json"))).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), serde_json::json!({ "task": task }));
    }
}
