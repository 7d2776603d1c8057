//! What a command is about: a scenario, or a plan of one.

use super::args::ScenarioArgs;
use crate::plan::{Planned, is_plan};
use crate::results::{Owner, Shard, ShardRuns};
use crate::scenario::{Loaded, Request, load};

/// An experiment that can be run.
pub(super) struct Subject {
    /// The experiment.
    pub(super) loaded: Loaded,
    /// Whose its results are.
    pub(super) owner: Owner,
    /// What the user calls it.
    name: String,
    /// Its shards and their runs: those of a plan, or none.
    planned: Option<Planned>,
}

impl Subject {
    /// Brings it in.
    ///
    /// # Errors
    /// Everything that is wrong with it, and changes to a plan's scenario.
    pub(super) fn new(args: &ScenarioArgs, request: &Request, colours: bool) -> Result<Self, String> {
        let name = args.scenario.clone();
        if !is_plan(&name) {
            let loaded = load(request, colours)?;
            let owner = Owner::new(&loaded.name, &name);
            return Ok(Self { loaded, owner, name, planned: None });
        }
        if !request.set.is_empty() || request.seed.is_some() {
            return Err(format!(
                "error: `{name}` is a plan, and its scenario cannot be changed\nhelp: make another one with these changes, by `protosim plan`"
            ));
        }
        let (loaded, owner, planned) = Planned::read(&name, colours)?;
        Ok(Self { loaded, owner, name, planned: Some(planned) })
    }

    /// How many shards the plan has, if it is one.
    pub(super) fn shards(&self) -> Option<u64> {
        self.planned.as_ref().map(|planned| planned.shards)
    }

    /// The runs of a shard, or of all.
    ///
    /// # Errors
    /// For a plan without a shard, and for a shard that it does not have.
    pub(super) fn runs_of(&self, shard: Option<Shard>) -> Result<Option<ShardRuns>, String> {
        let name = &self.name;
        match (&self.planned, shard) {
            (None, shard) => Ok(shard.map(ShardRuns::ByTurns)),
            (Some(planned), Some(shard)) => planned.runs_of(name, shard).map(Some),
            (Some(planned), None) => {
                let of = planned.shards;
                Err(format!(
                    "error: `{name}` is a plan of {of} shards, and nobody said which one to run\n\
                     help: `protosim run {name} --shard 1/{of}` runs the first one, and `protosim merge` makes results of all; \
                     `protosim slurm {name}` does both on a cluster\n"
                ))
            }
        }
    }
}
