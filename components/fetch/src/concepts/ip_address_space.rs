//! IP address spaces.

use std::net::{IpAddr, Ipv6Addr};

use super::keyword::keywords;

keywords! {
    /// How far an address reaches.
    ///
    /// <https://wicg.github.io/local-network-access/#ip-address-space>
    IpAddressSpace {
        /// This machine.
        Loopback = "loopback",
        /// The network around it.
        Local = "local",
        /// Everywhere.
        Public = "public",
    }
}

impl IpAddressSpace {
    /// The space of an address.
    ///
    /// <https://wicg.github.io/local-network-access/#determine-the-ip-address-space>
    pub fn of(address: IpAddr) -> IpAddressSpace {
        match address {
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => IpAddressSpace::of(IpAddr::V4(mapped)),
                None => IpAddressSpace::of_v6(address),
            },
            IpAddr::V4(address) => match address.octets() {
                // The null address, which some systems take for this machine.
                [127, ..] | [198, 18 | 19, ..] | [0, 0, 0, 0] => IpAddressSpace::Loopback,
                [0 | 10, ..] | [192, 168, ..] | [169, 254, ..] => IpAddressSpace::Local,
                [100, 64..=127, ..] | [172, 16..=31, ..] => IpAddressSpace::Local,
                _ => IpAddressSpace::Public,
            },
        }
    }

    fn of_v6(address: Ipv6Addr) -> IpAddressSpace {
        if address.is_loopback() || address.is_unspecified() {
            return IpAddressSpace::Loopback;
        }
        let [first, second, ..] = address.segments();
        let is_local = first & 0xfe00 == 0xfc00
            // Link-local and, as it once was, site-local.
            || first & 0xff80 == 0xfe80
            // For documentation.
            || (first, second) == (0x2001, 0x0db8)
            || (first == 0x3fff && second < 0x1000);
        if is_local { IpAddressSpace::Local } else { IpAddressSpace::Public }
    }

    /// <https://wicg.github.io/local-network-access/#ip-address-space-less-public>
    pub fn is_less_public_than(self, other: IpAddressSpace) -> bool {
        let rank = |space| match space {
            IpAddressSpace::Loopback => 0,
            IpAddressSpace::Local => 1,
            IpAddressSpace::Public => 2,
        };
        rank(self) < rank(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fall_into_their_space() {
        for (address, space) in [
            ("127.0.0.9", IpAddressSpace::Loopback),
            ("0.0.0.0", IpAddressSpace::Loopback),
            ("198.19.0.1", IpAddressSpace::Loopback),
            ("::1", IpAddressSpace::Loopback),
            ("::", IpAddressSpace::Loopback),
            ("::ffff:127.0.0.1", IpAddressSpace::Loopback),
            ("0.1.2.3", IpAddressSpace::Local),
            ("10.1.2.3", IpAddressSpace::Local),
            ("172.31.0.1", IpAddressSpace::Local),
            ("192.168.0.1", IpAddressSpace::Local),
            ("::ffff:192.168.0.1", IpAddressSpace::Local),
            ("100.64.0.1", IpAddressSpace::Local),
            ("169.254.1.1", IpAddressSpace::Local),
            ("fe80::1", IpAddressSpace::Local),
            ("fec0::1", IpAddressSpace::Local),
            ("fd00::1", IpAddressSpace::Local),
            ("2001:db8::1", IpAddressSpace::Local),
            ("3fff:fff::1", IpAddressSpace::Local),
            ("1.1.1.1", IpAddressSpace::Public),
            ("172.32.0.1", IpAddressSpace::Public),
            ("198.20.0.1", IpAddressSpace::Public),
            ("2606:4700::1", IpAddressSpace::Public),
            ("3fff:1000::1", IpAddressSpace::Public),
        ] {
            assert_eq!(IpAddressSpace::of(address.parse().unwrap()), space, "{address}");
        }
        assert!(IpAddressSpace::Loopback.is_less_public_than(IpAddressSpace::Local));
        assert!(!IpAddressSpace::Public.is_less_public_than(IpAddressSpace::Public));
    }
}
