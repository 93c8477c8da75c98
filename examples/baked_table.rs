//! Takes memory from where a baked table says: rows from the arena of their request, entries of a queue from a slab, events by
//! their size, and from the heap what the table leaves alone. A profile of other lifetimes changes the table, and nothing else here.
//!
//! ```text
//! cargo run --release --example baked_table -- 1000      # requests; default 100
//! ```
//!
//! The table at the end is that of `ralloc bake` for a service in JavaScript that does the same.

use ralloc_core::slab::SlabOptions;
use ralloc_core::{Arena, Region, Slab};
use std::alloc::Layout;
use std::collections::VecDeque;
use std::error::Error;
use std::ptr::NonNull;

/// How many blocks the queue has: an entry and an event of each of 50 requests.
const KEPT: usize = 100;

/// Something that was allocated, and how it ends.
enum Block {
    /// With its request.
    Request,
    Slab(NonNull<[u8]>),
    Region(ralloc_core::region::Block),
    Heap(Vec<u8>),
}

/// Where blocks come from, and how many came from each.
struct Memory {
    arena: Arena,
    slab: Slab,
    region: Region,
    given: [usize; 4],
}

impl Memory {
    fn take(&mut self, site: Site, size: usize) -> Result<Block, Box<dyn Error>> {
        let strategy = TABLE.entry(site).strategy_of(size); // one look-up in an array
        self.given[strategy as usize] += 1;
        Ok(match strategy {
            Strategy::Request => {
                self.arena.try_alloc_layout(Layout::array::<u8>(size)?)?;
                Block::Request
            }
            Strategy::Slab => Block::Slab(self.slab.allocate(size)?),
            Strategy::Region => Block::Region(self.region.alloc(Layout::array::<u8>(size)?)?),
            Strategy::Leave => Block::Heap(vec![0; size]),
        })
    }

    fn free(&mut self, block: Block) -> Result<(), Box<dyn Error>> {
        match block {
            Block::Request => {}
            // SAFETY: `take` got it from there, it is freed once, and nobody has it any more.
            Block::Slab(block) => unsafe { self.slab.deallocate(block.cast()) }?,
            Block::Region(block) => self.region.free(block)?,
            Block::Heap(bytes) => drop(bytes),
        }
        Ok(())
    }
}

/// How many blocks came from the heap, an arena, a slab and a region.
pub fn serve(requests: usize) -> Result<[usize; 4], Box<dyn Error>> {
    let slab = Slab::new(&SlabOptions::fixed(&[1 << 15], 64, 4 << 20))?;
    let (arena, region) = (Arena::new(), Region::new());
    let mut memory = Memory { arena, slab, region, given: [0; 4] };
    let mut queue = VecDeque::new();
    for _request in 0..requests {
        memory.take(PARSE_ROWS, 64 * 1024)?;
        memory.take(EVENTS, 3000)?; // nobody keeps one of this size
        queue.push_back(memory.take(EVENTS, 300)?);
        queue.push_back(memory.take(REMEMBER, 20_000)?);
        while queue.len() > KEPT {
            let oldest = queue.pop_front().ok_or("the queue is empty")?;
            memory.free(oldest)?;
        }
        memory.arena.reset();
    }
    for block in queue {
        memory.free(block)?;
    }
    Ok(memory.given)
}

fn main() -> Result<(), Box<dyn Error>> {
    let requests = std::env::args().nth(1).map_or(Ok(100), |text| text.parse())?;
    let [heap, arenas, slab, region] = serve(requests)?;
    println!(
        "{arenas} blocks of arenas, {slab} of the slab, {region} of the region, {heap} of the heap"
    );
    Ok(())
}

// By a table of `ralloc bake`: a line for each site.

use ralloc_core::lifetime::{Entry, Site, Strategy, Table};

/// site('events')
pub const EVENTS: Site = Site::new(0);

/// rows.js:4:23 parseRows: Buffer.allocUnsafe
pub const PARSE_ROWS: Site = Site::new(1);

/// service.js:16:21 remember: Buffer.alloc
pub const REMEMBER: Site = Site::new(2);

/// Where the bytes of each site go.
#[rustfmt::skip]
pub static TABLE: Table<4> = Table::new([
    Entry::by_size(Strategy::Region, 12, &[(12, Strategy::Request)]),
    Entry::new(Strategy::Request, 16),
    Entry::new(Strategy::Slab, 15),
    Entry::NONE,
]);
