//! Methods of `LeasedSlab` for slabs that processes share: creating, opening, and listing
//! participants.

use super::convert::{Failure, MemoryArgument, Result, UNSUPPORTED, coded, memory_options, millis};
use super::inherited;
use super::slab::{LeasedSlab, slab_options};
use crate::error::SlabError;
use crate::slab::registry::Member;
use crate::slab::{Recovered, SegmentOptions, Slab};
use napi_derive::napi;

/// A participant of a slab.
#[napi(object, object_from_js = false)]
pub struct MemberInfo {
    pub pid: u32,
    /// When it joined, in milliseconds since 1970.
    pub since: f64,
    /// Whether it is the caller.
    pub own: bool,
}

/// A participant that died, and how many of its slots were recovered.
#[napi(object, object_from_js = false)]
pub struct RecoveredInfo {
    pub pid: u32,
    pub slots: f64,
}

fn infos(recovered: Vec<Recovered>) -> Vec<RecoveredInfo> {
    let info = |one: Recovered| RecoveredInfo { pid: one.pid, slots: one.slots as f64 };
    recovered.into_iter().map(info).collect()
}

#[napi]
impl LeasedSlab {
    /// Creates a slab that processes share, without a name if it is null; `or_open`: opens an
    /// existing one. Pools and failures: those of `open`, and failures of segments.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments)]
    pub fn create(
        &self,
        name: Option<String>,
        or_open: bool,
        pools: Vec<f64>,
        max_bytes: f64,
        transit_ms: f64,
        timeout_ms: f64,
        memory: Option<MemoryArgument>,
    ) -> Result<Option<Failure>> {
        let options = slab_options(&pools, max_bytes, memory)?;
        let (transit, wait) = (millis("transitMs", transit_ms)?, millis("timeoutMs", timeout_ms)?);
        let how = SegmentOptions { transit, wait };
        self.set_participant(match name {
            None => Slab::anonymous(&options, &how),
            Some(name) if or_open => Slab::open_or_create(&name, &options, &how),
            Some(name) => Slab::create(&name, &options, &how),
        })
    }

    /// Opens the slab of a name.
    #[napi(catch_unwind)]
    pub fn open_name(
        &self,
        name: String,
        timeout_ms: f64,
        memory: Option<MemoryArgument>,
    ) -> Result<Option<Failure>> {
        let (wait, memory) = (millis("timeoutMs", timeout_ms)?, memory_options(memory)?);
        self.set_participant(Slab::open_with(&name, wait, memory))
    }

    /// Opens the slab of a descriptor, which stays the caller's. EBADF if the number is not a
    /// descriptor.
    #[napi(catch_unwind)]
    pub fn open_descriptor(
        &self,
        fd: i32,
        memory: Option<MemoryArgument>,
    ) -> Result<Option<Failure>> {
        self.set_participant(inherited::slab_of(fd, memory_options(memory)?))
    }

    /// A descriptor for a child. It is open until `close`, and the same for every call. Only for
    /// slabs that processes share.
    #[napi(catch_unwind)]
    pub fn descriptor(&self) -> Result<i32> {
        let mut own = self.descriptor.borrow_mut();
        if let Some((number, _)) = *own {
            return Ok(number);
        }
        let made = self.with(|participant| inherited::of(participant.slab()))?;
        let made = made.map_err(|error| coded(UNSUPPORTED, error))?;
        Ok(own.insert(made).0)
    }

    /// The participants that have not closed the slab.
    #[napi(catch_unwind)]
    pub fn members(&self) -> Result<Vec<MemberInfo>> {
        self.with(|participant| {
            let info = |member: Member| MemberInfo {
                pid: member.pid,
                since: member.since as f64,
                own: member.owner == participant.owner(),
            };
            participant.slab().registry().members().into_iter().map(info).collect()
        })
    }

    /// Frees the slots of processes that died. Unsupported if the process has lost the slab's
    /// descriptor.
    #[napi(catch_unwind)]
    pub fn recover(&self) -> Result<Vec<RecoveredInfo>> {
        self.with(|participant| match participant.slab().recovers() {
            true => Ok(infos(participant.slab().recover())),
            false => Err(coded(UNSUPPORTED, SlabError::OutOfTouch)),
        })?
    }

    /// The participants that were recovered since the last call, during an attach or when slots ran
    /// out.
    #[napi(catch_unwind)]
    pub fn take_recovered(&self) -> Result<Vec<RecoveredInfo>> {
        self.with(|participant| infos(participant.slab().take_recovered()))
    }

    /// Called when the process ends: frees all its slots, even those that JavaScript sees. Its
    /// ArrayBuffers show other bytes from then on.
    #[napi(catch_unwind)]
    pub fn abandon(&self) {
        let _ = self.with(|participant| participant.abandon());
        self.close();
    }

    /// Removes a name.
    #[napi(catch_unwind)]
    pub fn unlink(name: String) -> Option<Failure> {
        Slab::unlink(&name).map_err(Failure::of_segment).err()
    }

    /// The names of this user's slabs.
    #[napi(catch_unwind)]
    pub fn list() -> napi::Either<Vec<String>, Failure> {
        match Slab::list() {
            Ok(names) => napi::Either::A(names),
            Err(error) => napi::Either::B(Failure::of_segment(error.into())),
        }
    }
}
