//! Files that are made. Nobody sees one before its bytes are complete: it has no name until then,
//! or, where the file system cannot make files without one (macOS, Windows), a name that is nobody
//! else's.

use super::{SharedFile, Turn, unlink};
use crate::error::MapError;
use std::io::ErrorKind;

/// What names begin with under which files are made.
const PRIVATE: &str = "/.ralloc-making-";
/// The lock of the process that makes a file with a private name.
const MAKER: usize = 1 << 20;

/// A file that is being made. It is gone if this value is dropped, or its process dies, before
/// `publish`; where it has a private name, it is removed when the next process makes a file of that
/// name.
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

/// Whether a file, perhaps of this name, is being made.
pub fn is_being_made(name: &str) -> bool {
    let is_made_in_private = || {
        let file = SharedFile::open(&private_name(name));
        file.and_then(|file| file.is_locked_by_another(MAKER)).unwrap_or(false)
    };
    matches!(Turn::take(false), Ok(None)) || is_made_in_private()
}

impl Draft {
    /// An empty file, to get the name `name`. `None` while another process makes one; without
    /// `patience` only where the file has a private name.
    pub fn new(name: &str, patience: bool) -> Result<Option<Draft>, MapError> {
        let turn = Turn::take(true);
        if patience && matches!(turn, Ok(None)) {
            return Ok(None);
        }
        let _turn = turn.unwrap_or_default();
        if let Some(file) = SharedFile::unnamed()? {
            return Ok(Some(Draft { private: None, file, _turn }));
        }
        Ok(Draft::in_private(private_name(name))?.map(|draft| Draft { _turn, ..draft }))
    }

    fn in_private(name: String) -> Result<Option<Draft>, MapError> {
        for _ in 0..2 {
            match SharedFile::create(&name) {
                Ok(file) => {
                    // Else another process took it for one that a dead one had left.
                    let is_own = file.try_lock(MAKER)? && file.is_named(&name)?;
                    let private = || Some(Private(name));
                    return Ok(is_own.then(|| Draft { private: private(), file, _turn: None }));
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
        let linked = file.link(private.as_ref().map(|private| &*private.0), name);
        drop(private);
        match linked {
            Ok(()) => file.unlock(MAKER).map(|()| Some(file)),
            Err(error) if error.io_kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }
}
