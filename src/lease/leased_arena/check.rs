//! The invariants of a [`LeasedArena`], for tests.

use super::{LeasedArena, Span};
use crate::lease::budget::Tally;
use crate::lease::chunk::{Chunk, ChunkState, ChunkView};
use crate::sync::Arc;

impl LeasedArena {
    /// A view of every chunk that exists.
    pub fn chunks(&self) -> Vec<ChunkView> {
        let views = self.chunks.iter().map(|chunk| chunk.view());
        views.filter(|view| view.state != ChunkState::Gone).collect()
    }

    /// Checks the invariants, for tests. Returns the first one that does not hold. No finalizer may
    /// run meanwhile.
    pub fn check(&self) -> Result<(), String> {
        let mut used = self.adopted;
        let mut sums = Tally::default();
        for chunk in &self.chunks {
            chunk.check()?;
            let view = chunk.view();
            used += if view.charged { view.size } else { 0 };
            count(&mut sums, &view);
            self.check_spans(chunk, &view)?;
        }
        if sums != self.budget.tally() {
            return Err(format!("{sums:?} counted anew, {:?} as told", self.budget.tally()));
        }
        if used != self.used() || used > self.limit() {
            return Err(format!("chunks of {used} bytes, {} charged", self.used()));
        }
        let stray =
            |chunk: &&Arc<Chunk>| !matches!(chunk.state(), ChunkState::Limbo | ChunkState::Gone);
        match self.limbo.iter().find(stray) {
            Some(chunk) => Err(format!("in the limbo list: {:?}", chunk.state())),
            None => Ok(()),
        }
    }

    fn check_spans(&self, chunk: &Arc<Chunk>, view: &ChunkView) -> Result<(), String> {
        let of_chunk = |span: &&Span| Arc::ptr_eq(&span.chunk, chunk);
        let mut spans: Vec<&Span> = self.spans.iter().flatten().filter(of_chunk).collect();
        spans.sort_by_key(|span| span.offset);
        let held = spans.iter().filter(|span| span.held).count();
        if (spans.len(), held) != (view.spans as usize, chunk.held() as usize) {
            return Err(format!("{} spans, {held} held, but {view:?}", spans.len()));
        }
        let cut = self.cut.as_ref().filter(|cut| Arc::ptr_eq(&cut.chunk, chunk));
        let end = cut.map_or(chunk.len(), |cut| cut.cursor);
        let ends = spans.iter().map(|span| span.offset + span.len);
        let starts = spans.iter().skip(1).map(|span| span.offset).chain([end]);
        match ends.zip(starts).find(|(end, start)| end > start) {
            Some(_) => Err(format!("overlapping spans: {spans:?}")),
            None => Ok(()),
        }
    }
}

/// Adds one chunk to the sums by its view, independently of the way in which [`Chunk`] counts.
fn count(sums: &mut Tally, view: &ChunkView) {
    if view.state == ChunkState::Gone {
        return;
    }
    sums.by_state[view.state as usize] += if view.charged { view.size } else { 0 };
    sums.chunks += 1;
    sums.pins += view.pins as usize;
    sums.reserved += view.reserved;
    sums.committed += view.committed;
}
