//! What is there and how it is set: queues, mappings, logs, table, timers, functions, front doors, alarms.

use crate::yaml::{Complaints, at, bare, entries, events, is_true, list, resources, target, text, unless};
use crate::{TASKS, root};
use std::collections::BTreeSet;
use yaml_serde::Value;

/// The environment that every function reads.
const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "CHANGES_QUEUE_URL",
    "LANE_QUEUE_URL",
    "CHANGES_DLQ_URL",
    "LANE_DLQ_URL",
    "SECRETS_PREFIX",
    "STACK_NAME",
    "RUST_LOG",
];
/// The functions that tell stores where their webhooks go. The function behind that address must not ask for it: a circle.
const TELLERS: &[&str] = &["ReconcileFunction", "AdminFunction"];
const FOURTEEN_DAYS_SECONDS: u64 = 1_209_600;

/// A queue either has a dead letter queue of its own kind, or is one and keeps what is dead for 14 days.
pub(crate) fn queues(template: &Value) -> Complaints {
    let queues = resources(template, "AWS::SQS::Queue");
    let is_fifo = |queue: &Value| is_true(queue, &["FifoQueue"]);
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
    let open = queues.iter().filter(|(_, queue)| !is_true(queue, &["SqsManagedSseEnabled"]));
    let open = open.map(|(name, _)| format!("{name} is not encrypted"));
    let found = unless(queues.len() >= 4, || "queues are missing".to_owned());
    queues.iter().filter_map(complain).chain(open).chain(found).collect()
}

/// Each queue that is not for the dead is read in batches whose failures are told one by one, in bounds.
pub(crate) fn mappings(template: &Value) -> Complaints {
    let spelled_out = resources(template, "AWS::Lambda::EventSourceMapping");
    let mappings: Vec<(&str, &Value)> = events(template, "SQS").into_iter().chain(spelled_out).collect();
    let queue = |mapping| [at(mapping, &["Queue"]), at(mapping, &["EventSourceArn"])].map(target);
    let read: BTreeSet<&str> = mappings.iter().flat_map(|(_, mapping)| queue(*mapping)).collect();
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
pub(crate) fn logs(template: &Value) -> Complaints {
    let logs = resources(template, "AWS::Logs::LogGroup");
    let endless = logs.iter().filter(|(_, log)| at(log, &["RetentionInDays"]).is_null());
    let endless = endless.map(|(name, _)| format!("{name} is kept for ever"));
    let homeless = resources(template, "AWS::Serverless::Function").into_iter().filter_map(|(name, function)| {
        let log = text(at(function, &["LoggingConfig", "LogGroup"]));
        unless(logs.iter().any(|(name, _)| *name == log), || format!("{name} has no log group of ours"))
    });
    endless.chain(homeless).collect()
}

pub(crate) fn table(template: &Value) -> Complaints {
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
pub(crate) fn timers(template: &Value) -> Complaints {
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

/// Each function is built by `functions/Makefile` in the profile that is shipped, and its role is its own.
pub(crate) fn functions(template: &Value) -> Complaints {
    let functions = resources(template, "AWS::Serverless::Function");
    let roles: BTreeSet<&str> = functions.iter().map(|(_, function)| target(at(function, &["Role"]))).collect();
    let makefile = std::fs::read_to_string(root().join("functions/Makefile")).unwrap_or_default();
    let complain = |(name, function): &(&str, &Value)| {
        let built = text(at(template, &["Resources", name, "Metadata", "BuildMethod"])) == "makefile"
            && text(at(function, &["CodeUri"])) == "functions";
        let binary = makefile.lines().find_map(|line| line.strip_prefix(&format!("build-{name}: binary = ")));
        let exists = binary.is_some_and(|binary| {
            makefile.contains(&format!("-p {binary}"))
                && root().join(format!("functions/{binary}/src/main.rs")).is_file()
        });
        unless(built && exists, || format!("{name} has no binary here"))
    };
    let variables = at(template, &["Globals", "Function", "Environment", "Variables"]);
    let missing =
        VARIABLES.iter().filter(|name| at(variables, &[name]).is_null()).map(|name| format!("no variable {name}"));
    let told = functions.iter().filter_map(|(name, function)| {
        let knows = !at(function, &["Environment", "Variables", "PUBLIC_URL"]).is_null();
        unless(knows == TELLERS.contains(name), || format!("{name} and PUBLIC_URL"))
    });
    let shipped = unless(makefile.contains("--profile lambda"), || "not the profile that is shipped".to_owned());
    let own = unless(roles.len() == 4 && functions.len() == 4, || "four functions, a role for each".to_owned());
    functions.iter().filter_map(complain).chain(missing).chain(told).chain(shipped).chain(own).collect()
}

/// Each route leads to a function that the API may call, and is throttled.
pub(crate) fn addresses(template: &Value) -> Complaints {
    let routes = resources(template, "AWS::ApiGatewayV2::Route");
    let permissions = resources(template, "AWS::Lambda::Permission");
    let stages = resources(template, "AWS::ApiGatewayV2::Stage");
    let complain = |(name, route): &(&str, &Value)| {
        let integration = text(at(route, &["Target"])).trim_start_matches("integrations/${").trim_end_matches('}');
        let function = target(at(template, &["Resources", integration, "Properties", "IntegrationUri"]));
        let allowed = permissions.iter().any(|(_, permission)| {
            text(at(permission, &["FunctionName"])) == function
                && text(at(permission, &["Principal"])) == "apigateway.amazonaws.com"
                && !at(permission, &["SourceArn"]).is_null()
        });
        unless(allowed && !function.is_empty(), || format!("{name} leads nowhere"))
    };
    let throttled =
        |(_, stage): &(&str, &Value)| at(stage, &["DefaultRouteSettings", "ThrottlingRateLimit"]).as_u64().is_some();
    let throttled = unless(stages.len() == 1 && stages.iter().all(throttled), || "the API is not throttled".to_owned());
    routes.iter().filter_map(complain).chain(throttled).collect()
}

/// A Function URL leads to a function that answers strangers, and both things that this needs are allowed:
/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>.
pub(crate) fn function_urls(template: &Value) -> Complaints {
    let urls = resources(template, "AWS::Lambda::Url");
    let permissions = resources(template, "AWS::Lambda::Permission");
    let complain = |(name, url): &(&str, &Value)| {
        let function = target(at(url, &["TargetFunctionArn"]));
        let allowed = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"].iter().all(|action| {
            permissions.iter().any(|(_, permission)| {
                text(at(permission, &["FunctionName"])) == function
                    && text(at(permission, &["Action"])) == *action
                    && text(at(permission, &["Principal"])) == "*"
            })
        });
        unless(allowed, || format!("{name} may not be called"))
    };
    let open = permissions.iter().filter(|(_, permission)| text(at(permission, &["Principal"])) == "*");
    let open = open.filter_map(|(name, permission)| {
        let by_url =
            text(at(permission, &["FunctionUrlAuthType"])) == "NONE" || is_true(permission, &["InvokedViaFunctionUrl"]);
        unless(by_url, || format!("{name} lets anybody call the function without its address"))
    });
    let found = unless(urls.len() == 2, || "a Function URL for stores and one for people".to_owned());
    urls.iter().filter_map(complain).chain(open).chain(found).collect()
}

/// Each queue of the dead has an alarm, each alarm tells somebody, and no alarm is silent about what it means.
pub(crate) fn alarms(template: &Value) -> Complaints {
    let alarms = resources(template, "AWS::CloudWatch::Alarm");
    let watched: BTreeSet<&str> = alarms
        .iter()
        .flat_map(|(_, alarm)| at(alarm, &["Dimensions"]).as_sequence().into_iter().flatten())
        .map(|dimension| text(at(dimension, &["Value"])).trim_end_matches(".QueueName"))
        .collect();
    let queues = resources(template, "AWS::SQS::Queue").into_iter();
    let unwatched = queues.filter_map(|(name, _)| {
        unless(!name.ends_with("DeadQueue") || watched.contains(name), || format!("nobody watches {name}"))
    });
    let mute = alarms.iter().filter_map(|(name, alarm)| {
        let tells = list(at(alarm, &["AlarmActions"])) == ["AlarmTopic"];
        unless(tells && text(at(alarm, &["AlarmDescription"])).len() > 30, || format!("{name} tells nobody"))
    });
    let functions = ["WebhookFunction", "SyncFunction", "ReconcileFunction"];
    let blind =
        functions.into_iter().filter(|name| !watched.contains(name)).map(|name| format!("nobody watches {name}"));
    unwatched.chain(mute).chain(blind).collect()
}

/// A parameter says what it is for, and starts with something.
pub(crate) fn parameters(template: &Value) -> Complaints {
    let parameters = entries(at(template, &["Parameters"])).into_iter();
    let complain = |(name, parameter): (&str, &Value)| {
        let explained = text(at(parameter, &["Description"])).len() > 20;
        let default = !bare(at(parameter, &["Default"])).is_null();
        unless(explained && default, || format!("the parameter {name} is not explained or has no default"))
    };
    parameters.filter_map(complain).collect()
}
