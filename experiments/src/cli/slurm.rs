//! `protosim slurm`: a sweep as an array of jobs on a cluster, with a job behind it that merges. Protosim itself knows shards alone; what Slurm
//! has to know are two scripts, which may be read and changed before they are submitted.
//!
//! A shard that fails is put back into the queue, as often as it is told to, and goes on where it was. Whatever else ends one, a node that fails or a
//! limit of time, submitting once more goes on with all of them: what is done is not made again.

use super::Ending;
use super::args::SlurmArgs;
use super::keeping::JOURNAL;
use super::run::request;
use super::subject::Subject;
use super::terminal::say;
use crate::results::{Shard, ShardManifest, ShardRuns};
use crate::run::{Kept, Outputs, Selection};
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The scripts.
const ARRAY: &str = "array.sh";
const MERGE: &str = "merge.sh";
/// What was submitted.
const JOBS: &str = "jobs.json";
/// Where the scripts write what their programs say.
const LOGS: &str = "logs";

/// The numbers that Slurm has given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Jobs {
    array: String,
    merge: String,
}

pub(super) fn slurm(args: &SlurmArgs, colours: bool) -> Result<Ending, String> {
    let subject = Subject::new(&args.scenario, &request(&args.scenario), colours)?;
    eprint!("{}", subject.loaded.warnings);
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join(&subject.loaded.name));
    let sweep = Sweep::new(args, &subject, out)?;
    if args.status {
        return sweep.say_status(&subject);
    }
    sweep.write()?;
    if args.submit {
        return sweep.submit();
    }
    let folder = sweep.folder.display();
    say(format_args!("{folder}/{ARRAY} runs {} shards, {folder}/{MERGE} merges them:", sweep.shards));
    say(format_args!("  job=$(sbatch --parsable {})", quoted(&sweep.folder.join(ARRAY).display().to_string())));
    say(format_args!("  sbatch --dependency=afterok:$job {}", quoted(&sweep.folder.join(MERGE).display().to_string())));
    Ok(Ending::Done)
}

/// A sweep as jobs.
struct Sweep<'a> {
    args: &'a SlurmArgs,
    name: String,
    shards: u64,
    /// Where the scripts, their logs and the shards are.
    folder: PathBuf,
    /// Where results will be.
    out: PathBuf,
    /// The program and what it is to run, as words of a shell.
    program: String,
    scenario: String,
}

impl<'a> Sweep<'a> {
    fn new(args: &'a SlurmArgs, subject: &Subject, out: PathBuf) -> Result<Self, String> {
        let shards = shards(args, subject)?;
        let out = absolute(&out)?;
        let mut folder = out.clone().into_os_string();
        folder.push(".slurm");
        let program = std::env::current_exe().map_err(|error| format!("error: cannot find this program: {error}"))?;
        // A shipped experiment has a name and no place.
        let place = Path::new(&args.scenario.scenario);
        let scenario = match crate::scenario::library::find(&args.scenario.scenario) {
            Some(_) => args.scenario.scenario.clone(),
            None => absolute(place)?.display().to_string(),
        };
        let mut words = vec![quoted(&scenario)];
        words.extend(args.scenario.set.iter().map(|set| format!("--set {}", quoted(set))));
        words.extend(args.scenario.seed.map(|seed| format!("--seed {seed}")));
        Ok(Self {
            args,
            name: subject.loaded.name.clone(),
            shards,
            folder: PathBuf::from(folder),
            out,
            program: quoted(&program.display().to_string()),
            scenario: words.join(" "),
        })
    }

    fn shard(&self, number: u64) -> PathBuf {
        self.folder.join(format!("shard-{number}-of-{}", self.shards))
    }

    /// Lines that both scripts have.
    fn options(&self, what: &str, log: &str) -> String {
        let args = self.args;
        let mut lines = vec![
            "#!/bin/bash".to_owned(),
            format!("#SBATCH --job-name={}", quoted(&format!("{}-{what}", self.name))),
            format!("#SBATCH --output={}", quoted(&self.folder.join(LOGS).join(log).display().to_string())),
            "#SBATCH --open-mode=append".to_owned(),
        ];
        let given =
            [("time", &args.time), ("mem", &args.memory), ("partition", &args.partition), ("account", &args.account)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        lines.extend(given.map(|(name, value)| format!("#SBATCH --{name}={value}")));
        lines.join("\n") + "\n"
    }

    fn array(&self) -> String {
        let Self { args, shards, program, scenario, .. } = self;
        let folder = quoted(&self.folder.display().to_string());
        let cpus = args.cpus;
        format!(
            r#"{options}#SBATCH --array=1-{shards}
#SBATCH --cpus-per-task={cpus}
#SBATCH --requeue
# One shard: it goes on where it was, and comes back when it fails, {attempts} times in all.
shard=$SLURM_ARRAY_TASK_ID
{program} run {scenario} --shard "$shard/{shards}" --resume --quiet --jobs {cpus} --out {folder}/shard-$shard-of-{shards}
status=$?
# A process that was killed, a full disk: another attempt may help. What is wrong each time ends after the last one.
if [ "$status" -ne 0 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {again} ]; then
    echo "shard $shard: status $status; it goes back into the queue"
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$shard"
fi
exit "$status"
"#,
            options = self.options("shard", "shard-%a.txt"),
            attempts = args.attempts,
            again = args.attempts.saturating_sub(1),
        )
    }

    fn merge(&self) -> String {
        let shards: Vec<String> =
            (1..=self.shards).map(|number| quoted(&self.shard(number).display().to_string())).collect();
        format!(
            "{}{} merge --quiet --out {} {}\n",
            self.options("merge", "merge.txt"),
            self.program,
            quoted(&self.out.display().to_string()),
            shards.join(" ")
        )
    }

    fn write(&self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("error: cannot write to `{}`: {error}", self.folder.display());
        fs::create_dir_all(self.folder.join(LOGS)).map_err(failed)?;
        fs::write(self.folder.join(ARRAY), self.array()).map_err(failed)?;
        fs::write(self.folder.join(MERGE), self.merge()).map_err(failed)
    }

    fn submit(&self) -> Result<Ending, String> {
        let array = sbatch(&[&self.folder.join(ARRAY).display().to_string()])?;
        let dependency = format!("--dependency=afterok:{array}");
        let merge = sbatch(&[&dependency, &self.folder.join(MERGE).display().to_string()])?;
        let jobs = Jobs { array, merge };
        let text = serde_json::to_string_pretty(&jobs).unwrap_or_default() + "\n";
        let path = self.folder.join(JOBS);
        fs::write(&path, text).map_err(|error| format!("error: cannot write `{}`: {error}", path.display()))?;
        say(format_args!("{} shards are job {}, their merge is job {}", self.shards, jobs.array, jobs.merge));
        say(format_args!(
            "logs are in {}, results will be in {}",
            self.folder.join(LOGS).display(),
            self.out.display()
        ));
        Ok(Ending::Done)
    }

    /// How far all shards are: by their own files, and by the queue where there is one.
    fn say_status(&self, subject: &Subject) -> Result<Ending, String> {
        let states = self.states();
        let (mut all_done, mut all) = (0, 0);
        for number in 1..=self.shards {
            let shard = Shard { number, of: self.shards };
            let (done, of) = self.progress(subject, shard)?;
            (all_done, all) = (all_done + done, all + of);
            let state =
                states.get(&number).map_or(if done == of { "done" } else { "not in the queue" }, String::as_str);
            say(format_args!("shard {shard}: {done} of {of} runs, {}", state.to_lowercase()));
        }
        let merged = if self.out.join("manifest.json").exists() { "merged" } else { "not merged" };
        say(format_args!("{all_done} of {all} runs, {merged}"));
        Ok(Ending::from(all_done == all))
    }

    /// How many runs of a shard are done, and how many there are; with sequential replications, by what is known.
    fn progress(&self, subject: &Subject, shard: Shard) -> Result<(usize, usize), String> {
        let said = |error: StoreError| format!("error: {error}");
        let (folder, loaded) = (self.shard(shard.number), &subject.loaded);
        let own = subject.runs_of(Some(shard))?.unwrap_or(ShardRuns::ByTurns(shard));
        let selection = Selection { shard: Some(own.clone()), ..Selection::default() };
        if !folder.exists() {
            let (_, missing) = Kept::of_selected(Store::default(), loaded, &selection).map_err(said)?;
            return Ok((0, missing.len()));
        }
        ShardManifest::read(&folder)?
            .agrees_with(&ShardManifest::new(loaded, &own))
            .map_err(|why| format!("error: `{}` is a shard of something else: {why}", folder.display()))?;
        let store = Store::open(&folder.join(JOURNAL)).map_err(said)?;
        let (kept, missing) = Kept::of_selected(store, loaded, &selection).map_err(said)?;
        let done = (0..kept.points()).map(|point| kept.count(point)).sum();
        Ok((done, done + missing.len()))
    }

    /// What the queue says of each shard; nothing where there is no queue, or it has forgotten them.
    fn states(&self) -> BTreeMap<u64, String> {
        let text = fs::read_to_string(self.folder.join(JOBS)).unwrap_or_default();
        let Ok(jobs) = serde_json::from_str::<Jobs>(&text) else { return BTreeMap::new() };
        let output = Command::new("squeue").args(["-h", "-r", "-j", &jobs.array, "-o", "%K %T"]).output();
        let Ok(output) = output else { return BTreeMap::new() };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let state = |line: &str| {
            let (number, state) = line.trim().split_once(' ')?;
            Some((number.parse().ok()?, state.to_owned()))
        };
        text.lines().filter_map(state).collect()
    }
}

/// How many shards there are: as many as a plan has, else as the arguments say.
fn shards(args: &SlurmArgs, subject: &Subject) -> Result<u64, String> {
    let scenario = &args.scenario.scenario;
    match (subject.shards(), args.shards) {
        (Some(planned), Some(other)) if planned != other => Err(format!(
            "error: --shards {other}: the plan `{scenario}` has {planned} shards\nhelp: leave --shards out, or make another plan"
        )),
        (Some(planned), _) => Ok(planned),
        (None, None) => Err("error: --shards: how many shards, each a job of the array?\n\
             help: say it, as in `--shards 100`, or make a plan by `protosim plan` and submit that"
            .to_owned()),
        (None, Some(shards)) => {
            // Where replications are sequential, a point belongs to one shard.
            let loaded = &subject.loaded;
            let (most, noun) = match loaded.scenario.sequential {
                Some(_) => (loaded.points.len(), "points"),
                None => (Selection::default().runs(loaded).len(), "runs"),
            };
            if shards > most as u64 {
                return Err(format!("error: --shards: there are {most} {noun} alone, and no work for {shards} shards"));
            }
            Ok(shards)
        }
    }
}

/// Submits a script, and says its number.
fn sbatch(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("sbatch").arg("--parsable").args(arguments).output().map_err(|error| {
        format!("error: cannot run `sbatch`: {error}\nhelp: without --submit the scripts are written alone")
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    // With several clusters their name stands behind the number.
    let number = text.trim().split(';').next().unwrap_or_default().to_owned();
    if output.status.success() && !number.is_empty() {
        return Ok(number);
    }
    Err(format!("error: sbatch: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Where something is, or will be.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("error: cannot say where `{}` is: {error}", path.display()))
}

/// A word of a shell.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the shell's own rules: between single quotes all is literal, but the single quote.
    #[test]
    fn words_are_words_of_a_shell() {
        for (word, wanted) in [
            ("/home/a/run-1.ron", "/home/a/run-1.ron"),
            ("links.radio.loss=\"2 %\"", "'links.radio.loss=\"2 %\"'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), wanted);
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(word))).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
