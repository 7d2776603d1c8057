//! Devices: limits must limit something, and operations that take processor time be ones that something does.

use super::{listed, span_of};
use crate::scenario::Scenario;
use crate::tree::{Diagnostic, Diagnostics, Path, Tree, suggest};
use protosim_models::device::{Cost, DeviceConfig};
use protosim_models::registry::operations;
use std::collections::BTreeSet;

pub(super) fn check_devices(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let at_work: BTreeSet<&str> = scenario.placements().map(|placed| placed.on).collect();
    for (index, node) in scenario.nodes.iter().enumerate() {
        let Some(device) = &node.device else { continue };
        let place = span_of(tree, &format!("nodes.{index}.device"));
        let mut idle = |message: String| mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        if *device == DeviceConfig::default() {
            idle("`device` has no effect: it limits nothing".to_owned());
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
                let written = format!("{path}.{field}").parse::<Path>().ok().and_then(|path| tree.find(&path));
                if let Some(node) = written.filter(|_| span.is_zero()) {
                    let message = format!("`{field}` has no effect: it is no time");
                    mistakes.push(Diagnostic::error("scenario::no-effect", node.span, message));
                }
            }
        }
        for operation in device.cpu.keys().filter(|name| !operations().any(|known| known == *name)) {
            let help = match suggest(operation, operations()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("operations are: {}", listed(&operations().map(str::to_owned).collect::<Vec<_>>())),
            };
            let message = format!("nothing does an operation called `{operation}`");
            let place = span_of(tree, &format!("nodes.{index}.device.cpu"));
            mistakes.push(Diagnostic::error("scenario::unknown-name", place, message).help(help));
        }
    }
}
