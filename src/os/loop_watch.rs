//! A thread that notes what it can see while Node's event loop is blocked, in a file that outlives
//! the process.

use super::epoch_millis;
use super::pages::{process_resident, start_thread};
use crate::sync::{Arc, AtomicU64, AtomicUsize, Ordering};
use std::fs::{File, read_to_string};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(250);
/// The loop writes to the board at least every 200 ms.
const LATE: Duration = Duration::from_millis(500);
const WORDS: usize = 10;
/// Bytes of a cell before its text.
pub(super) const HEAD: usize = 24;

/// What the loop tells the thread. The first word is the sequence of its last record, a number of
/// 64 bits; behind it is the request that began last, its method and the first segment of its path,
/// until a zero byte.
#[derive(Debug, Default)]
pub struct Board {
    words: [AtomicU64; WORDS],
    stopped: AtomicUsize,
}

impl Board {
    /// The words, which others may write at any moment.
    pub fn bytes(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(NonNull::from(&self.words).cast(), size_of_val(&self.words))
    }

    /// Ends the thread at its next look.
    pub fn stop(&self) {
        self.stopped.fetch_add(1, Ordering::Relaxed);
    }

    fn beat(&self) -> u64 {
        self.words[0].load(Ordering::Relaxed)
    }

    pub(super) fn sequence(&self) -> f64 {
        f64::from_bits(self.beat())
    }

    /// The last request, with nothing but names: paths hold ids and tokens.
    fn last(&self) -> String {
        let words = self.words[1..].iter();
        let bytes: Vec<u8> =
            words.flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        let text: String =
            bytes.iter().take_while(|&&byte| byte != 0).map(|&b| b as char).collect();
        let Some((method, path)) = text.split_once(' ') else { return String::new() };
        if !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
            return String::new();
        }
        let is_plain = path == "/" || path.strip_prefix('/').is_some_and(is_name);
        format!("{method} {}", if is_plain { path } else { "/…" })
    }
}

/// As in lib/process/inventory.js.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix(|last: char| last.is_ascii_digit()).unwrap_or(text);
    let mut letters = name.bytes();
    letters.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.len() <= 24
        && letters.all(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-')
}

/// Where the thread writes: a pair of cells of `size` bytes at `from` (lib/flight/file.js).
struct Cells {
    file: File,
    from: u64,
    size: usize,
    sequence: u64,
}

impl Cells {
    fn write(&mut self, text: &str) {
        if HEAD + text.len() > self.size {
            return;
        }
        self.sequence += 1;
        let mut cell = vec![0; HEAD];
        cell.extend(text.as_bytes());
        seal(&mut cell, self.sequence as f64);
        // If the disk is full, the cell is as it was, or torn.
        let _ = self.file.write_all_at(&cell, self.from + self.sequence % 2 * self.size as u64);
    }
}

/// Writes the head of a cell, whose text is there (lib/flight/file.js). Allocates nothing.
pub(super) fn seal(cell: &mut [u8], sequence: f64) {
    let length = (cell.len() - HEAD) as u32;
    cell[4..8].copy_from_slice(&length.to_le_bytes());
    cell[8..16].copy_from_slice(&sequence.to_le_bytes());
    cell[16..HEAD].copy_from_slice(&(epoch_millis() as f64).to_le_bytes());
    let sum = crc32(&cell[4..]);
    cell[..4].copy_from_slice(&sum.to_le_bytes());
}

/// As zlib has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

fn watch(board: &Board, mut cells: Cells, group: Option<&str>) {
    let (mut seen, mut since) = (board.beat(), Instant::now());
    loop {
        std::thread::sleep(LOOK);
        if board.stopped.load(Ordering::Relaxed) > 0 {
            return;
        }
        let (beat, blocked) = (board.beat(), since.elapsed());
        if beat != seen {
            (seen, since) = (beat, Instant::now());
        } else if blocked >= LATE {
            let used = group.and_then(|file| read_to_string(file).ok()?.trim().parse::<u64>().ok());
            let group = used.map(|used| format!("\"groupUsed\":{used},")).unwrap_or_default();
            let (rss, ms, last) =
                (process_resident().unwrap_or(0), blocked.as_millis(), board.last());
            cells
                .write(&format!("{{{group}\"rss\":{rss},\"blockedMs\":{ms},\"last\":\"{last}\"}}"));
        }
    }
}

/// A descriptor of our own of the file `fd`.
pub fn own_file(fd: RawFd) -> io::Result<File> {
    // SAFETY: the caller's descriptor is open during the call. A number that is none is refused.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?.into())
}

/// Starts the thread, which writes a pair of cells of `size` bytes at `from` of the file `fd`, of
/// which it has a descriptor of its own. `group`: the file that tells how much memory the control
/// group has.
pub fn watch_loop(
    board: Arc<Board>,
    fd: RawFd,
    (from, size): (u32, u32),
    group: Option<String>,
) -> io::Result<()> {
    let cells = Cells { file: own_file(fd)?, from: from.into(), size: size as usize, sequence: 0 };
    match start_thread(move || watch(&board, cells, group.as_deref())) {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str) -> String {
        let board = Board::default();
        for (word, bytes) in board.words[1..].iter().zip(text.as_bytes().chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(padded), Ordering::Relaxed);
        }
        board.last()
    }

    #[test]
    fn a_request_is_told_by_names_alone() {
        assert_eq!(last("POST /upload"), "POST /upload");
        assert_eq!(last("GET /v1"), "GET /v1");
        assert_eq!(last("GET /"), "GET /");
        assert_eq!(last("GET /8f2c-77"), "GET /…");
        assert_eq!(last("GET /a@b.de"), "GET /…");
        assert_eq!(last("G\"T /a"), "");
        assert_eq!(last(""), "");
    }

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
