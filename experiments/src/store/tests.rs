use super::{KeyOfPoint, Record, RunKey, Store};
use crate::run::{Kept, Options, Outputs, RunOutput, Selection, Stop, run_all, run_some};
use crate::scenario::{Loaded, Request, load};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

fn loaded(set: &[&str]) -> Arc<Loaded> {
    let mut all = vec!["replications=2", "apps.con.run.requests=10", "apps.non.run.requests=10"];
    all.extend(set);
    let set = all.iter().map(|argument| (*argument).to_owned()).collect();
    Arc::new(load(&Request { scenario: "coap-loss".to_owned(), set, seed: None }, false).unwrap())
}

fn run(loaded: &Arc<Loaded>, store: Store) -> (usize, Kept) {
    let runs = run_some(loaded, Options::default(), &Selection::default(), &Stop::default(), store, |_| ()).unwrap();
    assert!(runs.failures.is_empty() && !runs.is_interrupted);
    (runs.reused, runs.outputs)
}

/// All that tables are made from.
fn text_of(output: &RunOutput) -> String {
    let RunOutput { replication, stopped, entities, exchanges, measured, totals, digests, .. } = output;
    format!("{replication} {stopped:?} {entities:?} {exchanges:?} {measured:?} {totals:?} {digests:?}")
}

fn texts(outputs: &dyn Outputs) -> Vec<Vec<String>> {
    let run = |point: usize, place: usize| text_of(&outputs.run(point, place).unwrap().unwrap());
    (0..outputs.points()).map(|point| (0..outputs.count(point)).map(|place| run(point, place)).collect()).collect()
}

fn journals(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What comes back from a store is what went in, in all that tables and figures are made from; a second sweep runs nothing.
#[test]
fn nothing_is_computed_twice_and_nothing_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let loaded = loaded(&[]);
    let in_memory = texts(&run_all(&loaded, Options::default(), || ()).unwrap());
    let (reused, kept) = run(&loaded, Store::open(scratch.path()).unwrap());
    assert_eq!((reused, texts(&kept)), (0, in_memory.clone()));
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!((store.len(), store.repeated, store.complaints.len()), (2 * loaded.points.len(), 0, 0));
    let (reused, kept) = run(&loaded, store);
    assert_eq!((reused, texts(&kept)), (2 * loaded.points.len(), in_memory));
    assert_eq!(journals(scratch.path()).len(), 1);
}

/// A record of every experiment that is measured in one of the ways that there are: links, sinks, connections, media, limits.
#[test]
fn every_kind_of_measurement_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, set) in [
        ("aloha", vec!["replications=1", "until=After(\"10 s\")", "expect=[]"]),
        ("bufferbloat", vec!["replications=1"]),
        ("tcp-cwnd", vec!["replications=1"]),
        ("page-load", vec!["replications=1"]),
        ("coap-loss", vec!["replications=1", "limits.events=50"]),
    ] {
        let set: Vec<String> = set.into_iter().map(str::to_owned).collect();
        let Ok(mut loaded) = load(&Request { scenario: name.to_owned(), set, seed: None }, false) else {
            panic!("there is no experiment `{name}` any more")
        };
        loaded.points.truncate(2);
        let loaded = Arc::new(loaded);
        let one = |store| {
            let (stop, all) = (Stop::default(), Selection::default());
            run_some(&loaded, Options::default(), &all, &stop, store, |_| ()).unwrap()
        };
        let first = one(Store::open(&scratch.path().join("none")).unwrap());
        let (first, is_stopped) = (texts(&first.outputs), !first.failures.is_empty());
        assert_eq!(is_stopped, name == "coap-loss");
        let again = one(Store::open(&scratch.path().join("none")).unwrap());
        assert!(again.reused > 0 && texts(&again.outputs) == first, "{name}");
        fs::remove_dir_all(scratch.path().join("none")).unwrap();
    }
}

/// A key depends on all that decides a run, and on nothing that only shows it.
#[test]
fn keys_are_of_what_decides() {
    let key =
        |set: &[&str], point: usize, replication: u64| KeyOfPoint::new(&loaded(set), point).replication(replication);
    let base = key(&[], 1, 0);
    for same in [
        &["title=\"Another\""][..],
        &["confidence=\"99 %\""],
        &["replications=7"],
        &["figures=[]"],
        &["expect=[]"],
        &["axes=[(name: \"p\", path: \"links.radio.loss\", values: [\"1 %\", \"2 %\"])]", "figures=[]", "expect=[]"],
    ] {
        assert_eq!(key(same, 1, 0), base, "{same:?}");
    }
    let different = [
        key(&[], 1, 1),
        key(&[], 2, 0),
        key(&["seed=2"], 1, 0),
        key(&["apps.con.run.requests=11"], 1, 0),
        key(&["warmup=\"1 s\""], 1, 0),
        key(&["until=After(\"300 s\")"], 1, 0),
        key(&["links.radio.delay=\"51 ms\""], 1, 0),
    ];
    let all: BTreeSet<RunKey> = different.into_iter().chain([base]).collect();
    assert_eq!(all.len(), 8);
}

/// Outputs to make journals of; what is in them does not matter here.
static OUTPUTS: LazyLock<Vec<RunOutput>> = LazyLock::new(|| {
    let outputs =
        run_all(&loaded(&["axes=[]", "figures=[]", "expect=[]", "replications=6"]), Options::default(), || ());
    outputs.unwrap().remove(0)
});

fn journal_of_all(folder: &Path) -> PathBuf {
    let mut store = Store::open(folder).unwrap();
    for (number, output) in OUTPUTS.iter().enumerate() {
        store.add(&Record::new(RunKey([number as u8; 32]), output).unwrap()).unwrap();
    }
    journals(folder).remove(0)
}

/// The outputs of a store by their keys, each as it should be.
fn sound(store: &Store) -> usize {
    let numbers = 0..OUTPUTS.len();
    let read = numbers.filter_map(|number| Some((number, store.output(&RunKey([number as u8; 32])).unwrap()?)));
    read.inspect(|(number, output)| assert_eq!(text_of(output), text_of(&OUTPUTS[*number]))).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A process that is killed leaves the start of what it would have written: of that all whole records are there, and no word
    /// is said of the rest.
    #[test]
    fn a_torn_tail_costs_its_own_record_alone(share in 0.0..1.0_f64) {
        let scratch = tempfile::tempdir().unwrap();
        let path = journal_of_all(scratch.path());
        let bytes = fs::read(&path).unwrap();
        let cut = (bytes.len() as f64 * share) as usize;
        fs::write(&path, &bytes[..cut]).unwrap();
        let store = Store::open(scratch.path()).unwrap();
        prop_assert!(store.complaints.is_empty());
        let payloads: usize = (0..store.len()).map(|number| 52 + postcard::to_allocvec(&OUTPUTS[number]).unwrap().len()).sum();
        prop_assert!(cut < 8 || 8 + payloads <= cut);
        if let Some(next) = OUTPUTS.get(store.len()) {
            prop_assert!(cut < 8 + payloads + 52 + postcard::to_allocvec(next).unwrap().len());
        }
        prop_assert_eq!(sound(&store), store.len());
    }

    /// A byte that has changed, wherever, is noticed, and costs one record, or those behind a broken length.
    #[test]
    fn a_changed_byte_never_becomes_a_result(share in 0.0..1.0_f64, flip in 1..=255_u8) {
        let scratch = tempfile::tempdir().unwrap();
        let path = journal_of_all(scratch.path());
        let mut bytes = fs::read(&path).unwrap();
        let at = (bytes.len() as f64 * share) as usize;
        bytes[at] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let store = Store::open(scratch.path()).unwrap();
        prop_assert!(store.len() < OUTPUTS.len());
        prop_assert_eq!(sound(&store), store.len());
    }
}

/// What follows a torn record of one process is in the journal of the next.
#[test]
fn each_process_has_a_journal_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let path = journal_of_all(scratch.path());
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&[7; 30]).unwrap();
    let mut store = Store::open(scratch.path()).unwrap();
    store.add(&Record::new(RunKey([99; 32]), &OUTPUTS[0]).unwrap()).unwrap();
    assert_eq!(journals(scratch.path()).len(), 2);
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!((store.len(), sound(&store)), (OUTPUTS.len() + 1, OUTPUTS.len()));
    assert!(store.contains(&RunKey([99; 32])));
}

/// A file that is no journal is named, and left alone.
#[test]
fn something_else_is_no_journal() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("notes.journal"), "Dear diary, today it rained.").unwrap();
    let store = Store::open(scratch.path()).unwrap();
    assert!(store.is_empty() && store.complaints[0].contains("no journal of runs"), "{:?}", store.complaints);
}
