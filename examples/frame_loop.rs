//! A loop of frames: what a frame computes lives in an arena that is reset at its end. After
//! the first frames no more memory is asked for, which the diagnostics show.
//!
//! ```text
//! cargo run --release --example frame_loop -- 600      # frames; default 300
//! ```

use ralloc_core::{Arena, ArenaEvent};
use std::fmt::Write;
use std::sync::mpsc;

#[derive(Clone, Copy)]
struct Ball {
    at: [f32; 2],
    speed: [f32; 2],
}

/// What lives longer than a frame: plain values, on the heap.
pub struct World {
    balls: Vec<Ball>,
}

/// A text to draw, and the one before it.
struct Label<'a> {
    text: &'a str,
    next: Option<&'a Label<'a>>,
}

/// What was seen in one frame, for the report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    pub contacts: usize,
    /// Of all labels.
    pub letters: usize,
    /// Of the arena, at the end of the frame.
    pub bytes: usize,
    pub chunks: usize,
}

const CELLS: usize = 16;
const RADIUS: f32 = 0.02;

impl World {
    /// Balls in the unit square, the same in each run.
    pub fn new(count: usize) -> World {
        let mut state = 12345u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut ball = || Ball {
            at: [random(), random()],
            speed: [random() - 0.5, random() - 0.5].map(|speed| speed * 0.02),
        };
        World { balls: (0..count).map(|_| ball()).collect() }
    }

    fn cell_of(ball: &Ball) -> usize {
        let [x, y] = ball.at.map(|at| ((at * CELLS as f32) as usize).min(CELLS - 1));
        y * CELLS + x
    }

    /// Moves every ball and finds which touch within a cell of a grid. All that the frame
    /// needs comes from `arena`; nothing of it is left in the world.
    pub fn step(&mut self, arena: &Arena) -> Frame {
        for Ball { at, speed } in &mut self.balls {
            for (at, speed) in at.iter_mut().zip(speed) {
                if !(0.0..1.0).contains(&(*at + *speed)) {
                    *speed = -*speed;
                }
                *at = (*at + *speed).clamp(0.0, 1.0);
            }
        }
        // The balls by cell: count, then place, in two slices.
        let starts = arena.alloc_slice_fill_default::<usize>(CELLS * CELLS + 1);
        self.balls.iter().for_each(|ball| starts[Self::cell_of(ball) + 1] += 1);
        (0..CELLS * CELLS).for_each(|cell| starts[cell + 1] += starts[cell]);
        let next = arena.alloc_slice_copy(starts);
        let sorted = arena.alloc_slice_fill_copy(self.balls.len(), 0u32);
        for (index, ball) in (0u32..).zip(&self.balls) {
            let place = &mut next[Self::cell_of(ball)];
            sorted[*place] = index;
            *place += 1;
        }
        let mut labels = None;
        for bounds in starts.windows(2) {
            let cell = &sorted[bounds[0]..bounds[1]];
            let pairs = cell.iter().enumerate().flat_map(|(place, one)| {
                cell[place + 1..].iter().map(move |other| (*one as usize, *other as usize))
            });
            for (one, other) in pairs {
                if self.touch(one, other) {
                    let mut label = arena.alloc_str_uninit(32);
                    write!(label, "{one} meets {other}").expect("two u32s and a word fit");
                    labels = Some(&*arena.alloc(Label { text: label.finish(), next: labels }));
                }
            }
        }
        let labels = std::iter::successors(labels, |label| label.next);
        let (mut contacts, mut letters) = (0, 0);
        for label in labels {
            contacts += 1;
            letters += label.text.len();
        }
        let stats = arena.stats();
        Frame { contacts, letters, bytes: stats.allocated, chunks: stats.chunks }
    }

    fn touch(&self, one: usize, other: usize) -> bool {
        let [a, b] = [self.balls[one].at, self.balls[other].at];
        (a[0] - b[0]).hypot(a[1] - b[1]) < 2.0 * RADIUS
    }
}

/// Runs the loop: each frame, and in which frame a chunk came from the system.
pub fn run(frames: usize, balls: usize) -> (Vec<Frame>, Vec<usize>) {
    let (sink, events) = mpsc::channel();
    let builder = Arena::builder().limit(8 << 20).diagnostics(move |event| {
        // Fails when nobody listens any more: when the arena is dropped at the end.
        let _ = sink.send(event);
    });
    let mut arena = builder.build().expect("good options");
    let mut world = World::new(balls);
    let mut growth = Vec::new();
    let seen = (0..frames).map(|frame| {
        let seen = world.step(&arena);
        let came = |event: &ArenaEvent| {
            matches!(event, ArenaEvent::Mapped { .. } | ArenaEvent::Recycled { .. })
        };
        let chunks = events.try_iter().filter(came).count();
        growth.extend((chunks > 0).then_some(frame));
        arena.reset();
        seen
    });
    let seen = seen.collect();
    (seen, growth)
}

pub fn main() {
    let frames = std::env::args().nth(1).map_or(Ok(300), |frames| frames.parse());
    let Ok(frames) = frames else {
        eprintln!("want a number of frames");
        std::process::exit(1);
    };
    let (seen, growth) = run(frames, 2000);
    for (index, frame) in seen.iter().enumerate().step_by(frames.div_ceil(6).max(1)) {
        let Frame { contacts, bytes, chunks, letters: _ } = frame;
        println!("frame {index:>5}: {contacts:>4} contacts, {bytes:>6} bytes in {chunks} chunks");
    }
    let peak = seen.iter().map(|frame| frame.bytes).max().unwrap_or(0);
    println!("peak {peak} bytes; chunks came in the frames {growth:?} of {frames}");
}
