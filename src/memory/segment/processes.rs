//! Tests with several processes, which are stopped and killed.

use super::peers::{Peer, number, say, signal, until, wait_for_parent, wait_to_be_killed};
use super::tests::{LONG, Owned, SETTINGS, geometry, plan};
use super::*;
use std::process::{Command, Stdio};

/// The steps of who makes a segment, in order. In the last one it has its name.
const STEPS: [&str; 8] =
    ["missing", "begun", "resized", "placed", "reserved", "described", "made", "named"];

fn is_child() -> bool {
    super::peers::is_child(run)
}

fn new<'a>(
    geometry: &'a Geometry,
    fill: &'a dyn Fn(&SharedMemory) -> Result<(), MapError>,
) -> New<'a> {
    let settings = Settings { identity: std::process::id(), ..SETTINGS };
    New { geometry, settings, node: None, place: &|_| Ok(()), fill }
}

/// Fills everything behind the header, which must be zero.
fn fill(memory: &SharedMemory) -> Result<(), MapError> {
    let (at, len) = (geometry().registry_at(), geometry().total() - geometry().registry_at());
    let mapping = memory.map(at, len)?;
    for index in (0..len).step_by(512) {
        // SAFETY: within a live mapping.
        unsafe {
            let byte = mapping.base().add(index);
            assert_eq!(byte.read(), 0, "what another left");
            byte.write(0xAA);
        }
    }
    say("filled");
    Ok(())
}

fn open_or_create(name: &str) -> Segment {
    Segment::open_or_create(name, &new(&geometry(), &fill), plan, LONG).unwrap()
}

fn run(what: &str, name: &str) {
    match what {
        "make" => {
            say("here");
            wait_for_parent();
            let segment = open_or_create(name);
            say(&format!("open {}", segment.settings().identity));
            wait_for_parent();
        }
        "make within a limit" => {
            shm::limit_files(16);
            for exclusive in [true, false] {
                let made = match exclusive {
                    true => Segment::create(name, &new(&geometry(), &fill), plan, LONG),
                    false => Segment::open_or_create(name, &new(&geometry(), &fill), plan, LONG),
                };
                let unnamed = Segment::anonymous(&new(&geometry(), &fill));
                for error in [made.unwrap_err(), unnamed.unwrap_err()] {
                    assert_eq!(error.io_kind(), ErrorKind::FileTooLarge, "{error}");
                }
            }
            say("refused");
        }
        "lock" => {
            let segment = Segment::open(name, plan, LONG).unwrap();
            assert_eq!(segment.try_lock(3), Ok(true));
            say(&format!("locked {}", std::process::id()));
            wait_to_be_killed();
        }
        "lock and start a program" => {
            let segment = Segment::open(name, plan, LONG).unwrap();
            assert_eq!(segment.try_lock(3), Ok(true));
            let mut program = Command::new("sleep");
            let mut started = program.arg("600").stderr(Stdio::null()).spawn().unwrap();
            say(&format!("locked {}", started.id()));
            started.wait().unwrap();
        }
        "lock and fork" | "lock and fork by the bare call" => {
            let segment = Segment::open(name, plan, LONG).unwrap();
            assert_eq!(segment.try_lock(3), Ok(true));
            let fork = if what == "lock and fork" { shm::fork } else { shm::fork_barely };
            let forked = fork(&|| wait_to_be_killed());
            say(&format!("locked {forked}"));
            wait_to_be_killed();
        }
        "churn" => {
            for _ in 0..200 {
                let segment =
                    Segment::open_or_create(name, &new(&geometry(), &|_| Ok(())), plan, LONG);
                assert_eq!(segment.unwrap().geometry(), &geometry());
                if let Err(error) = Segment::unlink(name) {
                    assert_eq!(error.io_kind(), ErrorKind::NotFound, "{error}");
                }
            }
            say("churned");
        }
        "fill a small file system" => {
            let file = Draft::new(name, true).unwrap().unwrap();
            file.file().resize(2 << 20).unwrap();
            let full = file.file().reserve(0, 2 << 20).unwrap_err();
            assert_eq!(full.io_kind(), ErrorKind::StorageFull, "{full}");
            drop(file);
            let mut geometry = geometry();
            geometry.slot_bytes = 1 << 20;
            let error = Segment::create(name, &new(&geometry, &fill), plan, LONG).unwrap_err();
            let SegmentError::Room { needed, free, .. } = error else { panic!("{error}") };
            assert_eq!((needed, free), (geometry.taken() as u64, 1 << 20));
            open_or_create(name);
        }
        _ => panic!("{what}"),
    }
}

#[test]
fn of_sixteen_processes_that_come_at_once_one_makes_the_segment() {
    if is_child() {
        return;
    }
    let (name, test) =
        (Owned::new(), "of_sixteen_processes_that_come_at_once_one_makes_the_segment");
    let mut peers: Vec<_> = (0..16).map(|_| Peer::new(test, "make", &name.0, "")).collect();
    peers.iter_mut().for_each(|peer| assert_eq!(peer.says(), "here"));
    peers.iter_mut().for_each(Peer::tell);
    let (mut made, mut maker) = (Vec::new(), Vec::new());
    for peer in &mut peers {
        let mut said = peer.says();
        if said == "filled" {
            made.push(peer.child.id().to_string());
            said = peer.says();
        }
        maker.push(number(&said, "open "));
    }
    assert_eq!(made.len(), 1);
    assert_eq!(maker, vec![made[0].clone(); 16]);
}

#[test]
fn a_maker_that_is_killed_at_any_step_leaves_nothing_or_all_of_it() {
    if is_child() {
        return;
    }
    for step in STEPS {
        let (name, test) =
            (Owned::new(), "a_maker_that_is_killed_at_any_step_leaves_nothing_or_all_of_it");
        let mut maker = Peer::new(test, "make", &name.0, step);
        assert_eq!(maker.says(), "here");
        maker.tell();
        until(step, || match maker.says().as_str() {
            "filled" => false,
            said => said == step,
        });
        let mut waiting = Peer::new(test, "make", &name.0, "");
        assert_eq!(waiting.says(), "here");
        waiting.tell();
        let is_there = || Segment::list().unwrap().contains(&name.0);
        if step == "named" {
            assert!(is_there());
        } else if step != "missing" {
            assert!(!is_there(), "{step}");
            let error = Segment::open(&name.0, plan, Duration::ZERO).unwrap_err();
            assert_eq!(error.io_kind(), ErrorKind::NotFound, "{step}: {error}");
        }
        maker.kill();
        let segment = open_or_create(&name.0);
        let made_by = segment.settings().identity;
        assert_eq!(made_by == maker.child.id(), step == "named", "{step}");
        let said = waiting.says();
        let said = if said == "filled" { waiting.says() } else { said };
        assert_eq!(said, format!("open {made_by}"), "{step}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_signal_and_leaves_no_name() {
    if is_child() {
        return;
    }
    let (name, test) =
        (Owned::new(), "a_limit_on_the_size_of_files_is_an_error_and_no_signal_and_leaves_no_name");
    assert_eq!(Peer::new(test, "make within a limit", &name.0, "").says(), "refused");
    assert!(std::fs::metadata(name.path()).is_err());
}

#[test]
#[cfg(not(ralloc_files))]
fn who_comes_too_late_to_make_it_takes_what_another_made_in_the_meantime() {
    if is_child() {
        return;
    }
    let test = "who_comes_too_late_to_make_it_takes_what_another_made_in_the_meantime";
    for step in ["begun", "made"] {
        let name = Owned::new();
        let mut late = Peer::new(test, "make", &name.0, step);
        assert_eq!(late.says(), "here");
        late.tell();
        until(step, || late.says() == step);
        let geometry = geometry();
        let mine = new(&geometry, &fill);
        let segment = Segment::open_or_create(&name.0, &mine, plan, Duration::ZERO).unwrap();
        late.tell();
        let maker = segment.settings().identity;
        assert_eq!((late.says(), maker), (format!("open {maker}"), std::process::id()));
    }
}

#[test]
fn a_lock_ends_with_a_kill_also_of_a_zombie_and_not_with_a_stop() {
    if is_child() {
        return;
    }
    let (name, test) =
        (Owned::new(), "a_lock_ends_with_a_kill_also_of_a_zombie_and_not_with_a_stop");
    let segment = open_or_create(&name.0);
    let mut peer = Peer::new(test, "lock", &name.0, "");
    let pid = number(&peer.says(), "locked ");
    let is_locked = || segment.is_locked_by_another(3).unwrap();
    assert!(is_locked() && !segment.try_lock(3).unwrap());
    signal("-STOP", &pid);
    let stat = format!("/proc/{pid}/stat");
    until("it is stopped", || std::fs::read_to_string(&stat).unwrap().contains(") T "));
    assert!(is_locked());
    peer.kill();
    until("its lock ended", || !is_locked());
    assert!(segment.try_lock(3).unwrap());
    until("it is a zombie", || peer.is_zombie()); // shortly after
}

#[test]
fn a_lock_ends_with_its_process_though_programs_that_it_started_live_on() {
    if is_child() {
        return;
    }
    let (name, test) =
        (Owned::new(), "a_lock_ends_with_its_process_though_programs_that_it_started_live_on");
    let segment = open_or_create(&name.0);
    let forks: &[&str] = match cfg!(ralloc_files) {
        true => &[],
        false => &["lock and fork", "lock and fork by the bare call"],
    };
    for &does in ["lock and start a program"].iter().chain(forks) {
        let mut peer = Peer::new(test, does, &name.0, "");
        let other = number(&peer.says(), "locked ");
        assert!(segment.is_locked_by_another(3).unwrap(), "{does}");
        peer.kill();
        until(does, || !segment.is_locked_by_another(3).unwrap());
        signal("-KILL", &other); // fails if it is not alive
    }
}

#[test]
fn names_that_come_and_go_under_several_processes_always_name_one_that_is_whole() {
    if is_child() {
        return;
    }
    let (name, test) = (
        Owned::new(),
        "names_that_come_and_go_under_several_processes_always_name_one_that_is_whole",
    );
    let mut peers: Vec<_> = (0..4).map(|_| Peer::new(test, "churn", &name.0, "")).collect();
    peers.iter_mut().for_each(|peer| assert_eq!(peer.says(), "churned"));
}

/// The program and arguments that start a process in namespaces of its own, if this user may create
/// them.
fn namespaces(kinds: &str) -> Option<Vec<String>> {
    for user in ["", "Ur"] {
        let flags = format!("-{user}{kinds}");
        let tried = Command::new("unshare").args([&flags, "true"]).stderr(Stdio::null()).status();
        if tried.is_ok_and(|status| status.success()) {
            return Some(vec!["unshare".to_owned(), flags]);
        }
    }
    eprintln!("not tested: this user may make no namespaces ({kinds})");
    None
}

#[test]
fn locks_tell_who_is_alive_across_namespaces_of_processes_that_have_one_number() {
    if is_child() {
        return;
    }
    let (name, test) = (
        Owned::new(),
        "locks_tell_who_is_alive_across_namespaces_of_processes_that_have_one_number",
    );
    let segment = open_or_create(&name.0);
    let Some(by) = namespaces("pf") else { return };
    let by: Vec<&str> = by.iter().map(String::as_str).chain(["--kill-child"]).collect();
    let mut first = Peer::within(&by, test, "lock", &name.0, "");
    assert_eq!(first.says(), "locked 1");
    assert_eq!(segment.is_locked_by_another(3), Ok(true));
    first.kill();
    until("its lock ended", || segment.is_locked_by_another(3) == Ok(false));
    // A process with the same pid in another namespace is not taken for the first one.
    let mut second = Peer::within(&by, test, "lock", &name.0, "");
    assert_eq!(second.says(), "locked 1");
    assert_eq!(segment.is_locked_by_another(3), Ok(true));
}

#[test]
fn a_file_system_that_is_full_is_an_error_before_anything_is_made() {
    if is_child() {
        return;
    }
    let (name, test) =
        (Owned::new(), "a_file_system_that_is_full_is_an_error_before_anything_is_made");
    let Some(by) = namespaces("m") else { return };
    let mount = "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec \"$@\"";
    let by: Vec<&str> = by.iter().map(String::as_str).chain(["sh", "-c", mount, "sh"]).collect();
    let mut peer = Peer::within(&by, test, "fill a small file system", &name.0, "");
    assert_eq!(peer.says(), "filled");
}
