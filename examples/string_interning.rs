//! Interns words: each distinct one is stored once, byte to byte in an arena, and from then on
//! is a number that compares in one instruction. Counts the words of a text with it.
//!
//! ```text
//! cargo run --example string_interning < README.md
//! ```

use ralloc_core::Arena;
use ralloc_core::error::AllocError;
use std::collections::HashMap;

/// A word's number, in order of first appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

/// Strings need no alignment, so they are packed at 1.
pub struct Interner<'a> {
    arena: &'a Arena<1>,
    symbols: HashMap<&'a str, Symbol>,
    names: Vec<&'a str>,
}

impl<'a> Interner<'a> {
    pub fn new(arena: &'a Arena<1>) -> Interner<'a> {
        Interner { arena, symbols: HashMap::new(), names: Vec::new() }
    }

    /// The number of `name`. Errors when the arena is at its limit; names before stay.
    pub fn intern(&mut self, name: &str) -> Result<Symbol, AllocError> {
        if let Some(symbol) = self.symbols.get(name) {
            return Ok(*symbol);
        }
        let name = &*self.arena.try_alloc_str(name)?;
        let symbol = Symbol(self.names.len().try_into().expect("fewer words than 2^32"));
        self.names.push(name);
        self.symbols.insert(name, symbol);
        Ok(symbol)
    }

    /// The name, which outlives the interner.
    pub fn name(&self, symbol: Symbol) -> &'a str {
        self.names[symbol.0 as usize]
    }

    pub fn distinct(&self) -> usize {
        self.names.len()
    }
}

/// Words with how often they occur, the most frequent first, ties in order of appearance.
pub fn count<'a>(
    interner: &mut Interner<'a>,
    text: &str,
) -> Result<Vec<(&'a str, usize)>, AllocError> {
    let mut counts = Vec::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|w| !w.is_empty()) {
        let Symbol(index) = interner.intern(&word.to_lowercase())?;
        counts.resize(counts.len().max(index as usize + 1), 0);
        counts[index as usize] += 1;
    }
    let words = (0..).zip(counts).map(|(index, count)| (interner.name(Symbol(index)), count));
    let mut words: Vec<_> = words.collect();
    words.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    Ok(words)
}

pub fn main() {
    let text = std::io::read_to_string(std::io::stdin()).expect("text on stdin, in UTF-8");
    let arena = Arena::builder().min_align::<1>().limit(16 << 20).build().expect("good options");
    let mut interner = Interner::new(&arena);
    match count(&mut interner, &text) {
        Ok(words) => {
            words.iter().take(10).for_each(|(word, count)| println!("{count:>6} {word}"));
            let (distinct, bytes) = (interner.distinct(), arena.stats().allocated);
            println!("{} bytes of text, {distinct} distinct words in {bytes} bytes", text.len());
        }
        Err(error) => eprintln!("too many words: {error}"),
    }
}
