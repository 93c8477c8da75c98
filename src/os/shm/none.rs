//! The twin of `shm` for the BSDs, where processes share no memory. Functions that need a file are
//! never called.

#[path = "unknown.rs"]
mod unknown;

use crate::error::MapError;
use crate::os::FileFacts;
pub use unknown::{available, headroom, names_can_be_huge, node_free};

const NONE: MapError = MapError::Unsupported { what: "slabs that processes share" };

/// No such file exists.
#[derive(Debug)]
pub struct SharedFile(Box<std::convert::Infallible>);

macro_rules! of_no_file {
    ($($name:ident($($kind:ty),*) -> $result:ty;)+) => {
        impl SharedFile {
            $(pub fn $name(&self, $(_: $kind),*) -> Result<$result, MapError> {
                match *self.0 {}
            })+
        }
    };
}

of_no_file! {
    facts() -> FileFacts;
    read(&mut [u8]) -> usize;
    resize(usize) -> ();
    reserve(usize, usize) -> ();
    pages(usize, usize) -> super::SharedPages;
    share() -> bool;
    try_lock(usize) -> bool;
    unlock(usize) -> ();
    is_locked_by_another(usize) -> bool;
}

impl SharedFile {
    pub fn open(_name: &str) -> Result<SharedFile, MapError> {
        Err(NONE)
    }
}

/// No such file is made.
#[derive(Debug)]
pub struct Draft(SharedFile);

impl Draft {
    pub fn new(_name: &str, _patience: bool) -> Result<Option<Draft>, MapError> {
        Err(NONE)
    }

    pub fn file(&self) -> &SharedFile {
        &self.0
    }

    pub fn publish(self, _name: &str) -> Result<Option<SharedFile>, MapError> {
        match *self.0.0 {}
    }
}

pub fn is_being_made(_name: &str) -> bool {
    false
}

pub fn user() -> u32 {
    0
}

pub fn already_there() -> MapError {
    NONE
}

pub fn unlink(_name: &str) -> Result<(), MapError> {
    Err(NONE)
}

pub fn names(_prefix: &mut [u8], _found: impl FnMut(&str, &[u8])) -> Result<(), MapError> {
    Err(NONE)
}

pub fn free_bytes() -> Option<u64> {
    None
}
