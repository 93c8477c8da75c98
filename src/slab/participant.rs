//! How long what an isolate has claimed is its own. Free of napi.

use super::Slab;
use super::word::Owner;
use crate::sync::{Arc, Mutex};
use std::collections::BTreeMap;
use std::ptr::NonNull;

/// An isolate's part in a slab.
///
/// What it has claimed is its own as long as JavaScript can see the bytes: until the isolate closes the slab (or
/// forgets it) **and** the last ArrayBuffer over the slot's segment is gone, whichever is later. That ArrayBuffer may be
/// kept by a view that somebody made, or be in another isolate by a transfer; then it outlives the slab's object
/// for long. So every ArrayBuffer has a [`View`], and all of them keep the participant.
///
/// An isolate that ends ends its views, whoever has the ArrayBuffers now: the addresses show other pages from then on,
/// and only then are the slots free.
#[derive(Debug)]
pub(crate) struct Participant {
    slab: Slab,
    owner: Owner,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Whether it claims no more.
    closed: bool,
    /// Whether all it had claimed is free and its number given back.
    left: bool,
    /// By pool and segment: ArrayBuffers whose finalizer is still to come, and how many of these are detached.
    segments: BTreeMap<(usize, usize), (usize, usize)>,
}

impl Seen {
    /// Whether JavaScript may see a segment.
    fn is_visible(&self, pool: usize, segment: usize) -> bool {
        self.segments.get(&(pool, segment)).is_some_and(|(made, detached)| made > detached)
    }

    fn is_any_visible(&self) -> bool {
        self.segments.values().any(|(made, detached)| made > detached)
    }
}

/// An ArrayBuffer over a segment, for as long as its finalizer is to come.
#[derive(Debug)]
pub(crate) struct View {
    participant: Arc<Participant>,
    pool: usize,
    segment: usize,
}

impl Participant {
    /// `None` when there are too many.
    pub(crate) fn join(slab: Slab) -> Option<Participant> {
        let owner = slab.join()?;
        Some(Participant { slab, owner, seen: Mutex::default() })
    }

    pub(crate) fn slab(&self) -> &Slab {
        &self.slab
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// What the ArrayBuffer over a segment is to have; `None` for a segment that there cannot be.
    pub(crate) fn view(this: &Arc<Self>, pool: usize, segment: usize) -> Option<View> {
        this.slab.pools.get(pool)?.segment(segment)?;
        this.slab.mark_seen();
        this.seen.lock().segments.entry((pool, segment)).or_default().0 += 1;
        Some(View { participant: Arc::clone(this), pool, segment })
    }

    /// Notes that an ArrayBuffer over the segment is detached: nobody sees the bytes by it any more, though
    /// its finalizer is still to come.
    pub(crate) fn note_detached(&self, pool: usize, segment: usize) {
        if let Some((made, detached)) = self.seen.lock().segments.get_mut(&(pool, segment)) {
            *detached = (*detached + 1).min(*made);
        }
    }

    /// Claims no more, and frees all slots that nobody sees; the others follow with their last view. The second
    /// call does nothing.
    pub(crate) fn close(&self) {
        let mut seen = self.seen.lock();
        if !self.retire(&mut seen) || self.leave_unless_seen(&mut seen) {
            return;
        }
        for (index, pool) in self.slab.pools.iter().enumerate() {
            let segments = 0..pool.segments.max_count.div_ceil(pool.slots_per_segment());
            for segment in segments.filter(|&segment| !seen.is_visible(index, segment)) {
                pool.recover_segment(segment, self.owner);
            }
        }
    }

    /// Whether it did not before.
    fn retire(&self, seen: &mut Seen) -> bool {
        if !seen.closed {
            self.slab.registry.retire(self.owner);
        }
        !std::mem::replace(&mut seen.closed, true)
    }

    /// Ends its part where nobody sees anything: whether nobody does.
    fn leave_unless_seen(&self, seen: &mut Seen) -> bool {
        if seen.left || seen.is_any_visible() {
            return seen.left;
        }
        // For operations in flight. Should it fail, they may still write into what others get.
        self.slab.show_nothing();
        self.leave(seen);
        true
    }

    fn leave(&self, seen: &mut Seen) {
        self.slab.recover(self.owner);
        seen.left = true;
    }

    /// The isolate ends.
    fn tear_down(&self) {
        let mut seen = self.seen.lock();
        self.retire(&mut seen);
        // Should that fail, its claims stay for ever: slots that are lost are better than slots that two have.
        if !seen.left && self.slab.abandon_memory() {
            self.leave(&mut seen);
        }
    }
}

impl View {
    /// The bytes of the segment.
    pub(crate) fn bytes(&self) -> Option<NonNull<[u8]>> {
        self.participant.slab.pools[self.pool].segment(self.segment)
    }

    /// Notes that the ArrayBuffer's isolate ends, where another one may have the ArrayBuffer.
    pub(crate) fn abandon(&self) {
        self.participant.tear_down();
    }
}

impl Drop for View {
    /// The ArrayBuffer is gone.
    fn drop(&mut self) {
        let Participant { slab, owner, seen } = &*self.participant;
        let mut seen = seen.lock();
        let at = (self.pool, self.segment);
        if let Some((made, detached)) = seen.segments.get_mut(&at) {
            // Which of several it was is not known: the others count as not detached then.
            (*made, *detached) = (*made - 1, 0);
            if *made == 0 {
                seen.segments.remove(&at);
            }
        }
        let free = seen.closed && !seen.is_visible(self.pool, self.segment);
        if free && !self.participant.leave_unless_seen(&mut seen) {
            slab.pools[self.pool].recover_segment(self.segment, *owner);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::word::SlotState;
    use super::*;
    use crate::slab::SlabOptions;

    const SIZE: usize = 65536;
    /// Of 16 slots each.
    const SEGMENTS: usize = 3;
    const COUNT: usize = 16 * SEGMENTS;

    /// A slab, all of which `first` has claimed.
    fn two() -> (Arc<Participant>, Arc<Participant>) {
        let options = SlabOptions::fixed(&[SIZE], COUNT as u32, 64 << 20);
        let slab = Slab::shared(&options).unwrap();
        let other = Slab::attach(slab.share().unwrap()).unwrap();
        let first = Arc::new(Participant::join(slab).unwrap());
        assert_eq!(claim(&first).len(), COUNT);
        (first, Arc::new(Participant::join(other).unwrap()))
    }

    /// All there are.
    fn claim(by: &Participant) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut note = |slot| slots.push(slot);
        let more = by.slab().claim(0, by.owner(), SlotState::Held, COUNT, &mut note).unwrap();
        assert_eq!(more, slots.len());
        slots.sort_unstable();
        slots
    }

    fn views(of: &Arc<Participant>) -> Vec<View> {
        (0..SEGMENTS).map(|segment| Participant::view(of, 0, segment).unwrap()).collect()
    }

    fn slots_of(segment: usize) -> Vec<u32> {
        (16 * segment as u32..16 * (segment as u32 + 1)).collect()
    }

    fn byte(by: &Participant, slot: u32) -> *mut u8 {
        by.slab().pools()[0].block(slot).cast().as_ptr()
    }

    #[test]
    fn who_closes_keeps_what_is_seen_until_the_last_view_of_each_segment_is_gone() {
        let (first, second) = two();
        let mut views = views(&first);
        let again = Participant::view(&first, 0, 1).unwrap();
        first.close();
        first.close();
        assert_eq!(claim(&second), []);
        assert_eq!(second.slab().registry().alive(), 1, "it does not count any more");
        drop(views.remove(0));
        assert_eq!(claim(&second), slots_of(0));
        drop(views.remove(0));
        assert_eq!(claim(&second), [], "there is another one over it");
        drop(again);
        assert_eq!(claim(&second), slots_of(1));
        let owner = first.owner();
        assert!(second.slab().registry().is_alive(owner), "its number is not given again");
        drop((first, views));
        assert_eq!(claim(&second), slots_of(2));
        assert!(!second.slab().registry().is_alive(owner));
    }

    #[test]
    fn views_that_end_before_the_close_free_nothing() {
        let (first, second) = two();
        drop(views(&first));
        assert_eq!(claim(&second), []);
        assert_eq!(second.slab().registry().alive(), 2);
        first.close();
        assert_eq!(claim(&second).len(), COUNT);
        assert!(!second.slab().registry().is_alive(first.owner()));
    }

    #[test]
    fn what_was_detached_before_the_close_is_free_at_once_and_shows_what_is_nobody_elses() {
        let (first, second) = two();
        let views = views(&first);
        (0..SEGMENTS).for_each(|segment| first.note_detached(0, segment));
        first.close();
        assert_eq!(claim(&second).len(), COUNT);
        // SAFETY: the mapping lives; what an operation in flight does.
        unsafe { byte(&first, 20).write(7) };
        // SAFETY: a slot of the second one.
        assert_eq!(unsafe { byte(&second, 20).read() }, 0);
        drop(views);
    }

    #[test]
    fn a_segment_that_cannot_be_detached_is_kept_and_the_others_are_free() {
        let (first, second) = two();
        let views = views(&first);
        (1..SEGMENTS).for_each(|segment| first.note_detached(0, segment));
        first.note_detached(0, 99);
        first.close();
        let others: Vec<_> = (16..COUNT as u32).collect();
        assert_eq!(claim(&second), others);
        drop(views);
        assert_eq!(claim(&second), slots_of(0));
    }

    #[test]
    fn an_isolate_that_ends_shows_other_pages_before_its_slots_are_free() {
        for closes_first in [false, true] {
            let (first, second) = two();
            let mut views = views(&first);
            let (mine, theirs) = (byte(&first, 3), byte(&second, 3));
            // SAFETY: live mappings of the same slot, which the first has; here and below.
            unsafe { mine.write(7) };
            // SAFETY: as above.
            assert_eq!(unsafe { theirs.read() }, 7);
            if closes_first {
                first.close();
            }
            views.pop().unwrap().abandon();
            assert_eq!(claim(&second).len(), COUNT, "also what other views are over");
            // SAFETY: abandoned pages stay mapped for ever.
            unsafe { mine.write(9) };
            // SAFETY: as above.
            assert_eq!(unsafe { theirs.read() }, 7, "another isolate's write hits nothing");
            first.close();
            views.pop().unwrap().abandon();
            drop((views, first));
            // SAFETY: as above.
            assert_eq!(unsafe { mine.read() }, 0);
            assert_eq!(second.slab().registry().alive(), 1);
        }
    }

    #[test]
    fn what_was_sent_stays_sent_while_its_sender_is_seen_and_after() {
        let (first, second) = two();
        let views = views(&first);
        let token = first.slab().send(0, 5, 100, first.owner()).unwrap();
        let other = first.slab().send(0, 6, 100, first.owner()).unwrap();
        first.close();
        assert!(second.slab().receive(token, second.owner()).is_ok());
        assert_eq!(claim(&second), [], "its sender is alive, as long as it is seen");
        drop(views);
        let free: Vec<_> = (0..COUNT as u32).filter(|slot| ![5, 6].contains(slot)).collect();
        assert_eq!(claim(&second), free);
        assert_eq!(claim(&second), [6], "nobody received it, and none is left");
        assert!(second.slab().receive(other, second.owner()).is_err());
    }

    #[test]
    fn there_is_no_view_of_what_there_cannot_be() {
        let (first, _) = two();
        assert!(
            Participant::view(&first, 0, SEGMENTS).is_none()
                && Participant::view(&first, 1, 0).is_none()
        );
    }
}
