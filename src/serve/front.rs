//! What stands in front of the server: a path under which a proxy mounts it, and proxies that say who the client is.

use std::net::IpAddr;

use hyper::Uri;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;

use super::auth::Trust;
use super::call::header_text;
use crate::model::{PersonName, Proxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies in front of a server, and where they mount it.
#[derive(Clone, Debug, Default)]
pub struct Front {
    pub proxies: Proxies,
    /// Empty, or `/path` without a slash at its end.
    base_path: String,
    /// Where a trusted proxy says whom it has signed in.
    sign_in_header: Option<HeaderName>,
}

impl Front {
    /// A front with the server mounted at a path; `/` is none.
    #[must_use]
    pub fn new(proxies: Proxies, base_path: &str) -> Front {
        let base = base_path.trim_matches('/');
        Front { proxies, base_path: if base.is_empty() { String::new() } else { format!("/{base}") }, sign_in_header: None }
    }

    /// With a header in which trusted proxies name whom they have signed in; one that cannot be a header's name is none.
    #[must_use]
    pub fn with_sign_in_header(mut self, name: Option<&str>) -> Front {
        self.sign_in_header = name.and_then(|name| HeaderName::try_from(name).ok());
        self
    }

    /// What links begin with: empty, or `/path`.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// Takes the base path off a request. A proxy may have done that already, so paths without it are served as well.
    pub fn localize(&self, head: &mut Parts) {
        if self.base_path.is_empty() {
            return;
        }
        let local = head.uri.path_and_query().and_then(|asked| asked.as_str().strip_prefix(&self.base_path));
        let local = match local {
            Some(rest) if rest.is_empty() || rest.starts_with('?') => format!("/{rest}"),
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            _ => return,
        };
        if let Ok(uri) = local.parse::<Uri>() {
            head.uri = uri;
        }
    }

    /// Puts the base path in front of where an answer leads.
    pub fn mount(&self, headers: &mut [(HeaderName, HeaderValue)]) {
        if self.base_path.is_empty() {
            return;
        }
        for (_, value) in headers.iter_mut().filter(|(name, _)| *name == header::LOCATION) {
            let mounted =
                |path: &str| path.strip_prefix(&self.base_path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            let local = value.to_str().ok().filter(|path| path.starts_with('/') && !path.starts_with("//") && !mounted(path));
            if let Some(Ok(mounted)) = local.map(|path| HeaderValue::try_from(format!("{}{path}", self.base_path))) {
                *value = mounted;
            }
        }
    }

    /// The client's address: whoever connected, or whom trusted proxies name. The owner has none.
    #[must_use]
    pub fn client(&self, head: &Parts, trust: Trust) -> Option<IpAddr> {
        let Trust::Network(peer) = trust else { return None };
        let lines = head.headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let forwarded_for: Vec<&str> = lines.collect();
        Some(self.proxies.client(peer, &forwarded_for.join(",")))
    }

    /// Whom a trusted proxy has signed in, by the header that was named for that.
    #[must_use]
    pub fn signed_in(&self, head: &Parts, trust: Trust) -> Option<PersonName> {
        let name = self.sign_in_header.as_ref().filter(|_| self.is_proxied(trust))?;
        // Two of them would leave open whose word counts.
        let mut values = head.headers.get_all(name).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        PersonName::parse(value.to_str().ok()?.trim())
    }

    /// Whether a request came from a trusted proxy.
    #[must_use]
    pub fn is_proxied(&self, trust: Trust) -> bool {
        matches!(trust, Trust::Network(peer) if self.proxies.trusts(peer))
    }

    /// Whether nobody between the browser and us can read what is sent: by TLS, or without leaving this machine.
    #[must_use]
    pub fn is_private(&self, head: &Parts, trust: Trust) -> bool {
        self.is_https(head, trust) || self.client(head, trust).is_none_or(|client| client.to_canonical().is_loopback())
    }

    /// Whether the client came by TLS, as far as a trusted proxy or the browser itself tells.
    #[must_use]
    pub fn is_https(&self, head: &Parts, trust: Trust) -> bool {
        let by_proxy = self.is_proxied(trust) && header_text(head, X_FORWARDED_PROTO) == Some("https");
        by_proxy || header_text(head, header::ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = hyper::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_base_path_is_taken_off_and_put_on() {
        let front = Front::new(Proxies::default(), "stats/");
        for (asked, local) in [
            ("/stats/models/a/b/stats?days=1", "/models/a/b/stats?days=1"),
            ("/stats", "/"),
            ("/stats?x=1", "/?x=1"),
            ("/statsx", "/statsx"),
            ("/healthz", "/healthz"),
        ] {
            let mut head = head(asked, &[]);
            front.localize(&mut head);
            assert_eq!(head.uri.to_string(), local);
        }
        let mut headers = vec![(header::LOCATION, HeaderValue::from_static("/login"))];
        front.mount(&mut headers);
        assert_eq!(headers[0].1, "/stats/login");
        assert_eq!(Front::new(Proxies::default(), "/").base_path(), "");
    }

    #[test]
    fn clients_and_people_are_those_that_trusted_proxies_name() {
        let front = Front::new(Proxies::parse("10.0.0.0/8").unwrap(), "").with_sign_in_header(Some("Remote-User"));
        let (near, far) = (Trust::Network([10, 0, 0, 1].into()), Trust::Network([203, 0, 113, 9].into()));
        let asked = head("/", &[("x-forwarded-for", "192.0.2.66"), ("x-forwarded-for", "198.51.100.1"), ("remote-user", "ada")]);
        assert_eq!(front.client(&asked, near).unwrap().to_string(), "198.51.100.1");
        assert_eq!(front.client(&asked, far).unwrap().to_string(), "203.0.113.9");
        assert_eq!(front.client(&asked, Trust::Owner), None);
        assert_eq!(front.signed_in(&asked, near).unwrap().as_str(), "ada");
        assert_eq!(front.signed_in(&asked, far), None);
        let twice = head("/", &[("remote-user", "ada"), ("remote-user", "root")]);
        assert_eq!(front.signed_in(&twice, near), None);
    }

    #[test]
    fn only_trusted_proxies_tell_of_tls() {
        let front = Front::new(Proxies::parse("10.0.0.0/8").unwrap(), "");
        let network = |address: &str| Trust::Network(address.parse().unwrap());
        let asked =
            head("/", &[("x-forwarded-for", "192.0.2.66"), ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https")]);
        assert!(front.is_https(&asked, network("10.0.0.1")) && !front.is_https(&asked, network("203.0.113.9")));
    }
}
