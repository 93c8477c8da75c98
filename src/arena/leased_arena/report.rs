//! What a [`LeasedArena`] says of itself: stats, chunks, and the check of its invariants.

use super::LeasedArena;
#[cfg(test)]
use super::Span;
#[cfg(test)]
use crate::arena::chunk::Chunk;
use crate::arena::chunk::{ChunkState, ChunkView};
use crate::stats::LeasedStats;
#[cfg(test)]
use crate::sync::Arc;

impl LeasedArena {
    /// A view of every chunk that is not gone.
    #[cfg(test)]
    pub fn chunks(&self) -> Vec<ChunkView> {
        let views = self.chunks.iter().map(|chunk| chunk.view());
        views.filter(|view| view.state != ChunkState::Gone).collect()
    }

    /// The same, each with its bytes that are in RAM now.
    pub fn chunks_in_ram(&self) -> Vec<(ChunkView, usize)> {
        let views = self.chunks.iter().map(|chunk| (chunk.view(), chunk.resident()));
        views.filter(|(view, _)| view.state != ChunkState::Gone).collect()
    }

    /// Gauges and counters; asks the system for the resident bytes.
    pub fn stats(&self) -> LeasedStats {
        let mut stats = LeasedStats {
            limit: self.budget.limit(),
            used: self.used(),
            peak: self.peak,
            recycled: self.recycled,
            mapped: self.mapped,
            spans: self.spans.len() - self.free.len(),
            ..LeasedStats::default()
        };
        for (view, resident) in self.chunks_in_ram() {
            stats.chunks += 1;
            stats.reserved += view.reserved;
            stats.committed += view.committed;
            stats.resident += resident;
            stats.pins += view.pins as usize;
            let bytes = match view.state {
                ChunkState::Leased => &mut stats.leased,
                ChunkState::Held => &mut stats.held,
                ChunkState::Quarantined => &mut stats.quarantined,
                ChunkState::Stolen => &mut stats.stolen,
                ChunkState::Limbo => &mut stats.limbo,
                ChunkState::Gone => continue,
            };
            *bytes += if view.charged { view.size } else { 0 };
        }
        stats
    }

    /// The executable form of the invariants, for tests: names the first that does not hold.
    /// Wants that no finalizer runs meanwhile.
    #[cfg(test)]
    pub fn check(&self) -> Result<(), String> {
        let mut used = self.adopted;
        for chunk in &self.chunks {
            chunk.check()?;
            let view = chunk.view();
            used += if view.charged { view.size } else { 0 };
            self.check_spans(chunk, &view)?;
        }
        if used != self.used() || used > self.budget.limit() {
            return Err(format!("chunks of {used} bytes, {} charged", self.used()));
        }
        let quarantined = |view: &ChunkView| view.state == ChunkState::Quarantined;
        let sum: usize = self.chunks().iter().filter(|v| quarantined(v)).map(|v| v.size).sum();
        if sum != self.quarantined() {
            return Err(format!("{sum} bytes quarantined, {} counted", self.quarantined()));
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
