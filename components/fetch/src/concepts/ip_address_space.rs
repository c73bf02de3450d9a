//! IP address spaces.

use std::net::IpAddr;

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
    pub fn of(address: IpAddr) -> IpAddressSpace {
        match address {
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => IpAddressSpace::of(IpAddr::V4(mapped)),
                None if address.is_loopback() => IpAddressSpace::Loopback,
                None if address.is_unique_local() || address.is_unicast_link_local() => IpAddressSpace::Local,
                None => IpAddressSpace::Public,
            },
            IpAddr::V4(address) if address.is_loopback() => IpAddressSpace::Loopback,
            IpAddr::V4(address) => {
                let [a, b, ..] = address.octets();
                let carrier_grade = a == 100 && (64..128).contains(&b);
                if address.is_private() || address.is_link_local() || carrier_grade {
                    IpAddressSpace::Local
                } else {
                    IpAddressSpace::Public
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fall_into_their_space() {
        for (address, space) in [
            ("127.0.0.9", IpAddressSpace::Loopback),
            ("::1", IpAddressSpace::Loopback),
            ("::ffff:127.0.0.1", IpAddressSpace::Loopback),
            ("10.1.2.3", IpAddressSpace::Local),
            ("100.64.0.1", IpAddressSpace::Local),
            ("169.254.1.1", IpAddressSpace::Local),
            ("fe80::1", IpAddressSpace::Local),
            ("fd00::1", IpAddressSpace::Local),
            ("1.1.1.1", IpAddressSpace::Public),
            ("2606:4700::1", IpAddressSpace::Public),
        ] {
            assert_eq!(IpAddressSpace::of(address.parse().unwrap()), space, "{address}");
        }
    }
}
