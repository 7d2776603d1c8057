//! The authority that an application's certificates lead to, for programs that shall believe them.

use protosim_models::registry::{AppConfig, Dtls, Tls};
use protosim_models::tls::certificate::authority;
use protosim_models::tls::crypto::Mode;

/// Characters of a line of PEM (RFC 7468 §2).
const LINE: usize = 64;

/// The authority's certificate as PEM (RFC 7468); `None` for an application without certificates of its own.
pub fn root_as_pem(config: &AppConfig) -> Option<String> {
    let of_tls = match config.tls() {
        Some(Tls::Server(tls)) => Some(&tls.certificate),
        Some(Tls::Client(tls)) => tls.certificate.as_ref(),
        None => None,
    };
    let of_dtls = match config.dtls() {
        Some(Dtls::Server(dtls)) => dtls.certificate.as_ref(),
        Some(Dtls::Client(dtls)) => dtls.certificate.as_ref(),
        None => None,
    };
    let own = of_tls.or(of_dtls)?;
    Some(pem(&authority(Mode::Real, own.key, own.chain)))
}

fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, character) in base64(der).chars().enumerate() {
        if index > 0 && index % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END CERTIFICATE-----\n");
    text
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, index| bits << 8 | u32::from(group.get(index).copied().unwrap_or(0)));
        for index in 0..4 {
            let digit = (bits >> (18 - 6 * index) & 63) as usize;
            text.push(if index <= group.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn base64_of_the_rfc() {
        let cases = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(cases.map(|case| base64(case.as_bytes())), expected);
    }

    /// Lines of 64 characters (RFC 7468 §2): 50 bytes are 68 characters of base64.
    #[test]
    fn lines_of_pem() {
        let text = pem(&[0; 50]);
        let lines: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lines, ["-----BEGIN CERTIFICATE-----".len(), 64, 4, "-----END CERTIFICATE-----".len()]);
    }
}
