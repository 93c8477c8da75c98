//! A participant's own stacks of claimed slots, one for each pool: what makes a pair of allocate and
//! free cost a few loads and stores and share no line with other threads.
//!
//! Refilled and flushed by halves, the cold half first out, as DPDK's mempool cache does since 2026.
//! (Bonwick and Adams, "Magazines and Vmem", USENIX 2001.)
//!
//! No hoarding: all magazines of a pool together have at most a quarter of it, since each has room for
//! count / (4 × participants), read anew at every refill and flush.

use super::Slab;
use super::word::{Owner, State};
use crate::error::{ClaimError, SlotError};
use crate::sync::Arc;
use std::ptr::NonNull;

/// The most slots in a magazine.
pub const MAX_ROOM: usize = 64;

#[derive(Debug)]
struct Magazine {
    /// Cached slots of this participant, the last freed on top.
    slots: Vec<u32>,
    /// The most there may be; 0: none, every call goes to the pool.
    room: usize,
}

/// A participant in a slab, for one thread. When it is dropped its magazines are flushed; slots that
/// it handed out stay with whoever holds them.
#[derive(Debug)]
pub struct Local {
    slab: Arc<Slab>,
    owner: Owner,
    /// One for each pool.
    magazines: Box<[Magazine]>,
}

impl Local {
    /// A new participant in `slab`; `None` when there are as many as there can be.
    pub fn new(slab: &Arc<Slab>) -> Option<Local> {
        let owner = slab.registry().join()?;
        let magazine = |pool| Magazine { slots: Vec::new(), room: slab.room(pool) };
        let magazines = (0..slab.places().len()).map(magazine).collect();
        Some(Local { slab: Arc::clone(slab), owner, magazines })
    }

    /// As [`Slab::allocate`].
    #[inline]
    pub fn allocate(&mut self, size: usize) -> Result<NonNull<[u8]>, ClaimError> {
        let pool = self.slab.class_of(size)?;
        match self.magazines[pool].slots.pop() {
            Some(slot) => Ok(self.hand_out(pool, slot)),
            None => self.allocate_slow(pool, size),
        }
    }

    /// As [`Slab::try_allocate`].
    pub fn try_allocate(&mut self, size: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let pool = self.slab.class_of(size)?;
        match self.magazines[pool].slots.pop() {
            Some(slot) => Ok(Some(self.hand_out(pool, slot))),
            None => self.refill(pool),
        }
    }

    /// As [`Slab::deallocate`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>) -> Result<(), SlotError> {
        let (pool, slot) = self.slab.locate(block)?;
        let words = &self.slab.places()[pool].pool;
        let word = words.word(slot);
        if word.is(State::Held, self.owner) {
            words.set_own(slot, word.next(State::Cached, self.owner));
        } else if word.state() != State::Held {
            return Err(self.slab.refuse(pool, SlotError::NotHeld));
        } else if self.magazines[pool].room == 0 {
            self.magazines[pool].room = self.slab.room(pool);
            return self.slab.free_slot(pool, slot);
        } else if words.change(slot, word, word.next(State::Cached, self.owner)).is_err() {
            return Err(self.slab.refuse(pool, SlotError::NotHeld));
        }
        let magazine = &mut self.magazines[pool];
        magazine.slots.push(slot);
        if magazine.slots.len() > magazine.room {
            self.flush_half(pool);
        }
        Ok(())
    }

    /// Gives every cached slot back to its pool.
    pub fn flush(&mut self) {
        for (magazine, place) in self.magazines.iter_mut().zip(self.slab.places()) {
            place.pool.flush(&magazine.slots);
            magazine.slots.clear();
        }
    }

    /// Cached slots of pool `pool`.
    pub fn cached(&self, pool: usize) -> usize {
        self.magazines[pool].slots.len()
    }

    /// Who this is in the words of its slots.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Dies as a thread does that is stopped anywhere: nothing is flushed, and its number is not given
    /// back. For tests of [`Slab::recover`], which then gets the number and gives all back.
    pub fn die(mut self) -> Owner {
        self.magazines = Box::default();
        self.owner
    }

    fn hand_out(&self, pool: usize, slot: u32) -> NonNull<[u8]> {
        let place = &self.slab.places()[pool];
        let word = place.pool.word(slot);
        place.pool.set_own(slot, word.to(State::Held, self.owner));
        place.block(slot)
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(&mut self, first: usize, size: usize) -> Result<NonNull<[u8]>, ClaimError> {
        for pool in first..self.magazines.len() {
            let found = match self.magazines[pool].slots.pop() {
                Some(slot) => Some(self.hand_out(pool, slot)),
                None => self.refill(pool)?,
            };
            if let Some(block) = found {
                self.slab.note_promotion(first, pool);
                return Ok(block);
            }
        }
        Err(self.slab.exhausted(first, size))
    }

    /// A slot of the pool, and half a magazine more.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, pool: usize) -> Result<Option<NonNull<[u8]>>, ClaimError> {
        let room = self.slab.room(pool);
        let magazine = &mut self.magazines[pool];
        magazine.room = room;
        magazine.slots.reserve(room + 1);
        let slots = &mut magazine.slots;
        let owner = self.owner;
        let mut push = |slot| slots.push(slot);
        self.slab.claim(pool, owner, State::Cached, room / 2 + 1, &mut push)?;
        // The lowest on top: what is used stays together.
        slots.reverse();
        Ok(slots.pop().map(|slot| self.hand_out(pool, slot)))
    }

    #[cold]
    #[inline(never)]
    fn flush_half(&mut self, pool: usize) {
        let room = self.slab.room(pool);
        let magazine = &mut self.magazines[pool];
        magazine.room = room;
        let keep = room / 2;
        let cold = magazine.slots.len().saturating_sub(keep);
        self.slab.places()[pool].pool.flush(&magazine.slots[..cold]);
        magazine.slots.drain(..cold);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if self.magazines.is_empty() {
            return; // it died
        }
        self.flush();
        self.slab.registry().leave(self.owner);
    }
}
