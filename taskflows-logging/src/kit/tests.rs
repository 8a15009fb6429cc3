use std::time::Duration;

use super::{Decision, JournalSources, Label, Manifest, Part, Pipeline, PipelineError, Profile};

#[test]
fn each_label_is_either_indexed_or_metadata() {
    for labels_compat in [false, true] {
        let pipeline = Pipeline { labels_compat, ..Pipeline::default() };
        let mut all = [pipeline.labels(), pipeline.metadata()].concat();
        all.sort_by_key(|label| Label::ALL.iter().position(|one| one == label));
        assert_eq!(all, Label::ALL);
    }
}

#[test]
fn paths_of_files_differ_and_stay_below_the_directory() {
    for part in [Part::FluentBit, Part::Loki, Part::Grafana, Part::Compose] {
        let files = Pipeline::default().files(part);
        assert!(files.is_sorted_by(|a, b| a.path < b.path), "{part:?}");
        assert!(
            files.iter().all(|file| !file.path.starts_with('/') && !file.path.contains("..")),
            "{part:?}"
        );
        assert!(files.iter().all(|file| file.mode == 0o644));
    }
}

#[test]
fn words_that_mean_more_than_themselves_are_refused() {
    let with = |environment: &str| Pipeline { environment: environment.to_owned(), ..Pipeline::default() };
    for word in ["", "a b", "a\"", "a'", "a\nb", "${HOME}", "a#b", "a=b", "\u{e9}"] {
        let error = with(word).check().unwrap_err();
        assert!(matches!(error, PipelineError::Word { .. }), "{error}");
    }
    assert_eq!(with("pre-production_2.eu").check(), Ok(()));
    let journal = JournalSources { directory: "log".to_owned(), ..JournalSources::default() };
    let relative = Pipeline { journal, ..Pipeline::default() }.check();
    assert!(matches!(relative, Err(PipelineError::Relative { .. })));
    let brief = Pipeline { retention: Some(Duration::from_secs(3600)), ..Pipeline::default() };
    assert_eq!(brief.check(), Err(PipelineError::Retention));
}

#[test]
fn lines_are_kept_as_long_as_the_profile_has_it_unless_told() {
    let hours = |profile, retention| Pipeline { profile, retention, ..Pipeline::default() }.retention_hours();
    assert_eq!(hours(Profile::Dev, None), 720);
    assert_eq!(hours(Profile::Archive, None), 2160);
    assert_eq!(hours(Profile::Archive, Some(Duration::from_secs(14 * 86_400))), 336);
}

#[test]
fn a_change_by_hand_is_seen_and_a_list_is_read_back() {
    let file = Pipeline::default().files(Part::Loki).remove(0);
    let mut written = Manifest::default();
    assert_eq!(written.decide(&file, Some(file.text.as_bytes())), Decision::Keep);
    written.note(&file.path, b"older");
    let written = Manifest::read(&written.to_text()).unwrap();
    assert_eq!(written.decide(&file, Some(b"older")), Decision::Replace);
    assert_eq!(written.decide(&file, Some(b"older, and changed")), Decision::Refuse);
    assert!(Manifest::read("[]").is_err());
}
