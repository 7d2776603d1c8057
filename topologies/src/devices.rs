//! Devices in a network: where each is metered, and what can be wrong with them.

use crate::check::{Finding, Kind};
use crate::spec::Topology;
use protosim_models::device::{BatteryStart, DeviceConfig, Metered, find_profile};
use protosim_models::energy::DeviceProfile;
use protosim_models::medium::{MediumConfig, RadioKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a device is metered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Home<S> {
    /// In its node: it has no radio there.
    Node,
    /// At a station, with this radio.
    Station {
        /// The station.
        at: S,
        /// The radio's name in the profile.
        radio: String,
    },
}

/// Where the device of a node is metered that is a station of these media; or the field that is wrong, and why.
pub(crate) fn home<'m, S: Copy>(
    metered: &Metered,
    node: &str,
    media: impl Iterator<Item = (S, &'m MediumConfig)>,
) -> Result<Home<S>, (&'static str, String)> {
    let mut radios = media.filter(|(_, medium)| medium.radio_kind_of(node) != RadioKind::None);
    let Some((at, medium)) = radios.next() else {
        return match metered.radio {
            Some(_) => Err(("radio", "has no effect: the node is on no radio channel".to_owned())),
            None => Ok(Home::Node),
        };
    };
    if let Some((_, other)) = radios.next() {
        let (one, other) = (medium.name(), other.name());
        let message = format!("one radio of a device is metered, and the node is on `{one}` and on `{other}`");
        return Err(("profile", message));
    }
    let profile = &metered.profile;
    let names: Vec<&str> = profile.radios.iter().map(|radio| radio.name.as_str()).collect();
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let has = if names.is_empty() { "it has none".to_owned() } else { format!("it has {listed}") };
    let radio = match (medium.radio_kind(), metered.radio.as_deref()) {
        (RadioKind::Named(_), Some(_)) => {
            return Err(("radio", format!("has no effect: `{}` says which radio it takes", medium.name())));
        }
        (RadioKind::Named(name), None) if names.contains(&name) => name,
        (RadioKind::Named(name), None) => {
            let message =
                format!("`{}` takes a radio called `{name}`, which `{}` lacks: {has}", medium.name(), profile.name);
            return Err(("profile", message));
        }
        (_, Some(name)) if names.contains(&name) => name,
        (_, Some(name)) => return Err(("radio", format!("`{}` has no radio called `{name}`: {has}", profile.name))),
        (_, None) => match names[..] {
            [only] => only,
            [] => {
                let message = format!(
                    "`{}` has no radio, and the node is on the radio channel `{}`",
                    profile.name,
                    medium.name()
                );
                return Err(("profile", message));
            }
            _ => {
                let message =
                    format!("say with `radio` which one of `{}` is on `{}`: {has}", profile.name, medium.name());
                return Err(("profile", message));
            }
        },
    };
    if let Some((power, own)) = medium.power_of(node).zip(profile.radio(radio))
        && own.transmit(power).is_none()
    {
        let message = format!(
            "its station on `{}` sends with {power}, which the radio of `{}` has not",
            medium.name(),
            profile.name
        );
        return Err(("profile", message));
    }
    Ok(Home::Station { at, radio: radio.to_owned() })
}

/// Everything wrong with the devices of a network, but for profiles that there are not.
pub(crate) fn check_devices(topology: &Topology, found: &mut Vec<Finding>) {
    if topology.nodes.iter().all(|node| node.device.is_none()) {
        return;
    }
    let mut media: BTreeMap<&str, Vec<&MediumConfig>> = BTreeMap::new();
    for medium in &topology.media {
        for station in medium.stations() {
            media.entry(&station.0).or_default().push(medium);
        }
    }
    for (index, node) in topology.nodes.iter().enumerate() {
        let Some(device) = &node.device else { continue };
        let own = media.get(node.name.as_str()).map_or(&[][..], Vec::as_slice);
        for (field, message) in check_device(device, &node.name, &topology.profiles, own) {
            let kind = if message.starts_with("has no effect") { Kind::NoEffect } else { Kind::OutOfRange };
            found.push(Finding::new(kind, format!("nodes.{index}.device.{field}"), message));
        }
    }
}

fn check_device(
    device: &DeviceConfig,
    node: &str,
    profiles: &[Arc<DeviceProfile>],
    media: &[&MediumConfig],
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let Some(name) = &device.profile else {
        let given = [("battery", device.battery.is_some()), ("radio", device.radio.is_some())];
        let idle = given.into_iter().filter(|(_, is_given)| *is_given);
        found
            .extend(idle.map(|(field, _)| (field, "has no effect without a `profile`: nothing is metered".to_owned())));
        return found;
    };
    let Some(profile) = find_profile(name, profiles) else { return found };
    if let Some(battery) = device.battery {
        found.extend(check_battery(battery, &profile));
    }
    if let Some(metered) = &device.resolve(profiles).metered {
        found.extend(home(metered, node, media.iter().map(|medium| ((), *medium))).err());
    }
    found
}

fn check_battery(battery: BatteryStart, profile: &DeviceProfile) -> Option<(&'static str, String)> {
    let Some(own) = &profile.battery else {
        return Some(("battery", format!("`{}` has no battery", profile.name)));
    };
    if battery.charge.is_some_and(|charge| charge.is_zero()) {
        return Some(("battery.charge", "is above zero: the device would never start".to_owned()));
    }
    let (config, _) = battery.of(own.value);
    config.check().into_iter().find(|(field, _)| field == "capacity").map(|(_, why)| ("battery.capacity", why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protosim_models::energy::timers::Rat;
    use protosim_models::medium::{CellStation, CellularConfig};
    use protosim_models::name::NodeName;

    /// A server is the gateway of a cell without a modem; a device of the cell needs one.
    #[test]
    fn the_gateway_of_a_cell_needs_no_modem() {
        let stations = vec![CellStation::new(NodeName("meter".to_owned()))];
        let cell = MediumConfig::Cellular(CellularConfig::new("nb", Rat::NbIot, NodeName("core".to_owned()), stations));
        let device = DeviceConfig { profile: Some("server".to_owned()), ..DeviceConfig::default() };
        let metered = device.resolve(&[]).metered.unwrap();
        let of = |node| home(&metered, node, std::iter::once(((), &cell)));
        assert_eq!(of("core"), Ok(Home::Node));
        assert_eq!(of("meter").map_err(|(field, _)| field), Err("profile"));
    }
}
