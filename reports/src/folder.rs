//! Result files that are either the old or the new, whenever the process is killed.
//!
//! [`write_atomically`] writes to `.NAME.0.partial` in the same folder, flushes, syncs to the disk and renames. A
//! writer holds a lock on its partial file until the rename; the lock dies with the process. So a partial file without
//! a lock is a leftover of a killed run: the next writer of NAME takes its place, [`remove_leftovers`] clears a whole
//! folder. A second living writer of NAME takes `.NAME.1.partial`, and the last rename wins.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the name of a file in the making ends.
const PARTIAL: &str = ".partial";

/// How many living writers of one file are allowed at once; more are a mistake of the caller.
const WRITERS_MAX: u32 = 64;

/// Writes the file at `path` through `fill`, whole or not at all.
///
/// `fill` gets a buffered writer. When it returns an error or panics, the partial file is removed and what was at
/// `path` stays. The folder must exist.
///
/// # Errors
/// Those of `fill`, and those of the file system, with the path in their text.
pub fn write_atomically<T, E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<T, E> {
    let (staged, filled) = stage(path, fill)?;
    staged.publish()?;
    Ok(filled)
}

/// A file that is written and not in its place yet. Dropped before [`Staged::publish`] it is gone, and what was there stays.
pub struct Staged {
    partial: Partial,
    target: PathBuf,
}

impl Staged {
    /// Puts it in its place.
    ///
    /// # Errors
    /// Those of the file system, with the path in their text.
    pub fn publish(self) -> io::Result<()> {
        let Self { partial, target } = self;
        partial.publish(&target).map_err(|error| at(&target, &error))
    }
}

/// Writes a file through `fill`, to be put at `path` later: several files can so become new together, without being held in
/// memory.
fn stage<T, E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<(Staged, T), E> {
    let partial = Partial::create(path).map_err(|error| at(path, &error))?;
    let mut out = BufWriter::with_capacity(1 << 16, &*partial.file);
    let filled = fill(&mut out)?;
    out.flush().map_err(|error| at(path, &error))?;
    drop(out);
    Ok((Staged { partial, target: path.to_owned() }, filled))
}

/// A file that is written bit by bit, several of them at once if need be, and put in its place later. Dropped before
/// [`Staging::finish`] it is gone, and what was there stays.
pub struct Staging {
    out: BufWriter<Arc<File>>,
    partial: Partial,
    target: PathBuf,
}

impl Staging {
    /// Begins the file that is to be at `path`. The folder must exist.
    ///
    /// # Errors
    /// Those of the file system, with the path in their text.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let partial = Partial::create(path).map_err(|error| at(path, &error))?;
        let out = BufWriter::with_capacity(1 << 16, Arc::clone(&partial.file));
        Ok(Self { out, partial, target: path.to_owned() })
    }

    /// Ends it.
    ///
    /// # Errors
    /// Those of the file system, with the path in their text.
    pub fn finish(mut self) -> io::Result<Staged> {
        self.flush()?;
        let Self { partial, target, .. } = self;
        Ok(Staged { partial, target })
    }
}

impl Write for Staging {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| at(&self.target, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| at(&self.target, &error))
    }
}

/// Removes the partial files that killed runs left in `folder`; those of living writers stay. Says how many went.
///
/// # Errors
/// Those of the file system when it lists the folder or removes a file.
pub fn remove_leftovers(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_partial_name)
            && let Some(leftover) = Partial::take_over(&path)?
        {
            drop(leftover);
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether a file of this name is one in the making: `.NAME.N.partial`.
pub fn is_partial_name(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(PARTIAL));
    let number = inner.and_then(|inner| inner.rsplit_once('.')).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A file in the making, locked; removed when dropped before [`Partial::publish`].
struct Partial {
    path: PathBuf,
    file: Arc<File>,
    published: bool,
}

impl Partial {
    fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
        for number in 0..WRITERS_MAX {
            let mut partial_name = std::ffi::OsString::from(".");
            partial_name.push(name);
            partial_name.push(format!(".{number}{PARTIAL}"));
            let path = target.with_file_name(partial_name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    if let Some(partial) = Self::lock(&path, file, true)? {
                        return Ok(partial);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if let Some(leftover) = Self::take_over(&path)? {
                        leftover.file.set_len(0)?;
                        return Ok(leftover);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("{WRITERS_MAX} writers are at this file already")))
    }

    /// The partial file of a writer that is no more; `None` where the writer lives or has just finished.
    fn take_over(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().write(true).open(path) {
            Ok(file) => Self::lock(path, file, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whoever holds the lock of the file that `path` names owns it: others rename or remove it only with that lock.
    /// Between opening and locking the file may have been renamed to a finished result, which must not be touched;
    /// hence the second look.
    fn lock(path: &Path, file: File, created: bool) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // On a file system without locks a file just created is ours all the same, but an older one cannot be told
            // from that of a living writer and stays.
            Err(TryLockError::Error(_)) if created => {}
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        let ours = names_this_file(path, &file)?;
        Ok(ours.then(|| Self { path: path.to_owned(), file: Arc::new(file), published: false }))
    }

    fn publish(mut self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, target)?;
        self.published = true;
        sync_folder(target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            // Nothing can be done about a failure here: the file stays recognisable as a leftover.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn names_this_file(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok(named.dev() == opened.dev() && named.ino() == opened.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere a file that is open for writing cannot change its name to that of another.
#[cfg(not(unix))]
fn names_this_file(path: &Path, _file: &File) -> io::Result<bool> {
    path.try_exists()
}

/// The rename itself lasts only once the folder is on the disk.
#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_file: &Path) -> io::Result<()> {
    Ok(())
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("folder")
            .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_success_replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("summary.csv");
        fs::write(&path, "old").expect("write");
        let answer = write_atomically(&path, |out| out.write_all(b"new").map(|()| 7)).expect("success");
        assert_eq!(answer, 7);
        assert_eq!(fs::read(&path).expect("read"), b"new");
        assert_eq!(names(folder.path()), ["summary.csv"]);
    }

    /// Several are in the making at once; one that is dropped leaves nothing.
    #[test]
    fn staged_files_come_when_they_are_published() {
        let folder = tempfile::tempdir().expect("folder");
        let [a, b] = ["a.csv", "b.csv"].map(|name| folder.path().join(name));
        fs::write(&a, "old").expect("write");
        let (mut first, mut second) = (Staging::begin(&a).expect("begun"), Staging::begin(&b).expect("begun"));
        first.write_all(b"ne").expect("written");
        second.write_all(b"lost").expect("written");
        first.write_all(b"w").expect("written");
        let staged = first.finish().expect("finished");
        drop(second);
        assert_eq!(fs::read(&a).expect("read"), b"old");
        staged.publish().expect("published");
        assert_eq!(fs::read(&a).expect("read"), b"new");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn a_failure_half_way_keeps_the_old_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("summary.csv");
        fs::write(&path, "old").expect("write");
        let failed: io::Result<()> = write_atomically(&path, |out| {
            out.write_all(&[b'x'; 1 << 20])?;
            assert_eq!(names(folder.path()), [".summary.csv.0.partial", "summary.csv"]);
            Err(io::Error::other("disk on fire"))
        });
        assert_eq!(failed.expect_err("failure").to_string(), "disk on fire");
        assert_eq!(fs::read(&path).expect("read"), b"old");
        assert_eq!(names(folder.path()), ["summary.csv"]);
    }

    #[test]
    fn a_panic_half_way_keeps_the_old_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("summary.csv");
        fs::write(&path, "old").expect("write");
        let panicked = std::panic::catch_unwind(|| {
            write_atomically(&path, |out| -> io::Result<()> {
                out.write_all(b"half")?;
                panic!("planned");
            })
        });
        assert!(panicked.is_err());
        assert_eq!(fs::read(&path).expect("read"), b"old");
        assert_eq!(names(folder.path()), ["summary.csv"]);
    }

    /// A killed process leaves its partial file without a lock.
    #[test]
    fn the_next_writer_takes_the_place_of_a_killed_one() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("summary.csv");
        fs::write(folder.path().join(".summary.csv.0.partial"), "a longer leftover").expect("write");
        write_atomically(&path, |out| out.write_all(b"new")).expect("success");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        assert_eq!(names(folder.path()), ["summary.csv"]);
    }

    #[test]
    fn two_living_writers_do_not_mix_and_the_last_wins() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("summary.csv");
        write_atomically(&path, |outer| {
            outer.write_all(b"outer")?;
            write_atomically(&path, |inner| inner.write_all(b"inner"))?;
            assert_eq!(fs::read(&path)?, b"inner");
            assert_eq!(remove_leftovers(folder.path())?, 0, "the outer writer lives");
            Ok::<_, io::Error>(())
        })
        .expect("success");
        assert_eq!(fs::read(&path).expect("read"), b"outer");
        assert_eq!(names(folder.path()), ["summary.csv"]);
    }

    #[test]
    fn leftovers_are_removed_and_only_they() {
        let folder = tempfile::tempdir().expect("folder");
        for name in [".a.csv.0.partial", ".b.0.partial", "c.partial", ".d.partial", ".e..partial", "f.csv"] {
            fs::write(folder.path().join(name), "x").expect("write");
        }
        assert_eq!(remove_leftovers(folder.path()).expect("listed"), 2);
        assert_eq!(names(folder.path()), [".d.partial", ".e..partial", "c.partial", "f.csv"]);
    }

    #[test]
    fn a_missing_folder_is_named_in_the_error() {
        let folder = tempfile::tempdir().expect("folder");
        let error = write_atomically(&folder.path().join("no/x.csv"), |_| Ok::<_, io::Error>(())).expect_err("failure");
        assert!(error.to_string().contains("x.csv"), "{error}");
    }
}
