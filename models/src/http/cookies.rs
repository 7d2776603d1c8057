//! A client's cookies of one host (RFC 6265).
//!
//! A client here talks to one server, so that the domain of every cookie is that host: what names another domain is refused (§5.3
//! step 6), and what lies in a domain above is kept. `Secure` is not looked at: HTTP does not know what it runs over.

use super::wire::{Fields, parse_http_date};

/// Most cookies that are kept of a host (RFC 6265 §6.1).
const MOST_COOKIES: usize = 50;
/// Longest name, value and attributes \[bytes\] (RFC 6265 §6.1).
const LONGEST: usize = 4096;

/// The cookies that a client has.
#[derive(Clone, Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    /// When it ends \[s since 1970\]; `None` with the session.
    expires: Option<u64>,
}

impl Jar {
    /// With a cookie from before that has so many bytes, its name and `=` included.
    pub(super) fn with(name: &str, bytes: u64) -> Self {
        let value = "x".repeat((bytes as usize).saturating_sub(name.len() + 1));
        Self(vec![Cookie { name: name.to_owned(), value, path: "/".to_owned(), expires: None }])
    }

    /// Takes what a response to a request for `path` at `now` \[s since 1970\] sets.
    pub(super) fn store(&mut self, fields: &Fields, host: &str, path: &str, now: u64) {
        for line in fields.all("set-cookie") {
            let Some(cookie) = std::str::from_utf8(line).ok().and_then(|line| parse(line, host, path, now)) else {
                continue;
            };
            let is_same = |other: &Cookie| other.name == cookie.name && other.path == cookie.path;
            let is_over = cookie.expires.is_some_and(|expires| expires <= now);
            match self.0.iter().position(is_same) {
                Some(index) if is_over => drop(self.0.remove(index)),
                // §5.3 step 11: it keeps its place among those that were made before.
                Some(index) => self.0[index] = cookie,
                None if is_over => {}
                None => {
                    if self.0.len() >= MOST_COOKIES {
                        self.0.remove(0);
                    }
                    self.0.push(cookie);
                }
            }
        }
    }

    /// The value of the field Cookie in a request for `path` at `now` \[s since 1970\], if there is any (§5.4).
    pub(super) fn field(&mut self, path: &str, now: u64) -> Option<String> {
        self.0.retain(|cookie| cookie.expires.is_none_or(|expires| expires > now));
        let mut sent: Vec<&Cookie> = self.0.iter().filter(|cookie| matches(path, &cookie.path)).collect();
        // Longer paths first, then in order of creation.
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// Reads a Set-Cookie (§5.2).
fn parse(line: &str, host: &str, path: &str, now: u64) -> Option<Cookie> {
    if line.len() > LONGEST {
        return None;
    }
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
    if name.is_empty() {
        return None;
    }
    let mut cookie = Cookie { name, value, path: default_path(path).to_owned(), expires: None };
    let mut has_max_age = false;
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            // Max-Age wins over Expires (§5.3 step 3).
            "expires" if !has_max_age => cookie.expires = parse_http_date(value.as_bytes()).or(cookie.expires),
            "max-age" => {
                let Ok(secs) = value.parse::<i64>() else { continue };
                has_max_age = true;
                cookie.expires = Some(u64::try_from(secs).map_or(0, |secs| now.saturating_add(secs)));
            }
            "domain" if !is_in_domain(host, value) => return None,
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            _ => {}
        }
    }
    Some(cookie)
}

/// The path of a cookie that names none (§5.1.4): that of the request, up to its last slash.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(last) => &path[..last],
    }
}

/// Whether a request for a path gets a cookie of another one (§5.1.4).
fn matches(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

/// Whether a host, which may have a port, lies in a domain (§5.1.3).
fn is_in_domain(host: &str, domain: &str) -> bool {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    domain.is_empty() || host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(lines: &[&str], path: &str) -> Jar {
        let mut jar = Jar::default();
        let fields: Fields = lines.iter().map(|line| ("Set-Cookie", *line)).collect();
        jar.store(&fields, "www.example.com:8080", path, 1000);
        jar
    }

    /// The examples of RFC 6265 §3.1: two cookies, of which one is overwritten and one removed.
    #[test]
    fn cookies_are_returned_until_they_are_removed() {
        let mut jar =
            jar(&["SID=31d4d96e407aad42; Path=/; Secure; HttpOnly", "lang=en-US; Path=/; Domain=example.com"], "/");
        assert_eq!(jar.field("/", 1000).unwrap(), "SID=31d4d96e407aad42; lang=en-US");
        let fields: Fields =
            [("Set-Cookie", "lang=; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT")].into_iter().collect();
        // 784111778 is one second after that moment.
        jar.store(&fields, "www.example.com:8080", "/", 784_111_778);
        assert_eq!(jar.field("/", 784_111_778).unwrap(), "SID=31d4d96e407aad42");
    }

    #[test]
    fn cookies_end_when_they_say() {
        let mut jar =
            jar(&["a=1; Max-Age=10; Expires=Sun, 06 Nov 1994 08:49:37 GMT", "b=2; Max-Age=0", "c=3; Max-Age=-1"], "/");
        assert_eq!(jar.field("/", 1009).unwrap(), "a=1");
        assert_eq!(jar.field("/", 1010), None);
    }

    /// §5.1.4: a prefix matches where a segment of the path ends. Longer paths come first.
    #[test]
    fn cookies_have_paths() {
        let mut jar = jar(&["a=1", "b=2; Path=/x/y", "c=3; Path=/"], "/x/page");
        assert_eq!(jar.field("/x/y/z", 0).unwrap(), "b=2; a=1; c=3");
        assert_eq!(jar.field("/x/yy", 0).unwrap(), "a=1; c=3");
        assert_eq!(jar.field("/", 0).unwrap(), "c=3");
    }

    #[test]
    fn what_is_none_is_not_kept() {
        let long = format!("long={}", "x".repeat(4096));
        assert_eq!(
            jar(&["a", "=b", "a=1; Domain=example.org", "a=1; Domain=ample.com", &long], "/").field("/", 0),
            None
        );
        let lines: Vec<String> = (0..51).map(|i| format!("c{i}=x")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let field = jar(&lines, "/").field("/", 0).unwrap();
        assert!(field.starts_with("c1=x; ") && field.ends_with("c50=x"), "{field}");
    }
}
