//! What a hub must be told of its sign-in provider.

use channels::Secret;
use engine::endpoint;
use engine::people::UserRole;
use std::collections::BTreeMap;

/// The claim of an ID token that names groups, unless another is set.
const GROUPS_CLAIM: &str = "groups";
/// What the button says, unless something else is set.
const NAME: &str = "single sign-on";

/// What a hub knows of its sign-in provider.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer, exactly as its ID tokens name it.
    pub issuer: String,
    /// What the provider calls this hub; `client_id` in the vault's `oidc` if absent.
    pub client_id: Option<String>,
    /// What this hub proves itself with; `client_secret` there if absent, and nothing if that is absent too.
    pub client_secret: Option<Secret>,
    /// What people call the provider: the button says “Sign in with …”.
    pub name: String,
    /// Where people reach the console, without a slash at the end; `console_url` there if absent, or the hub's public address.
    pub console_url: Option<String>,
    /// The claim that names the groups of a person.
    pub groups_claim: String,
    /// The role that a group gives to whoever is nobody here yet. Empty: nobody is added by signing in.
    pub groups: BTreeMap<String, UserRole>,
}

impl Settings {
    /// Reads the settings `ISSUER`, `CLIENT_ID`, `CLIENT_SECRET`, `NAME`, `CONSOLE_URL`, `GROUPS_CLAIM` and `GROUPS` through
    /// `lookup`; `None` when there is no issuer. Without `allow_insecure` the addresses must be public and speak TLS.
    ///
    /// # Errors
    /// A sentence that names the setting and what to do.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>, allow_insecure: bool) -> Result<Option<Self>, String> {
        let given = |name| lookup(name).map(|text: String| text.trim().to_owned()).filter(|text| !text.is_empty());
        let Some(issuer) = given("ISSUER") else { return Ok(None) };
        if !allow_insecure {
            endpoint::check(&issuer).map_err(|said| format!("ISSUER: {said}"))?;
        }
        let console_url = given("CONSOLE_URL").map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) =
            console_url.as_ref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            return Err(format!("CONSOLE_URL: {url:?} is not an http or https address"));
        }
        Ok(Some(Self {
            issuer,
            client_id: given("CLIENT_ID"),
            client_secret: given("CLIENT_SECRET").map(Secret::new),
            name: given("NAME").unwrap_or_else(|| NAME.to_owned()),
            console_url,
            groups_claim: given("GROUPS_CLAIM").unwrap_or_else(|| GROUPS_CLAIM.to_owned()),
            groups: given("GROUPS").map_or_else(|| Ok(BTreeMap::new()), |text| groups(&text))?,
        }))
    }

    /// The greatest role that these groups give.
    pub(super) fn role_of<'a>(&self, groups: impl Iterator<Item = &'a str>) -> Option<UserRole> {
        groups.filter_map(|group| self.groups.get(group).copied()).max()
    }
}

/// Reads `shop-admins=admin, staff=operator`.
fn groups(text: &str) -> Result<BTreeMap<String, UserRole>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| group(pair).ok_or_else(|| format!("GROUPS: {pair:?} is not GROUP=viewer|operator|admin")))
        .collect()
}

fn group(pair: &str) -> Option<(String, UserRole)> {
    let (group, role) = pair.rsplit_once('=')?;
    let roles = [UserRole::Viewer, UserRole::Operator, UserRole::Admin];
    let role = roles.into_iter().find(|known| known.name() == role.trim())?;
    Some((group.trim().to_owned(), role)).filter(|(group, _)| !group.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)], allow_insecure: bool) -> Result<Option<Settings>, String> {
        let lookup = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        Settings::read(&lookup, allow_insecure)
    }

    #[test]
    fn without_an_issuer_there_is_no_provider() {
        assert!(read(&[("CLIENT_ID", "hub")], false).expect("fine").is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let issuer = ("ISSUER", "https://id.example.com");
        for (given, said) in [
            (vec![("ISSUER", "http://id.example.com"), ("CLIENT_ID", "hub")], "ISSUER"),
            (vec![("ISSUER", "https://127.0.0.1/"), ("CLIENT_ID", "hub")], "not a public address"),
            (vec![issuer, ("CLIENT_ID", "hub"), ("GROUPS", "staff=boss")], "\"staff=boss\""),
            (vec![issuer, ("CLIENT_ID", "hub"), ("CONSOLE_URL", "hub.example.com")], "CONSOLE_URL"),
        ] {
            let error = read(&given, false).expect_err(said);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn the_greatest_role_of_all_groups_is_given() {
        let given = [("ISSUER", "http://127.0.0.1:1"), ("CLIENT_ID", "hub"), ("GROUPS", "a=b=viewer, staff=operator")];
        let settings = read(&given, true).expect("fine").expect("a provider");
        assert_eq!(settings.role_of(["staff", "a=b", "x"].into_iter()), Some(UserRole::Operator));
        assert_eq!(settings.role_of(["x"].into_iter()), None);
        assert_eq!((settings.name.as_str(), settings.groups_claim.as_str()), (NAME, GROUPS_CLAIM));
    }
}
