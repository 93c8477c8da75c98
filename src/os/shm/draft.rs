//! Files that are made. Nobody sees one before its bytes are complete: it has no name until then, or, where the file
//! system cannot make files without one (macOS), a name that is nobody else's.

use super::{SharedFile, failed, kind, lock_file, open, path, unless_no_proc, unlink};
use crate::error::MapError;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};

/// What names begin with under which files are made.
const PRIVATE: &str = "/.ralloc-making-";
/// The lock of the process that makes a file with a private name.
const MAKER: usize = 1 << 20;

/// A file that is being made. It is gone if this value is dropped, or its process dies, before `publish`; where it has
/// a private name, it is removed when the next process makes a file of that name.
#[derive(Debug)]
pub struct Draft {
    /// Dropped before the file, whose lock says that the name is in use.
    private: Option<Private>,
    file: SharedFile,
    _turn: Option<Turn>,
}

/// A private name, removed when this value is dropped.
#[derive(Debug)]
struct Private(String);

impl Drop for Private {
    fn drop(&mut self) {
        let _ = unlink(&self.0);
    }
}

/// Whether files are made under this name.
pub fn is_private(name: &str) -> bool {
    name.starts_with(PRIVATE)
}

fn private_name(name: &str) -> String {
    // FNV-1a: the same in every process.
    let add = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    format!("{PRIVATE}{:016x}", name.bytes().fold(0xCBF2_9CE4_8422_2325, add))
}

/// The right to make a file: a lock of the whole folder. It only saves memory, which several processes would take at
/// once for files of one name, of which one is used. So whoever has no patience left does without it.
#[derive(Debug)]
struct Turn(OwnedFd);

impl Turn {
    /// `None` if others have it.
    fn take(how: i32) -> Result<Option<Turn>, MapError> {
        let folder = std::fs::File::open(kind::folder()?);
        let folder = OwnedFd::from(folder.map_err(|error| failed("open", &error))?);
        Ok(lock_file(folder.as_raw_fd(), how)?.then(|| Turn(folder)))
    }
}

impl Drop for Turn {
    /// Not only by closing: a forked child may have the descriptor too.
    fn drop(&mut self) {
        // SAFETY: no memory is touched.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// Whether a file, perhaps of this name, is being made.
pub fn is_being_made(name: &str) -> bool {
    let is_made_in_private = || {
        let file = SharedFile::open(&private_name(name));
        file.and_then(|file| file.is_locked_by_another(MAKER)).unwrap_or(false)
    };
    matches!(Turn::take(libc::LOCK_SH), Ok(None)) || is_made_in_private()
}

impl Draft {
    /// An empty file, to get the name `name`. `None` while another process makes one; without `patience` only where
    /// the file has a private name.
    pub fn new(name: &str, patience: bool) -> Result<Option<Draft>, MapError> {
        let turn = Turn::take(libc::LOCK_EX);
        if patience && matches!(turn, Ok(None)) {
            return Ok(None);
        }
        let _turn = turn.unwrap_or_default();
        if let Some(file) = kind::unnamed()? {
            let file = SharedFile::over(file, None)?;
            return Ok(Some(Draft { private: None, file, _turn }));
        }
        Ok(Draft::in_private(private_name(name))?.map(|draft| Draft { _turn, ..draft }))
    }

    fn in_private(name: String) -> Result<Option<Draft>, MapError> {
        for _ in 0..2 {
            match open(&path(&name)?, libc::O_CREAT | libc::O_EXCL) {
                Ok(file) => {
                    let file = SharedFile::over(file, Some(name.clone()))?;
                    // Else another process took it for one that a dead one had left.
                    let is_own = file.try_lock(MAKER)? && file.is_named(&name)?;
                    return Ok(is_own.then(|| Draft {
                        private: Some(Private(name)),
                        file,
                        _turn: None,
                    }));
                }
                Err(error) if error.io_kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            // Only the name is removed: it may be a second one of a file that is in use.
            let Ok(left) = SharedFile::open(&name) else { return Ok(None) };
            if !left.try_lock(MAKER)? || !left.is_named(&name)? {
                return Ok(None);
            }
            unlink(&name)?;
        }
        Ok(None)
    }

    /// The file, while nobody else has it.
    pub fn file(&self) -> &SharedFile {
        &self.file
    }

    /// Gives the file its name. `None` if there is a file of that name.
    pub fn publish(self, name: &str) -> Result<Option<SharedFile>, MapError> {
        let Draft { private, mut file, _turn } = self;
        let is_private = private.is_some();
        let linked = match &private {
            Some(private) => std::fs::hard_link(path(&private.0)?, path(name)?),
            None => kind::link(file.fd("linkat")?, &path(name)?),
        };
        drop(private);
        match linked {
            Ok(()) => {
                file.name = Some(name.to_owned());
                if is_private {
                    file.unlock(MAKER)?;
                }
                Ok(Some(file))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(unless_no_proc(failed("linkat", &error))),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_a_dead_maker_left_under_its_private_name_loses_that_name_and_no_bytes() {
        let name =
            format!("/ralloc-draft-test-{}-{}", std::process::id(), crate::sync::unique_id());
        let (path, private) = (path(&name).unwrap(), path(&private_name(&name)).unwrap());
        let is_there = |path: &str| fs::exists(path).unwrap();
        fs::write(&private, "begun").unwrap();
        fs::hard_link(&private, &path).unwrap(); // it died after that
        let draft = Draft::in_private(private_name(&name)).unwrap().unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), draft.file.facts().unwrap().len),
            (b"begun".into(), 0)
        );
        assert!(Draft::in_private(private_name(&name)).unwrap().is_none(), "one alone");
        assert!(is_being_made(&name) && is_there(&private));
        assert!(draft.publish(&name).unwrap().is_none() && !is_there(&private));
        fs::remove_file(&path).unwrap();
        let draft = Draft::in_private(private_name(&name)).unwrap().unwrap();
        let file = draft.publish(&name).unwrap().unwrap();
        assert!(file.is_named(&name).unwrap() && is_there(&path) && !is_there(&private));
        fs::remove_file(&path).unwrap();
        drop(Draft::in_private(private_name(&name)).unwrap().unwrap());
        assert!(!is_there(&private));
    }
}
