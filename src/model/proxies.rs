//! Proxies whose word on a client's address is believed, and the walk along `X-Forwarded-For` that finds that client.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// Networks of trusted proxies. The empty list trusts nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Networks or single addresses, with commas between them; the empty text trusts nobody.
    ///
    /// # Errors
    /// One sentence that names the part which is neither.
    pub fn parse(text: &str) -> Result<Proxies, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| {
            let parsed = part.parse::<IpNet>().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
            parsed
                .map(canonical)
                .ok_or_else(|| format!("{part:?} is no address or network such as 10.0.0.0/8, 192.0.2.7 or fd00::/8"))
        };
        parts.map(network).collect::<Result<_, _>>().map(Proxies)
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is one of theirs.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind `connecting`: from the right of `X-Forwarded-For`, where the nearest proxy writes, the first
    /// address that is no trusted proxy. What is left of an entry that is no address may be invented, so the walk ends
    /// before it. The header of anybody else than a trusted proxy is not looked at.
    #[must_use]
    pub fn client(&self, connecting: IpAddr, forwarded_for: &str) -> IpAddr {
        let mut client = connecting.to_canonical();
        for entry in forwarded_for.rsplit(',') {
            if !self.trusts(client) {
                break;
            }
            let Some(before) = address(entry.trim()) else { break };
            client = before.to_canonical();
        }
        client
    }
}

/// An IPv4 network written as IPv6 is that IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6.addr().to_ipv4_mapped().map(|v4| (v4, v6.prefix_len() - 96)),
        _ => None,
    };
    mapped.and_then(|(v4, length)| IpNet::new(v4.into(), length).ok()).unwrap_or(network)
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let without_port = || entry.rsplit_once(':').filter(|(address, _)| !address.contains(':')).map(|(address, _)| address);
    entry.parse().ok().or_else(|| bare.or_else(without_port)?.parse().ok())
}

impl fmt::Display for Proxies {
    /// The form [`Proxies::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<String> = self.0.iter().map(IpNet::to_string).collect();
        f.write_str(&networks.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, connecting: &str, forwarded_for: &str) -> String {
        Proxies::parse(proxies).unwrap().client(connecting.parse().unwrap(), forwarded_for).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_up_to_the_first_stranger() {
        let inside = "10.0.0.0/8, ::1, fd00::/8";
        for (connecting, forwarded_for, expected) in [
            ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.2.3.4,10.9.9.9", "198.51.100.1"),
            ("10.0.0.1", "192.0.2.66, 198.51.100.1:4711, 10.2.3.4", "198.51.100.1"),
            ("::1", "[2001:db8::17]:443, fd00::3", "2001:db8::17"),
            ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1, unknown, 10.2.3.4", "10.2.3.4"),
            ("10.0.0.1", "10.2.3.4", "10.2.3.4"),
        ] {
            assert_eq!(client(inside, connecting, forwarded_for), expected, "{connecting} {forwarded_for}");
        }
        assert_eq!(client("", "10.0.0.1", "198.51.100.1"), "10.0.0.1");
        assert_eq!(client("::ffff:10.0.0.0/104", "10.0.0.1", "198.51.100.1"), "198.51.100.1");
    }

    #[test]
    fn networks_are_read_as_they_are_written_and_mistakes_are_named() {
        assert_eq!(Proxies::parse("10.0.0.0/8,192.0.2.7").unwrap().to_string(), "10.0.0.0/8,192.0.2.7/32");
        assert!(Proxies::parse(" , ").unwrap().is_empty());
        for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.0/8 fd00::/8"] {
            assert!(Proxies::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
