//! A road map in an arena, walked in scopes of the same arena: nodes and edges are plain
//! references to one another, cycles included, and what a walk needs is gone when it ends.
//!
//! ```text
//! cargo run --example graph_walk -- Kiel Jena        # lines "from to distance" on stdin
//! ```

use ralloc_core::{Arena, Scope};
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

pub struct Node<'a> {
    pub name: &'a str,
    /// From 0: the place of this node in the slices of a walk.
    index: usize,
    /// The newest edge; each leads to the one before.
    edges: Cell<Option<&'a Edge<'a>>>,
}

struct Edge<'a> {
    to: &'a Node<'a>,
    distance: u32,
    next: Option<&'a Edge<'a>>,
}

impl<'a> Node<'a> {
    fn edges(&self) -> impl Iterator<Item = &'a Edge<'a>> + use<'a> {
        std::iter::successors(self.edges.get(), |edge| edge.next)
    }
}

/// Nodes by name. The list is on the heap, since it grows; all that it refers to does not.
pub struct Graph<'a> {
    nodes: Vec<&'a Node<'a>>,
    names: HashMap<&'a str, &'a Node<'a>>,
}

impl<'a> Graph<'a> {
    /// From lines of `from to distance`; every road goes both ways.
    pub fn read(scope: &Scope<'a>, text: &str) -> Result<Graph<'a>, String> {
        let mut graph = Graph { nodes: Vec::new(), names: HashMap::new() };
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [from, to, distance] = words[..] else {
                return Err(format!("line {number}: want \"from to distance\", got \"{line}\""));
            };
            let distance = distance.parse().map_err(|_| {
                format!("line {number}: \"{distance}\" is no distance from 0 to {}", u32::MAX)
            })?;
            let (from, to) = (graph.node(scope, from), graph.node(scope, to));
            for (from, to) in [(from, to), (to, from)] {
                let edge = Edge { to, distance, next: from.edges.get() };
                from.edges.set(Some(scope.alloc(edge)));
            }
        }
        Ok(graph)
    }

    fn node(&mut self, scope: &Scope<'a>, name: &str) -> &'a Node<'a> {
        if let Some(node) = self.names.get(name) {
            return node;
        }
        let (name, index) = (&*scope.alloc_str(name), self.nodes.len());
        let node = &*scope.alloc(Node { name, index, edges: Cell::new(None) });
        self.nodes.push(node);
        self.names.insert(name, node);
        node
    }

    pub fn find(&self, name: &str) -> Result<&'a Node<'a>, String> {
        self.names.get(name).copied().ok_or_else(|| format!("\"{name}\" is on no road"))
    }

    /// Names in the order of a breadth-first walk: nearest by number of roads first.
    pub fn breadth_first(&self, scratch: &Scope<'_>, from: &'a Node<'a>) -> Vec<&'a str> {
        let seen = scratch.alloc_slice_fill_copy(self.nodes.len(), false);
        // Each node enters once, so this is both the queue and the result.
        let queue = scratch.alloc_slice_fill_copy(self.nodes.len(), from);
        seen[from.index] = true;
        let (mut head, mut tail) = (0, 1);
        while head < tail {
            for edge in queue[head].edges() {
                if !std::mem::replace(&mut seen[edge.to.index], true) {
                    queue[tail] = edge.to;
                    tail += 1;
                }
            }
            head += 1;
        }
        queue[..tail].iter().map(|node| node.name).collect()
    }

    /// Names in the order of a depth-first walk, with a stack that is a list in the scratch.
    pub fn depth_first(&self, scratch: &Scope<'_>, from: &'a Node<'a>) -> Vec<&'a str> {
        struct Frame<'s, 'a> {
            node: &'a Node<'a>,
            below: Option<&'s Frame<'s, 'a>>,
        }
        let seen = scratch.alloc_slice_fill_copy(self.nodes.len(), false);
        let mut order = Vec::new();
        let mut top = Some(&*scratch.alloc(Frame { node: from, below: None }));
        while let Some(&Frame { node, below }) = top {
            top = below;
            if std::mem::replace(&mut seen[node.index], true) {
                continue;
            }
            order.push(node.name);
            for edge in node.edges().filter(|edge| !seen[edge.to.index]) {
                top = Some(scratch.alloc(Frame { node: edge.to, below: top }));
            }
        }
        order
    }

    /// The shortest way and its length (Dijkstra's), or `None` where there is no way.
    pub fn shortest(
        &self,
        scratch: &Scope<'_>,
        from: &'a Node<'a>,
        to: &'a Node<'a>,
    ) -> Option<(u64, Vec<&'a str>)> {
        let best = scratch.alloc_slice_fill_copy(self.nodes.len(), u64::MAX);
        let before = scratch.alloc_slice_fill_default::<Option<&Node>>(self.nodes.len());
        let mut open = BinaryHeap::from([Reverse((0, from.index))]);
        best[from.index] = 0;
        while let Some(Reverse((length, index))) = open.pop() {
            if index == to.index {
                break;
            }
            if length > best[index] {
                continue;
            }
            for edge in self.nodes[index].edges() {
                let length = length + u64::from(edge.distance);
                if length < best[edge.to.index] {
                    best[edge.to.index] = length;
                    before[edge.to.index] = Some(self.nodes[index]);
                    open.push(Reverse((length, edge.to.index)));
                }
            }
        }
        let way = std::iter::successors(Some(to), |node| before[node.index]);
        let mut way: Vec<&str> = way.map(|node| node.name).collect();
        way.reverse();
        (best[to.index] < u64::MAX).then(|| (best[to.index], way))
    }
}

pub const ROADS: &str = "
Kiel Hamburg 97
Hamburg Bremen 126
Hamburg Berlin 289
Bremen Hannover 127
Hamburg Hannover 151
Hannover Berlin 286
Hannover Leipzig 264
Berlin Leipzig 190
Leipzig Jena 98
";

/// What the program prints: both walks and the shortest way.
pub fn report(roads: &str, from: &str, to: &str) -> Result<String, String> {
    let mut arena = Arena::new();
    arena.scope(|scope| {
        let graph = Graph::read(scope, roads)?;
        let (from, to) = (graph.find(from)?, graph.find(to)?);
        let map = scope.stats().allocated;
        let breadth = scope.scope(|scratch| graph.breadth_first(scratch, from)).join(" ");
        let depth = scope.scope(|scratch| graph.depth_first(scratch, from)).join(" ");
        let way = match scope.scope(|scratch| graph.shortest(scratch, from, to)) {
            Some((length, way)) => format!("{} ({length} km)", way.join(" > ")),
            None => "none".to_owned(),
        };
        assert_eq!(scope.stats().allocated, map, "walks leave nothing behind");
        Ok(format!("breadth first: {breadth}\ndepth first: {depth}\nshortest: {way}\n{map} bytes"))
    })
}

pub fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let report = match &names[..] {
        [] => report(ROADS, "Kiel", "Jena"),
        [from, to] => match std::io::read_to_string(std::io::stdin()) {
            Ok(roads) => report(&roads, from, to),
            Err(error) => Err(error.to_string()),
        },
        _ => Err("want two names, or none".to_owned()),
    };
    match report {
        Ok(report) => println!("{report}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
