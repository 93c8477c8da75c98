//! Tests of the programs under `examples/`, of their functions and as whole programs.
#![cfg(not(loom))]
#![cfg_attr(feature = "debug", allow(unused_imports, reason = "of tests that are left out then"))]
#![allow(dead_code, reason = "what only their own main uses")]

#[path = "../examples/baked_table.rs"]
mod baked_table;
#[path = "../examples/expression_parser.rs"]
mod expression_parser;
#[path = "../examples/frame_loop.rs"]
mod frame_loop;
#[path = "../examples/frames_by_token.rs"]
mod frames_by_token;
#[path = "../examples/graph_walk.rs"]
mod graph_walk;
#[path = "../examples/string_interning.rs"]
mod string_interning;

use ralloc_core::error::AllocError;
use ralloc_core::slab::SlabOptions;
use ralloc_core::{Arena, Slab};
use std::io::BufReader;

fn evaluate(source: &str) -> Result<f64, String> {
    let arena = Arena::new();
    let tree = expression_parser::parse(&arena, source);
    let value = tree
        .and_then(|tree| expression_parser::evaluate(source, tree, &[("x", 3.0), ("y_2", 4.0)]));
    value.map_err(|fault| format!("{}: {}", fault.column, fault.what))
}

#[test]
fn a_baked_table_says_where_blocks_come_from() {
    assert_eq!(baked_table::serve(200).unwrap(), [0, 400, 200, 200]);
}

#[test]
fn expressions_have_the_value_that_the_grammar_gives_them() {
    let cases = [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 - 3 - 4", -5.0),
        ("100 / 10 / 5", 2.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("--5 % 3", 2.0),
        ("sqrt(x*x + y_2*y_2)", 5.0),
        ("max(1, min(9, 7), -3)", 7.0),
        ("  .5e1 ", 5.0),
    ];
    for (source, value) in cases {
        assert_eq!(evaluate(source), Ok(value), "{source}");
    }
    let long = vec!["1"; 100_000].join(" + ");
    assert_eq!(evaluate(&long), Ok(100_000.0), "deeper to the left than a stack");
}

#[test]
fn faults_of_expressions_point_at_the_column() {
    let cases = [
        ("", "1: expected a number, a name or \"(\", found the end"),
        ("2 * (3 + 4", "11: expected \")\", found the end"),
        ("2 3", "3: expected an operator or the end, found \"3\""),
        ("1 + + 2", "5: expected a number, a name or \"(\", found \"+\""),
        ("x + ö", "5: expected a number, a name or \"(\", found \"ö\""),
        ("1 + 2x", "5: not a number"),
        ("max(1,)", "7: expected a number, a name or \"(\", found \")\""),
        ("1 + why", "5: no value for \"why\""),
        ("1 + 8 / (x - 3)", "7: division by zero"),
        ("8 % 0", "3: division by zero"),
        ("1 + sqrt(1, 2)", "5: no function \"sqrt\" of 2 values"),
    ];
    for (source, text) in cases {
        assert_eq!(evaluate(source), Err(text.to_owned()), "{source}");
    }
    let deep = "(".repeat(100_000);
    assert_eq!(evaluate(&deep), Err("201: nested too deeply".to_owned()));
    let deep = "-".repeat(100_000);
    assert_eq!(evaluate(&deep), Err("201: nested too deeply".to_owned()));
    let fault = expression_parser::Fault { column: 4, what: "wrong".to_owned() };
    assert_eq!(fault.to_string(), "   ^ wrong");
}

#[test]
fn a_road_map_is_walked_in_both_orders_and_the_short_way() {
    let report = graph_walk::report(graph_walk::ROADS, "Kiel", "Jena").unwrap();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[0], "breadth first: Kiel Hamburg Hannover Berlin Bremen Leipzig Jena");
    assert_eq!(lines[1], "depth first: Kiel Hamburg Bremen Hannover Berlin Leipzig Jena");
    assert_eq!(lines[2], "shortest: Kiel > Hamburg > Hannover > Leipzig > Jena (610 km)");
    // A longer road, a shorter one, and a part that no road leads to.
    let roads = "a b 10\na c 1\nc d 1\nd b 1\nz y 5";
    let report = graph_walk::report(roads, "a", "b").unwrap();
    assert!(report.contains("shortest: a > c > d > b (3 km)"), "{report}");
    assert!(graph_walk::report(roads, "a", "z").unwrap().contains("shortest: none"));
    assert!(graph_walk::report(roads, "a", "a").unwrap().contains("shortest: a (0 km)"));
}

#[test]
fn a_road_map_that_cannot_be_read_is_refused_by_line() {
    let refused = |roads, from| graph_walk::report(roads, from, "a").unwrap_err();
    assert_eq!(refused("a b 1\na b", "a"), "line 2: want \"from to distance\", got \"a b\"");
    let text = "line 1: \"-1\" is no distance from 0 to 4294967295";
    assert_eq!(refused("a b -1", "a"), text);
    assert_eq!(refused("a b 1", "c"), "\"c\" is on no road");
}

// Counts bytes, and red zones take some too.
#[cfg(not(feature = "debug"))]
#[test]
fn words_are_stored_once_and_packed_and_counted() {
    let arena = Arena::builder().min_align::<1>().build().unwrap();
    let mut interner = string_interning::Interner::new(&arena);
    let text = "The cat and the dog; THE END, and nothing else.";
    let words = string_interning::count(&mut interner, text).unwrap();
    assert_eq!(words[..3], [("the", 3), ("and", 2), ("cat", 1)]);
    assert_eq!((words.len(), interner.distinct()), (7, 7));
    let bytes: usize = words.iter().map(|(word, _)| word.len()).sum();
    assert_eq!(arena.stats().allocated, bytes, "no byte is lost");
    let the = interner.intern("the").unwrap();
    assert_eq!(interner.intern("the"), Ok(the));
    assert_eq!((interner.name(the), interner.distinct()), ("the", 7));
}

#[test]
fn an_interner_whose_arena_is_full_keeps_its_words() {
    let arena = Arena::builder().min_align::<1>().limit(16 << 10).build().unwrap();
    let mut interner = string_interning::Interner::new(&arena);
    let first = interner.intern("first").unwrap();
    let error = interner.intern(&"x".repeat(17 << 10)).unwrap_err();
    assert!(matches!(error, AllocError::Limit { .. }));
    assert_eq!((interner.name(first), interner.distinct()), ("first", 1));
}

#[test]
fn frames_take_memory_at_first_and_then_never_again() {
    let (frames, growth) = frame_loop::run(60, 1000);
    assert_eq!(frames.len(), 60);
    assert!(frames.iter().all(|frame| frame.contacts > 0 && frame.letters > frame.contacts * 9));
    assert!(frames.iter().any(|frame| frame.bytes != frames[0].bytes), "frames differ");
    let peak = frames.iter().map(|frame| frame.bytes).max().unwrap();
    assert!(growth.len() <= 2 && growth[0] == 0, "grew in {growth:?}, peak {peak}");
    assert_eq!(frame_loop::run(60, 1000), (frames, growth), "the same in each run");
}

/// A slab with this many frames.
fn frames(count: u32) -> Slab {
    let size = frames_by_token::PIXELS.next_power_of_two();
    Slab::new(&SlabOptions::fixed(&[size], count, 16 << 20)).unwrap()
}

#[test]
fn frames_that_a_worker_gets_by_token_come_back_with_full_contrast() {
    let slab = frames(2);
    let (read_token, write_token) = std::io::pipe().unwrap();
    let (read_answer, write_answer) = std::io::pipe().unwrap();
    let film = std::thread::scope(|threads| {
        let tokens = BufReader::new(read_token);
        threads.spawn(|| frames_by_token::serve(&slab, tokens, write_answer).unwrap());
        frames_by_token::film(&slab, 20, write_token, BufReader::new(read_answer)).unwrap()
    });
    assert_eq!((film.frames, film.before, film.now), (20, 99, 255));
    assert!(film.letters < 20 * 50, "{film:?}");
    assert_eq!(slab.stats()[0].free, 2);
}

#[test]
fn frames_that_a_worker_has_not_received_are_taken_back_when_it_ends() {
    let slab = frames(3);
    let error = frames_by_token::film(&slab, 20, std::io::sink(), std::io::empty()).unwrap_err();
    assert_eq!(error.to_string(), "the worker has ended; 3 frames were taken back");
    assert_eq!(slab.stats()[0].free, 3);
    let refused = frames_by_token::serve(&slab, &b"12\n"[..], std::io::sink()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no block was sent with this token, or it was already received"
    );
    let mut even = [7; 4];
    assert_eq!((frames_by_token::stretch(&mut even), even), ((7, 7), [0; 4]));
}

// Needs the binaries that `cargo test` builds and `cargo test --tests` does not.
#[cfg(not(feature = "debug"))]
#[test]
fn every_example_runs_as_a_program() {
    // They are beside the test's own program: target/<profile>/deps and target/<profile>/examples.
    let own = std::env::current_exe().unwrap();
    let examples = own.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    let run = |name: &str, arguments: &[&str]| {
        let program = examples.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let mut command = std::process::Command::new(&program);
        let manifest = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let output = command.args(arguments).stdin(manifest.unwrap()).output();
        let output = output.unwrap_or_else(|error| {
            panic!("{}: {error} (`cargo test` builds it first)", program.display())
        });
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (ok, text) = run("baked_table", &["60"]);
    assert!(
        ok && text.starts_with("120 blocks of arenas, 60 of the slab, 60 of the region, 0 "),
        "{text}"
    );
    assert!(!run("baked_table", &["many"]).0);
    let (ok, text) = run("expression_parser", &["1 + 1", "1 +"]);
    assert!(ok && text.contains("= 2, of ") && text.contains("   ^ expected"), "{text}");
    let (ok, text) = run("graph_walk", &[]);
    assert!(ok && text.contains("(610 km)"), "{text}");
    let (ok, text) = run("graph_walk", &["Kiel", "Jena"]);
    assert!(!ok && text.is_empty(), "a manifest is no road map: {text}");
    let (ok, text) = run("string_interning", &[]);
    assert!(ok && text.contains(" distinct words in "), "{text}");
    let (ok, text) = run("frame_loop", &["12"]);
    assert!(ok && text.lines().count() == 7 && text.contains("frames [0"), "{text}");
    assert!(!run("frame_loop", &["many"]).0);
    let shares = cfg!(any(ralloc_os = "linux", windows));
    let (ok, text) = run("frames_by_token", &["25"]);
    assert!(ok == shares && (!ok || text.contains("contrast 99, then 255")), "{text}");
    assert!(!run("frames_by_token", &["many"]).0);
}
