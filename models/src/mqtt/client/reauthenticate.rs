//! Authentication (v5 §4.12), with the connection and anew while it is open (§4.12.1).

use super::{MqttClient, PROVE};
use crate::app::Host;
use crate::mqtt::auth::response;
use crate::mqtt::wire::{Auth, Binary, Fault, Packet, Properties, Property, ReasonCode, Text};

const UNASKED: Fault = Fault::protocol("v5 §4.12", "an AUTH that nobody has asked for");

impl MqttClient {
    /// A challenge, or the end of an authentication on an open connection.
    pub(super) fn on_auth(&mut self, auth: &Auth, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(own) = self.common.config.auth.clone() else { return Err(UNASKED) };
        if auth.properties.authentication_method().is_none_or(|method| method.as_str() != own.method) {
            return Err(UNASKED);
        }
        let is_proving = match &self.connection {
            Some(connection) => connection.link.is_none() || connection.is_proving,
            None => false,
        };
        let is_open = self.connection.as_ref().is_some_and(|connection| connection.link.is_some());
        match auth.reason {
            ReasonCode::ContinueAuthentication if is_proving => {
                let challenge = auth.properties.authentication_data().map_or(&[][..], Binary::as_bytes);
                let data = Binary::new(response(&own.secret, challenge))?;
                self.push_auth(ReasonCode::ContinueAuthentication, Some(data), host)
            }
            ReasonCode::Success if is_proving && is_open => {
                self.counts.rare.reauthentications += 1;
                if let Some(connection) = &mut self.connection {
                    connection.is_proving = false;
                }
                self.prove_later(host);
                Ok(())
            }
            _ => Err(UNASKED),
        }
    }

    fn push_auth(&mut self, reason: ReasonCode, data: Option<Binary>, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(own) = &self.common.config.auth else { return Ok(()) };
        // The method of CONNECT: MQTT-4.12.1-1.
        let mut properties = Properties::new().with(Property::AuthenticationMethod(Text::new(&own.method)?));
        data.into_iter().for_each(|data| properties.push(Property::AuthenticationData(data)));
        self.push(&Packet::Auth(Auth { reason, properties }), host);
        Ok(())
    }

    /// The next authentication is due an interval from now, if there is one.
    pub(super) fn prove_later(&mut self, host: &mut dyn Host) {
        if let Some(interval) = self.common.config.reauthenticate {
            host.set_timer(PROVE, host.now().saturating_add(interval), "authentication");
        }
    }

    /// Begins to authenticate anew; what else is sent goes on meanwhile.
    pub(super) fn prove_again(&mut self, host: &mut dyn Host) {
        let Some(connection) = self.connection.as_mut().filter(|open| open.link.is_some() && !open.is_closing) else {
            return;
        };
        connection.is_proving = true;
        let pushed = self.push_auth(ReasonCode::ReAuthenticate, None, host);
        debug_assert!(pushed.is_ok(), "the method has passed its check");
        self.write(host);
    }
}
