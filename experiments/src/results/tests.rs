use super::{Basis, Owner, check_expectations, claim, sha256_hex, summarise, write};
use crate::run::{Options, run_all};
use crate::scenario::{Loaded, Request, Subject, load};
use protosim_reports::statistics::Confidence;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const TITLE: &str = "CoAP exchanges over a lossy link";

fn reduced() -> Loaded {
    let set = ["replications=2", "apps.con.run.requests=30", "apps.non.run.requests=30"];
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load(&Request { scenario: "coap-loss".to_owned(), set, seed: None }, false).unwrap()
}

fn write_to(folder: &Path, loaded: &Loaded, options: Options, wall: u64) -> BTreeMap<String, Vec<u8>> {
    let outputs = run_all(loaded, options, || ()).unwrap();
    let summary = summarise(loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    write(folder, loaded, &outputs, &summary, || Duration::from_millis(wall)).unwrap();
    let mut files = BTreeMap::new();
    for place in [folder.to_path_buf(), folder.join("figures")] {
        for entry in std::fs::read_dir(place).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "run.log" {
                files.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

#[test]
fn every_file_is_the_same_for_any_number_of_jobs_and_threads_with_and_without_capture() {
    let loaded = reduced();
    let scratch = tempfile::tempdir().unwrap();
    let plain = write_to(&scratch.path().join("a"), &loaded, Options::default(), 1);
    let other = write_to(
        &scratch.path().join("b"),
        &loaded,
        Options { jobs: 2, threads: 8, capture: true, ..Options::default() },
        2,
    );
    // Four tables twice, three kinds of one figure, the manifest.
    assert_eq!(plain.len(), 12);
    assert_eq!(plain.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in &plain {
        assert!(!bytes.is_empty());
        assert!(other[name] == *bytes, "{name} differs");
    }
    assert!(scratch.path().join("b/captures/point-000-replication-000.pcapng").is_file());
}

#[test]
fn a_folder_of_something_else_is_not_overwritten_without_being_told_to() {
    let scratch = tempfile::tempdir().unwrap();
    let loaded = reduced();
    let ours = scratch.path().join("ours");
    write_to(&ours, &loaded, Options::default(), 1);
    let (coap_loss, another) = (Owner::new("coap-loss", "coap-loss"), Owner::new("another", "another"));
    assert!(claim(&ours, &coap_loss, TITLE, false).is_ok());
    let refused = claim(&ours, &another, TITLE, false).unwrap_err().to_string();
    assert!(refused.contains("results of experiment `coap-loss`") && refused.contains("--force"), "{refused}");
    // Edited, it is still the same one; without its log the title tells.
    assert!(claim(&ours, &coap_loss, "Another title", false).is_ok());
    std::fs::remove_file(ours.join("run.log")).unwrap();
    let refused = claim(&ours, &coap_loss, "Another title", false).unwrap_err().to_string();
    assert!(refused.contains("another `coap-loss`"), "{refused}");
    assert!(claim(&ours, &another, TITLE, true).is_ok());
    assert!(claim(&ours, &coap_loss, TITLE, false).is_err());
    // Names as this program gives them do not make a file its own.
    for name in ["thesis.tex", "exchanges.csv", "figures/coap-loss.svg", "run.log"] {
        let foreign = scratch.path().join("foreign");
        std::fs::create_dir_all(foreign.join("figures")).unwrap();
        std::fs::write(foreign.join(name), "years of work").unwrap();
        let refused = claim(&foreign, &coap_loss, TITLE, false).unwrap_err().to_string();
        assert!(refused.contains("files of something else"), "{refused}");
        std::fs::remove_dir_all(&foreign).unwrap();
    }
    // A new folder is made and marked before anything runs, so that a run that was killed may be run again.
    let new = scratch.path().join("new/deep");
    assert!(claim(&new, &coap_loss, TITLE, false).is_ok() && new.join("run.log").is_file());
    std::fs::write(new.join("exchanges.csv"), "half of them").unwrap();
    assert!(claim(&new, &coap_loss, TITLE, false).is_ok());
    let file = scratch.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(claim(&file.join("below"), &coap_loss, TITLE, false).unwrap_err().to_string().contains("cannot write"));
}

/// Two scenario files of one name are two experiments, whatever they are titled.
#[test]
fn files_of_one_name_do_not_overwrite_each_other() {
    let scratch = tempfile::tempdir().unwrap();
    let owner = |folder: &str| {
        let place = scratch.path().join(folder);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("x.ron"), "()").unwrap();
        Owner::new("x", &place.join("x.ron").to_string_lossy())
    };
    let (one, two) = (owner("one"), owner("two"));
    let results = scratch.path().join("results");
    claim(&results, &one, "T", false).unwrap();
    assert!(claim(&results, &two, "T", false).unwrap_err().to_string().contains("another scenario file called `x`"));
    let loaded = reduced();
    write_to(&results, &loaded, Options::default(), 1);
    assert!(claim(&results, &one, "T", false).is_ok() && claim(&results, &two, "T", false).is_err());
}

/// A run that is killed while it writes leaves no manifest that speaks of files that are gone, nor partial captures for
/// ever.
#[test]
fn a_mixture_of_files_has_no_manifest() {
    let scratch = tempfile::tempdir().unwrap();
    let loaded = reduced();
    let options = Options::default();
    write_to(scratch.path(), &loaded, options, 1);
    let captures = scratch.path().join("captures");
    std::fs::create_dir(&captures).unwrap();
    let leftover = captures.join(".point-000-replication-000.pcapng.0.partial");
    std::fs::write(&leftover, "half").unwrap();
    // A table that cannot be replaced stands for the kill.
    std::fs::remove_file(scratch.path().join("digests.csv")).unwrap();
    std::fs::create_dir_all(scratch.path().join("digests.csv/in the way")).unwrap();
    let outputs = run_all(&loaded, options, || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    assert!(write(scratch.path(), &loaded, &outputs, &summary, || Duration::ZERO).is_err());
    assert!(!scratch.path().join("manifest.json").exists());
    assert!(!leftover.exists());
}

/// A file that an earlier run of the experiment wrote and this one does not goes; others stay.
#[test]
fn results_of_an_earlier_run_do_not_linger() {
    let scratch = tempfile::tempdir().unwrap();
    let mut loaded = reduced();
    let options = Options::default();
    assert!(write_to(scratch.path(), &loaded, options, 1).contains_key("coap-loss.svg"));
    std::fs::write(scratch.path().join("notes.txt"), "mine").unwrap();
    loaded.scenario.figures.clear();
    let files = write_to(scratch.path(), &loaded, options, 1);
    assert!(!files.contains_key("coap-loss.svg") && files.contains_key("notes.txt"));
}

/// With 2 x 30 exchanges at no loss every one is answered at once, so "at most 0.5" fails at every point below 20 %.
#[test]
fn an_expectation_that_fails_says_where() {
    let mut loaded = reduced();
    loaded.scenario.expect.truncate(1);
    loaded.scenario.expect[0].must = crate::scenario::Must::BeAtMost("0.5".to_owned());
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let outcome = check_expectations(&loaded, &outputs, &summary).unwrap().remove(0);
    assert!(!outcome.holds);
    assert!(outcome.text.contains("point 0: 1 is not at most 0.5"), "{}", outcome.text);
}

/// Without loss each request is transmitted once, at 20 % some again; an expectation that is of one point says nothing of the other.
#[test]
fn an_expectation_is_of_the_points_that_it_names() {
    let mut loaded = reduced();
    loaded.scenario.expect.truncate(1);
    let expectation = &mut loaded.scenario.expect[0];
    expectation.metric = crate::scenario::Metric::MeanTransmissions;
    expectation.must = crate::scenario::Must::BeAtMost("1".to_owned());
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let mut outcome_where = |condition: &str| {
        loaded.scenario.expect[0].only_if = Some(condition.to_owned());
        check_expectations(&loaded, &outputs, &summary).unwrap().remove(0)
    };
    let without = outcome_where("loss == 0");
    assert!(without.holds && without.text.ends_with("is at most 1, where loss == 0"), "{}", without.text);
    let with = outcome_where("loss == 0.2");
    assert!(!with.holds && with.text.contains("at 1 of 1 points"), "{}", with.text);
}

/// `coap-loss` over its axis at two variants: a panel of one of them has lines without its name, at the points where its condition holds.
#[test]
fn a_panel_shows_the_points_that_it_names() {
    let set = [
        "variants=[(name: \"a\"), (name: \"b\", set: {\"apps.con.run.requests\": 20})]",
        "replications=2",
        "apps.non.run.requests=10",
        "expect=[]",
    ];
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    let loaded = load(&Request { scenario: "coap-loss".to_owned(), set, seed: None }, false).unwrap();
    let outputs = run_all(&loaded, Options { jobs: 2, ..Options::default() }, || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let mut spec = loaded.scenario.figures[0].clone();
    spec.panels.truncate(1);
    let all = super::draw(&loaded, &outputs, &summary, &spec).unwrap().figure.unwrap();
    spec.panels[0].variant = Some("b".to_owned());
    spec.panels[0].only_if = Some("loss < 0.05".to_owned());
    let some = super::draw(&loaded, &outputs, &summary, &spec).unwrap().figure.unwrap();
    let label = loaded.scenario.figures[0].panels[0].series[0].label.clone();
    let points = |figure: &protosim_reports::figure::Figure, label: &str| {
        let of_label = figure.panels[0].series.iter().find(|series| series.label == label);
        of_label.map(|series| series.points.len())
    };
    let below = loaded.points.iter().filter(|point| point.variant.as_deref() == Some("b") && point.values[0] < 0.05);
    assert_eq!(points(&some, &label), Some(below.count()));
    assert_eq!(points(&all, &label), None);
    assert_eq!(points(&all, &format!("{label}, b")), Some(loaded.points.len() / 2));
}

/// The closed form of the mean made 5 % too large must not agree with the shipped experiment, at full size.
#[test]
fn a_formula_that_is_five_percent_off_does_not_agree() {
    let mut loaded = load(&Request { scenario: "coap-loss".to_owned(), ..Request::default() }, false).unwrap();
    loaded.scenario.expect.retain(|expectation| expectation.metric == crate::scenario::Metric::MeanCompletion);
    let outputs =
        run_all(&loaded, Options { jobs: 2, threads: 1, capture: false, ..Options::default() }, || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    assert!(check_expectations(&loaded, &outputs, &summary).unwrap()[0].holds);
    let right = loaded.scenario.expect[0].must.formula().to_owned();
    loaded.scenario.expect[0].must = crate::scenario::Must::AgreeWith(format!("1.05 * ({right})"));
    assert!(!check_expectations(&loaded, &outputs, &summary).unwrap()[0].holds);
}

/// One exchange has no spread: it agrees with nothing. And delivery at 100 % loss is known, and zero.
#[test]
fn too_few_exchanges_agree_with_nothing() {
    let set = ["replications=1", "apps.con.run.requests=2", "apps.non.run.requests=2", "until=After(\"280 s\")"]
        .map(str::to_owned)
        .to_vec();
    let mut loaded = load(&Request { scenario: "coap-loss".to_owned(), set, ..Request::default() }, false).unwrap();
    loaded.points.truncate(1);
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let mean = loaded.scenario.expect.iter().position(|e| e.metric == crate::scenario::Metric::MeanCompletion).unwrap();
    let outcome = check_expectations(&loaded, &outputs, &summary).unwrap().remove(mean);
    assert!(!outcome.holds && outcome.text.contains("too few exchanges"), "{}", outcome.text);
    Arc::make_mut(&mut loaded.points[0].scenario.links)[0].loss = Some(protosim_core::Ratio::ONE);
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let delivered = summary.find(0, &Subject::App("con".to_owned()), crate::scenario::Metric::Delivered).unwrap();
    assert_eq!((delivered.estimate.value, delivered.estimate.n), (0.0, 1));
}

/// With all lost there are no completion times: the figure is drawn without them, and says so.
#[test]
fn a_series_without_values_is_left_out_with_a_note() {
    let set = ["replications=1", "apps.con.run.requests=3", "apps.non.run.requests=3"].map(str::to_owned).to_vec();
    let mut loaded = load(&Request { scenario: "coap-loss".to_owned(), set, ..Request::default() }, false).unwrap();
    let links = loaded.points.iter_mut().map(|point| Arc::make_mut(&mut point.scenario.links));
    links.for_each(|links| links[0].loss = Some(protosim_core::Ratio::ONE));
    let scratch = tempfile::tempdir().unwrap();
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let written = write(scratch.path(), &loaded, &outputs, &summary, || Duration::ZERO).unwrap();
    assert!(!written.figures.is_empty());
    assert!(written.notes.iter().any(|note| note.contains("is not shown: it has no value")), "{:?}", written.notes);
}

/// Two folders are compared by what they recorded: no run is needed where that agrees, and where a record was tampered
/// with the runs are not taken for it.
#[test]
fn folders_of_results_are_compared_by_their_records() {
    let scratch = tempfile::tempdir().unwrap();
    let loaded = reduced();
    let options = Options { jobs: 2, threads: 1, capture: false, ..Options::default() };
    let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
    write_to(&one, &loaded, options, 1);
    write_to(&two, &loaded, options, 1);
    let read = |folder: &Path| crate::diff::from_results(folder, false).unwrap();
    assert!(!read(&one).is_of_another_build());
    assert_eq!(crate::diff::compare(&read(&one), &read(&two)).unwrap(), None);
    let digests = std::fs::read_to_string(two.join("digests.csv")).unwrap();
    let last = digests.trim_end().rsplit(',').next().unwrap();
    // The manifest knows the file's hash, so both have to be forged.
    let forge = |table: &str| {
        std::fs::write(two.join("digests.csv"), table).unwrap();
        let error = crate::diff::from_results(&two, false).unwrap_err();
        assert!(error.contains("is not the file that"), "{error}");
        let text = std::fs::read_to_string(two.join("manifest.json")).unwrap();
        let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        manifest["files"]["digests.csv"] = sha256_hex(table.as_bytes()).into();
        std::fs::write(two.join("manifest.json"), manifest.to_string()).unwrap();
    };
    let header = digests.lines().next().unwrap().to_owned() + "\n";
    forge(&header);
    let error = crate::diff::from_results(&two, false).unwrap_err();
    assert!(error.contains("has no record of point 0, replication 0"), "{error}");
    forge(&digests.replace(last, "0000000000000000"));
    match crate::diff::compare(&read(&one), &read(&two)).unwrap() {
        Some(crate::diff::Difference::Recorded { subject, .. }) => assert!(subject.starts_with("link "), "{subject}"),
        other => panic!("{other:?}"),
    }
}
