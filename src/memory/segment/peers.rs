//! Other processes, for tests. A test starts its own program again as a child, which does what its
//! environment says and reports on standard error.

use super::tests::LONG;
use crate::os::shm;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Instant;

const DOES: &str = "RALLOC_TEST_DOES";
const NAME: &str = "RALLOC_TEST_NAME";
const STOP_AT: &str = "RALLOC_TEST_STOP_AT";

/// If this process was started to stop at `step`, waits to be told to go on, or to be killed.
pub fn stop_at(step: &str) {
    if std::env::var(STOP_AT).is_ok_and(|at| at == step) {
        say(step);
        wait_for_parent();
    }
}

/// Returns true if this process is a child with something to do. Then `run` has done it, with the
/// name of a segment.
pub fn is_child(run: impl FnOnce(&str, &str)) -> bool {
    let Ok(what) = std::env::var(DOES) else { return false };
    run(&what, &std::env::var(NAME).unwrap());
    true
}

/// Waits for [`Peer::tell`].
pub fn wait_for_parent() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

pub fn wait_to_be_killed() -> ! {
    loop {
        std::thread::park();
    }
}

/// Reports that it stops, and stops until it is continued.
pub fn stop() {
    say("stopped");
    shm::stop_self();
}

pub fn say(what: &str) {
    eprintln!("@{what}");
}

/// A child, killed when this value is dropped.
pub struct Peer {
    pub child: Child,
    lines: BufReader<ChildStderr>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Starts a child that runs the one test whose name contains `test`, as long as it `does`
    /// something with a segment. It stops at the given `step`.
    pub fn new(test: &str, does: &str, name: &str, step: &str) -> Peer {
        Peer::within(&[], test, does, name, step)
    }

    /// The same, started by a program that gives it an environment of its own.
    pub fn within(by: &[&str], test: &str, does: &str, name: &str, step: &str) -> Peer {
        let program = std::env::current_exe().unwrap();
        let mut command = match by.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args([test, "--nocapture"]);
        command.env(DOES, does).env(NAME, name).env(STOP_AT, step);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Peer { child, lines }
    }

    /// The next thing that it reports.
    pub fn says(&mut self) -> String {
        self.says_or_ends().unwrap_or_else(|all| panic!("it ended: {all}"))
    }

    /// The same. If it ends instead, the error is everything else it has written.
    pub fn says_or_ends(&mut self) -> Result<String, String> {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return Err(all);
            }
            if let Some(what) = line.trim_end().strip_prefix('@') {
                return Ok(what.to_owned());
            }
            all += &line;
        }
    }

    pub fn tell(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    /// Sends it SIGKILL, and leaves the zombie for now.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Sends it a signal, such as `-STOP`.
    pub fn signal(&self, which: &str) {
        signal(which, &self.child.id().to_string());
    }

    /// Whether it has ended without being waited for.
    pub fn is_zombie(&self) -> bool {
        self.is(") Z ")
    }

    pub fn is_stopped(&self) -> bool {
        self.is(") T ")
    }

    fn is(&self, state: &str) -> bool {
        let path = format!("/proc/{}/stat", self.child.id());
        std::fs::read_to_string(&path).unwrap().contains(state)
    }
}

pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < LONG, "never: {what}");
        std::thread::yield_now();
    }
}

pub fn signal(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

pub fn number(said: &str, prefix: &str) -> String {
    said.strip_prefix(prefix).unwrap_or_else(|| panic!("{said}")).trim().to_owned()
}
