//! Alerts (RFC 8446 §6, RFC 5246 §7.2).

use crate::tls::codes::AlertDescription;

/// An alert: the whole fragment of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alert {
    /// Level 2, fatal; else level 1, warning. In TLS 1.3 the description alone decides (RFC 8446 §6).
    pub is_fatal: bool,
    /// What is wrong, if anything.
    pub description: AlertDescription,
}

impl Alert {
    /// Level and description.
    pub const fn encode(self) -> [u8; 2] {
        [if self.is_fatal { 2 } else { 1 }, self.description.0]
    }

    /// Reads the fragment of an alert record. Alerts in pieces, or several in a record, are not taken: TLS 1.3
    /// forbids them (RFC 8446 §5.1), and nobody sends them in TLS 1.2.
    ///
    /// # Errors
    /// The alert to answer with: `decode_error` for other than two bytes, `illegal_parameter` for a level that is
    /// neither 1 nor 2.
    pub const fn decode(fragment: &[u8]) -> Result<Self, AlertDescription> {
        match *fragment {
            [level @ (1 | 2), description] => {
                Ok(Self { is_fatal: level == 2, description: AlertDescription(description) })
            }
            [_, _] => Err(AlertDescription::ILLEGAL_PARAMETER),
            _ => Err(AlertDescription::DECODE_ERROR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_a_level_and_a_description() {
        // RFC 8446 §6: warning(1), fatal(2); close_notify(0), decode_error(50).
        let closing = Alert { is_fatal: false, description: AlertDescription::CLOSE_NOTIFY };
        assert_eq!(closing.encode(), [1, 0]);
        assert_eq!(Alert::decode(&[1, 0]), Ok(closing));
        assert_eq!(Alert::decode(&[2, 50]), Ok(Alert { is_fatal: true, description: AlertDescription::DECODE_ERROR }));
    }

    #[test]
    fn what_is_no_alert_is_refused() {
        assert_eq!(Alert::decode(&[2]), Err(AlertDescription::DECODE_ERROR));
        assert_eq!(Alert::decode(&[2, 50, 2]), Err(AlertDescription::DECODE_ERROR));
        assert_eq!(Alert::decode(&[3, 50]), Err(AlertDescription::ILLEGAL_PARAMETER));
    }
}
