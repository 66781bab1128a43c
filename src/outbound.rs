//! Where this server may send requests to: addresses that somebody else has named must not lead into the network that the
//! server stands in.
//!
//! **Invariant.** What counts is the address that a connection is made to. A name is looked up once, here, and what is connected
//! to is what was found good, so a name that points elsewhere a moment later changes nothing. An address that stands in the URL
//! itself is never looked up, so it is judged before ([`Reach::refuses`]). Redirects and proxies would be ways around both: a
//! client that uses this follows no redirect and knows no proxy.
//!
//! A leaf: it knows nothing of who sends what.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// How far requests may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere.
    Anywhere,
    /// To this machine and to private networks too, but not to addresses of the link: there, clouds keep their credentials.
    Private,
    /// Only to addresses of the public internet.
    Public,
}

impl Reach {
    /// Why a request to this URL is refused before any name is looked up; `None` when it is not.
    pub fn refuses(self, url: &Url) -> Option<String> {
        let address = match url.host()? {
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
            // A name that is not there tells nothing; this one always means the machine itself.
            Host::Domain(name) if name == "localhost" || name.ends_with(".localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Host::Domain(_) => return None,
        };
        (!self.includes(address)).then(|| format!("{} {}", url.host_str().unwrap_or_default(), self.out_of_reach()))
    }

    fn includes(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Private => is_public(address) || is_private(address),
            Self::Public => is_public(address),
        }
    }

    /// What is said of an address that is out of reach.
    const fn out_of_reach(self) -> &'static str {
        match self {
            Self::Anywhere | Self::Private => "is no address that requests may go to",
            Self::Public => "is not an address of the public internet",
        }
    }
}

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| reach.includes(address.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{} {}", name.as_str(), reach.out_of_reach()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is this machine's or one of a private network.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private(IpAddr::V4(mapped)),
            None => address.is_loopback() || address.is_unique_local(),
        },
    }
}

/// Whether an address is one of the public internet: not of a private network, of this machine, of this link, of a carrier's
/// inside, of documentation, or of no single machine.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // "This network"; inside of a carrier; protocol assignments; measurements; multicast, reserved and broadcast.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 224;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // An IPv4 address in another dress: mapped, translated (NAT64), tunnelled (6to4).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => v4(high, low),
        // Documentation, and Teredo, whose address is scrambled.
        [0x2001, 0xdb8 | 0, ..] => false,
        // All of the public internet so far.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for address in ["1.1.1.1", "93.184.216.34", "100.128.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2002:101:101::", "64:ff9b::101:101"]
        {
            assert!(public(address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001:0:1::1",
            "::7f00:1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn addresses_in_urls_are_judged_however_they_are_written() {
        let refused = |text: &str| Reach::Public.refuses(&text.parse().unwrap()).is_some();
        for url in
            ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]:8080/x", "http://LOCALHOST/"]
        {
            assert!(refused(url), "{url}");
            assert_eq!(Reach::Anywhere.refuses(&url.parse().unwrap()), None);
        }
        assert!(!refused("https://hooks.example.com/x") && !refused("https://1.1.1.1/"));
    }

    #[test]
    fn who_may_reach_private_networks_may_not_reach_the_link() {
        let refused = |text: &str| Reach::Private.refuses(&text.parse().unwrap()).is_some();
        for url in ["http://127.0.0.1/", "http://10.0.0.1/", "http://[::1]/", "http://[fd12::1]/", "http://[::ffff:192.168.0.1]/", "https://1.1.1.1/"]
        {
            assert!(!refused(url), "{url}");
        }
        for url in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://0.0.0.0/", "http://255.255.255.255/"]
        {
            assert!(refused(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(Reach::Public.resolve(name()).await.is_err());
        assert!(Reach::Anywhere.resolve(name()).await.is_ok_and(|mut found| found.any(|address| address.ip().is_loopback())));
    }
}
