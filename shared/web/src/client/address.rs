//! Where a request may go: a public address over TLS. A name is looked up once, and the addresses that were checked are the
//! ones connected to.

use engine::endpoint::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

/// Whether a request may go to `url` as far as its text tells; names are checked when they are looked up.
///
/// The URL's own parser has already turned `127.1`, `0x7f000001` and the like into addresses.
pub(super) fn check(url: &Url) -> Result<(), String> {
    if url.scheme() != "https" {
        return Err("the address is not encrypted; use https".into());
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err("the address names no host".into()),
    };
    if is_public(address) { Ok(()) } else { Err(not_public(address)) }
}

/// Looks names up, and refuses those that lead to this machine or this network.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let checked = all_public(found).map_err(io::Error::other)?;
            Ok(Box::new(checked.into_iter()) as Addrs)
        })
    }
}

/// One address inside is enough to refuse: a name that leads to both is either a mistake or an attempt.
fn all_public(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, String> {
    match found.iter().find(|address| !is_public(address.ip())) {
        Some(inside) => Err(not_public(inside.ip())),
        None => Ok(found),
    }
}

fn not_public(address: IpAddr) -> String {
    format!("{address} is not a public address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguised_local_addresses_are_refused() {
        for inside in [
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://017700000001/",
            "https://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest",
            "http://example.com/",
        ] {
            let url = Url::parse(inside).expect("an address");
            assert!(check(&url).is_err(), "{inside}");
        }
        assert_eq!(check(&Url::parse("https://api.example.com/v1").expect("an address")), Ok(()));
    }

    #[test]
    fn one_inside_address_spoils_a_name() {
        let address = |text: &str| SocketAddr::new(text.parse().expect("an address"), 0);
        assert!(all_public(vec![address("93.184.216.34"), address("10.0.0.8")]).is_err());
        assert_eq!(all_public(vec![address("93.184.216.34")]).map(|all| all.len()), Ok(1));
    }
}
