//! Enhanced authentication (v5 §4.12): with a CONNECT, and anew on an open connection (§4.12.1).

use super::{MqttBroker, Phase};
use crate::app::{Host, StreamId};
use crate::mqtt::auth::{CHALLENGE_LEN, response};
use crate::mqtt::wire::{Auth, Binary, Connect, Fault, Packet, Properties, Property, ReasonCode, Text};
use protosim_core::Purpose;

/// Draws of challenges.
const CHALLENGE: Purpose = Purpose("mqtt.challenge");

const UNASKED: Fault = Fault::protocol("v5 §4.12", "an AUTH that nobody has asked for");

impl MqttBroker {
    /// AUTH with 0x18: `connect` waits for its answer, if there is one.
    pub(super) fn challenge(&mut self, stream: StreamId, connect: Option<Connect>, method: Text, host: &mut dyn Host) {
        let draws = [host.rng(CHALLENGE).next_u64(), host.rng(CHALLENGE).next_u64()];
        let challenge: Vec<u8> = draws.into_iter().flat_map(u64::to_be_bytes).collect();
        debug_assert_eq!(challenge.len(), CHALLENGE_LEN);
        let auth = Auth { reason: ReasonCode::ContinueAuthentication, properties: of_auth(method, challenge.clone()) };
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.challenged = Some(Box::new((connect, challenge)));
        }
        self.push(stream, &Packet::Auth(auth), host);
    }

    /// AUTH: the answer to a challenge, or the wish for one by who has said a method in CONNECT.
    pub(super) fn on_auth(&mut self, stream: StreamId, auth: &Auth, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(own) = self.config.auth.clone() else { return Err(UNASKED) };
        let Some(connection) = self.connections.get_mut(&stream) else { return Ok(()) };
        let is_method = auth.properties.authentication_method().is_some_and(|method| method.as_str() == own.method);
        if auth.reason == ReasonCode::ReAuthenticate {
            // MQTT-4.12.0-7, MQTT-4.12.1-1.
            let may = connection.phase == Phase::Open && connection.is_proved && is_method;
            if !may || connection.challenged.is_some() {
                return Err(UNASKED);
            }
            self.challenge(stream, None, Text::new(&own.method)?, host);
            return Ok(());
        }
        let challenged = connection.challenged.take().filter(|_| auth.reason == ReasonCode::ContinueAuthentication);
        let (connect, challenge) = *challenged.ok_or(UNASKED)?;
        let data = auth.properties.authentication_data().map_or(&[][..], Binary::as_bytes);
        let is_right = is_method && data == response(&own.secret, &challenge);
        connection.is_proved = is_right;
        self.counts.bad_auth += u64::from(!is_right);
        // MQTT-4.12.0-5.
        let said: Properties = std::iter::once(Property::AuthenticationMethod(Text::new(&own.method)?)).collect();
        match connect {
            Some(connect) if is_right => self.admit(stream, connect, said, host),
            Some(_) => self.refuse(stream, ReasonCode::NotAuthorized, host),
            None if is_right => {
                self.push(stream, &Packet::Auth(Auth { reason: ReasonCode::Success, properties: said }), host);
            }
            // MQTT-4.12.1-2.
            None => self.close(stream, Some(ReasonCode::NotAuthorized), true, host),
        }
        Ok(())
    }
}

/// Method and data.
fn of_auth(method: Text, data: Vec<u8>) -> Properties {
    let data = Binary::new(data).map(Property::AuthenticationData);
    std::iter::once(Property::AuthenticationMethod(method)).chain(data).collect()
}
