//! Processes that use one slab at full speed while one after another is killed at a random moment.
//!
//! A test process starts itself as peers. In each round they allocate, fill, send, receive, verify
//! and free for a few milliseconds. One of them is killed during the round, and now and then
//! another one is stopped for a while. Then the others free all that they hold, and every slot must
//! be free. Each peer fills whole slots with a pattern of its own and checks that it is still
//! there.

use crate::memory::segment::peers::{Peer, is_child, say, signal, until};
use crate::memory::segment::tests::{LONG, Owned};
use crate::slab::token::Token;
use crate::slab::{SegmentOptions, Slab, SlabOptions, ThreadCache};
use crate::sync::Arc;
use std::io::BufRead;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

const ROUNDS: u64 = 200;
const PEERS: usize = 6;
const SIZES: [usize; 3] = [64, 1024, 4096];
const COUNT: usize = 96;
/// How long peers are at work in a round.
const WORK: Duration = Duration::from_millis(8);
const TEST: &str = "no_slot_is_lost_or_had_twice_in_200_rounds_with_a_kill_in_each";

/// A small generator of numbers (xorshift*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % most
    }
}

/// The folder of the peers' sockets, removed when this value is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(name.trim_start_matches('/'))
}

fn words(block: NonNull<[u8]>) -> impl Iterator<Item = *mut u64> {
    // SAFETY: within the block, whose length is a multiple of 8.
    (0..block.len() / 8).map(move |at| unsafe { block.cast::<u64>().as_ptr().add(at) })
}

fn fill(block: NonNull<[u8]>, pattern: u64) {
    // SAFETY: a slot that the caller holds; the test looks for others that write there by mistake.
    words(block).for_each(|word| unsafe { word.write_volatile(pattern) });
}

fn verify(block: NonNull<[u8]>, pattern: u64) {
    for word in words(block) {
        // SAFETY: as above.
        let found = unsafe { word.read_volatile() };
        assert_eq!(found, pattern, "somebody wrote into a held slot");
    }
}

/// A process that uses the slab.
struct Worker {
    slab: Arc<Slab>,
    cache: ThreadCache,
    socket: UnixDatagram,
    folder: PathBuf,
    random: Random,
    held: Vec<(NonNull<[u8]>, u64)>,
    /// Sent in this round.
    sent: Vec<Token>,
    pattern: u64,
}

impl Worker {
    fn new(name: &str, place: usize) -> Worker {
        let slab = Arc::new(Slab::open(name, LONG).unwrap());
        let (cache, folder) = (ThreadCache::new(&slab).unwrap(), folder(name));
        let address = folder.join(place.to_string());
        let _ = std::fs::remove_file(&address); // of an earlier peer, which was killed
        let socket = UnixDatagram::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let random = Random::new(std::process::id().into());
        let pattern = u64::from(std::process::id()) << 32;
        let (held, sent) = (Vec::new(), Vec::new());
        Worker { slab, cache, socket, folder, random, held, sent, pattern }
    }

    fn work(&mut self) {
        let end = Instant::now() + WORK;
        while Instant::now() < end {
            for _ in 0..20 {
                self.step();
            }
        }
        let mut tokens = std::mem::take(&mut self.sent);
        for token in tokens.drain(..) {
            // Fails if somebody has received it.
            if let Ok(back) = self.slab.revoke(token) {
                // SAFETY: held, and not used any more.
                unsafe { self.slab.deallocate(back.cast()) }.unwrap();
            }
        }
        while !self.held.is_empty() {
            self.free(0);
        }
        self.cache.flush();
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..=4 if self.held.len() < COUNT / 2 => self.allocate(),
            5 | 6 => self.send(),
            7 => self.receive(),
            _ => {
                let which = self.random.below(1 + self.held.len() as u64) as usize;
                if which < self.held.len() {
                    self.free(which);
                }
            }
        }
    }

    fn allocate(&mut self) {
        let size = SIZES[self.random.below(3) as usize];
        let block = match self.random.below(8) {
            0 => self.slab.allocate(size),
            _ => self.cache.allocate(size),
        };
        if let Ok(block) = block {
            self.pattern += 1;
            fill(block, self.pattern);
            self.held.push((block, self.pattern));
        }
    }

    fn free(&mut self, which: usize) {
        let (block, pattern) = self.held.swap_remove(which);
        verify(block, pattern);
        // SAFETY: held, and not used any more.
        unsafe { self.cache.deallocate(block.cast()) }.unwrap();
    }

    /// Sends a block that it holds to a peer, dead or alive.
    fn send(&mut self) {
        let Some((block, pattern)) = self.held.pop() else { return };
        verify(block, pattern);
        // SAFETY: held, and not used any more.
        let token = unsafe { self.slab.send(block) }.unwrap();
        let address = self.folder.join(self.random.below(PEERS as u64).to_string());
        let mut letter = [0; 16];
        letter[..8].copy_from_slice(&token.bits().to_ne_bytes());
        letter[8..].copy_from_slice(&pattern.to_ne_bytes());
        // Fails if the peer is gone or reads too slowly; then the block is taken back at the end of
        // the round.
        let _ = self.socket.send_to(&letter, address);
        self.sent.push(token);
    }

    fn receive(&mut self) {
        let mut letter = [0; 16];
        let Ok(16) = self.socket.recv(&mut letter) else { return };
        let number = |at: usize| u64::from_ne_bytes(letter[at..at + 8].try_into().unwrap());
        let (token, pattern) = (Token::from_bits(number(0)), number(8));
        // Fails if the sender took it back, or died long ago.
        let Ok(block) = self.slab.receive(token) else { return };
        assert!(SIZES.contains(&block.len()));
        verify(block, pattern);
        self.held.push((block, pattern));
    }
}

/// Runs in a peer: a round for each line that it gets.
fn run(place: &str, name: &str) {
    let mut worker = Worker::new(name, place.parse().unwrap());
    say("there");
    for _ in std::io::stdin().lock().lines() {
        worker.work();
        say("done");
    }
}

fn peer(name: &Owned, place: usize) -> Peer {
    let mut peer = Peer::new(TEST, &place.to_string(), &name.0, "");
    assert_eq!(peer.says(), "there");
    peer
}

/// Checks that all slots are free; those in transit, when their time is over.
fn all_come_back(slab: &Slab) {
    let mut blocks = Vec::new();
    until("all slots are free", || {
        slab.recover();
        for size in SIZES {
            blocks.extend(std::iter::from_fn(|| slab.try_allocate(size).unwrap()));
        }
        blocks.len() == SIZES.len() * COUNT
    });
    blocks.iter().for_each(|&block| {
        // SAFETY: held, and not used any more.
        unsafe { slab.deallocate(block.cast()) }.unwrap();
    });
    for pool in slab.stats() {
        assert_eq!((pool.free, pool.held + pool.cached + pool.sent), (COUNT, 0), "{pool:?}");
    }
}

#[test]
fn no_slot_is_lost_or_had_twice_in_200_rounds_with_a_kill_in_each() {
    if is_child(run) {
        return;
    }
    let name = Owned::new();
    let options = SlabOptions::fixed(&SIZES, COUNT as u32, 8 << 20);
    let how = SegmentOptions { transit: Duration::from_millis(20), wait: LONG };
    let slab = Slab::create(&name.0, &options, &how).unwrap();
    let folder = Folder(folder(&name.0));
    std::fs::create_dir_all(&folder.0).unwrap();
    let mut peers: Vec<Peer> = (0..PEERS).map(|place| peer(&name, place)).collect();
    for round in 0..ROUNDS {
        let mut random = Random::new(round);
        let active = 2 + random.below(PEERS as u64 - 1) as usize;
        peers[..active].iter_mut().for_each(Peer::tell);
        let victim = random.below(active as u64) as usize;
        let stopped = (round % 4 == 0).then(|| (victim + 1) % active);
        let stop = |peer: &Peer, how| signal(how, &peer.child.id().to_string());
        stopped.inspect(|&at| stop(&peers[at], "-STOP"));
        // A random moment: there is no event to wait for.
        std::thread::sleep(Duration::from_micros(random.below(WORK.as_micros() as u64)));
        peers[victim].kill();
        for at in (0..active).filter(|&at| at != victim && Some(at) != stopped) {
            assert_eq!(peers[at].says(), "done", "round {round}");
        }
        if let Some(at) = stopped {
            // A stopped process holds nobody up: what the others have comes back meanwhile.
            slab.recover();
            stop(&peers[at], "-CONT");
            assert_eq!(peers[at].says(), "done", "round {round}");
        }
        all_come_back(&slab);
        peers[victim] = peer(&name, victim);
    }
    assert_eq!(slab.registry().members().len(), 1 + 2 * PEERS);
}
