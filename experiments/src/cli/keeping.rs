//! Where the runs of `protosim run` are kept while it is at work, and what it goes on with.

use super::args::RunArgs;
use super::progress::Teller;
use crate::run::Selection;
use crate::scenario::Loaded;
use crate::store::{Store, keys};
use std::path::{Path, PathBuf};

/// The folder of journals within a folder of results.
pub(super) const JOURNAL: &str = "journal";

/// Where runs are kept, and what is taken from there.
#[derive(Debug)]
pub(super) struct Keeping {
    /// In the folder of results; there as long as results are not whole.
    own: PathBuf,
    /// For all experiments.
    cache: Option<PathBuf>,
    /// For a shard, whose journals are its results.
    stays: bool,
    resume: bool,
    force: bool,
}

impl Keeping {
    /// As the arguments say, for results in this folder.
    pub(super) fn of(args: &RunArgs, folder: &Path) -> Self {
        let cache = args.cache.clone().filter(|path| !path.as_os_str().is_empty());
        Self { own: folder.join(JOURNAL), cache, stays: args.shard.is_some(), resume: args.resume, force: args.force }
    }

    /// The runs that are there to go on with, in a store that takes new ones.
    ///
    /// # Errors
    /// When runs of an interrupted sweep are there and nobody said what to do with them, or there are none to go on with; and
    /// those of the file system.
    pub(super) fn open(&self, loaded: &Loaded, selection: &Selection, teller: &Teller) -> Result<Store, String> {
        let said = |error: crate::store::StoreError| format!("error: {error}");
        let interrupted = Store::open(&self.own).map_err(said)?;
        let known = wanted(&interrupted, loaded, selection);
        if !self.resume && known > 0 && !self.force {
            let folder = self.own.display();
            return Err(format!(
                "error: {known} of these runs are done already: `{folder}` has them of a sweep that did not come to its end\n\
                 help: go on with it by --resume, or begin anew by --force"
            ));
        }
        if !self.resume {
            self.remove();
        }
        // A shard is merged from its own folder, wherever else its runs are.
        let mut store = match self.cache.as_ref().filter(|_| !self.stays) {
            Some(cache) => Store::open(cache).map_err(said)?,
            None if self.resume => interrupted,
            None => Store::open(&self.own).map_err(said)?,
        };
        if self.resume && self.cache.is_some() && !self.stays {
            store.include(&self.own).map_err(said)?;
        }
        for complaint in &store.complaints {
            teller.warnings(&format!("warning: {complaint}\n"));
        }
        if self.resume && known == 0 {
            teller.note("there is nothing to go on with: all runs are made");
        }
        Ok(store)
    }

    /// The runs that would not be made again, in a store that nothing is added to. Nothing is changed or made on the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn known(&self, teller: &Teller) -> Result<Store, String> {
        let cache = self.cache.as_ref().filter(|_| !self.stays);
        let mut store = Store::default();
        for folder in cache.into_iter().chain(self.resume.then_some(&self.own)) {
            store.include(folder).map_err(|error| format!("error: {error}"))?;
        }
        for complaint in &store.complaints {
            teller.warnings(&format!("warning: {complaint}\n"));
        }
        Ok(store)
    }

    /// Results are whole: what was kept to go on with is no longer needed.
    pub(super) fn close(&self) {
        if !self.stays {
            self.remove();
        }
    }

    fn remove(&self) {
        // What cannot be removed costs space, and the next run says that it is there.
        let _ = std::fs::remove_dir_all(&self.own);
    }
}

/// How many of the selected runs a store has.
fn wanted(store: &Store, loaded: &Loaded, selection: &Selection) -> usize {
    if store.is_empty() {
        return 0;
    }
    keys(loaded, &selection.runs(loaded)).filter(|key| store.contains(key)).count()
}
