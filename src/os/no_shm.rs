//! The twin of `shm` for the BSDs, where processes share no memory. Functions that need a file are never called.

#[path = "shm/unknown.rs"]
mod unknown;

use crate::error::MapError;
pub use unknown::{available, headroom, names_can_be_huge, node_free};

const NONE: MapError = MapError::Unsupported { what: "slabs that processes share" };

/// No such file exists.
#[derive(Debug)]
pub struct SharedFile(Box<std::convert::Infallible>);

/// As on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    pub len: u64,
    pub is_regular: bool,
    pub owner: u32,
    pub mode: u32,
}

impl SharedFile {
    pub fn open(_name: &str) -> Result<SharedFile, MapError> {
        Err(NONE)
    }

    pub fn facts(&self) -> Result<FileFacts, MapError> {
        match *self.0 {}
    }

    pub fn read(&self, _bytes: &mut [u8]) -> Result<usize, MapError> {
        match *self.0 {}
    }

    pub fn resize(&self, _len: usize) -> Result<(), MapError> {
        match *self.0 {}
    }

    pub fn reserve(&self, _start: usize, _len: usize) -> Result<(), MapError> {
        match *self.0 {}
    }

    pub fn share(&self) -> Result<bool, MapError> {
        match *self.0 {}
    }

    pub fn try_lock(&self, _byte: usize) -> Result<bool, MapError> {
        match *self.0 {}
    }

    pub fn unlock(&self, _byte: usize) -> Result<(), MapError> {
        match *self.0 {}
    }

    pub fn is_locked_by_another(&self, _byte: usize) -> Result<bool, MapError> {
        match *self.0 {}
    }

    pub fn pages(&self, _len: usize, _last: usize) -> Result<super::SharedPages, MapError> {
        match *self.0 {}
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
