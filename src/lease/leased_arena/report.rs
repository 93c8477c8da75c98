//! Statistics, chunks, and the check of the invariants of a [`LeasedArena`].

use super::LeasedArena;
#[cfg(test)]
use super::Span;
use crate::lease::budget::Tally;
#[cfg(test)]
use crate::lease::chunk::Chunk;
use crate::lease::chunk::{ChunkState, ChunkView};
use crate::stats::LeasedStats;
#[cfg(test)]
use crate::sync::Arc;

impl LeasedArena {
    /// A view of every chunk that exists.
    #[cfg(test)]
    pub fn chunks(&self) -> Vec<ChunkView> {
        let views = self.chunks.iter().map(|chunk| chunk.view());
        views.filter(|view| view.state != ChunkState::Gone).collect()
    }

    /// The same, each with the number of its bytes that are in RAM now.
    pub fn chunks_in_ram(&self) -> Vec<(ChunkView, usize)> {
        let views = self.chunks.iter().map(|chunk| (chunk.view(), chunk.resident()));
        views.filter(|(view, _)| view.state != ChunkState::Gone).collect()
    }

    /// Gauges and counters, computed without visiting the chunks.
    pub fn stats(&self) -> LeasedStats {
        let Tally { leased, held, quarantined, stolen, limbo, chunks, pins, reserved, committed } =
            self.budget.tally();
        LeasedStats {
            limit: self.limit(),
            used: self.used(),
            peak: self.peak,
            recycled: self.recycled,
            mapped: self.mapped,
            spans: self.spans.len() - self.free.len(),
            leased,
            held,
            quarantined,
            stolen,
            limbo,
            chunks,
            pins,
            reserved,
            committed,
        }
    }

    /// Checks the invariants, for tests. Returns the first one that does not hold. No finalizer may run meanwhile.
    #[cfg(test)]
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

    #[cfg(test)]
    fn check_spans(&self, chunk: &Arc<Chunk>, view: &ChunkView) -> Result<(), String> {
        let of_chunk = |span: &&Span| span.chunk.as_ref().is_some_and(|c| Arc::ptr_eq(c, chunk));
        let mut spans: Vec<&Span> = self.spans.iter().filter(of_chunk).collect();
        spans.sort_by_key(|span| span.offset);
        let held = spans.iter().filter(|span| span.held).count();
        if (spans.len(), held) != (view.spans as usize, view.held as usize) {
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
#[cfg(test)]
fn count(sums: &mut Tally, view: &ChunkView) {
    let bytes = match view.state {
        ChunkState::Leased => &mut sums.leased,
        ChunkState::Held => &mut sums.held,
        ChunkState::Quarantined => &mut sums.quarantined,
        ChunkState::Stolen => &mut sums.stolen,
        ChunkState::Limbo => &mut sums.limbo,
        ChunkState::Gone => return,
    };
    *bytes += if view.charged { view.size } else { 0 };
    sums.chunks += 1;
    sums.pins += view.pins as usize;
    sums.reserved += view.reserved;
    sums.committed += view.committed;
}
