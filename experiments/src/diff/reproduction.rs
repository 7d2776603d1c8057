//! The files of two folders of the same experiment, hash by hash.

use super::manifest::Manifest;

/// A file that one of two manifests lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its name in the folder.
    pub name: String,
    /// What became of it.
    pub agreement: Agreement,
}

/// What a second run made of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agreement {
    /// The same bytes.
    Same,
    /// Other bytes.
    Differs,
    /// It was not made this time.
    Missing,
    /// It was made this time alone.
    New,
}

impl Agreement {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "agrees",
            Self::Differs => "differs",
            Self::Missing => "is not made any more",
            Self::New => "was not made then",
        }
    }
}

/// Compares the files that two manifests list, in the order of their names.
pub fn compare_files(old: &Manifest, new: &Manifest) -> Vec<File> {
    let (listed, made) = (old.files(), new.files());
    let mut files: Vec<File> = listed
        .iter()
        .map(|(name, hash)| {
            let agreement = match made.get(name) {
                None => Agreement::Missing,
                Some(other) if other == hash => Agreement::Same,
                Some(_) => Agreement::Differs,
            };
            File { name: (*name).to_owned(), agreement }
        })
        .collect();
    let only_made = made.keys().filter(|name| !listed.contains_key(*name));
    files.extend(only_made.map(|name| File { name: (*name).to_owned(), agreement: Agreement::New }));
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_of_either_side_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let manifest = |name: &str, files: serde_json::Value| {
            let path = scratch.path().join(name);
            let text = serde_json::json!({"experiment": "x", "scenario": "()", "sources_sha256": "0", "files": files});
            std::fs::write(&path, text.to_string()).unwrap();
            Manifest::read(&path).unwrap()
        };
        let old = manifest("old", serde_json::json!({"a.csv": "1", "b.csv": "2", "figures/f.svg": "3"}));
        let new = manifest("new", serde_json::json!({"a.csv": "1", "b.csv": "9", "c.csv": "4"}));
        let told: Vec<_> = compare_files(&old, &new).into_iter().map(|file| (file.name, file.agreement)).collect();
        let expected = [
            ("a.csv".to_owned(), Agreement::Same),
            ("b.csv".to_owned(), Agreement::Differs),
            ("c.csv".to_owned(), Agreement::New),
            ("figures/f.svg".to_owned(), Agreement::Missing),
        ];
        assert_eq!(told, expected);
    }
}
