//! The binary buddy system, as in Knuth, 2.5, algorithms R and S: blocks of powers of two, each joined with its like. Which blocks
//! are free is in bitmaps, one for each size; the lists are stacks that may name blocks which are not free any more.

use crate::HEAP;
use crate::rivals::{Heap, memory};
use std::ptr::NonNull;

const LEAST_LOG: u32 = 5;
const ORDERS: usize = (HEAP.ilog2() - LEAST_LOG + 1) as usize;

pub struct Buddy {
    free: [Vec<u32>; ORDERS],
    bits: [Vec<u64>; ORDERS],
}

fn order_of(size: usize) -> usize {
    size.next_power_of_two().max(1 << LEAST_LOG).ilog2() as usize - LEAST_LOG as usize
}

impl Buddy {
    fn put(&mut self, order: usize, number: u32) {
        self.bits[order][number as usize / 64] |= 1 << (number % 64);
        self.free[order].push(number);
    }

    /// Takes a block out of the bitmap; its name stays on the stack.
    fn remove(&mut self, order: usize, number: u32) -> bool {
        let (word, bit) = (&mut self.bits[order][number as usize / 64], 1 << (number % 64));
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }
}

impl Heap for Buddy {
    const NAME: &'static str = "buddy";
    type Block = NonNull<u8>;

    fn new() -> Buddy {
        let bits = std::array::from_fn(|order| {
            vec![0; (HEAP >> (LEAST_LOG as usize + order)).div_ceil(64)]
        });
        let mut buddy = Buddy { free: std::array::from_fn(|_| Vec::new()), bits };
        buddy.put(ORDERS - 1, 0);
        buddy
    }

    fn alloc(&mut self, size: usize) -> Option<NonNull<u8>> {
        let wanted = order_of(size);
        let (mut order, mut number) = (wanted..ORDERS).find_map(|order| {
            while let Some(number) = self.free[order].pop() {
                if self.remove(order, number) {
                    return Some((order, number));
                }
            }
            None
        })?;
        while order > wanted {
            order -= 1;
            number *= 2;
            self.put(order, number + 1);
        }
        // SAFETY: within the heap.
        Some(unsafe { memory().add((number as usize) << (order + LEAST_LOG as usize)) })
    }

    fn free(&mut self, block: NonNull<u8>, size: usize) {
        let mut order = order_of(size);
        let mut number = (self.offset(block) >> (order + LEAST_LOG as usize)) as u32;
        while order + 1 < ORDERS && self.remove(order, number ^ 1) {
            (order, number) = (order + 1, number / 2);
        }
        self.put(order, number);
    }

    #[inline]
    fn address(&self, block: NonNull<u8>) -> NonNull<u8> {
        block
    }

    fn offset(&self, block: NonNull<u8>) -> usize {
        block.addr().get() - memory().addr().get()
    }

    fn granted(size: usize) -> usize {
        1 << (order_of(size) + LEAST_LOG as usize)
    }
}
