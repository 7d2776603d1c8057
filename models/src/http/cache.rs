//! A client's own cache of responses (RFC 9111), a private one.
//!
//! Kept are whole responses to GET with code 200 that have a validator or say how long they are fresh. Where a response does not say it, a
//! tenth of the time since Last-Modified is taken (§4.2.2). There is no limit to what is kept.

use super::wire::{Fields, ResponseHead, parse_http_date};
use protosim_core::LocalTime;
use std::collections::BTreeMap;

const NANOS: u64 = 1_000_000_000;

/// The responses that are kept, by target.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache(BTreeMap<String, Entry>);

/// A response without its content, of which the length is all that is needed.
#[derive(Clone, Debug)]
struct Entry {
    fields: Fields,
    /// When its request was sent, and it came.
    sent: LocalTime,
    came: LocalTime,
    /// Values of the fields of its request that Vary names.
    varies: Vec<(String, Option<Vec<u8>>)>,
    /// The date of the local clock when it came \[s since 1970\].
    date: u64,
}

/// What the cache has for a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A fresh response.
    Fresh,
    /// A response that has to be validated, with these fields (RFC 9110 §13.1).
    Stale(Fields),
}

/// When a response came, by the clock of its client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// When its request was sent.
    pub(super) sent: LocalTime,
    /// When it came.
    pub(super) came: LocalTime,
    /// The same, in seconds since 1970.
    pub(super) date: u64,
}

impl Cache {
    /// Looks for a response to a GET for `target` with these fields.
    pub(super) fn find(&self, target: &str, request: &Fields, now: LocalTime) -> Found {
        let Some(entry) = self.0.get(target) else { return Found::Nothing };
        if entry.varies.iter().any(|(name, value)| request.get(name) != value.as_deref()) {
            return Found::Nothing;
        }
        if entry.age(now) < entry.lifetime() && !directive(&entry.fields, "no-cache") {
            return Found::Fresh;
        }
        let validators = [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")];
        let fields: Fields =
            validators.iter().filter_map(|(has, asks)| Some((*asks, entry.fields.get(has)?.to_vec()))).collect();
        if fields.is_empty() { Found::Nothing } else { Found::Stale(fields) }
    }

    /// Keeps a whole response to a GET, if it may be kept (§3); what was there before is replaced or goes.
    pub(super) fn store(&mut self, target: &str, request: &Fields, response: &ResponseHead, moments: Moments) {
        let fields = &response.fields;
        let is_of_use = ["etag", "last-modified", "expires"].iter().any(|name| fields.get(name).is_some())
            || argument(fields, "max-age").is_some();
        if response.status != 200 || directive(fields, "no-store") || fields.has("vary", "*") || !is_of_use {
            self.0.remove(target);
            return;
        }
        let names = fields.list("vary").filter_map(|name| std::str::from_utf8(name).ok());
        let varies = names.map(|name| (name.to_owned(), request.get(name).map(<[u8]>::to_vec))).collect();
        let Moments { sent, came, date } = moments;
        self.0.insert(target.to_owned(), Entry { fields: fields.clone(), sent, came, varies, date });
    }

    /// The content is still as it was, says a 304 (§4.3.4): its fields take the place of those that were kept.
    pub(super) fn refresh(&mut self, target: &str, response: &ResponseHead, moments: Moments) {
        let Some(entry) = self.0.get_mut(target) else { return };
        let is_new = |name: &str| response.fields.get(name).is_some();
        let kept = entry.fields.iter().filter(|field| !is_new(&field.name));
        entry.fields = kept.chain(response.fields.iter()).map(|field| (&*field.name, &*field.value)).collect();
        (entry.sent, entry.came, entry.date) = (moments.sent, moments.came, moments.date);
    }
}

impl Entry {
    /// How old it is \[ns\] (§4.2.3).
    fn age(&self, now: LocalTime) -> u64 {
        let apparent =
            self.fields.get("date").and_then(parse_http_date).map_or(0, |date| self.date.saturating_sub(date));
        let delay = self.came.saturating_since(self.sent).as_nanos();
        let said = number(self.fields.get("age")).unwrap_or(0).saturating_mul(NANOS);
        let corrected = said.saturating_add(delay).max(apparent.saturating_mul(NANOS));
        corrected.saturating_add(now.saturating_since(self.came).as_nanos())
    }

    /// How long it is fresh \[ns\] (§4.2.1).
    fn lifetime(&self) -> u64 {
        let date = self.fields.get("date").and_then(parse_http_date).unwrap_or(self.date);
        if let Some(secs) = argument(&self.fields, "max-age") {
            return secs.saturating_mul(NANOS);
        }
        if let Some(expires) = self.fields.get("expires") {
            // What is no date is past (§5.3).
            return parse_http_date(expires).map_or(0, |at| at.saturating_sub(date)).saturating_mul(NANOS);
        }
        let modified = self.fields.get("last-modified").and_then(parse_http_date);
        modified.map_or(0, |at| date.saturating_sub(at).saturating_mul(NANOS / 10))
    }
}

/// Whether Cache-Control has this directive.
fn directive(fields: &Fields, name: &str) -> bool {
    fields
        .list("cache-control")
        .any(|own| own.split(|byte| *byte == b'=').next().is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes())))
}

/// The number that a directive of Cache-Control has.
fn argument(fields: &Fields, name: &str) -> Option<u64> {
    fields.list("cache-control").find_map(|own| {
        let (key, value) = own.split_at(own.iter().position(|byte| *byte == b'=')?);
        key.eq_ignore_ascii_case(name.as_bytes()).then(|| number(value.get(1..)))?
    })
}

/// A number of seconds.
fn number(value: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(value?).ok()?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: u64 = 1_767_225_600;

    fn at(secs: u64) -> LocalTime {
        LocalTime::from_nanos(secs * NANOS)
    }

    /// A cache with one response that came at 100 s, an instant after its request.
    fn cache(fields: &[(&str, &str)]) -> Cache {
        let mut head = ResponseHead::new(200);
        head.fields = fields.iter().copied().collect();
        let mut cache = Cache::default();
        let moments = Moments { sent: at(100), came: at(100), date: DATE };
        cache.store("/", &request("de"), &head, moments);
        cache
    }

    fn request(language: &str) -> Fields {
        [("Accept-Language", language)].into_iter().collect()
    }

    fn found(cache: &Cache, secs: u64) -> Found {
        cache.find("/", &request("de"), at(secs))
    }

    fn stale(fields: &[(&str, &str)]) -> Found {
        Found::Stale(fields.iter().copied().collect())
    }

    /// RFC 9111 §4.2.1: max-age before Expires before the heuristic; §4.2.3: an Age of 4 s comes on top.
    #[test]
    fn responses_are_fresh_for_their_lifetime() {
        let date = ("Date", "Thu, 01 Jan 2026 00:00:00 GMT");
        let expires = ("Expires", "Thu, 01 Jan 2026 00:00:20 GMT");
        let modified = ("Last-Modified", "Wed, 31 Dec 2025 23:55:00 GMT");
        let max_age = ("Cache-Control", "private, max-age=10");
        let cases: [(&[(&str, &str)], u64); 4] = [
            (&[date, expires, modified, max_age], 10),
            (&[date, expires, modified], 20),
            (&[date, modified], 30),
            (&[date, modified, max_age, ("Age", "4")], 6),
        ];
        for (fields, lifetime) in cases {
            let cache = cache(fields);
            assert_eq!(found(&cache, 100 + lifetime - 1), Found::Fresh, "{fields:?}");
            let since = stale(&[("If-Modified-Since", "Wed, 31 Dec 2025 23:55:00 GMT")]);
            assert_eq!(found(&cache, 100 + lifetime), since, "{fields:?}");
        }
    }

    #[test]
    fn directives_are_obeyed() {
        let tag = ("ETag", "\"1\"");
        assert_eq!(found(&cache(&[tag]), 100), stale(&[("If-None-Match", "\"1\"")]));
        let always = cache(&[tag, ("Cache-Control", "max-age=10, no-cache")]);
        assert_eq!(found(&always, 101), stale(&[("If-None-Match", "\"1\"")]));
        assert_eq!(found(&cache(&[tag, ("Cache-Control", "no-store")]), 100), Found::Nothing);
        assert_eq!(found(&cache(&[("Cache-Control", "max-age=10")]), 110), Found::Nothing);
        assert_eq!(found(&cache(&[]), 100), Found::Nothing);
        assert_eq!(found(&cache(&[tag, ("Vary", "*")]), 100), Found::Nothing);
        let varies = cache(&[("Cache-Control", "max-age=10"), ("Vary", "accept-language")]);
        assert_eq!(varies.find("/", &request("de"), at(101)), Found::Fresh);
        assert_eq!(varies.find("/", &request("en"), at(101)), Found::Nothing);
    }

    /// §4.3.4: a 304 at 200 s makes it fresh for its new 50 s.
    #[test]
    fn a_304_makes_fresh_again() {
        let mut cache = cache(&[("ETag", "\"1\""), ("Cache-Control", "max-age=10")]);
        let mut head = ResponseHead::new(304);
        head.fields.push("Cache-Control", "max-age=50");
        cache.refresh("/", &head, Moments { sent: at(200), came: at(200), date: DATE + 100 });
        assert_eq!(found(&cache, 249), Found::Fresh);
        assert_eq!(found(&cache, 250), stale(&[("If-None-Match", "\"1\"")]));
    }
}
