//! The user pool that can be made to sign in to the console with: only if asked for, and nobody lets themselves in.

use crate::yaml::{Complaints, at, entries, is_true, list, resources, text, unless};
use yaml_serde::Value;

/// The page of the console to which a provider sends people back.
const BACK: &str = "sign-in/provider/back";
const CONDITION: &str = "HasCognito";

/// What is made, is made together, and only if it is asked for.
pub(crate) fn asked_for(template: &Value) -> Complaints {
    let all = entries(at(template, &["Resources"])).into_iter();
    let people = all.filter(|(name, resource)| {
        name.starts_with("People") || text(at(resource, &["Type"])).starts_with("AWS::Cognito::")
    });
    let always = people.filter(|(_, resource)| text(at(resource, &["Condition"])) != CONDITION);
    let always = always.map(|(name, _)| format!("{name} is made without being asked for"));
    let off = text(at(template, &["Parameters", "CognitoDomain", "Default"])).is_empty();
    always.chain(unless(off, || "a user pool is made without being asked for".to_owned())).collect()
}

/// Only an admin adds people, an address is theirs before it counts, and the pool cannot be lost by accident.
pub(crate) fn pool(template: &Value) -> Complaints {
    let pools = resources(template, "AWS::Cognito::UserPool");
    let complain = |(name, pool): &(&str, &Value)| {
        let closed = is_true(pool, &["AdminCreateUserConfig", "AllowAdminCreateUserOnly"]);
        let verified = at(pool, &["UserAttributeUpdateSettings", "AttributesRequireVerificationBeforeUpdate"]);
        let policy = |which| text(at(template, &["Resources", name, which])) == "Retain";
        let kept = text(at(pool, &["DeletionProtection"])) == "ACTIVE"
            && policy("DeletionPolicy")
            && policy("UpdateReplacePolicy");
        let length = at(pool, &["Policies", "PasswordPolicy", "MinimumLength"]).as_u64();
        let second =
            text(at(pool, &["MfaConfiguration"])) == "CognitoMfa" && !list(at(pool, &["EnabledMfas"])).is_empty();
        [
            unless(closed, || format!("anybody may sign up at {name}")),
            unless(list(verified) == ["email"], || format!("{name} believes an address that nobody has verified")),
            unless(kept, || format!("{name} can be deleted by accident")),
            unless(length >= Some(12), || format!("{name} takes short passwords")),
            unless(second, || format!("{name} offers no second factor")),
        ]
    };
    let found = unless(pools.len() == 1, || "there is one user pool".to_owned());
    pools.iter().flat_map(complain).flatten().chain(found).collect()
}

/// The hub proves itself, gets codes and no tokens by address, and people come back to the console only.
pub(crate) fn client(template: &Value) -> Complaints {
    let clients = resources(template, "AWS::Cognito::UserPoolClient");
    let complain = |(name, client): &(&str, &Value)| {
        let scopes = list(at(client, &["AllowedOAuthScopes"]));
        let proves = is_true(client, &["GenerateSecret"]) && list(at(client, &["AllowedOAuthFlows"])) == ["code"];
        let back = at(client, &["CallbackURLs"]).as_sequence().map(Vec::as_slice).unwrap_or_default();
        let home = back.len() == 1 && back.iter().all(|url| list(url).first().is_some_and(|url| url.ends_with(BACK)));
        let quiet = text(at(client, &["PreventUserExistenceErrors"])) == "ENABLED";
        [
            unless(proves, || format!("{name} is no confidential client with the code flow")),
            unless(scopes == ["openid", "email", "profile"], || format!("{name} may do {scopes:?}")),
            unless(home, || format!("{name} sends people elsewhere than {BACK}")),
            unless(quiet, || format!("{name} tells strangers who has an account")),
            unless(is_true(client, &["EnableTokenRevocation"]), || format!("tokens of {name} cannot be revoked")),
        ]
    };
    let found = unless(clients.len() == 1, || "there is one client".to_owned());
    clients.iter().flat_map(complain).flatten().chain(found).collect()
}

/// The function reads what it is there from its secret: told of the client, it could not have the address that the client knows.
pub(crate) fn no_circle(template: &Value) -> Complaints {
    let secrets = resources(template, "AWS::SecretsManager::Secret");
    let complain = |(name, secret): &(&str, &Value)| {
        let says = list(at(secret, &["SecretString"])).first().copied().unwrap_or_default();
        let complete = ["client_id", "client_secret", "console_url"].iter().all(|field| says.contains(field));
        let found = text(at(secret, &["Name"])) == "${SecretsPrefix}/oidc";
        unless(complete && found, || format!("the admin function does not find what {name} says"))
    };
    let variables = at(template, &["Resources", "AdminFunction", "Properties", "Environment"]);
    let told = yaml_serde::to_string(variables).unwrap_or_default();
    let circle =
        unless(!told.contains("PeopleClient"), || "AdminFunction and PeopleClient wait for each other".to_owned());
    let one = unless(secrets.len() == 1, || "there is one secret".to_owned());
    secrets.iter().filter_map(complain).chain(circle).chain(one).collect()
}
