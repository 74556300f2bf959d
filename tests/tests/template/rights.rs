//! Least privilege: who may do what, with which resources.

use crate::yaml::{Complaints, at, bare, list, parts, resources, target, text, unless};
use std::collections::BTreeSet;
use yaml_serde::Value;

/// The one statement about all resources: X-Ray has none to name.
const ABOUT_ALL: &str = "SendTraces";
/// The one statement that lets the whole table be read: the admin function's, for the export of a hub.
const MOVES_THE_HUB: &str = "MoveTheHub";
/// What the webhook function may never do: it is the one that strangers reach.
const NOT_FOR_STRANGERS: &[&str] = &[
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:UpdateItem",
    "dynamodb:Scan",
    "secretsmanager:PutSecretValue",
    "secretsmanager:CreateSecret",
    "secretsmanager:DeleteSecret",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
];

/// The statements of every policy: of roles, managed, of queues and of topics.
fn statements(template: &Value) -> Vec<&Value> {
    let roles = resources(template, "AWS::IAM::Role").into_iter();
    let inline = roles.flat_map(|(_, role)| at(role, &["Policies"]).as_sequence().into_iter().flatten());
    let others = ["AWS::IAM::ManagedPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"];
    let others = others.into_iter().flat_map(|kind| resources(template, kind)).map(|(_, policy)| policy);
    let documents = inline.chain(others).map(|policy| at(policy, &["PolicyDocument", "Statement"]));
    documents.flat_map(parts).filter(|statement| !at(statement, &["Effect"]).is_null()).collect()
}

/// Every action is spelled out, no statement is about all resources, and nobody is let in without a condition.
pub(crate) fn actions(template: &Value) -> Complaints {
    let statements = statements(template);
    let wide = statements.iter().filter(|statement| {
        let wild = list(at(statement, &["Action"])).iter().any(|action| action.contains('*'));
        let about_all = list(at(statement, &["Resource"])).contains(&"*") && text(at(statement, &["Sid"])) != ABOUT_ALL;
        let anybody = text(at(statement, &["Principal"])) == "*" && text(at(statement, &["Effect"])) == "Allow";
        wild || about_all || anybody || at(statement, &["Sid"]).is_null()
    });
    let wide = wide.map(|statement| format!("{} allows too much", text(at(statement, &["Sid"]))));
    let services = statements.iter().filter(|statement| !at(statement, &["Principal", "Service"]).is_null());
    let deputies = services.filter(|statement| at(statement, &["Condition"]).is_null());
    let deputies =
        deputies.map(|statement| format!("{} lets a service act for anybody", text(at(statement, &["Sid"]))));
    wide.chain(deputies).chain(unless(statements.len() >= 15, || "policies are missing".to_owned())).collect()
}

/// The actions that a role has, its managed policies apart.
fn actions_of<'a>(template: &'a Value, role: &str) -> BTreeSet<&'a str> {
    let policies = at(template, &["Resources", role, "Properties", "Policies"]);
    let statements = parts(policies).into_iter().flat_map(|policy| parts(at(policy, &["PolicyDocument", "Statement"])));
    statements.flat_map(|statement| list(at(statement, &["Action"]))).collect()
}

/// The function that strangers reach writes no ledger, reads no store's credentials, and empties no queue.
pub(crate) fn strangers(template: &Value) -> Complaints {
    let role = at(template, &["Resources", "WebhookRole", "Properties"]);
    let allowed = actions_of(template, "WebhookRole");
    let too_much = NOT_FOR_STRANGERS.iter().filter(|action| allowed.contains(*action));
    let too_much = too_much.map(|action| format!("the webhook function may {action}"));
    let managed =
        unless(at(role, &["ManagedPolicyArns"]).is_null(), || "the webhook function has a broad policy".to_owned());
    let statements: Vec<&Value> = parts(at(role, &["Policies"]))
        .into_iter()
        .flat_map(|policy| parts(at(policy, &["PolicyDocument", "Statement"])))
        .collect();
    let unbound = statements.iter().filter(|statement| {
        let table = list(at(statement, &["Action"])).iter().any(|action| action.starts_with("dynamodb:"));
        let keys = at(statement, &["Condition", "ForAllValues:StringLike", "dynamodb:LeadingKeys"]);
        table && (bare(keys).is_null() || list(keys).contains(&"*"))
    });
    let unbound = unbound.map(|statement| format!("{} is about the whole table", text(at(statement, &["Sid"]))));
    let secrets = statements.iter().filter(|statement| {
        let reads = list(at(statement, &["Action"])).contains(&"secretsmanager:GetSecretValue");
        reads && !text(at(statement, &["Resource"])).contains("/signing-")
    });
    let secrets = secrets.map(|_| "the webhook function reads more than the signing secrets".to_owned());
    too_much.chain(managed).chain(unbound).chain(secrets).collect()
}

/// Only the admin function may change secrets, only the export of a hub may scan the table, and nobody may change its shape.
pub(crate) fn the_rest(template: &Value) -> Complaints {
    let roles = ["SyncRole", "ReconcileRole"].into_iter().flat_map(|role| actions_of(template, role));
    let secrets =
        roles.filter(|action| action.starts_with("secretsmanager:") && *action != "secretsmanager:GetSecretValue");
    let secrets = secrets.map(|action| format!("somebody else than admin may {action}"));
    let others = statements(template).into_iter().filter(|statement| target(at(statement, &["Sid"])) != MOVES_THE_HUB);
    let shape = others
        .flat_map(|statement| list(at(statement, &["Action"])))
        .filter(|action| action.starts_with("dynamodb:") && (action.contains("Table") || *action == "dynamodb:Scan"));
    let shape = shape.map(|action| format!("somebody may {action}"));
    let trusted = resources(template, "AWS::IAM::Role").into_iter().filter_map(|(name, role)| {
        let trust = parts(at(role, &["AssumeRolePolicyDocument", "Statement"]));
        let lambda = trust.iter().all(|who| target(at(who, &["Principal", "Service"])) == "lambda.amazonaws.com");
        unless(lambda && trust.len() == 1, || format!("{name} can be assumed by others"))
    });
    secrets.chain(shape).chain(trusted).collect()
}
