//! Devices: limits must limit something, and operations that take processor time be ones that something does.

use super::{listed, span_of};
use crate::scenario::Scenario;
use crate::tree::{Diagnostic, Diagnostics, Span, Tree, suggest};
use protosim_models::device::{Cost, DeviceConfig, find_profile};
use protosim_models::energy::Library;
use protosim_models::registry::operations;
use std::collections::BTreeSet;

/// What cannot be of profiles that the scenario gives: names that are taken, impossible numbers, operations that nothing does.
pub(super) fn check_profiles(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (index, profile) in scenario.profiles.iter().enumerate() {
        let at = |field: &str| span_of(tree, &format!("profiles.{index}.{}", tree_path(field)));
        if let Some(first) = scenario.profiles[..index].iter().position(|other| other.name == profile.name) {
            let message = format!("another profile is called `{}` too", profile.name);
            let error = Diagnostic::error("scenario::duplicate-name", at("name"), message);
            mistakes.push(error.also(span_of(tree, &format!("profiles.{first}.name")), "the first one"));
        } else if Library::shipped().get(&profile.name).is_some() {
            let message = format!("a shipped profile is called `{}` too", profile.name);
            mistakes.push(Diagnostic::error("scenario::duplicate-name", at("name"), message));
        }
        for (field, why) in profile.check() {
            let name = field.rsplit('.').next().unwrap_or_default().to_owned();
            let message = format!("`{name}` {why}");
            mistakes.push(Diagnostic::error("scenario::out-of-range", at(&field), message));
        }
        for operation in profile.cpu.operations.keys() {
            let place = at(&format!("cpu.operations.{operation}"));
            check_operation(operation, place, mistakes);
        }
        let is_named = |device: &DeviceConfig| device.profile.as_deref() == Some(profile.name.as_str());
        if !scenario.nodes.iter().any(|node| node.device.as_ref().is_some_and(is_named)) {
            let message = format!("`{}` has no effect: no node's `device` names this profile", profile.name);
            mistakes.push(Diagnostic::error("scenario::no-effect", at("name"), message));
        }
    }
}

/// The path of a profile's field as the tree has it: `radios[1].sleep` is `radios.1.sleep`, and the name of an operation, which has points, is quoted.
fn tree_path(field: &str) -> String {
    let field = field.replace('[', ".").replace(']', "");
    match field.strip_prefix("cpu.operations.") {
        Some(operation) => {
            let (name, rest) = match operation.strip_suffix(".source") {
                Some(name) => (name, ".source"),
                None => (operation, ""),
            };
            format!("cpu.operations.\"{name}\"{rest}")
        }
        None => field,
    }
}

/// A profile that there is.
fn check_name(tree: &Tree, scenario: &Scenario, (index, name): (usize, &str), mistakes: &mut Diagnostics) {
    if find_profile(name, &scenario.profiles).is_some() {
        return;
    }
    let own = scenario.profiles.iter().map(|profile| profile.name.as_str());
    let names: Vec<&str> = own.chain(Library::shipped().names()).collect();
    let help = match suggest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("profiles are: {}", listed(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())),
    };
    let place = span_of(tree, &format!("nodes.{index}.device.profile"));
    let message = format!("there is no device profile called `{name}`");
    mistakes.push(Diagnostic::error("scenario::unknown-name", place, message).help(help));
}

/// An operation that something does.
fn check_operation(operation: &str, place: Span, mistakes: &mut Diagnostics) {
    if operations().any(|known| known == operation) {
        return;
    }
    let help = match suggest(operation, operations()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("operations are: {}", listed(&operations().map(str::to_owned).collect::<Vec<_>>())),
    };
    let message = format!("nothing does an operation called `{operation}`");
    mistakes.push(Diagnostic::error("scenario::unknown-name", place, message).help(help));
}

pub(super) fn check_devices(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let at_work: BTreeSet<&str> = scenario.placements().map(|placed| placed.on).collect();
    for (index, node) in scenario.nodes.iter().enumerate() {
        let Some(device) = &node.device else { continue };
        let place = span_of(tree, &format!("nodes.{index}.device"));
        let mut idle = |message: String| mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        if *device == DeviceConfig::default() {
            idle("`device` has no effect: it limits nothing".to_owned());
        } else if let Some(name) = &device.profile {
            check_name(tree, scenario, (index, name), mistakes);
        } else if !at_work.contains(node.name.as_str()) {
            idle(format!("`device` has no effect: nothing runs on `{}`, and forwarding costs nothing", node.name));
        }
        for (operation, cost) in &device.cpu {
            let path = format!("nodes.{index}.device.cpu.\"{operation}\"");
            if *cost == Cost::default() {
                let message = format!("`{operation}` has no effect: it takes no time");
                mistakes.push(Diagnostic::error("scenario::no-effect", span_of(tree, &path), message));
                continue;
            }
            for (field, span) in [("per_call", cost.per_call), ("per_byte", cost.per_byte)] {
                let written = tree.at(&format!("{path}.{field}"));
                if let Some(node) = written.filter(|_| span.is_zero()) {
                    let message = format!("`{field}` has no effect: it is no time");
                    mistakes.push(Diagnostic::error("scenario::no-effect", node.span, message));
                }
            }
        }
        for operation in device.cpu.keys() {
            check_operation(operation, span_of(tree, &format!("nodes.{index}.device.cpu")), mistakes);
        }
    }
}
