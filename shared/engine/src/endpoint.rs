//! Which store addresses may be called: public ones, over TLS.

use std::net::IpAddr;

/// Whether a store may be reached at `url`.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub fn check(url: &str) -> Result<(), String> {
    let uri: http::Uri = url.parse().map_err(|_| format!("{url:?} is not an address; use https://host/path"))?;
    if uri.scheme_str() != Some("https") {
        return Err(format!("{url:?} is not encrypted; use https, or start serve with --allow-insecure-endpoints"));
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let private = host.parse::<IpAddr>().map_or_else(|_| is_local_name(host), |address| !is_public(address));
    if private {
        return Err(format!(
            "{host:?} is not a public address; start serve with --allow-insecure-endpoints to allow it"
        ));
    }
    Ok(())
}

fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.is_empty()
        || !host.contains('.')
        || [".localhost", ".local", ".internal", ".localdomain"].iter().any(|suffix| host.ends_with(suffix))
}

/// Whether an address is reachable from everywhere: not of this machine, this network, or a reserved range.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let reserved = first == 0
                || first >= 240
                || (first == 192 && second == 0)
                || (first == 198 && (18..20).contains(&second));
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || shared
                || reserved)
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public(IpAddr::V4(mapped)),
            None => {
                let [first, second, ..] = address.segments();
                let local = (first & 0xfe00) == 0xfc00 || (first & 0xffc0) == 0xfe80;
                let documentation = first == 0x2001 && second == 0xdb8;
                !(address.is_loopback() || address.is_unspecified() || address.is_multicast() || local || documentation)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_and_encrypted_addresses_pass() {
        assert_eq!(check("https://api.ecommerceapi.uk/v1"), Ok(()));
        for refused in [
            "http://api.ecommerceapi.uk/v1",
            "https://localhost/v1",
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://db.internal/",
            "ftp://x.y/",
            "nonsense",
        ] {
            assert!(check(refused).is_err(), "{refused}");
        }
    }
}
