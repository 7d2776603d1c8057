//! The CoRE link format: what `/.well-known/core` says, and which of it a query asks for (RFC 6690).

use super::config::{OCTET_STREAM, ServerConfig};
use super::wire::{OptionNumber, Options};

/// One link.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Link<'a> {
    path: &'a str,
    /// Names and values in order, with whether values stand in quotes; an empty value is none.
    attributes: Vec<(&'static str, String, bool)>,
}

/// From this size on a resource says how large it is (RFC 6690 §3.3 has it for what exceeds the maximum transmission unit; our choice is
/// the largest payload that RFC 7252 §4.6 assumes).
const LARGE: u64 = 1024;

/// The links of a server's resources that the Uri-Query options of a request ask for, as a payload.
pub(super) fn describe(config: &ServerConfig, request: &Options) -> String {
    let queries: Vec<_> = request.all(OptionNumber::URI_QUERY).map(|query| String::from_utf8_lossy(query)).collect();
    let links = config.paths.iter().map(|path| Link::new(path, config));
    // RFC 6690 §4.1 knows one filter; where there are several, all must fit.
    let wanted = links.filter(|link| queries.iter().all(|query| link.fits(query)));
    wanted.map(|link| link.to_string()).collect::<Vec<_>>().join(",")
}

impl<'a> Link<'a> {
    fn new(path: &'a str, config: &ServerConfig) -> Self {
        let mut attributes = Vec::new();
        if let Some(written) = config.attributes.get(path) {
            let texts = [("rt", &written.rt), ("if", &written.interface), ("title", &written.title)];
            attributes.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?, true))));
        }
        if config.payload.as_bytes() > LARGE {
            attributes.push(("sz", config.payload.as_bytes().to_string(), false));
        }
        attributes.push(("ct", OCTET_STREAM.to_string(), false));
        if config.changes.is_some() {
            attributes.push(("obs", String::new(), false));
        }
        Self { path, attributes }
    }

    /// RFC 6690 §4.1: `name=value`, where `*` at the end of the value stands for any rest. Of `rt` and `if` one of the names between
    /// spaces must fit, of other attributes all of the value; `href` is the path. What is no filter asks for all.
    fn fits(&self, query: &str) -> bool {
        let Some((name, wanted)) = query.split_once('=') else { return true };
        let fits = |value: &str| match wanted.strip_suffix('*') {
            Some(beginning) => value.starts_with(beginning),
            None => value == wanted,
        };
        if name == "href" {
            return fits(self.path);
        }
        let own = self.attributes.iter().find(|(own, ..)| *own == name);
        own.is_some_and(|(_, value, _)| match name {
            "rt" | "if" => value.split(' ').any(fits),
            _ => fits(value),
        })
    }
}

impl std::fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}>", self.path)?;
        self.attributes.iter().try_for_each(|(name, value, is_quoted)| match (value.is_empty(), is_quoted) {
            (true, _) => write!(f, ";{name}"),
            (false, true) => write!(f, ";{name}=\"{value}\""),
            (false, false) => write!(f, ";{name}={value}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::LinkAttributes;
    use super::*;
    use protosim_core::{Size, Span};

    fn described(queries: &[&str]) -> String {
        let attributes = |rt: &str, interface: Option<&str>| LinkAttributes {
            rt: Some(rt.into()),
            interface: interface.map(str::to_owned),
            title: None,
        };
        let config = ServerConfig {
            paths: ["/s/temp", "/s/light", "/fw"].map(String::from).to_vec(),
            attributes: [
                ("/s/temp".to_owned(), attributes("temperature-c room", Some("sensor"))),
                ("/s/light".to_owned(), attributes("light-lux", Some("sensor"))),
            ]
            .into(),
            payload: Size::from_bytes(2000),
            changes: Some(crate::traffic::TimeDistribution::Fixed(Span::from_secs(1))),
            ..ServerConfig::default()
        };
        assert_eq!(config.check(), [("payload", String::new()); 0]);
        let mut options = Options::new();
        queries.iter().for_each(|query| options.add_str(OptionNumber::URI_QUERY, query));
        describe(&config, &options)
    }

    const TEMP: &str = "</s/temp>;rt=\"temperature-c room\";if=\"sensor\";sz=2000;ct=42;obs";
    const LIGHT: &str = "</s/light>;rt=\"light-lux\";if=\"sensor\";sz=2000;ct=42;obs";
    const FW: &str = "</fw>;sz=2000;ct=42;obs";

    /// RFC 6690 §2, §4.1 and the examples of §5: a whole value, a beginning, one of several names, the path.
    #[test]
    fn filters_ask_for_some_of_the_links() {
        assert_eq!(described(&[]), [TEMP, LIGHT, FW].join(","));
        assert_eq!(described(&["rt=light-lux"]), LIGHT);
        assert_eq!(described(&["rt=light*"]), LIGHT);
        assert_eq!(described(&["rt=room"]), TEMP);
        assert_eq!(described(&["rt=roo"]), "");
        assert_eq!(described(&["if=sensor"]), [TEMP, LIGHT].join(","));
        assert_eq!(described(&["href=/s*"]), [TEMP, LIGHT].join(","));
        assert_eq!(described(&["href=/fw"]), FW);
        assert_eq!(described(&["ct=42"]), [TEMP, LIGHT, FW].join(","));
        assert_eq!(described(&["ct=40"]), "");
        assert_eq!(described(&["anchor=x"]), "");
        assert_eq!(described(&["if=sensor", "rt=temp*"]), TEMP);
    }
}
