//! Proxies by fixed rules, as command-line programs read them from the environment.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use hyper_util::client::proxy::matcher::Matcher;

use super::{Proxy, ProxyParseError, ProxyResolver, ProxyTarget, Route, authority};
use crate::pool_key::Scheme;

/// One proxy for `http:`, one for `https:`, and hosts that need none. This machine itself is reached without a proxy, unless
/// [`ProxyRules::with_loopback`] says otherwise: a proxy that answered for `localhost` would pass for something trustworthy.
#[derive(Clone, Default)]
pub struct ProxyRules {
    http: Option<Proxy>,
    https: Option<Proxy>,
    bypass: Option<Arc<Matcher>>,
    loopback: bool,
}

impl ProxyRules {
    /// No proxies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the proxy for `http:`.
    pub fn with_http(mut self, proxy: Proxy) -> Self {
        self.http = Some(proxy);
        self
    }

    /// Sets the proxy for `https:`.
    pub fn with_https(mut self, proxy: Proxy) -> Self {
        self.https = Some(proxy);
        self
    }

    /// Names hosts that need no proxy: domains (with all below them), addresses and networks (`192.0.2.0/24`), separated by commas;
    /// `*` is every host.
    pub fn without_proxy_for(mut self, hosts: &str) -> Self {
        // The matcher has a list of exceptions and something they are exceptions from; only the list is used.
        self.bypass = Some(Arc::new(Matcher::builder().all("http://proxy.invalid").no(hosts).build()));
        self
    }

    /// Also reaches this machine through the proxies.
    pub fn with_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, each in either case.
    pub fn from_environment() -> Result<Self, ProxyParseError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`ProxyRules::from_environment`], with the variables from elsewhere.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyParseError> {
        // Under CGI the variable `HTTP_PROXY` is a header of the request that is being served.
        let under_cgi = variable("REQUEST_METHOD").is_some();
        let either = |name: &str| {
            let upper = (!(under_cgi && name == "http_proxy")).then(|| variable(&name.to_ascii_uppercase()));
            variable(name).or(upper.flatten()).filter(|value| !value.trim().is_empty())
        };
        let proxy = |name: &str| match either(name).or_else(|| either("all_proxy")) {
            Some(text) => Proxy::parse(&text).map(Some),
            None => Ok(None),
        };
        let rules =
            ProxyRules { http: proxy("http_proxy")?, https: proxy("https_proxy")?, ..Self::default() };
        Ok(match either("no_proxy") {
            Some(hosts) => rules.without_proxy_for(&hosts),
            None => rules,
        })
    }

    /// The proxy for a target.
    pub fn proxy_for(&self, target: &ProxyTarget) -> Option<&Proxy> {
        let proxy = match target.scheme {
            Scheme::Http => self.http.as_ref()?,
            Scheme::Https => self.https.as_ref()?,
        };
        let bypassed = (!self.loopback && is_loopback(&target.host))
            || self.bypass.as_ref().is_some_and(|bypass| {
                let host = target.host.strip_suffix('.').unwrap_or(&target.host);
                let uri = format!("{}://{}/", target.scheme.as_str(), authority(host, target.port));
                // A host that is no URI's matches no rule.
                uri.parse().is_ok_and(|uri| bypass.intercept(&uri).is_none())
            });
        (!bypassed).then_some(proxy)
    }
}

fn is_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

impl ProxyResolver for ProxyRules {
    fn routes(&self, target: &ProxyTarget) -> BoxFuture<'static, Vec<Route>> {
        let route = self.proxy_for(target).map_or(Route::Direct, |proxy| Route::Proxy(proxy.clone()));
        Box::pin(std::future::ready(vec![route]))
    }
}

impl fmt::Debug for ProxyRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRules")
            .field("http", &self.http)
            .field("https", &self.https)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(variables: &[(&str, &str)]) -> ProxyRules {
        let find = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        ProxyRules::from_variables(find).expect("sound proxies")
    }

    fn chosen(rules: &ProxyRules, scheme: Scheme, host: &str) -> Option<String> {
        let target = ProxyTarget { scheme, host: host.to_owned(), port: scheme.default_port() };
        rules.proxy_for(&target).map(ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_stands_in() {
        let both = rules(&[("http_proxy", "a:1"), ("ALL_PROXY", "socks5://b:2")]);
        assert_eq!(chosen(&both, Scheme::Http, "x.test").as_deref(), Some("http://a:1"));
        assert_eq!(chosen(&both, Scheme::Https, "x.test").as_deref(), Some("socks5://b:2"));
        assert_eq!(chosen(&rules(&[("HTTPS_PROXY", " ")]), Scheme::Https, "x.test"), None);
        assert!(ProxyRules::from_variables(|_| Some("gopher://a".to_owned())).is_err());
    }

    #[test]
    fn a_request_header_under_cgi_is_no_proxy() {
        let cgi = rules(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil:1")]);
        assert_eq!(chosen(&cgi, Scheme::Http, "x.test"), None);
    }

    #[test]
    fn exceptions_and_this_machine_need_no_proxy() {
        let list = "example.com, .inner.test,192.0.2.0/24,2001:db8::1";
        let rules = rules(&[("all_proxy", "p"), ("NO_PROXY", list)]);
        for host in [
            "example.com",
            "EXAMPLE.com.",
            "a.example.com",
            "b.inner.test",
            "192.0.2.9",
            "2001:db8::1",
            "localhost",
            "a.localhost.",
            "127.9.9.9",
            "::1",
        ] {
            assert_eq!(chosen(&rules, Scheme::Http, host), None, "{host}");
        }
        for host in ["notexample.com", "example.com.evil.test", "192.0.3.1", "2001:db8::2"] {
            assert!(chosen(&rules, Scheme::Https, host).is_some(), "{host}");
        }
        assert!(chosen(&rules.clone().with_loopback(), Scheme::Http, "127.0.0.1").is_some());
        assert_eq!(chosen(&rules.without_proxy_for("*"), Scheme::Http, "x.test"), None);
    }
}
