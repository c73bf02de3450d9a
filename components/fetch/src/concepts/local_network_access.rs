//! Local Network Access: a public page reaches this machine and the network around it only if the user lets it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;

use super::connection::ConnectionCheck;
use super::ip_address_space::IpAddressSpace;
use super::origin::{Host, is_origin_potentially_trustworthy, same_origin};
use super::request::{Request, RequestPolicyContainer};
use crate::NetworkError;
use crate::environment::EnvironmentSettings;
use crate::services::Services;

/// A powerful feature that a page needs for its local network requests.
///
/// <https://wicg.github.io/local-network-access/#permissions>
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LocalNetworkFeature {
    /// The network around this machine.
    LocalNetwork,
    /// This machine itself.
    LoopbackNetwork,
}

impl LocalNetworkFeature {
    /// The name of its permission.
    pub const fn as_str(self) -> &'static str {
        match self {
            LocalNetworkFeature::LocalNetwork => "local-network",
            LocalNetworkFeature::LoopbackNetwork => "loopback-network",
        }
    }
}

/// Decides whether an environment may reach local addresses; asks the user if it has to. Without one nobody may.
pub trait LocalNetworkPermission: Send + Sync + 'static {
    /// Whether it may.
    fn request(
        &self,
        client: Arc<EnvironmentSettings>,
        feature: LocalNetworkFeature,
    ) -> BoxFuture<'static, bool>;
}

/// What a URL says by itself about where it leads, if the caller has not said it.
///
/// <https://wicg.github.io/local-network-access/#fetching>
pub(crate) fn set_target_ip_address_space(request: &mut Request) {
    if request.target_ip_address_space.is_some() {
        return;
    }
    let space =
        |address: IpAddr| Some(IpAddressSpace::of(address)).filter(|space| *space == IpAddressSpace::Local);
    request.target_ip_address_space = match request.url().host() {
        Some(Host::Ipv4(address)) => space(address.into()),
        Some(Host::Ipv6(address)) => space(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name.ends_with(".local").then_some(IpAddressSpace::Local)
        }
        None => None,
    };
}

/// What is asked once it is known where a connection leads, and before anything is sent over it; nothing if the request may go
/// everywhere.
pub(crate) fn connection_check(request: &Request, services: &Services) -> Option<ConnectionCheck> {
    let subject = Subject::of(request, services)?;
    let services = services.clone();
    Some(Arc::new(move |address: SocketAddr| {
        let (subject, services) = (subject.clone(), services.clone());
        Box::pin(async move { subject.local_network_access_check(address.ip(), &services).await })
    }))
}

/// What the check looks at.
#[derive(Clone)]
struct Subject {
    client: Option<Arc<EnvironmentSettings>>,
    space: IpAddressSpace,
    target: Option<IpAddressSpace>,
}

impl Subject {
    fn of(request: &Request, services: &Services) -> Option<Subject> {
        if !services.checks_local_network_access() {
            return None;
        }
        let origin = request.resolved_origin();
        // 2. NOTE: a name that was rebound is still the same origin, but its new address cannot prove that it is it.
        if is_origin_potentially_trustworthy(&origin) && same_origin(&origin, &request.current_url().origin())
        {
            return None;
        }
        // DEVIATION: a policy container whose space nobody has stated is not taken for a public one; embedders that make their
        // environments themselves would else find their own machine closed to them.
        let space = policy_space(request)?;
        Some(Subject { client: request.client.clone(), space, target: request.target_ip_address_space })
    }

    /// <https://wicg.github.io/local-network-access/#local-network-access-check>
    async fn local_network_access_check(
        &self,
        address: IpAddr,
        services: &Services,
    ) -> Result<(), NetworkError> {
        // 1.
        let address_space = IpAddressSpace::of(address);
        // 4. The caller has said where it leads.
        // DEVIATION: the standard lets it pass then without asking anybody, while its own prose has the permission checked; so
        // do we.
        if let Some(target) = self.target
            && target != address_space
        {
            return Err(NetworkError::LocalNetworkAccess { space: address_space });
        }
        // 5.
        if !address_space.is_less_public_than(self.space) {
            return Ok(());
        }
        let refusal = NetworkError::LocalNetworkAccess { space: address_space };
        // 5.2. Only secure contexts.
        let Some(client) = self.client.clone().filter(|client| client.secure_context) else {
            return Err(refusal);
        };
        // 5.4.
        let feature = match address_space {
            IpAddressSpace::Loopback => LocalNetworkFeature::LoopbackNetwork,
            IpAddressSpace::Local | IpAddressSpace::Public => LocalNetworkFeature::LocalNetwork,
        };
        // 5.9. A permissions policy may keep it from the document.
        if client.refuses_feature(feature.as_str()) {
            return Err(refusal);
        }
        // 5.10.–5.13. NOTE: whether there is a document to ask for, the permission knows by the client.
        match services.local_network_permission().request(client, feature).await {
            true => Ok(()),
            false => Err(refusal),
        }
    }
}

/// The space that the request's document came from, if that is known.
pub(super) fn policy_space(request: &Request) -> Option<IpAddressSpace> {
    match (&request.policy_container, &request.client) {
        (RequestPolicyContainer::Container(container), _) => container.ip_address_space,
        (RequestPolicyContainer::Client, Some(client)) => client.policy_container.ip_address_space,
        (RequestPolicyContainer::Client, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn target(url: &str) -> Option<IpAddressSpace> {
        let mut request = Request::new(Url::parse(url).unwrap());
        set_target_ip_address_space(&mut request);
        request.target_ip_address_space
    }

    #[test]
    fn some_urls_say_that_they_lead_to_the_local_network() {
        assert_eq!(target("http://192.168.1.1/"), Some(IpAddressSpace::Local));
        assert_eq!(target("http://printer.local./"), Some(IpAddressSpace::Local));
        for none in ["http://127.0.0.1/", "http://a.example/", "http://notlocal/", "http://1.1.1.1/"] {
            assert_eq!(target(none), None, "{none}");
        }
    }

    fn request(page_space: Option<IpAddressSpace>, page: &str, url: &str) -> Request {
        let mut client = EnvironmentSettings::for_url(Url::parse(page).unwrap());
        client.policy_container.ip_address_space = page_space;
        let mut request = Request::new(Url::parse(url).unwrap());
        request.client = Some(client.into_shared());
        request
    }

    struct Always(bool);

    impl LocalNetworkPermission for Always {
        fn request(&self, _: Arc<EnvironmentSettings>, _: LocalNetworkFeature) -> BoxFuture<'static, bool> {
            Box::pin(std::future::ready(self.0))
        }
    }

    async fn passes(request: &Request, address: &str, granted: bool) -> bool {
        let services =
            crate::services::tests::unconnected().with_local_network_permission(Arc::new(Always(granted)));
        match connection_check(request, &services) {
            Some(check) => check(SocketAddr::new(address.parse().unwrap(), 80)).await.is_ok(),
            None => true,
        }
    }

    #[tokio::test]
    async fn only_the_less_public_needs_a_permission() {
        let public = Some(IpAddressSpace::Public);
        let page = "https://a.example/";
        let plain = request(public, page, "https://b.example/");
        assert!(passes(&plain, "93.184.216.34", false).await);
        assert!(!passes(&plain, "10.0.0.1", false).await && passes(&plain, "10.0.0.1", true).await);
        assert!(!passes(&plain, "127.0.0.1", false).await);
        let local = request(Some(IpAddressSpace::Local), page, "https://b.example/");
        assert!(passes(&local, "10.0.0.1", false).await && !passes(&local, "::1", false).await);
        assert!(passes(&request(None, page, "https://b.example/"), "127.0.0.1", false).await);
        // A page that TLS vouches for may always come back to its own server; any other may have been bound to another address.
        assert!(passes(&request(public, page, page), "127.0.0.1", false).await);
        let rebound = request(public, "http://a.example/", "http://a.example/");
        assert!(!passes(&rebound, "127.0.0.1", true).await);
    }

    #[tokio::test]
    async fn a_stated_target_has_to_be_true() {
        let mut stated = request(Some(IpAddressSpace::Public), "https://a.example/", "http://b.local/");
        stated.target_ip_address_space = Some(IpAddressSpace::Local);
        assert!(passes(&stated, "10.0.0.1", true).await && !passes(&stated, "10.0.0.1", false).await);
        assert!(!passes(&stated, "93.184.216.34", true).await);
        let services = crate::services::tests::unconnected().with_local_network_access_checks(false);
        assert!(connection_check(&stated, &services).is_none());
    }
}
