//! What is allocated and freed, in which order.

#[derive(Clone, Copy)]
pub enum Op {
    Alloc { block: u32, size: u32 },
    Free { block: u32, size: u32 },
}

pub struct Trace {
    pub name: &'static str,
    pub ops: Vec<Op>,
    /// How many blocks there are at a time, at most: their numbers are below.
    pub blocks: usize,
    /// The most bytes that are asked for at a time.
    pub peak: usize,
}

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }
}

/// As many blocks as make about `live` bytes, and then, in turns, one at random is freed and another one made.
fn churn(name: &'static str, count: usize, live: usize, size: fn(&mut Numbers) -> u32) -> Trace {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut ops, mut sizes, mut bytes) = (Vec::with_capacity(count), Vec::new(), 0);
    while bytes < live {
        let size = size(&mut numbers);
        ops.push(Op::Alloc { block: sizes.len() as u32, size });
        sizes.push(size);
        bytes += size as usize;
    }
    let mut peak = bytes;
    while ops.len() < count {
        let block = numbers.below(sizes.len() as u32);
        let old = &mut sizes[block as usize];
        ops.push(Op::Free { block, size: *old });
        bytes -= *old as usize;
        *old = size(&mut numbers);
        ops.push(Op::Alloc { block, size: *old });
        bytes += *old as usize;
        peak = peak.max(bytes);
    }
    Trace { name, ops, blocks: sizes.len(), peak }
}

fn uniform(numbers: &mut Numbers) -> u32 {
    16 + numbers.below(64 << 10)
}

/// Sessions and the entries of a cache: nine of 64 to 512 bytes to one of 16 to 112 KiB.
fn bimodal(numbers: &mut Numbers) -> u32 {
    match numbers.below(10) {
        0 => (16 << 10) + numbers.below(96 << 10),
        _ => 64 + numbers.below(448),
    }
}

pub fn all(count: usize) -> Vec<Trace> {
    let live = if count < 100_000 { 4 << 20 } else { 128 << 20 };
    vec![
        churn("uniform, 16 B to 64 KiB", count, live, uniform),
        churn("bimodal, 64 to 512 B and 16 to 112 KiB", count, live, bimodal),
    ]
}
