//! What a pair of allocate and free costs in a slab that two processes share, beside the same memory run by a free list.
//! `cargo run --release --manifest-path bench/core/Cargo.toml --bin processes`, on Linux.
//!
//! # Caveats first
//!
//! - Wall clock, contenders by turns; a ratio is taken within each turn, its spread is the middle
//!   80 % of them. Each process has a processor, both start at once, and the slower one counts. A turn in which another
//!   program took a processor away, as the CPU time tells, or in which they were not at work at once is done again.
//! - The free list is the design of the Join allocator, written anew: one list for all processes, whose head carries a tag against ABA and
//!   is moved by one CAS; the links lie in the free blocks. A free checks that the address is that of a block.
//!   Unlike the slab it does not notice a second free, and what a process holds is lost when it dies.
//! - A block is written (8 bytes) after it is allocated and read before it is freed.
//! - Memory is warm, the pool is never exhausted, and 64 blocks are held by each process at most.
//! - To join the slab, once for each thread, takes some 20 µs and is not in the figures.

#![allow(clippy::disallowed_types, reason = "the rival's atomics are its own")]

#[cfg(target_os = "linux")]
mod linux {
    use ralloc_core::Slab;
    use ralloc_core::slab::{SegmentOptions, SlabOptions, ThreadCache};
    use std::fs::{File, OpenOptions};
    use std::hint::black_box;
    use std::io::{BufRead, BufReader, Write};
    use std::os::fd::AsRawFd;
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
    use std::ptr::NonNull;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    const SIZE: usize = 64;
    const COUNT: u32 = 8192;
    const TURNS: usize = 41;
    const PAIRS: usize = 100_000;
    /// CPU time below so much of the wall clock says that a process did not have its processor all the time.
    const UNDISTURBED: f64 = 0.98;
    /// And for how much of the time the two have to be at work at once.
    const TOGETHER: f64 = 0.9;
    const TRIES: usize = 1000;

    /// What a process, or one thread of it, uses.
    trait Hand {
        fn take(&mut self) -> Option<NonNull<u64>>;
        fn give(&mut self, block: NonNull<u64>);
    }

    impl Hand for ThreadCache {
        #[inline(always)]
        fn take(&mut self) -> Option<NonNull<u64>> {
            self.allocate(SIZE).ok().map(NonNull::cast)
        }

        #[inline(always)]
        fn give(&mut self, block: NonNull<u64>) {
            // SAFETY: the loops below use no block that they have given back.
            unsafe { self.deallocate(block.cast()) }.expect("a held block");
        }
    }

    impl Hand for &Slab {
        #[inline(always)]
        fn take(&mut self) -> Option<NonNull<u64>> {
            self.allocate(SIZE).ok().map(NonNull::cast)
        }

        #[inline(always)]
        fn give(&mut self, block: NonNull<u64>) {
            // SAFETY: as above.
            unsafe { self.deallocate(block.cast()) }.expect("a held block");
        }
    }

    /// A free list in a file that both processes map. Lines of its own: the head (index + 1 below, tag above), then how
    /// often the two have met; from the second page on the blocks.
    struct FreeList {
        base: NonNull<u8>,
    }

    const BLOCKS_AT: usize = 4096;
    const MET_AT: usize = 128;

    impl FreeList {
        fn over(file: &File) -> FreeList {
            let len = BLOCKS_AT + SIZE * COUNT as usize;
            file.set_len(len as u64).expect("room in /dev/shm");
            let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
            // SAFETY: a new mapping of a file as long as that. Never unmapped: the program ends soon.
            let base =
                unsafe { libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0) };
            assert_ne!(base, libc::MAP_FAILED);
            FreeList { base: NonNull::new(base.cast()).expect("an address") }
        }

        /// By the first process, before there is another.
        fn fill(&self) {
            (0..COUNT).for_each(|index| {
                self.link(index).store((index + 2) % (COUNT + 1), Ordering::Relaxed);
            });
            self.head().store(1, Ordering::Release);
        }

        #[inline(always)]
        fn head(&self) -> &AtomicU64 {
            // SAFETY: within the mapping, aligned, and used as an atomic alone.
            unsafe { self.base.cast().as_ref() }
        }

        fn met(&self) -> &AtomicU64 {
            // SAFETY: as above.
            unsafe { self.base.add(MET_AT).cast().as_ref() }
        }

        #[inline(always)]
        fn block(&self, index: u32) -> NonNull<u64> {
            // SAFETY: indices are those of the list, so within the mapping.
            unsafe { self.base.add(BLOCKS_AT + index as usize * SIZE) }.cast()
        }

        /// The link in a free block. Who has just lost it to another process may still read it there.
        #[inline(always)]
        fn link(&self, index: u32) -> &AtomicU32 {
            // SAFETY: within the mapping and aligned; what else the bytes are then is caught by the tag.
            unsafe { self.block(index).cast().as_ref() }
        }
    }

    impl Hand for &FreeList {
        #[inline(always)]
        fn take(&mut self) -> Option<NonNull<u64>> {
            let mut head = self.head().load(Ordering::Acquire);
            loop {
                let index = (head as u32).checked_sub(1)?;
                let next = self.link(index).load(Ordering::Relaxed);
                let new = (head >> 32).wrapping_add(1) << 32 | u64::from(next);
                let (done, now) = (Ordering::Acquire, Ordering::Acquire);
                match self.head().compare_exchange_weak(head, new, done, now) {
                    Ok(_) => return Some(self.block(index)),
                    Err(now) => head = now,
                }
            }
        }

        #[inline(always)]
        fn give(&mut self, block: NonNull<u64>) {
            let offset = block.addr().get().wrapping_sub(self.base.addr().get() + BLOCKS_AT);
            assert!(offset < SIZE * COUNT as usize && offset % SIZE == 0, "a block");
            let index = (offset / SIZE) as u32;
            let mut head = self.head().load(Ordering::Relaxed);
            loop {
                self.link(index).store(head as u32, Ordering::Relaxed);
                let new = (head >> 32).wrapping_add(1) << 32 | u64::from(index + 1);
                let (done, now) = (Ordering::Release, Ordering::Relaxed);
                match self.head().compare_exchange_weak(head, new, done, now) {
                    Ok(_) => return,
                    Err(now) => head = now,
                }
            }
        }
    }

    #[inline(always)]
    fn write(block: NonNull<u64>, value: u64) {
        let block = black_box(block);
        // SAFETY: a block that the caller has taken.
        unsafe { block.write(black_box(value)) }
    }

    #[inline(always)]
    fn read(block: NonNull<u64>) -> u64 {
        // SAFETY: as above.
        unsafe { black_box(block.read()) }
    }

    fn seconds_of(clock: libc::clockid_t) -> f64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes the time and no more.
        unsafe { libc::clock_gettime(clock, &mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }

    /// Seconds of the clock that all processes have, and of CPU time.
    fn now() -> (f64, f64) {
        (seconds_of(libc::CLOCK_MONOTONIC), seconds_of(libc::CLOCK_PROCESS_CPUTIME_ID))
    }

    /// From when to when a process was at work.
    #[derive(Clone, Copy)]
    struct Span {
        begun: f64,
        ended: f64,
        disturbed: bool,
    }

    impl Span {
        fn seconds(self) -> f64 {
            self.ended - self.begun
        }

        /// The seconds of the longer one, if both were at work for nearly all of it.
        fn with(self, other: Span) -> Option<f64> {
            let both = self.ended.min(other.ended) - self.begun.max(other.begun);
            let longer = self.seconds().max(other.seconds());
            let disturbed = self.disturbed || other.disturbed || both < TOGETHER * longer;
            (!disturbed).then_some(longer)
        }
    }

    /// Takes so many blocks, then gives them back, until there were `PAIRS`.
    #[inline(always)]
    fn rounds<const LIVE: usize>(mut hand: impl Hand, start: impl FnOnce()) -> Span {
        let mut held = [NonNull::dangling(); LIVE];
        start();
        let (begun, used) = now();
        for _ in 0..PAIRS / LIVE {
            for (round, place) in held.iter_mut().enumerate() {
                *place = hand.take().expect("a block");
                write(*place, round as u64);
            }
            for (round, &block) in held.iter().enumerate() {
                assert_eq!(read(block), round as u64);
                hand.give(block);
            }
        }
        let (ended, cpu) = now();
        Span { begun, ended, disturbed: cpu - used < UNDISTURBED * (ended - begun) }
    }

    const CONTENDERS: [&str; 3] = ["ralloc, magazines", "ralloc, none", "free list (Join)"];
    const LIVE: [usize; 2] = [1, 64];

    struct Side {
        slab: Arc<Slab>,
        list: FreeList,
    }

    impl Side {
        fn run(&self, contender: usize, live: usize, start: impl FnOnce()) -> Span {
            let cache = || ThreadCache::new(&self.slab).expect("a participant");
            match (contender, live) {
                (0, 1) => rounds::<1>(cache(), start),
                (0, _) => rounds::<64>(cache(), start),
                (1, 1) => rounds::<1>(&*self.slab, start),
                (1, _) => rounds::<64>(&*self.slab, start),
                (_, 1) => rounds::<1>(&self.list, start),
                (_, _) => rounds::<64>(&self.list, start),
            }
        }

        /// The same, from when the other process comes here too.
        fn run_with_other(&self, contender: usize, live: usize) -> Span {
            self.run(contender, live, || {
                // The even one has met nobody yet.
                let met = self.list.met().fetch_add(1, Ordering::AcqRel);
                while self.list.met().load(Ordering::Acquire) <= met | 1 {
                    std::hint::spin_loop();
                }
            })
        }
    }

    /// The other process: runs what its input says, and tells how long it took.
    fn child(id: &str) {
        stay_on(1);
        let wait = SegmentOptions::default().wait;
        let slab = Arc::new(Slab::open(&format!("/{id}"), wait).expect("the slab"));
        let side = Side { slab, list: FreeList::over(&open(id)) };
        println!();
        for line in std::io::stdin().lines() {
            let line = line.expect("text");
            let (contender, live) = line.split_once(' ').expect("two numbers");
            let number = |text: &str| text.parse().expect("a number");
            let Span { begun, ended, disturbed } =
                side.run_with_other(number(contender), number(live));
            println!("{begun:.9} {ended:.9} {disturbed}");
        }
    }

    /// Keeps this process on one processor. Left alone, the two stay for milliseconds on the one where the second was woken, and so
    /// run one after the other.
    fn stay_on(processor: usize) {
        // SAFETY: zeros are the empty set; the call reads it and no more.
        let failed = unsafe {
            let mut set = std::mem::zeroed::<libc::cpu_set_t>();
            libc::CPU_SET(processor, &mut set);
            libc::sched_setaffinity(0, size_of_val(&set), &set)
        };
        assert_eq!(failed, 0, "two processors are needed");
    }

    fn open(id: &str) -> File {
        let path = format!("/dev/shm/{id}-list");
        OpenOptions::new().read(true).write(true).open(path).expect("the file")
    }

    struct Other {
        process: Child,
        input: ChildStdin,
        output: BufReader<ChildStdout>,
    }

    impl Other {
        fn start(id: &str) -> Other {
            let program = std::env::current_exe().expect("its path");
            let mut process = Command::new(program)
                .arg(id)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("another process");
            let input = process.stdin.take().expect("a pipe");
            let output = BufReader::new(process.stdout.take().expect("a pipe"));
            let mut other = Other { process, input, output };
            other.line();
            other
        }

        fn line(&mut self) -> String {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("a line");
            line.trim().into()
        }

        fn span(&mut self) -> Span {
            let line = self.line();
            let [begun, ended, disturbed] =
                line.split(' ').collect::<Vec<_>>().try_into().expect("three words");
            let seconds = |text: &str| text.parse().expect("seconds");
            let (begun, ended) = (seconds(begun), seconds(ended));
            Span { begun, ended, disturbed: disturbed == "true" }
        }

        fn tell(&mut self, contender: usize, live: usize) {
            writeln!(self.input, "{contender} {live}").expect("a process that reads");
        }
    }

    /// The 10th, 50th and 90th percentile.
    fn spread(mut values: Vec<f64>) -> [f64; 3] {
        values.sort_unstable_by(f64::total_cmp);
        [10, 50, 90].map(|percent| values[(values.len() - 1) * percent / 100])
    }

    fn print(title: &str, times: &[Vec<f64>; 3]) {
        println!("{title}");
        for (name, own) in CONTENDERS.iter().zip(times) {
            let ratios = own.iter().zip(&times[0]).map(|(own, first)| own / first).collect();
            let ([_, median, _], [low, ratio, high]) = (spread(own.clone()), spread(ratios));
            println!("  {name:<18} {median:>8.2} ns  {ratio:>6.2} [{low:.2} to {high:.2}]");
        }
    }

    /// The seconds of the first try that nothing disturbed.
    fn undisturbed(run: impl FnMut() -> Option<f64>) -> f64 {
        let mut tries = std::iter::repeat_with(run).take(TRIES);
        tries.find_map(|seconds| seconds).expect("a quieter machine is needed")
    }

    fn compare(side: &Side, other: &mut Other, live: usize, turns: usize) {
        let mut alone = [const { Vec::new() }; 3];
        let mut at_once = [const { Vec::new() }; 3];
        for turn in 0..=turns {
            for contender in 0..CONTENDERS.len() {
                let one = undisturbed(|| {
                    let own = side.run(contender, live, || {});
                    own.with(own)
                });
                let both = undisturbed(|| {
                    other.tell(contender, live);
                    side.run_with_other(contender, live).with(other.span())
                });
                if turn > 0 {
                    let ns = |seconds: f64| seconds * 1e9 / PAIRS as f64;
                    alone[contender].push(ns(one));
                    at_once[contender].push(ns(both));
                }
            }
        }
        print(&format!("{live} taken, {live} given back, one process alone"), &alone);
        print(&format!("{live} taken, {live} given back, two processes at once"), &at_once);
    }

    pub fn main() {
        let mut arguments = std::env::args().skip(1);
        let turns = match arguments.next().as_deref() {
            Some("--quick") => 1,
            Some(id) => return child(id),
            None => TURNS,
        };
        let id = format!("ralloc-bench-{}", std::process::id());
        let options = SlabOptions::fixed(&[SIZE], COUNT, 1 << 24);
        let slab = Slab::create(&format!("/{id}"), &options, &SegmentOptions::default());
        let path = format!("/dev/shm/{id}-list");
        File::create(&path).expect("a file in /dev/shm");
        let side = Side { slab: Arc::new(slab.expect("a slab")), list: FreeList::over(&open(&id)) };
        side.list.fill();
        stay_on(0);
        let mut other = Other::start(&id);
        // Both have it now.
        std::fs::remove_file(&path).expect("the file");
        Slab::unlink(&format!("/{id}")).expect("the slab");
        println!("wall clock of a pair in each process, median; its ratio to the first one's");
        LIVE.into_iter().for_each(|live| compare(&side, &mut other, live, turns));
        let Other { mut process, input, .. } = other;
        drop(input);
        process.wait().expect("its end");
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
    #[cfg(not(target_os = "linux"))]
    eprintln!("processes share slabs on Linux alone");
}
