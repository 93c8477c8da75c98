//! Tests with processes that are killed or stopped before each write of each call, that is, at
//! every step others can find them in.
//!
//! A test process starts itself as a child. The child prepares a call, then stops or kills itself
//! before its write number 0, 1, 2 and so on, until the call ends before that write. Between two
//! writes nothing changes that others can see.

use crate::memory::segment::peers::{
    Peer, is_child, say, stop, until, wait_for_parent, wait_to_be_killed,
};
use crate::memory::segment::tests::{LONG, Owned};
use crate::os::shm;
use crate::slab::participant::Participant;
use crate::slab::token::Token;
use crate::slab::word::SlotState;
use crate::slab::{PoolOptions, SegmentOptions, Slab, SlabOptions, ThreadCache};
use crate::sync::{Arc, crash};
use std::ptr::NonNull;
use std::time::Duration;

const SIZES: [usize; 2] = [64, 4096];
/// Three words of hints, and one: summaries are cleared only if there are several words.
const COUNTS: [u32; 2] = [130, 3];
const ALL: usize = (COUNTS[0] + COUNTS[1]) as usize;

/// The calls, and the fewest writes that each takes.
const CALLS: [(&str, usize); 19] = [
    ("open", 20),
    ("join", 6),
    ("claim", 4),
    ("refill", 6),
    ("allocate from the magazine", 3),
    ("free into the magazine", 1),
    ("free what another one has claimed", 1),
    ("free into the pool", 2),
    ("flush", 3),
    ("flush half", 12),
    ("leave", 5),
    ("end", 10),
    ("send", 2),
    ("revoke", 1),
    ("receive", 1),
    ("expire", 10),
    ("recover", 15),
    ("recover by need", 20),
    ("isolate", 12),
];

/// Calls that recover a participant that has just died.
const AFTER_A_DEATH: [&str; 3] = ["open", "recover", "recover by need"];

type Block = NonNull<[u8]>;

/// The blocks that a process holds, and the pattern in them.
#[derive(Default)]
struct Held(Vec<(Block, u64)>);

impl Held {
    fn keep(&mut self, block: Block) {
        let pattern = u64::from(std::process::id()) << 32 | self.0.len() as u64;
        words(block).for_each(|word| {
            // SAFETY: a slot that this process holds.
            unsafe { word.write_volatile(pattern) }
        });
        self.0.push((block, pattern));
    }

    fn verify(&self) {
        for &(block, pattern) in &self.0 {
            words(block).for_each(|word| {
                // SAFETY: as above. The test looks for others that write there.
                assert_eq!(unsafe { word.read_volatile() }, pattern, "another one has it");
            });
        }
    }

    /// Claims everything that the slab has left.
    fn take_all(&mut self, slab: &Slab) {
        for size in SIZES {
            std::iter::from_fn(|| slab.try_allocate(size).unwrap())
                .for_each(|block| self.keep(block));
        }
    }

    fn free_last(&mut self, slab: &Slab, count: usize) {
        self.verify();
        for (block, _) in self.0.drain(self.0.len() - count..) {
            // SAFETY: held, and not used any more.
            unsafe { slab.deallocate(block.cast()) }.unwrap();
        }
    }
}

fn words(block: Block) -> impl Iterator<Item = *mut u64> {
    // SAFETY: within the block, whose length is a multiple of 8.
    (0..block.len() / 8).map(move |at| unsafe { block.cast::<u64>().as_ptr().add(at) })
}

fn send(slab: &Slab, block: Block) -> Token {
    // SAFETY: held by this process, and not used any more.
    unsafe { slab.send(block) }.unwrap()
}

/// Before which write of a call the child acts, and how.
struct Moment {
    steps: usize,
    act: fn(),
}

impl Moment {
    fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        crash::before(self.steps, self.act, work)
    }
}

/// Runs in the children: `how`, step, token and call.
fn run(what: &str, name: &str) {
    let [how, steps, token, call] = what.splitn(4, ' ').collect::<Vec<_>>()[..] else {
        panic!("{what}")
    };
    let act = if how == "kill" { shm::kill_self } else { stop };
    let moment = Moment { steps: steps.parse().unwrap(), act };
    let token = Token::from_bits(token.parse().unwrap());
    match call {
        "hold" => hold(name),
        "open" => {
            be_ready(call);
            let slab = moment.run(|| Slab::open(name, LONG).unwrap());
            say("ended");
            drop(slab);
        }
        "isolate" => in_an_isolate(name, &moment),
        _ => in_a_thread(name, &moment, token, call),
    }
}

fn be_ready(call: &str) {
    if AFTER_A_DEATH.contains(&call) {
        say("ready");
        wait_for_parent();
    }
}

/// Holds, caches and sends some slots, until it is killed.
fn hold(name: &str) -> ! {
    let slab = Arc::new(Slab::open(name, LONG).unwrap());
    let mut cache = ThreadCache::new(&slab).unwrap();
    for size in SIZES {
        slab.allocate(size).unwrap();
        cache.allocate(size).unwrap();
    }
    send(&slab, slab.allocate(64).unwrap());
    say("holds");
    wait_to_be_killed();
}

fn in_a_thread(name: &str, moment: &Moment, token: Token, call: &str) {
    let slab = Arc::new(Slab::open(name, LONG).unwrap());
    let (mut held, mut cache) = (Held::default(), None);
    if !["join", "claim", "free into the pool", "end"].contains(&call) {
        cache = Some(ThreadCache::new(&slab).unwrap());
    }
    let mut freed = None;
    let direct = || slab.allocate(64).unwrap();
    match (call, &mut cache) {
        ("allocate from the magazine" | "flush" | "leave", Some(cache)) => {
            held.keep(cache.allocate(64).unwrap());
            assert!(cache.cached(0) > 1);
        }
        ("flush half", Some(cache)) => {
            (0..12).for_each(|_| held.keep(cache.allocate(64).unwrap()));
        }
        ("free into the magazine", Some(cache)) => freed = Some(cache.allocate(64).unwrap()),
        ("free what another one has claimed" | "free into the pool" | "send", _) => {
            freed = Some(direct())
        }
        ("revoke", _) => freed = Some(direct()),
        ("end", _) => (0..3).for_each(|_| held.keep(direct())),
        _ => {}
    }
    be_ready(call);
    let own = (call == "revoke").then(|| send(&slab, freed.take().unwrap()));
    let mut got: Vec<Block> = Vec::new();
    moment.run(|| match (call, &mut cache) {
        ("join", cache) => *cache = Some(ThreadCache::new(&slab).unwrap()),
        ("claim", _) => got.extend(SIZES.iter().filter_map(|&size| slab.allocate(size).ok())),
        ("refill" | "allocate from the magazine", Some(cache)) => {
            got.extend(SIZES.iter().filter_map(|&size| cache.allocate(size).ok()));
        }
        ("free into the magazine" | "free what another one has claimed", Some(cache)) => {
            // SAFETY: held, and not used any more, here and below.
            unsafe { cache.deallocate(freed.unwrap().cast()) }.unwrap();
        }
        ("free into the pool", _) => {
            // SAFETY: as above.
            unsafe { slab.deallocate(freed.unwrap().cast()) }.unwrap();
        }
        ("flush", Some(cache)) => cache.flush(),
        ("flush half", Some(cache)) => {
            held.verify();
            for (block, _) in held.0.drain(..) {
                // SAFETY: as above.
                unsafe { cache.deallocate(block.cast()) }.unwrap();
            }
        }
        ("leave", cache) => drop(cache.take()),
        ("end", _) => {}
        ("send", _) => drop(send(&slab, freed.unwrap())),
        ("revoke", _) => got.extend(slab.revoke(own.unwrap())),
        ("receive", _) => got.extend(slab.receive(token)),
        ("expire" | "recover by need", _) => got.extend(slab.allocate(64)),
        ("recover", _) => drop(slab.recover()),
        _ => panic!("{call}"),
    });
    if call == "receive" {
        say(if got.is_empty() { "stale" } else { "received" });
    }
    got.into_iter().for_each(|block| held.keep(block));
    held.verify();
    let count = held.0.len();
    if call != "end" {
        held.free_last(&slab, count);
    }
    drop(cache);
    if call == "end" {
        moment.run(|| drop(slab)); // which still has three blocks
    } else {
        drop(slab);
    }
    say("ended");
}

/// Uses a slab as Node does: claims a batch, gives some of its slots back, and ends with the rest.
fn in_an_isolate(name: &str, moment: &Moment) {
    let isolate = Participant::join(Slab::open(name, LONG).unwrap()).unwrap();
    let pools = isolate.slab().pools();
    moment.run(|| {
        let (mut slots, mut held) = (Vec::new(), Held::default());
        let mut note = |slot| slots.push(slot);
        isolate.slab().claim(0, isolate.owner(), SlotState::Held, 3, &mut note).unwrap();
        slots.iter().for_each(|&slot| held.keep(pools[0].block(slot)));
        let (view, _) = isolate.view(0, 0).unwrap();
        let given = slots.iter().copied().take(1);
        pools[0].free_held(given, isolate.owner());
        held.0.drain(..slots.len().min(1));
        held.verify();
        isolate.close();
        held.verify(); // because JavaScript may still see it
        drop(view);
    });
    say("ended");
}

/// The slab, and what this process holds of it all the time.
struct World {
    name: Owned,
    slab: Slab,
    mine: Held,
}

impl World {
    fn new() -> World {
        let name = Owned::new();
        let pool = |(&size, count): (&usize, u32)| PoolOptions {
            size,
            count,
            max_count: count,
            min_count: count,
        };
        let pools = SIZES.iter().zip(COUNTS).map(pool).collect();
        let options = SlabOptions { pools, max_bytes: 1 << 20, memory: Default::default() };
        // What the dead sent comes back when slots run out.
        let how = SegmentOptions { transit: Duration::ZERO, wait: LONG };
        let slab = Slab::create(&name.0, &options, &how).unwrap();
        let mut mine = Held::default();
        for size in SIZES {
            mine.keep(slab.allocate(size).unwrap());
        }
        World { name, slab, mine }
    }

    fn peer(&self, test: &str, what: &str) -> Peer {
        Peer::new(test, what, &self.name.0, "")
    }

    /// Prepares what a call needs of others. Returns the token that the call receives, or that
    /// comes back.
    fn prepare(&mut self, call: &str) -> Option<Token> {
        let by = match call {
            "receive" => &self.slab,
            // Its mapping is gone when this returns; what it sent is not.
            "expire" => &Slab::open(&self.name.0, LONG).unwrap(),
            _ => return None,
        };
        let token = send(by, by.allocate(64).unwrap());
        if call == "expire" {
            self.mine.take_all(&self.slab);
        }
        Some(token)
    }

    /// Starts a child that makes the call. Returns it with the token that the call needs.
    fn start(&mut self, test: &str, how: &str, step: usize, call: &str) -> (Peer, Option<Token>) {
        let token = self.prepare(call);
        let bits = token.map_or(0, Token::bits);
        let does = format!("{how} {step} {bits} {call}");
        if !AFTER_A_DEATH.contains(&call) {
            return (self.peer(test, &does), token);
        }
        let mut dead = self.peer(test, "kill 0 0 hold");
        assert_eq!(dead.says(), "holds");
        if call == "recover by need" {
            self.mine.take_all(&self.slab);
        }
        // The child must not find the dead process before the call has begun.
        let mut peer = self.peer(test, &does);
        assert_eq!(peer.says(), "ready");
        dead.kill();
        dead.child.wait().unwrap();
        peer.tell();
        (peer, token)
    }

    /// Checks that nobody else holds anything: every slot can be had once, and what this process
    /// holds is unchanged.
    fn check(&mut self) {
        until("all slots are here", || {
            self.slab.recover();
            self.mine.take_all(&self.slab);
            self.mine.0.len() == ALL
        });
        self.mine.verify();
        assert_eq!((self.slab.registry().members().len(), self.slab.registry().alive()), (1, 1));
        let extra = ALL - SIZES.len();
        self.mine.free_last(&self.slab, extra);
        for (pool, count) in self.slab.stats().iter().zip(COUNTS) {
            let others = pool.cached + pool.sent;
            assert_eq!((pool.held + pool.free, others), (count as usize, 0), "{pool:?}");
        }
        let held = self.slab.stats().iter().map(|pool| pool.held).sum::<usize>();
        assert_eq!((held, self.slab.recover()), (SIZES.len(), vec![]));
    }

    /// Does what others do while process `pid` is stopped. Whatever the call is, they must not
    /// notice.
    fn go_on(&mut self, pid: u32) {
        assert!(self.slab.recover().iter().all(|one| one.pid != pid), "it is alive");
        let before = self.mine.0.len();
        self.mine.take_all(&self.slab);
        self.mine.verify();
        let taken = self.mine.0.len() - before;
        self.mine.free_last(&self.slab, taken / 2);
        drop(Slab::open(&self.name.0, LONG).unwrap());
        self.mine.take_all(&self.slab);
        assert!(self.slab.recover().iter().all(|one| one.pid != pid), "it is alive");
    }
}

/// Calls `at` with each step from 0 on, until it says that the call ended before that step.
fn at_every_step(call: &str, least: usize, mut at: impl FnMut(usize) -> bool) {
    let steps = (0..).find(|&step| !at(step)).unwrap();
    assert!(steps >= least, "{call}: only {steps} steps");
}

#[test]
fn whoever_is_killed_before_any_write_of_any_call_leaves_nothing_behind() {
    if is_child(run) {
        return;
    }
    let test = "whoever_is_killed_before_any_write_of_any_call_leaves_nothing_behind";
    for (call, least) in CALLS {
        let mut world = World::new();
        at_every_step(call, least, |step| {
            let (mut peer, token) = world.start(test, "kill", step, call);
            let said = std::iter::from_fn(|| peer.says_or_ends().ok()).last();
            peer.child.wait().unwrap();
            // A process that died while it received either has the block or does not.
            let back = token.and_then(|token| world.slab.receive(token).ok());
            back.into_iter().for_each(|block| world.mine.keep(block));
            world.check();
            said.as_deref() != Some("ended")
        });
    }
}

#[test]
fn whoever_is_stopped_before_any_write_of_any_call_hinders_nobody_and_goes_on_soundly() {
    if is_child(run) {
        return;
    }
    let test = "whoever_is_stopped_before_any_write_of_any_call_hinders_nobody_and_goes_on_soundly";
    for (call, least) in CALLS {
        let mut world = World::new();
        at_every_step(call, least, |step| {
            let (mut peer, token) = world.start(test, "stop", step, call);
            let mut said = peer.says();
            let stopped = said == "stopped";
            if stopped {
                until("it is stopped", || peer.is_stopped());
                world.go_on(peer.child.id());
                let back = token.and_then(|token| world.slab.receive(token).ok());
                let is_back = back.is_some();
                back.into_iter().for_each(|block| world.mine.keep(block));
                peer.signal("-CONT");
                said = peer.says();
                if call == "receive" {
                    assert_eq!(said, if is_back { "stale" } else { "received" }, "one has it");
                }
            }
            while said != "ended" {
                said = peer.says();
            }
            assert!(peer.child.wait().unwrap().success());
            world.check();
            stopped
        });
    }
}
