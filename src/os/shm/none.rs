//! The twin of `shm` for the BSDs, where processes share no memory. No file is ever made.

#[path = "unknown.rs"]
mod unknown;

use crate::error::MapError;
use crate::os::{Answer, FileFacts, SharedPages, lacking};
pub use unknown::{available, headroom, names_can_be_huge, node_free};

fn none<T>() -> Answer<T> {
    lacking("slabs that processes share")
}

/// In a box, so that code that only another system reaches is not unreachable to the compiler.
#[derive(Debug)]
pub struct SharedFile(Box<std::convert::Infallible>);

impl SharedFile {
    stand_ins! {
        open(_: &str) -> Answer<SharedFile> = none();
        facts(&self) -> Answer<FileFacts> = none();
        read(&self, _: &mut [u8]) -> Answer<usize> = none();
        resize(&self, _: usize) -> Answer<()> = none();
        reserve(&self, _: usize, _: usize) -> Answer<()> = none();
        pages(&self, _: usize, _: usize) -> Answer<SharedPages> = none();
        share(&self) -> Answer<bool> = none();
        try_lock(&self, _: usize) -> Answer<bool> = none();
        unlock(&self, _: usize) -> Answer<()> = none();
        is_locked_by_another(&self, _: usize) -> Answer<bool> = none();
    }
}

#[derive(Debug)]
pub struct Draft(SharedFile);

impl Draft {
    stand_ins! {
        new(_: &str, _: bool) -> Answer<Option<Draft>> = none();
        file(&self) -> &SharedFile = &self.0;
        publish(self, _: &str) -> Answer<Option<SharedFile>> = none();
    }
}

stand_ins! {
    is_being_made(_: &str) -> bool = false;
    user() -> u32 = 0;
    already_there() -> MapError = none::<()>().unwrap_err();
    unlink(_: &str) -> Answer<()> = none();
    names(_: &mut [u8], _: impl FnMut(&str, &[u8])) -> Answer<()> = none();
    free_bytes() -> Option<u64> = None;
}
