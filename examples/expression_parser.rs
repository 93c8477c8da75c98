//! Parses and evaluates arithmetic. The tree lies in an arena: a node is a reference away from
//! its operands, nothing is counted, and a reset frees a whole tree at once.
//!
//! ```text
//! cargo run --example expression_parser -- '2 * max(x, 3) ^ 2' 'x / (y - 1'
//!
//! sum     = product (("+" | "-") product)*
//! product = unary (("*" | "/" | "%") unary)*
//! unary   = "-" unary | power
//! power   = primary ("^" unary)?
//! primary = number | name | name "(" (sum ("," sum)*)? ")" | "(" sum ")"
//! ```

use ralloc_core::Arena;
use std::fmt;

/// Deeper trees would need a deeper stack than every thread has.
const MAX_DEPTH: usize = 200;

#[derive(Debug)]
pub struct Expr<'a> {
    kind: Kind<'a>,
    /// Where it begins in the source, in bytes.
    at: usize,
}

#[derive(Debug)]
enum Kind<'a> {
    Number(f64),
    Name(&'a str),
    Negative(&'a Expr<'a>),
    Binary(u8, &'a Expr<'a>, &'a Expr<'a>),
    Call(&'a str, &'a [&'a Expr<'a>]),
}

/// What is wrong, and where.
#[derive(Debug, PartialEq)]
pub struct Fault {
    /// In characters, from 1.
    pub column: usize,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>width$} {}", "^", self.what, width = self.column)
    }
}

struct Parser<'a> {
    arena: &'a Arena,
    source: &'a str,
    at: usize,
    depth: usize,
}

/// The tree of `source`, which is copied so that names in it live as long.
pub fn parse<'a>(arena: &'a Arena, source: &str) -> Result<&'a Expr<'a>, Fault> {
    let source = arena.alloc_str(source);
    let mut parser = Parser { arena, source, at: 0, depth: 0 };
    let sum = parser.sum()?;
    match parser.peek() {
        None => Ok(sum),
        Some(_) => Err(parser.expected("an operator or the end")),
    }
}

impl<'a> Parser<'a> {
    fn sum(&mut self) -> Result<&'a Expr<'a>, Fault> {
        self.chain(b"+-", Self::product)
    }

    fn product(&mut self) -> Result<&'a Expr<'a>, Fault> {
        self.chain(b"*/%", Self::unary)
    }

    fn chain(
        &mut self,
        operators: &[u8],
        operand: impl Fn(&mut Self) -> Result<&'a Expr<'a>, Fault>,
    ) -> Result<&'a Expr<'a>, Fault> {
        let mut left = operand(self)?;
        while let Some(operator) = self.peek().filter(|next| operators.contains(next)) {
            let at = self.at;
            self.at += 1;
            let right = operand(self)?;
            left = self.arena.alloc(Expr { kind: Kind::Binary(operator, left, right), at });
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<&'a Expr<'a>, Fault> {
        // Every recursion passes here.
        if self.depth == MAX_DEPTH {
            return Err(fault(self.source, self.at, "nested too deeply"));
        }
        self.depth += 1;
        let unary = if self.eat(b'-') {
            let at = self.at - 1;
            let kind = Kind::Negative(self.unary()?);
            self.arena.alloc(Expr { kind, at })
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(unary)
    }

    fn power(&mut self) -> Result<&'a Expr<'a>, Fault> {
        let base = self.primary()?;
        if !self.eat(b'^') {
            return Ok(base);
        }
        let at = self.at - 1;
        let kind = Kind::Binary(b'^', base, self.unary()?);
        Ok(self.arena.alloc(Expr { kind, at }))
    }

    fn primary(&mut self) -> Result<&'a Expr<'a>, Fault> {
        let first = self.peek();
        let at = self.at;
        let kind = match first {
            Some(b'(') => {
                self.at += 1;
                let inner = self.sum()?;
                self.close()?;
                return Ok(inner);
            }
            Some(b'0'..=b'9' | b'.') => {
                let text = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
                let number = text.parse();
                Kind::Number(number.map_err(|_| fault(self.source, at, "not a number"))?)
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let name = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if self.eat(b'(') { Kind::Call(name, self.arguments()?) } else { Kind::Name(name) }
            }
            _ => return Err(self.expected("a number, a name or \"(\"")),
        };
        Ok(self.arena.alloc(Expr { kind, at }))
    }

    /// How many there are is not known before the last: they wait on the heap for that.
    fn arguments(&mut self) -> Result<&'a [&'a Expr<'a>], Fault> {
        let mut arguments = Vec::new();
        if self.peek() != Some(b')') {
            loop {
                arguments.push(self.sum()?);
                if !self.eat(b',') {
                    break;
                }
            }
        }
        self.close()?;
        Ok(self.arena.alloc_slice_copy(&arguments))
    }

    fn close(&mut self) -> Result<(), Fault> {
        if self.eat(b')') { Ok(()) } else { Err(self.expected("\")\"")) }
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        self.take_while(|byte| byte.is_ascii_whitespace());
        self.source.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    /// Of ASCII only, so that `at` stays between characters.
    fn take_while(&mut self, of: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.source[self.at..];
        let len = rest.bytes().position(|byte| !of(byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn expected(&mut self, what: &str) -> Fault {
        self.peek();
        let found = self.source[self.at..].chars().next();
        let found = found.map_or("the end".to_owned(), |found| format!("\"{found}\""));
        fault(self.source, self.at, &format!("expected {what}, found {found}"))
    }
}

fn fault(source: &str, at: usize, what: &str) -> Fault {
    Fault { column: source[..at].chars().count() + 1, what: what.to_owned() }
}

/// The value of a tree of `source`, where `names` have values.
pub fn evaluate(source: &str, tree: &Expr<'_>, names: &[(&str, f64)]) -> Result<f64, Fault> {
    // A long sum leans to the left, deeper than any stack: that side goes by a list.
    let mut pending = Vec::new();
    let mut first = tree;
    while let Kind::Binary(operator, left, right) = first.kind {
        pending.push((operator, right, first.at));
        first = left;
    }
    let mut value = operand(source, first, names)?;
    for (operator, right, at) in pending.into_iter().rev() {
        let right = evaluate(source, right, names)?;
        value = match operator {
            b'+' => value + right,
            b'-' => value - right,
            b'*' => value * right,
            b'^' => value.powf(right),
            _ if right == 0.0 => return Err(fault(source, at, "division by zero")),
            b'/' => value / right,
            _ => value % right,
        };
    }
    Ok(value)
}

/// The value of anything but two operands.
fn operand(source: &str, tree: &Expr<'_>, names: &[(&str, f64)]) -> Result<f64, Fault> {
    let value = |tree: &Expr<'_>| evaluate(source, tree, names);
    match tree.kind {
        Kind::Number(number) => Ok(number),
        Kind::Negative(of) => Ok(-value(of)?),
        Kind::Binary(..) => value(tree),
        Kind::Name(name) => {
            let found = names.iter().find(|(one, _)| *one == name).map(|(_, value)| *value);
            found.ok_or_else(|| fault(source, tree.at, &format!("no value for \"{name}\"")))
        }
        Kind::Call(name, arguments) => {
            let values: Vec<f64> =
                arguments.iter().map(|one| value(one)).collect::<Result<_, _>>()?;
            match (name, &values[..]) {
                ("sqrt", [of]) => Ok(of.sqrt()),
                ("max", [first, rest @ ..]) => Ok(rest.iter().fold(*first, |a, &b| a.max(b))),
                ("min", [first, rest @ ..]) => Ok(rest.iter().fold(*first, |a, &b| a.min(b))),
                _ => {
                    let what = format!("no function \"{name}\" of {} values", values.len());
                    Err(fault(source, tree.at, &what))
                }
            }
        }
    }
}

pub fn main() {
    let mut sources: Vec<String> = std::env::args().skip(1).collect();
    if sources.is_empty() {
        sources = ["1 + 2 * 3", "-2 ^ 2", "sqrt(x * x + y * y)", "2 * (3 + 4", "x / (y - 4)"]
            .map(String::from)
            .to_vec();
    }
    let names = [("x", 3.0), ("y", 4.0)];
    let mut arena = Arena::new();
    for source in &sources {
        println!("{source}");
        match parse(&arena, source).and_then(|tree| evaluate(source, tree, &names)) {
            Ok(value) => println!("= {value}, of {} bytes of tree", arena.stats().allocated),
            Err(fault) => println!("{fault}"),
        }
        arena.reset();
    }
}
