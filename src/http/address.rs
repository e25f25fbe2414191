//! Where a tenant lives, and what may be asked for there.

use reqwest::Url;

use crate::http::error::{HttpError, path_of};

/// Scheme, host, port and, where the product is served below one, a path.
#[derive(Clone, Debug)]
pub struct Address {
    root: Url,
    /// The path before every target, without the slash at its end.
    prefix: String,
}

impl Address {
    /// Reads the URL of a tenant.
    ///
    /// # Errors
    /// [`HttpError::Address`] for anything but `http` or `https` with a host, and for a URL that
    /// carries a user, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let wrong = |what| HttpError::Address { what };
        let root = Url::parse(text.trim()).map_err(|_| wrong("it is not a URL"))?;
        if !matches!(root.scheme(), "http" | "https") {
            return Err(wrong("it is neither http nor https"));
        }
        if !root.has_host() {
            return Err(wrong("it names no host"));
        }
        if !root.username().is_empty() || root.password().is_some() {
            return Err(wrong("it holds a user or a password, which belong into `auth`"));
        }
        if root.query().is_some() || root.fragment().is_some() {
            return Err(wrong("it holds a query or a fragment"));
        }
        let prefix = root.path().trim_end_matches('/').to_owned();
        Ok(Self { root, prefix })
    }

    /// Host and port, for people.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.root.host_str().unwrap_or_default();
        self.root.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The scheme, host and port, as one text.
    #[must_use]
    pub fn origin(&self) -> String {
        self.root.origin().ascii_serialization()
    }

    /// True if tokens and bodies would cross a network in clear.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        self.root.scheme() == "http" && !self.is_loopback()
    }

    /// True if the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.root.host_str().unwrap_or_default())
    }

    /// True for `https`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.root.scheme() == "https"
    }

    /// The URL itself, for an address that is a whole endpoint.
    pub(crate) fn whole(&self) -> Url {
        self.root.clone()
    }

    /// The URL of a target: a path from the tenant's root, and a query.
    ///
    /// # Errors
    /// [`HttpError::Path`] where reading the text as a URL would change the path. An id of `..`
    /// would, however it is encoded.
    pub(crate) fn url(&self, target: &str) -> Result<Url, HttpError> {
        let refused = || HttpError::Path { path: path_of(target) };
        if !target.starts_with('/') {
            return Err(refused());
        }
        let path = format!("{}{}", self.prefix, target.split('?').next().unwrap_or_default());
        let text = format!("{}{}{target}", self.origin(), self.prefix);
        let url = Url::parse(&text).map_err(|_| refused())?;
        let same = url.path() == path && url.origin() == self.root.origin() && url.fragment().is_none();
        if same { Ok(url) } else { Err(refused()) }
    }

    /// The target that a link names, as seen from the page that held it. Its host is not looked
    /// at: a tenant behind a proxy gives links to the vendor's own host, which we never call.
    ///
    /// # Errors
    /// [`HttpError::Path`] where it is no link.
    pub fn target_of(&self, page: &str, link: &str) -> Result<String, HttpError> {
        let refused = || HttpError::Path { path: path_of(link) };
        let url = self.url(page)?.join(link).map_err(|_| refused())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused());
        }
        let path = url.path();
        let inner = path.strip_prefix(&self.prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        Ok(url.query().map_or_else(|| inner.to_owned(), |query| format!("{inner}?{query}")))
    }
}

/// A target with further query parameters, encoded.
#[must_use]
pub fn with_query(target: &str, pairs: &[(&str, String)]) -> String {
    let mut out = target.to_owned();
    for (name, value) in pairs {
        out.push(if out.contains('?') { '&' } else { '?' });
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

/// Encodes all but RFC 3986's unreserved characters.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
}

/// Whether a host, as it stands in a URL, is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        for text in
            ["acme", "ftp://h", "https://u:p@h", "https://u@h", "https://h?x=1", "https://h/#a", "file:///x"]
        {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
        assert!(Address::parse("http://127.0.0.1:8080/auth/").is_ok());
    }

    #[test]
    fn a_target_stays_below_the_root() {
        let address = Address::parse("https://idp.example/auth/").unwrap();
        let url = address.url("/admin/a%2Fb?x=1").unwrap();
        assert_eq!(url.as_str(), "https://idp.example/auth/admin/a%2Fb?x=1");
        for target in ["/a/../b", "/a/%2E%2E/b", "/a/%2e/b", "a", "@evil/x", "/a\\b", "/a#b", "/a b"] {
            assert!(address.url(target).is_err(), "{target}");
        }
    }

    #[test]
    fn a_link_counts_for_its_path_and_query() {
        let address = Address::parse("https://idp.example/auth").unwrap();
        let target = |link| address.target_of("/users?after=1", link).unwrap();
        assert_eq!(target("https://idp.example/auth/users?after=2"), "/users?after=2");
        assert_eq!(target("https://evil.example/users?after=2"), "/users?after=2");
        assert_eq!(target("/auth/users?after=2"), "/users?after=2");
        assert_eq!(target("?after=2"), "/users?after=2");
        assert!(address.target_of("/users", "javascript:alert(1)").is_err());
    }

    #[test]
    fn parameters_are_added_encoded() {
        let pairs = [("max", "5".to_owned()), ("$skip", "a&b=c/d".to_owned())];
        assert_eq!(with_query("/x", &pairs), "/x?max=5&%24skip=a%26b%3Dc%2Fd");
        assert_eq!(with_query("/x?brief=false", &pairs[..1]), "/x?brief=false&max=5");
        assert_eq!(with_query("/x", &[]), "/x");
    }

    #[test]
    fn clear_text_is_noticed_unless_it_stays_here() {
        assert!(Address::parse("http://idp.example").unwrap().is_plaintext());
        assert!(!Address::parse("http://127.0.0.1:1").unwrap().is_plaintext());
        assert!(!Address::parse("http://[::1]:1").unwrap().is_plaintext());
        assert!(!Address::parse("https://idp.example").unwrap().is_plaintext());
    }
}
