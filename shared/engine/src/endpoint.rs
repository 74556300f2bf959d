//! Which store addresses may be called: public ones, over TLS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Whether a store may be reached at `url`, as far as its text tells: a name is looked up when it is called.
///
/// The same parser reads it that reads it for the call: `127.1`, `0x7f000001`, `2130706433` and `017700000001` are addresses.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub fn check(url: &str) -> Result<(), String> {
    let read = Url::parse(url).map_err(|_| format!("{url:?} is not an address; use https://host/path"))?;
    if read.scheme() != "https" {
        return Err(format!("{url:?} is not encrypted; use https, or start serve with --allow-insecure-endpoints"));
    }
    let private = match read.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => is_local_name(name),
        None => true,
    };
    if private {
        let host = read.host_str().unwrap_or_default();
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
        IpAddr::V6(address) => match embedded(address) {
            Some(inside) => is_public(IpAddr::V4(inside)),
            None => {
                let [first, second, third, ..] = address.segments();
                let local = (first & 0xfe00) == 0xfc00 || (first & 0xff80) == 0xfe80;
                // documentation and Teredo; translation inside a network; what is thrown away
                let special = first == 0x2001 && matches!(second, 0 | 0xdb8);
                let translated = (first, second, third) == (0x64, 0xff9b, 1);
                !(address.is_multicast() || local || special || translated || first == 0x100)
            }
        },
    }
}

/// The address of version 4 that one of version 6 leads to: mapped, compatible (with `::` and `::1`), behind NAT64 or 6to4,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let (high, low) = match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => (high, low),
        [0x2002, ..] => (b, c),
        _ => return None,
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
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
            "https://shop@127.1/",
            "ftp://x.y/",
            "nonsense",
        ] {
            assert!(check(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn this_machine_is_known_in_every_spelling() {
        for here in [
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0",
            "%31%32%37.1",
            "[::1]",
            "[::]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0::0:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fec0::1]",
            "[fd00::1]",
            "[2001::1]",
            "[64:ff9b:1::1]",
            "localhost",
            "LOCALHOST.",
            "10.1",
            "0xa9fea9fe",
            "192.168.257",
        ] {
            let told = check(&format!("https://{here}/v1")).unwrap_err();
            assert!(told.contains("not a public address"), "{here}: {told}");
        }
        for outside in ["93.184.216.34", "1.1", "[2606:4700::1111]", "[64:ff9b::5db8:d822]", "shop.example.com"] {
            assert_eq!(check(&format!("https://{outside}/v1")), Ok(()), "{outside}");
        }
    }
}
