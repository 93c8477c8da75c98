//! First fit, as in Knuth, 2.5, algorithms A and B: free spans in order of their addresses, searched from the first one on.

use crate::HEAP;
use crate::rivals::{Heap, memory};
use std::ptr::NonNull;

pub struct FirstFit {
    /// Offset and length.
    free: Vec<(usize, usize)>,
}

impl Heap for FirstFit {
    const NAME: &'static str = "first fit";
    type Block = NonNull<u8>;

    fn new() -> FirstFit {
        FirstFit { free: vec![(0, HEAP)] }
    }

    fn alloc(&mut self, size: usize) -> Option<NonNull<u8>> {
        let size = Self::granted(size);
        let index = self.free.iter().position(|&(_, has)| has >= size)?;
        let (offset, has) = self.free[index];
        if has == size {
            self.free.remove(index);
        } else {
            self.free[index] = (offset + size, has - size);
        }
        // SAFETY: within the heap.
        Some(unsafe { memory().add(offset) })
    }

    fn free(&mut self, block: NonNull<u8>, size: usize) {
        let (offset, size) = (self.offset(block), Self::granted(size));
        let index = self.free.partition_point(|&(at, _)| at < offset);
        let joins_after = self.free.get(index).is_some_and(|&(at, _)| at == offset + size);
        let joins_before = index > 0 && {
            let (at, has) = self.free[index - 1];
            at + has == offset
        };
        match (joins_before, joins_after) {
            (true, true) => {
                let (_, after) = self.free.remove(index);
                self.free[index - 1].1 += size + after;
            }
            (true, false) => self.free[index - 1].1 += size,
            (false, true) => self.free[index] = (offset, size + self.free[index].1),
            (false, false) => self.free.insert(index, (offset, size)),
        }
    }

    #[inline]
    fn address(&self, block: NonNull<u8>) -> NonNull<u8> {
        block
    }

    fn offset(&self, block: NonNull<u8>) -> usize {
        block.addr().get() - memory().addr().get()
    }

    fn granted(size: usize) -> usize {
        size.next_multiple_of(16)
    }
}
