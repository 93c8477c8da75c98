//! Tests who is told of findings (feature `debug`). A single test, because the whole process has
//! one sink.
#![cfg(all(feature = "debug", not(loom)))]

use ralloc_core::Arena;
use ralloc_core::debug::{self, Kind};
use std::alloc::Layout;
use std::process::Command;
use std::sync::mpsc;

/// Makes one overrun, in an arena of its own.
fn overrun() {
    let mut arena = Arena::new();
    let block = arena.alloc_layout(Layout::new::<u64>()).cast::<u8>();
    // SAFETY: the red zone's, in the arena's own memory.
    unsafe { block.add(8).write(1) };
    arena.reset();
}

#[test]
fn a_sink_hears_of_everything_may_cause_more_and_may_panic() {
    let (sender, heard) = mpsc::channel();
    let before = debug::stats();
    debug::set_sink(move |finding| {
        sender.send(finding.to_string()).unwrap();
        overrun(); // the sink is not told of this one
    });
    overrun();
    let text = heard.try_recv().unwrap();
    assert!(
        text.starts_with("ralloc: overrun: 1 byte behind a block of 8 bytes of an arena written, the first 0 bytes from its edge and now 0x01\n"),
        "{text}"
    );
    assert!(text.contains("\n  allocated at ") && text.contains("\n  reset at "), "{text}");
    assert_eq!(debug::take_unheard().len(), 1);

    let ((), found) = debug::catch(overrun);
    assert!(found.len() == 1 && heard.try_recv().is_err(), "the catch has it");

    debug::set_sink(|_| panic!("a sink's own fault"));
    overrun();
    let unheard = debug::take_unheard();
    assert_eq!((unheard.len(), unheard[0].kind), (1, Kind::Overrun));

    let caught = std::panic::catch_unwind(|| {
        debug::catch(|| {
            overrun();
            panic!("the test's own fault");
        })
    });
    assert!(caught.is_err());
    assert_eq!(debug::take_unheard().len(), 1, "what a catch had when it panicked");

    for _ in 0..1030 {
        overrun();
    }
    let after = debug::stats();
    assert_eq!(debug::take_unheard().len(), 1024);
    assert_eq!(after.lost - before.lost, 6);
    assert_eq!(after.overruns - before.overruns, 1035);
    assert_eq!(after.findings - before.findings, 1035);
    debug::clear_sink();
}

#[test]
fn without_a_sink_findings_are_written_to_standard_error() {
    if std::env::var_os("RALLOC_TEST_CHILD").is_some() {
        return overrun();
    }
    let name = "without_a_sink_findings_are_written_to_standard_error";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child
        .args([name, "--exact", "--nocapture"])
        .env("RALLOC_TEST_CHILD", "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("ralloc: overrun: "), "{said}");
}
