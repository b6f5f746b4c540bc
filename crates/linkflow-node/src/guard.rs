//! Which addresses nodes may connect to. Rules only: nothing here opens a connection.
//!
//! Every way to write an address counts as what it reaches: an IPv4 address inside an IPv6 one
//! (mapped, NAT64, 6to4) is judged as the IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

/// The rules for connections that nodes open.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Loopback and private addresses are open: one person's own machine.
    allow_private: bool,
    allowed: Vec<Rule>,
    /// Never open, whatever else is said: the server's own database and queue.
    forbidden: Vec<SocketAddr>,
}

/// One entry of `EGRESS_ALLOW`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Network {
        address: IpAddr,
        bits: u8,
    },
    Host(String),
    /// Written `*.example.com`: every name below it.
    Below(String),
}

/// A connection that the rules do not allow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("connecting to {host} is not allowed: {address} is {why}{help}")]
pub struct Blocked {
    pub host: String,
    pub address: IpAddr,
    why: &'static str,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Public,
    Loopback,
    Private,
    /// Closed unless `EGRESS_ALLOW` names it.
    Special(&'static str),
    /// Where clouds hand out a machine's own credentials. Always closed.
    Metadata,
}

impl Guard {
    /// Public addresses only.
    pub fn public_only() -> Guard {
        Guard::default()
    }

    /// Loopback and private addresses too, for a server that only its own machine can reach.
    pub fn own_machine() -> Guard {
        Guard { allow_private: true, ..Guard::default() }
    }

    /// Opens what `list` names besides: addresses, networks such as `10.1.0.0/16`, host names, and
    /// `*.example.com`, separated by commas or spaces.
    pub fn parse(allow_private: bool, list: &str) -> Result<Guard, String> {
        let allowed = list
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(Rule::parse)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Guard { allow_private, allowed, forbidden: Vec::new() })
    }

    /// Closes these addresses for good.
    pub fn forbid(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Guard {
        self.forbidden.extend(addresses);
        self
    }

    /// Whether a connection to `address`, for which `host` was resolved, may be opened.
    pub fn check(&self, host: &str, address: SocketAddr) -> Result<(), Blocked> {
        let ip = canonical(address.ip());
        let blocked = |why, help| Err(Blocked { host: host.to_owned(), address: address.ip(), why, help });
        if self.forbidden.iter().any(|f| f.port() == address.port() && same_machine(canonical(f.ip()), ip)) {
            return blocked("a part of this server itself", "");
        }
        let class = classify(ip);
        if class == Class::Metadata {
            return blocked("an address at which machines find their own credentials", "");
        }
        if self.allowed.iter().any(|rule| rule.covers(host, ip)) {
            return Ok(());
        }
        let help = "; whoever runs this server can open it with EGRESS_ALLOW";
        match class {
            Class::Public | Class::Metadata => Ok(()),
            Class::Loopback | Class::Private if self.allow_private => Ok(()),
            Class::Loopback => blocked("this machine itself", help),
            Class::Private => blocked("a private address", help),
            Class::Special(why) => blocked(why, help),
        }
    }

    /// Whether some address is forbidden on this port.
    pub(crate) fn forbids_on(&self, port: u16) -> bool {
        self.forbidden.iter().any(|f| f.port() == port)
    }

    /// Resolves `host` and gives the addresses that may be connected to, for clients of other
    /// protocols. An error when there are none.
    pub async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> = tokio::net::lookup_host((name, port)).await?.collect();
        self.filter(host, found).map_err(std::io::Error::other)
    }

    /// Those of `addresses` that may be connected to; why the first may not when there are none.
    pub(crate) fn filter(&self, host: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Blocked> {
        let mut open = Vec::with_capacity(addresses.len());
        let mut refused = None;
        for address in addresses {
            match self.check(host, address) {
                Ok(()) => open.push(address),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            Some(why) if open.is_empty() => Err(why),
            _ => Ok(open),
        }
    }
}

impl Rule {
    fn parse(entry: &str) -> Result<Rule, String> {
        let wrong = |problem: &str| Err(format!("EGRESS_ALLOW: \"{entry}\" {problem}"));
        if let Some((address, bits)) = entry.split_once('/') {
            let Ok(address) = address.parse::<IpAddr>() else { return wrong("has no address before the /") };
            let most = if address.is_ipv4() { 32 } else { 128 };
            return match bits.parse::<u8>() {
                Ok(bits) if bits <= most => Ok(Rule::Network { address, bits }),
                _ => wrong(&format!("must have a number from 0 to {most} behind the /")),
            };
        }
        let bare = entry.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            let address = canonical(address);
            return Ok(Rule::Network { address, bits: if address.is_ipv4() { 32 } else { 128 } });
        }
        let name = entry.trim_start_matches("*.").trim_end_matches('.').to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(is_name) {
            return wrong("is no address, no network such as 10.1.0.0/16 and no host name");
        }
        Ok(if entry.starts_with("*.") { Rule::Below(name) } else { Rule::Host(name) })
    }

    fn covers(&self, host: &str, ip: IpAddr) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match self {
            Rule::Network { address, bits } => in_network(ip, *address, *bits),
            Rule::Host(name) => *name == host,
            Rule::Below(name) => host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

fn in_network(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            ip.to_bits() & mask == net.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            ip.to_bits() & mask == net.to_bits() & mask
        }
        _ => false,
    }
}

/// Loopback has many addresses, and all of them reach the same listener when it listens on all.
fn same_machine(a: IpAddr, b: IpAddr) -> bool {
    let local = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    a == b || (local(a) && local(b))
}

/// The address that is reached in the end: IPv4 out of IPv6's forms of it.
fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let s = v6.segments();
    let low = || IpAddr::V4(Ipv4Addr::from_bits(u32::from(s[6]) << 16 | u32::from(s[7])));
    match s {
        // ::ffff:a.b.c.d and ::ffff:0:a.b.c.d
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => low(),
        // NAT64: 64:ff9b::a.b.c.d
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => low(),
        // ::a.b.c.d, but not :: and ::1
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => low(),
        // 6to4: 2002:aabb:ccdd::
        [0x2002, a, b, ..] => IpAddr::V4(Ipv4Addr::from_bits(u32::from(a) << 16 | u32::from(b))),
        _ => ip,
    }
}

fn classify(ip: IpAddr) -> Class {
    match ip {
        IpAddr::V4(ip) => classify_v4(ip),
        IpAddr::V6(ip) => classify_v6(ip),
    }
}

fn classify_v4(ip: Ipv4Addr) -> Class {
    match ip.octets() {
        [169, 254, ..] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => Class::Metadata,
        [127, ..] => Class::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Class::Private,
        [0, ..] => Class::Special("the unspecified address"),
        [100, 64..=127, ..] => Class::Special("an address shared behind a carrier's NAT"),
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => {
            Class::Special("an address of a special purpose")
        }
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Class::Special("an address for documentation")
        }
        [224..=239, ..] => Class::Special("a multicast address"),
        [240..=255, ..] => Class::Special("a reserved address"),
        _ => Class::Public,
    }
}

fn classify_v6(ip: Ipv6Addr) -> Class {
    let s = ip.segments();
    if s == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] || s == [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] {
        return Class::Metadata;
    }
    match s {
        [0xfe80..=0xfebf, ..] => Class::Metadata,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0, ..] => Class::Special("the unspecified address"),
        [0xfc00..=0xfdff, ..] => Class::Private,
        [0xfec0..=0xfeff, ..] => Class::Special("a site-local address"),
        [0xff00..=0xffff, ..] => Class::Special("a multicast address"),
        [0x64, 0xff9b, ..] => Class::Special("an address of a local translator"),
        [0x100, 0, 0, ..] => Class::Special("a discard address"),
        // Teredo and the other addresses of protocols.
        [0x2001, 0..=0x1ff, ..] | [0x5f00, ..] => Class::Special("an address of a special purpose"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Special("an address for documentation"),
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Special("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, open: &[&str], closed: &[&str]) {
        for text in open {
            let address = SocketAddr::new(text.parse().unwrap(), 80);
            assert_eq!(guard.check("host.test", address), Ok(()), "{text}");
        }
        for text in closed {
            let address = SocketAddr::new(text.parse().unwrap(), 80);
            assert!(guard.check("host.test", address).is_err(), "{text} is open");
        }
    }

    #[test]
    fn only_public_addresses_are_open_on_a_server() {
        check(
            &Guard::public_only(),
            &["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"],
            &[
                "127.0.0.1",
                "127.9.9.9",
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "169.254.1.1",
                "0.0.0.0",
                "224.0.0.1",
                "255.255.255.255",
                "198.18.0.1",
                "::1",
                "::",
                "fd12::1",
                "fe80::1",
                "ff02::1",
                "fec0::1",
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "::ffff:0:10.0.0.1",
                "::127.0.0.1",
                "64:ff9b::10.0.0.1",
                "64:ff9b:1::1.1.1.1",
                "2002:7f00:1::",
                "2002:a00:1::1",
                "2001:0:1:2:3:4:5:6",
                "2001:db8::1",
                "4000::1",
            ],
        );
    }

    #[test]
    fn on_ones_own_machine_private_and_loopback_are_open_and_metadata_is_not() {
        check(
            &Guard::own_machine(),
            &["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd12::1", "1.1.1.1", "::ffff:10.0.0.1"],
            &[
                "169.254.169.254",
                "::ffff:169.254.169.254",
                "64:ff9b::169.254.169.254",
                "fd00:ec2::254",
                "fe80::1",
                "100.100.100.200",
                "168.63.129.16",
                "100.64.0.1",
                "0.0.0.0",
            ],
        );
    }

    #[test]
    fn an_operator_opens_addresses_networks_and_names() {
        let guard = Guard::parse(false, "10.1.0.0/16, 192.168.5.5 fd00:1::/32 169.254.0.0/16 [::1]").unwrap();
        check(
            &guard,
            &["10.1.2.3", "192.168.5.5", "fd00:1::9", "::1", "::ffff:10.1.2.3"],
            &["10.2.0.1", "192.168.5.6", "fd00:2::9", "127.0.0.1", "169.254.169.254"],
        );
        let guard = Guard::parse(false, "Wiki.Internal,*.corp.test").unwrap();
        let private = SocketAddr::from(([10, 0, 0, 1], 80));
        for name in ["wiki.internal", "wiki.internal.", "a.corp.test", "a.b.corp.test"] {
            assert_eq!(guard.check(name, private), Ok(()), "{name}");
        }
        for name in ["wiki.internal.evil.test", "evilcorp.test", "corp.test", "10.0.0.1"] {
            assert!(guard.check(name, private).is_err(), "{name} is open");
        }
        check(&Guard::parse(false, "0.0.0.0/0 ::/0").unwrap(), &["10.0.0.1", "::1"], &["169.254.169.254"]);
    }

    #[test]
    fn the_servers_own_database_stays_closed_whatever_is_opened() {
        let guard = Guard::parse(true, "127.0.0.0/8").unwrap().forbid([([127, 0, 0, 1], 5432).into()]);
        for ip in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            assert!(guard.check("db", SocketAddr::new(ip.parse().unwrap(), 5432)).is_err(), "{ip}");
        }
        assert_eq!(guard.check("db", ([127, 0, 0, 1], 8080).into()), Ok(()));
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for (list, part) in [
            ("10.0.0.0/33", "0 to 32"),
            ("ten/8", "before the /"),
            ("http://x", "\"http://x\" has no address"),
            ("a b!c", "no host name"),
        ] {
            let problem = Guard::parse(false, list).unwrap_err();
            assert!(problem.contains(part) && problem.starts_with("EGRESS_ALLOW"), "{problem}");
        }
    }
}
