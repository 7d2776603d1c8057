//! `protosim plan`: which shard makes which runs, fixed in a file.

use super::Ending;
use super::args::PlanArgs;
use super::run::request;
use super::terminal::{remark, say};
use super::words::{duration, range};
use crate::plan::{Estimate, PlanFile, Split, is_plan};
use crate::scenario::{Loaded, load};
use protosim_reports::folder::write_atomically;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(super) fn plan(args: &PlanArgs, colours: bool) -> Result<Ending, String> {
    if is_plan(&args.scenario.scenario) {
        return Err(format!("error: `{}` is a plan already; plans are made of scenarios", args.scenario.scenario));
    }
    let loaded = load(&request(&args.scenario), colours)?;
    eprint!("{}", loaded.warnings);
    let place = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.plan.json", loaded.name)));
    if !is_plan(&place.display().to_string()) {
        return Err(format!(
            "error: --out: `{}` does not end in `.json`, by which `run` tells a plan from a scenario",
            place.display()
        ));
    }
    let most = Split::most(&loaded);
    if args.shards > most {
        let noun = if loaded.scenario.sequential.is_some() { "points" } else { "runs" };
        return Err(format!("error: --shards: there are {most} {noun} alone, and no work for {} shards", args.shards));
    }
    let (split, estimate) = split(args, &loaded)?;
    let file = PlanFile::new(&loaded, &args.scenario.scenario, &place, split, estimate.as_ref().map(Estimate::basis))?;
    write(&place, &file.text(), args.force)?;
    tell(args, &loaded, &file, estimate.as_ref(), &place);
    Ok(Ending::Done)
}

fn split(args: &PlanArgs, loaded: &Loaded) -> Result<(Split, Option<Estimate>), String> {
    if args.even {
        return Ok((Split::by_turns(loaded, args.shards), None));
    }
    let wanted: Vec<(usize, u64)> =
        (0..loaded.points.len()).map(|point| (point, loaded.scenario.replications)).collect();
    let estimate = Estimate::of(loaded, &wanted, 1).map_err(|failure| format!("error: a trial run: {failure}"))?;
    Ok((Split::by_cost(loaded, &estimate, args.shards as usize), Some(estimate)))
}

/// Shards of a plan that is there may be under way: it is not overwritten by another one in silence.
fn write(place: &Path, text: &str, force: bool) -> Result<(), String> {
    let shown = place.display();
    if !force && std::fs::read(place).is_ok_and(|known| known != text.as_bytes()) {
        return Err(format!(
            "error: `{shown}` is there already\nhelp: name another file, or say `--force` to overwrite it"
        ));
    }
    write_atomically(place, |out| out.write_all(text.as_bytes()))
        .map_err(|error| format!("error: cannot write `{shown}`: {error}"))
}

fn tell(args: &PlanArgs, loaded: &Loaded, file: &PlanFile, estimate: Option<&Estimate>, place: &Path) {
    let (shown, shards) = (place.display(), args.shards);
    let runs = loaded.points.len() as u64 * loaded.scenario.replications;
    say(format_args!("{shown}: {runs} runs in {shards} shards"));
    if let (Some(estimate), Some((least, most))) = (estimate, file.seconds()) {
        let bound = if estimate.is_at_least() { "at least " } else { "" };
        remark(format_args!("each shard takes {bound}{}, one run after the other", range(least, most)));
        remark(format_args!(
            "all together take {bound}{}, estimated {}",
            duration(estimate.seconds()),
            estimate.basis()
        ));
    }
    remark(format_args!(
        "next, for each shard: protosim run {shown} --shard 1/{shards}, and so on to {shards}/{shards}"
    ));
    remark(format_args!("then:                 protosim merge results/{}.shard-*-of-{shards}", loaded.name));
}
