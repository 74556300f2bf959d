//! The template and the sample events: what an upload would not refuse and a merchant would still regret. Each check is
//! a function from the template to complaints, and is shown to fail on a copy of the real one with that part broken.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use std::{collections::BTreeSet, fs, path::PathBuf};
use yaml_serde::Value;

const FOURTEEN_DAYS_SECONDS: u64 = 1_209_600;
/// The environment that the functions read.
const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "CHANGES_QUEUE_URL",
    "LANE_QUEUE_URL",
    "CHANGES_DLQ_URL",
    "LANE_DLQ_URL",
    "SECRETS_PREFIX",
    "PUBLIC_URL",
    "RUST_LOG",
];
/// The timers' tasks; events/ has a sample of each.
const TASKS: &[&str] = &["compare", "full", "health", "sweep"];

type Complaints = Vec<String>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn template() -> String {
    fs::read_to_string(root().join("template.yaml")).unwrap()
}

/// Every complaint about a template.
fn complaints(text: &str) -> Complaints {
    let template: Value = yaml_serde::from_str(text).unwrap();
    let checks = [queues, mappings, logs, actions, table, timers, functions, addresses];
    checks.iter().flat_map(|check| check(&template)).collect()
}

/// A value with the tag, as in `!Ref x`, taken off.
fn bare(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => bare(&tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => {
            value
        }
    }
}

/// What a path of keys leads to, or null.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    const NOTHING: &Value = &Value::Null;
    path.iter().fold(value, |value, key| bare(value).get(*key).unwrap_or(NOTHING))
}

fn text(value: &Value) -> &str {
    bare(value).as_str().unwrap_or_default()
}

fn entries(value: &Value) -> Vec<(&str, &Value)> {
    bare(value).as_mapping().map(|map| map.iter().map(|(key, value)| (text(key), value)).collect()).unwrap_or_default()
}

/// The resources of a type: name and properties.
fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let all = entries(at(template, &["Resources"])).into_iter();
    all.filter(|(_, resource)| text(at(resource, &["Type"])) == kind)
        .map(|(name, resource)| (name, at(resource, &["Properties"])))
        .collect()
}

/// The events of all functions, of a type.
fn events<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let functions = resources(template, "AWS::Serverless::Function").into_iter();
    let all = functions.flat_map(|(_, function)| entries(at(function, &["Events"])));
    all.filter(|(_, event)| text(at(event, &["Type"])) == kind)
        .map(|(name, event)| (name, at(event, &["Properties"])))
        .collect()
}

/// `!GetAtt Name.Arn` gives `Name`.
fn target(value: &Value) -> &str {
    text(value).trim_end_matches(".Arn")
}

/// A complaint unless it holds.
fn unless(holds: bool, complaint: impl FnOnce() -> String) -> Option<String> {
    (!holds).then(complaint)
}

// ---- the checks ----------------------------------------------------------------------------------------------------

/// A queue either has a dead letter queue of its own kind, or is one and keeps what is dead for 14 days.
fn queues(template: &Value) -> Complaints {
    let queues = resources(template, "AWS::SQS::Queue");
    let is_fifo = |queue: &Value| bare(at(queue, &["FifoQueue"])).as_bool() == Some(true);
    let dead_of = |queue: &Value| target(at(queue, &["RedrivePolicy", "deadLetterTargetArn"])).to_owned();
    let complain = |(name, queue): &(&str, &Value)| {
        if name.ends_with("DeadQueue") {
            let kept = at(queue, &["MessageRetentionPeriod"]).as_u64();
            return unless(kept == Some(FOURTEEN_DAYS_SECONDS), || {
                format!("{name} does not keep the dead for 14 days")
            });
        }
        let dead = dead_of(queue);
        let fits = queues.iter().any(|(other, it)| *other == dead && is_fifo(it) == is_fifo(queue));
        let tries = at(queue, &["RedrivePolicy", "maxReceiveCount"]).as_u64();
        unless(fits && tries == Some(6), || format!("{name} has no dead letter queue of its kind, after 6 tries"))
    };
    let found = unless(queues.len() >= 4, || "queues are missing".to_owned());
    queues.iter().filter_map(complain).chain(found).collect()
}

/// Each queue that is not for the dead is read in batches whose failures are told one by one, in bounds.
fn mappings(template: &Value) -> Complaints {
    let mappings = events(template, "SQS");
    let read: BTreeSet<&str> = mappings.iter().map(|(_, mapping)| target(at(mapping, &["Queue"]))).collect();
    let complain = |(name, mapping): &(&str, &Value)| {
        let answers = at(mapping, &["FunctionResponseTypes"]).as_sequence();
        let partial = answers.is_some_and(|all| all.iter().any(|answer| text(answer) == "ReportBatchItemFailures"));
        let bounded = at(mapping, &["ScalingConfig", "MaximumConcurrency"]).as_u64() == Some(10);
        let batch = at(mapping, &["BatchSize"]).as_u64() == Some(10);
        unless(partial && bounded && batch, || format!("{name}: batches of 10, told one by one, at most 10 at once"))
    };
    let unread = |(name, _): (&str, &Value)| {
        unless(name.ends_with("DeadQueue") || read.contains(name), || format!("nobody reads {name}"))
    };
    let queues = resources(template, "AWS::SQS::Queue").into_iter();
    mappings.iter().filter_map(complain).chain(queues.filter_map(unread)).collect()
}

/// Logs end some day, and each function has a log that does.
fn logs(template: &Value) -> Complaints {
    let logs = resources(template, "AWS::Logs::LogGroup");
    let endless = logs.iter().filter(|(_, log)| at(log, &["RetentionInDays"]).is_null());
    let endless = endless.map(|(name, _)| format!("{name} is kept for ever"));
    let homeless = resources(template, "AWS::Serverless::Function").into_iter().filter_map(|(name, function)| {
        let log = text(at(function, &["LoggingConfig", "LogGroup"]));
        unless(logs.iter().any(|(name, _)| *name == log), || format!("{name} has no log group of ours"))
    });
    endless.chain(homeless).collect()
}

/// Every action is spelled out, and no statement is about all resources.
fn actions(template: &Value) -> Complaints {
    let roles = resources(template, "AWS::IAM::Role").into_iter();
    let inline = roles.flat_map(|(_, role)| at(role, &["Policies"]).as_sequence().into_iter().flatten());
    let managed = resources(template, "AWS::IAM::ManagedPolicy").into_iter().map(|(_, policy)| policy);
    let documents: Vec<&Value> =
        inline.chain(managed).map(|policy| at(policy, &["PolicyDocument", "Statement"])).collect();
    let statements = documents.iter().flat_map(|document| document.as_sequence().into_iter().flatten());
    let wide = statements.filter(|statement| {
        let wild = list(at(statement, &["Action"])).iter().any(|action| action.contains('*'));
        wild || list(at(statement, &["Resource"])).contains(&"*")
    });
    let wide = wide.map(|statement| format!("{} allows too much", text(at(statement, &["Sid"]))));
    wide.chain(unless(documents.len() >= 4, || "policies are missing".to_owned())).collect()
}

/// One text, or a list of them.
fn list(value: &Value) -> Vec<&str> {
    bare(value).as_sequence().map_or_else(|| vec![text(value)], |all| all.iter().map(text).collect())
}

fn table(template: &Value) -> Complaints {
    let tables = resources(template, "AWS::DynamoDB::Table");
    let is_on = |table: &Value, path: &[&str]| at(table, path).as_bool() == Some(true);
    let complain = |(name, table): &(&str, &Value)| {
        let points = is_on(table, &["PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"]);
        let kept = is_on(table, &["DeletionProtectionEnabled"])
            && text(at(template, &["Resources", name, "DeletionPolicy"])) == "Retain"
            && text(at(template, &["Resources", name, "UpdateReplacePolicy"])) == "Retain";
        let forgets = is_on(table, &["TimeToLiveSpecification", "Enabled"])
            && text(at(table, &["TimeToLiveSpecification", "AttributeName"])) == "expires";
        [
            unless(points, || format!("{name} cannot be restored to a point in time")),
            unless(kept, || format!("{name} can be deleted by accident")),
            unless(forgets, || format!("{name} never forgets")),
        ]
    };
    let found = unless(tables.len() == 1, || "there is one table".to_owned());
    tables.iter().flat_map(complain).flatten().chain(found).collect()
}

/// Each task has a timer with a bounded retry, a dead letter queue, and a name that two stacks do not share.
fn timers(template: &Value) -> Complaints {
    let timers = events(template, "ScheduleV2");
    let complain = |(name, timer): &(&str, &Value)| {
        let dead = target(at(timer, &["DeadLetterConfig", "Arn"])).ends_with("DeadQueue");
        let tries = at(timer, &["RetryPolicy", "MaximumRetryAttempts"]).as_u64().is_some();
        let own = text(at(timer, &["Name"])).contains("${AWS::StackName}");
        unless(dead && tries && own, || format!("{name} has no dead letter queue, no retry, or no name of its own"))
    };
    let input =
        |(_, timer): &(&str, &Value)| serde_json::from_str::<serde_json::Value>(text(at(timer, &["Input"]))).ok();
    let task = |input: serde_json::Value| input["task"].as_str().map(str::to_owned);
    let tasks: BTreeSet<String> = timers.iter().filter_map(input).filter_map(task).collect();
    let complete =
        unless(tasks.iter().map(String::as_str).eq(TASKS.iter().copied()), || format!("timers for {tasks:?}"));
    timers.iter().filter_map(complain).chain(complete).collect()
}

/// Each function's binary exists, is built by cargo, and its role is its own.
fn functions(template: &Value) -> Complaints {
    let functions = resources(template, "AWS::Serverless::Function");
    let roles: BTreeSet<&str> = functions.iter().map(|(_, function)| target(at(function, &["Role"]))).collect();
    let complain = |(name, function): &(&str, &Value)| {
        let binary = text(at(template, &["Resources", name, "Metadata", "BuildProperties", "Binary"]));
        let folder = text(at(function, &["CodeUri"]));
        let built = text(at(template, &["Resources", name, "Metadata", "BuildMethod"])) == "rust-cargolambda";
        let exists = root().join(folder).join("src/main.rs").is_file();
        unless(built && exists && folder == format!("functions/{binary}"), || format!("{name} has no binary here"))
    };
    let variables = at(template, &["Globals", "Function", "Environment", "Variables"]);
    let missing =
        VARIABLES.iter().filter(|name| at(variables, &[name]).is_null()).map(|name| format!("no variable {name}"));
    let own = unless(roles.len() == 4 && functions.len() == 4, || "four functions, a role for each".to_owned());
    functions.iter().filter_map(complain).chain(missing).chain(own).collect()
}

/// Each route leads to a function that the API may call, and is throttled.
fn addresses(template: &Value) -> Complaints {
    let routes = resources(template, "AWS::ApiGatewayV2::Route");
    let permissions = resources(template, "AWS::Lambda::Permission");
    let stages = resources(template, "AWS::ApiGatewayV2::Stage");
    let complain = |(name, route): &(&str, &Value)| {
        let integration = text(at(route, &["Target"])).trim_start_matches("integrations/${").trim_end_matches('}');
        let function = target(at(template, &["Resources", integration, "Properties", "IntegrationUri"]));
        let allowed = permissions.iter().any(|(_, permission)| text(at(permission, &["FunctionName"])) == function);
        unless(allowed && !function.is_empty(), || format!("{name} leads nowhere"))
    };
    let throttled =
        |(_, stage): &(&str, &Value)| at(stage, &["DefaultRouteSettings", "ThrottlingRateLimit"]).as_u64().is_some();
    let throttled = unless(stages.len() == 1 && stages.iter().all(throttled), || "the API is not throttled".to_owned());
    routes.iter().filter_map(complain).chain(throttled).collect()
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
        ("PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false", "point in time"),
        ("DeletionProtectionEnabled: true", "DeletionProtectionEnabled: false", "by accident"),
        ("DeletionPolicy: Retain", "DeletionPolicy: Delete", "by accident"),
        ("{AttributeName: expires, Enabled: true}", "{AttributeName: expires, Enabled: false}", "never forgets"),
        ("DeadLetterConfig: {Arn: !GetAtt TimerDeadQueue.Arn}", "State: ENABLED", "Sweep has no dead letter queue"),
        ("\"${AWS::StackName}-sweep\"", "sweep", "Sweep has no dead letter queue"),
        ("'{\"task\":\"health\"}'", "'{}'", "timers for"),
        ("CodeUri: functions/admin", "CodeUri: functions/nobody", "AdminFunction has no binary"),
        ("Role: !GetAtt AdminRole.Arn", "Role: !GetAtt SyncRole.Arn", "a role for each"),
        ("PUBLIC_URL:", "PUBLIC_ADDRESS:", "no variable PUBLIC_URL"),
        ("FunctionName: !Ref WebhookFunction", "FunctionName: !Ref SyncFunction", "WebhookRoute leads nowhere"),
        ("DefaultRouteSettings:", "DefaultRoute:", "not throttled"),
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
        let name = function.unwrap().file_name().to_string_lossy().into_owned();
        assert!(events.iter().any(|event| event.starts_with(&name)), "no sample event for {name}");
    }
    for task in TASKS {
        let text = fs::read_to_string(root().join(format!("events/reconcile-{task}.json"))).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), serde_json::json!({ "task": task }));
    }
}
