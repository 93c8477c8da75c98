//! Tests with Rust on one side of a segment and JavaScript on the other. They need the npm package
//! of this clone, built.

use super::{SegmentOptions, Slab, SlabOptions, Token};
use crate::error::SlabError;
use crate::memory::segment::tests::{LONG, Owned};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::ptr::NonNull;

const SIZES: [usize; 2] = [64, 4096];
const COUNT: usize = 32;
const PROGRAM: &str = "__test__/fixtures/slab/beside-rust.js";

/// A Node process, killed when this value is dropped.
struct Node {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    /// Returns `None` if there is no Node, no package or no binary.
    fn start(name: &str, how: &str) -> Option<Node> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ends = |file: std::fs::DirEntry| file.path().extension().is_some_and(|it| it == "node");
        let is_built = root.read_dir().ok()?.flatten().any(ends) && root.join(PROGRAM).exists();
        let mut command = Command::new("node");
        command.arg(root.join(PROGRAM)).args([name, how]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let Some(mut child) = is_built.then(|| command.spawn().ok()).flatten() else {
            eprintln!("not tested: there is no Node, or no binary (npm run build)");
            return None;
        };
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut node = Node { child, lines };
        assert_eq!(node.says(), "has 2");
        Some(node)
    }

    fn says(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended");
        line.trim_end().to_owned()
    }

    /// Sends a token to Node and returns the token that Node sends back.
    fn answers(&mut self, token: Token, round: usize) -> Token {
        writeln!(self.child.stdin.as_mut().unwrap(), "{} {round}", token.bits()).unwrap();
        Token::from_bits(self.says().parse().unwrap())
    }
}

fn byte_of(at: usize, round: usize) -> u8 {
    (at * 31 + round) as u8
}

/// Sends `length` bytes, and checks the bytes that come back.
fn exchange(slab: &Slab, node: &mut Node, length: usize, round: usize) {
    let block = slab.allocate(length).unwrap().cast::<u8>();
    for at in 0..length {
        // SAFETY: within a block that this process holds.
        unsafe { block.add(at).write(byte_of(at, round)) };
    }
    // SAFETY: held, and not used any more.
    let token = unsafe { slab.send(NonNull::slice_from_raw_parts(block, length)) }.unwrap();
    let answer = node.answers(token, round);
    assert_eq!(slab.receive(token), Err(SlabError::Stale), "it was received");
    let block = slab.receive(answer).unwrap();
    assert_eq!(block.len(), length);
    for at in 0..length {
        // SAFETY: within a block that this process holds.
        let byte = unsafe { block.cast::<u8>().add(at).read() };
        assert_eq!(byte, !byte_of(at, round), "byte {at} of {length}");
    }
    // SAFETY: held, and not used any more.
    unsafe { slab.deallocate(block.cast()) }.unwrap();
}

#[test]
fn node_and_rust_exchange_bytes_by_token_whoever_makes_the_slab_and_what_node_had_comes_back() {
    for how in ["open", "create"] {
        let name = Owned::new();
        let options = SlabOptions::fixed(&SIZES, COUNT as u32, 1 << 20);
        let made = (how == "open")
            .then(|| Slab::create(&name.0, &options, &SegmentOptions::default()).unwrap());
        let Some(mut node) = Node::start(&name.0, how) else { return };
        let slab = made.unwrap_or_else(|| Slab::open(&name.0, LONG).unwrap());
        let mine = slab.allocate(64).unwrap();
        for round in 0..300 {
            exchange(&slab, &mut node, 1 + round * 13 % SIZES[1], round);
        }
        assert!(slab.recover().is_empty(), "it is alive");
        node.child.kill().unwrap();
        node.child.wait().unwrap();
        let recovered = slab.recover();
        assert!(recovered.iter().all(|one| one.pid == node.child.id()), "{recovered:?}");
        assert!(recovered.iter().map(|one| one.slots).sum::<usize>() >= SIZES.len());
        // SAFETY: held, and not used any more.
        unsafe { slab.deallocate(mine.cast()) }.unwrap();
        assert!(slab.stats().iter().all(|pool| pool.free == COUNT), "{:?}", slab.stats());
    }
}
