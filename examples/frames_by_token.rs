//! Two processes pass frames to and fro without a copy: one draws them, the other one stretches their contrast. Both
//! have one slab. Through the pipes between them goes a line for each frame, with a token of at most 16 digits.
//!
//! ```text
//! cargo run --release --example frames_by_token -- 1000
//! ```
//!
//! On Linux, whose processes can share a slab.

use ralloc_core::Slab;
use ralloc_core::error::SlabError;
use ralloc_core::slab::{SegmentOptions, SlabOptions, Token};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Lines, Write};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::process::{Command, Stdio};
use std::ptr::NonNull;

const WIDTH: usize = 640;
/// Bytes of a frame, one for each pixel: from 0, black, to 255.
pub const PIXELS: usize = WIDTH * 480;
/// How many frames there are at a time. It bounds how far the one who draws is ahead.
const FRAMES: u32 = 8;

type Failure = Box<dyn std::error::Error>;

/// A frame in the slab, as long as it is here: until it is dropped, or sent.
pub struct Frame<'a> {
    slab: &'a Slab,
    /// Held, so that nobody else has these bytes: all who have the slab get their frames from here.
    pixels: NonNull<[u8]>,
}

impl<'a> Frame<'a> {
    /// With what was there before; `None` when all are in use.
    pub fn new(slab: &'a Slab) -> Result<Option<Frame<'a>>, SlabError> {
        let of = |slot: NonNull<[u8]>| {
            let pixels = NonNull::slice_from_raw_parts(slot.cast(), PIXELS); // of 512 KiB
            Frame { slab, pixels }
        };
        Ok(slab.try_allocate(PIXELS)?.map(of))
    }

    /// Gives it to whoever receives the token.
    pub fn send(self) -> Result<Token, SlabError> {
        // SAFETY: held, and not used once it is sent, nor dropped.
        let token = unsafe { self.slab.send(self.pixels) }?;
        let _sent = ManuallyDrop::new(self);
        Ok(token)
    }

    pub fn receive(slab: &'a Slab, token: Token) -> Result<Frame<'a>, SlabError> {
        Ok(Frame { slab, pixels: slab.receive(token)? })
    }

    /// Takes back what was sent from here, and not received.
    pub fn revoke(slab: &'a Slab, token: Token) -> Result<Frame<'a>, SlabError> {
        Ok(Frame { slab, pixels: slab.revoke(token)? })
    }
}

impl Deref for Frame<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: held; bytes of a mapping always have a value.
        unsafe { self.pixels.as_ref() }
    }
}

impl DerefMut for Frame<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else has this value.
        unsafe { self.pixels.as_mut() }
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        // SAFETY: held, and not used afterwards. It is no error then.
        let _ = unsafe { self.slab.deallocate(self.pixels.cast()) };
    }
}

/// Spreads the values over all that there are: the least and the greatest one before.
pub fn stretch(pixels: &mut [u8]) -> (u8, u8) {
    let (mut low, mut high) = (u8::MAX, 0);
    for &pixel in &*pixels {
        (low, high) = (low.min(pixel), high.max(pixel));
    }
    let range = u32::from(high.saturating_sub(low)).max(1);
    for pixel in pixels {
        *pixel = (u32::from(*pixel - low) * 255 / range) as u8;
    }
    (low, high)
}

/// What the worker does: sends a frame back for each that comes, until no more do.
pub fn serve(slab: &Slab, tokens: impl BufRead, mut answers: impl Write) -> Result<(), Failure> {
    for line in tokens.lines() {
        let mut frame = Frame::receive(slab, Token::from_bits(line?.parse()?))?;
        let (low, high) = stretch(&mut frame);
        writeln!(answers, "{} {low} {high}", frame.send()?.bits())?;
        answers.flush()?;
    }
    Ok(())
}

/// A film, as it comes back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Film {
    pub frames: usize,
    /// The least contrast that a frame had, and the least that one has now.
    pub before: u8,
    pub now: u8,
    /// Bytes that went through the pipes.
    pub letters: usize,
}

/// Draws frames and has them stretched by a worker, of which `tokens` and `answers` are the two ends.
pub fn film(
    slab: &Slab,
    frames: usize,
    mut tokens: impl Write,
    answers: impl BufRead,
) -> Result<Film, Failure> {
    let mut film = Film { before: u8::MAX, now: u8::MAX, ..Film::default() };
    let (mut answers, mut under_way) = (answers.lines(), VecDeque::new());
    let mut draw_all = || {
        for number in 0..frames {
            let mut frame = loop {
                match Frame::new(slab)? {
                    Some(frame) => break frame,
                    // The slab is the back-pressure: the worker has the others.
                    None => film.add(slab, &mut answers)?,
                }
                under_way.pop_front();
            };
            for (at, pixel) in frame.iter_mut().enumerate() {
                *pixel = 60 + ((at % WIDTH + at / WIDTH + number) % 100) as u8;
            }
            let token = frame.send()?;
            under_way.push_back(token);
            let line = format!("{}\n", token.bits());
            tokens.write_all(line.as_bytes())?;
            film.letters += line.len();
        }
        while !under_way.is_empty() {
            film.add(slab, &mut answers)?;
            under_way.pop_front();
        }
        Ok(())
    };
    let drawn: Result<(), Failure> = draw_all();
    drawn.map(|()| film).map_err(|error| {
        // Those that the worker has not received. One that it had comes back by itself.
        let back = under_way.into_iter().filter(|&token| Frame::revoke(slab, token).is_ok());
        format!("{error}; {} frames were taken back", back.count()).into()
    })
}

impl Film {
    /// Waits for a frame.
    fn add(&mut self, slab: &Slab, answers: &mut Lines<impl BufRead>) -> Result<(), Failure> {
        let line = answers.next().ok_or("the worker has ended")??;
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or_else(|| format!("no answer: {line:?}"));
        let token = Token::from_bits(word()?.parse()?);
        let (low, high): (u8, u8) = (word()?.parse()?, word()?.parse()?);
        let frame = Frame::receive(slab, token)?;
        let least = frame.iter().min().copied().unwrap_or(0);
        let greatest = frame.iter().max().copied().unwrap_or(0);
        self.before = self.before.min(high.saturating_sub(low));
        self.now = self.now.min(greatest - least);
        self.letters += line.len() + 1;
        self.frames += 1;
        Ok(())
    }
}

/// The name of a slab, until it is dropped. Those who have the slab keep it.
struct Name(String);

impl Drop for Name {
    fn drop(&mut self) {
        let _ = Slab::unlink(&self.0);
    }
}

fn film_with_a_worker(frames: usize) -> Result<(), Failure> {
    let name = Name(format!("/frames-by-token-{}", std::process::id()));
    let options = SlabOptions::fixed(&[PIXELS.next_power_of_two()], FRAMES, 16 << 20);
    let slab = Slab::create(&name.0, &options, &SegmentOptions::default())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["serve", &name.0]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut worker = command.spawn()?;
    let (tokens, answers) = (worker.stdin.take(), worker.stdout.take());
    let (tokens, answers) = tokens.zip(answers).ok_or("no pipes")?;
    let mut answers = BufReader::new(answers);
    answers.read_line(&mut String::new())?; // it has the slab, or has ended
    drop(name); // nothing is left behind, however the two end
    let seen = film(&slab, frames, tokens, answers);
    worker.wait()?; // `film` has dropped the pipes
    let Film { frames, before, now, letters } = seen?;
    println!("{frames} frames of {PIXELS} bytes went to another process and back");
    println!("least contrast {before}, then {now}; {letters} bytes through the pipes");
    Ok(())
}

fn serve_by_name(name: &str) -> Result<(), Failure> {
    let slab = Slab::open(name, SegmentOptions::default().wait)?;
    println!("ready");
    serve(&slab, std::io::stdin().lock(), std::io::stdout().lock())
}

pub fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["serve", name] => serve_by_name(name),
        [] => film_with_a_worker(300),
        [frames] => frames.parse().map_err(Failure::from).and_then(film_with_a_worker),
        _ => Err("want a number of frames".into()),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
