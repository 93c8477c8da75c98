//! An isolate as a participant in a slab, and how long it keeps the slots that it has claimed. Free
//! of napi.

use super::Slab;
use super::word::Owner;
use crate::error::SlabError;
use crate::sync::{Arc, Mutex};
use std::ptr::NonNull;

/// An isolate as a participant in a slab, as long as it claims and frees there.
///
/// It keeps the slots that it has claimed as long as JavaScript can see their bytes: until the
/// isolate closes the slab (or it is collected) **and** the last ArrayBuffer over the slot's
/// segment is detached or collected. An ArrayBuffer may outlive the slab's object by far, because a
/// view keeps it or because it was transferred to another isolate. So every ArrayBuffer has a
/// [`View`], and all views keep the [`Part`].
///
/// The part keeps the slab only until no ArrayBuffer shows its slots, and does not wait for
/// finalizers: those of detached ArrayBuffers run only when the event loop turns, and a loop that
/// creates and closes slabs would run out of addresses.
///
/// When an isolate ends, its views end, wherever the ArrayBuffers are by then: first their
/// addresses get other pages, then the slots become free.
#[derive(Debug)]
pub(crate) struct Participant {
    slab: Arc<Slab>,
    part: Arc<Part>,
}

#[derive(Debug)]
struct Part {
    owner: Owner,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// `Some` until everything it claimed is freed and its number given back.
    slab: Option<Arc<Slab>>,
    /// Whether it has stopped claiming.
    closed: bool,
    /// The ArrayBuffers over the segments of each pool, up to the last segment that had some.
    views: Vec<Vec<Views>>,
}

/// The ArrayBuffers over one segment.
#[derive(Debug, Default)]
struct Views {
    /// Those whose finalizer has not run yet.
    made: usize,
    /// How many of these are detached.
    detached: usize,
}

impl Views {
    /// Whether one may show the segment to JavaScript.
    fn is_visible(&self) -> bool {
        self.made > self.detached
    }
}

impl Seen {
    fn is_visible(&self, pool: usize, segment: usize) -> bool {
        self.views[pool].get(segment).is_some_and(Views::is_visible)
    }
}

/// An ArrayBuffer over a segment, until its finalizer runs.
#[derive(Debug)]
pub(crate) struct View {
    part: Arc<Part>,
    pool: usize,
    segment: usize,
}

impl Participant {
    /// See [`Slab::join`].
    pub(crate) fn join(mut slab: Slab) -> Result<Participant, SlabError> {
        let owner = match slab.take_mapping_owner() {
            Some(owner) => owner,
            None => slab.join()?,
        };
        let slab = Arc::new(slab);
        let views = slab.pools.iter().map(|_| Vec::new()).collect();
        let seen = Seen { slab: Some(Arc::clone(&slab)), closed: false, views };
        Ok(Participant { slab, part: Arc::new(Part { owner, seen: Mutex::new(seen) }) })
    }

    pub(crate) fn slab(&self) -> &Slab {
        &self.slab
    }

    pub(crate) fn owner(&self) -> Owner {
        self.part.owner
    }

    /// The bytes of a segment, and the view that the ArrayBuffer over them keeps; `None` for a
    /// segment beyond the pool.
    pub(crate) fn view(&self, pool: usize, segment: usize) -> Option<(View, NonNull<[u8]>)> {
        let bytes = self.slab.pools.get(pool)?.segment(segment)?;
        self.slab.pools.mark_seen();
        let views = &mut self.part.seen.lock().views[pool];
        views.resize_with(views.len().max(segment + 1), Views::default);
        views[segment].made += 1;
        Some((View { part: Arc::clone(&self.part), pool, segment }, bytes))
    }

    /// Notes that an ArrayBuffer over the segment is detached, so that it no longer shows the
    /// bytes, although its finalizer has not run yet.
    pub(crate) fn note_detached(&self, pool: usize, segment: usize) {
        let mut seen = self.part.seen.lock();
        if let Some(views) = seen.views.get_mut(pool).and_then(|of_pool| of_pool.get_mut(segment)) {
            views.detached = (views.detached + 1).min(views.made);
        }
    }

    /// Stops claiming and frees all slots, even if ArrayBuffers still show them. Their addresses
    /// get other pages first.
    pub(crate) fn abandon(&self) {
        self.part.tear_down();
    }

    /// Stops claiming and frees all slots that no ArrayBuffer shows; the others are freed with
    /// their last view. A second call does nothing.
    pub(crate) fn close(&self) {
        let Part { owner, seen } = &*self.part;
        let mut seen = seen.lock();
        if self.slab.is_copy()
            || !self.part.drain(&mut seen)
            || self.part.leave_unless_seen(&mut seen)
        {
            return;
        }
        for (index, pool) in self.slab.pools.iter().enumerate() {
            let segments = 0..pool.segments.max_count.div_ceil(pool.slots_per_segment());
            for segment in segments.filter(|&segment| !seen.is_visible(index, segment)) {
                pool.recover_segment(segment, *owner);
            }
        }
    }
}

impl Drop for Participant {
    /// Called when the isolate closes the slab, drops its object, or ends.
    fn drop(&mut self) {
        self.close();
    }
}

impl Part {
    /// Stops claiming. Returns true if it still claimed before.
    fn drain(&self, seen: &mut Seen) -> bool {
        if let (false, Some(slab)) = (seen.closed, &seen.slab) {
            slab.registry.drain(self.owner);
        }
        !std::mem::replace(&mut seen.closed, true)
    }

    /// Ends the part unless an ArrayBuffer shows its slots. Returns true if it has ended.
    fn leave_unless_seen(&self, seen: &mut Seen) -> bool {
        if seen.views.iter().flatten().any(Views::is_visible) {
            return seen.slab.is_none();
        }
        if let Some(slab) = seen.slab.take() {
            // Protects others from operations in flight. If it fails, these may still write into
            // slots that others get.
            slab.pools.detach_memory();
            slab.reclaim(self.owner);
        }
        true
    }

    /// Called when the isolate ends.
    fn tear_down(&self) {
        let mut seen = self.seen.lock();
        if seen.slab.as_ref().is_some_and(|slab| slab.is_copy()) {
            return;
        }
        self.drain(&mut seen);
        // If the pages cannot be replaced, the claims stay for ever: losing slots is better than
        // giving them to two.
        if let Some(slab) = seen.slab.take_if(|slab| slab.pools.abandon_memory()) {
            slab.reclaim(self.owner);
        }
    }
}

impl View {
    /// Notes that the ArrayBuffer's isolate ends, while another isolate may have the ArrayBuffer.
    pub(crate) fn abandon(&self) {
        self.part.tear_down();
    }
}

impl Drop for View {
    /// Called when the ArrayBuffer is gone.
    fn drop(&mut self) {
        let Part { owner, seen } = &*self.part;
        let mut seen = seen.lock();
        let views = &mut seen.views[self.pool][self.segment];
        // Which of several ArrayBuffers it was is unknown, so the others count as not detached.
        (views.made, views.detached) = (views.made - 1, 0);
        let is_copy = seen.slab.as_ref().is_some_and(|slab| slab.is_copy());
        if is_copy || !seen.closed || seen.is_visible(self.pool, self.segment) {
            return;
        }
        if let (false, Some(slab)) = (self.part.leave_unless_seen(&mut seen), &seen.slab) {
            slab.pools[self.pool].recover_segment(self.segment, *owner);
        }
    }
}

#[cfg(all(test, not(any(loom, ralloc_os = "heap"))))]
mod tests {
    use super::super::word::SlotState;
    use super::*;
    use crate::slab::SlabOptions;

    const SIZE: usize = 65536;
    /// Segments, of 16 slots each.
    const SEGMENTS: usize = 3;
    const COUNT: usize = 16 * SEGMENTS;

    /// Two participants in a slab, all of which `first` has claimed.
    fn two() -> (Participant, Participant) {
        let options = SlabOptions::fixed(&[SIZE], COUNT as u32, 64 << 20);
        let slab = Slab::shared(&options).unwrap();
        let other = Slab::attach(slab.share().unwrap()).unwrap();
        let first = Participant::join(slab).unwrap();
        assert_eq!(claim(&first).len(), COUNT);
        (first, Participant::join(other).unwrap())
    }

    /// Claims every slot there is.
    fn claim(by: &Participant) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut note = |slot| slots.push(slot);
        let more = by.slab().claim(0, by.owner(), SlotState::Held, COUNT, &mut note).unwrap();
        assert_eq!(more, slots.len());
        slots.sort_unstable();
        slots
    }

    fn views(of: &Participant) -> Vec<View> {
        (0..SEGMENTS).map(|segment| of.view(0, segment).unwrap().0).collect()
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
        let again = first.view(0, 1).unwrap();
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
        // SAFETY: the mapping lives. This is the write of an operation in flight.
        unsafe { byte(&first, 20).write(7) };
        // SAFETY: a slot of the second one.
        assert_eq!(unsafe { byte(&second, 20).read() }, 0);
        drop(views);
    }

    #[test]
    fn the_slab_goes_with_its_last_claim_though_finalizers_of_detached_views_are_to_come() {
        let (first, _second) = two();
        let slab = Arc::downgrade(&first.slab);
        let views = views(&first);
        (0..SEGMENTS).for_each(|segment| first.note_detached(0, segment));
        drop(first);
        assert!(slab.upgrade().is_none());
        views[0].abandon(); // an isolate that ends after all
        drop(views);

        let (first, _second) = two();
        let slab = Arc::downgrade(&first.slab);
        let views = self::views(&first);
        first.note_detached(0, 1);
        drop(first);
        assert!(slab.upgrade().is_some(), "two segments are seen");
        drop(views);
        assert!(slab.upgrade().is_none());
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
        let token = first.slab().send_as(0, 5, 100, first.owner()).unwrap();
        let other = first.slab().send_as(0, 6, 100, first.owner()).unwrap();
        first.close();
        assert!(second.slab().receive_as(token, second.owner()).is_ok());
        assert_eq!(claim(&second), [], "its sender is alive, as long as it is seen");
        drop(views);
        let free: Vec<_> = (0..COUNT as u32).filter(|slot| ![5, 6].contains(slot)).collect();
        assert_eq!(claim(&second), free);
        assert_eq!(claim(&second), [6], "nobody received it, and none is left");
        assert!(second.slab().receive_as(other, second.owner()).is_err());
    }

    #[test]
    fn there_is_no_view_of_what_there_cannot_be() {
        let (first, _) = two();
        assert!(first.view(0, SEGMENTS).is_none() && first.view(1, 0).is_none());
    }
}
