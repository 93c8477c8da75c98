//! Windows: memory that several ranges of addresses show, as a section and its views.
//!
//! A view cannot be laid over existing pages. They are freed first, and for a moment the addresses
//! belong to nobody. This matters if JavaScript has seen them, because an operation in flight may
//! touch them at that moment:
//!
//! - Others must not get the addresses. So they lie in a zone of the address space in which the
//!   system allocates only when told to, never by itself.
//! - A thread that touches them must not fault. So a handler of faults makes the thread wait and
//!   try again. (A system call finds no memory there and fails with its own error.)
#![allow(clippy::disallowed_methods)]

use crate::error::MapError;
use crate::os::handle::Handle;
use crate::os::{done, last_error};
use crate::sync::{AtomicUsize, Mutex, MutexGuard, OnceLock, Ordering};
use std::ops::Range;
use std::ptr::{self, NonNull};
use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::System::Diagnostics::Debug::*;
use windows_sys::Win32::System::LibraryLoader::*;
use windows_sys::Win32::System::Memory::*;

/// Addresses of views and of the system's reservations, and offsets of views, are multiples of
/// this.
pub const GRANULE: usize = 64 << 10;
/// The addresses for views. Those that the system chooses, for example for heaps and V8, are lower
/// or far higher.
const ZONE: Range<usize> = 0x2000_0000_0000..0x6000_0000_0000;
/// How many places are tried for a new view.
const TRIES: usize = 64;

/// Memory that several ranges of addresses show. It lives as long as this value or one of those
/// ranges.
pub type SharedPages = Handle;

/// `len` zero bytes (a page multiple) for [`map_shared`]. They take memory when they are touched,
/// and count as committed from the start.
pub fn shared_pages(len: usize, _last: usize) -> Result<SharedPages, MapError> {
    section_of(INVALID_HANDLE_VALUE, len)
}

/// The first `len` bytes of an open file, which has that many; for [`INVALID_HANDLE_VALUE`], of the
/// system's paging file.
pub fn section_of(file: HANDLE, len: usize) -> Result<SharedPages, MapError> {
    let (high, low) = ((len as u64 >> 32) as u32, len as u32);
    // SAFETY: no name and no attributes; the caller has the file open.
    let section =
        unsafe { CreateFileMappingW(file, ptr::null(), PAGE_READWRITE, high, low, ptr::null()) };
    Handle::new(section).ok_or_else(|| last_error("CreateFileMapping"))
}

/// Offsets of views are multiples of this.
pub fn view_granule() -> usize {
    GRANULE
}

/// Reserves `len` bytes of addresses for a view, like [`crate::os::reserve`], but `align` is at most
/// 64 KiB and the addresses on either side are unused.
pub fn reserve_view(len: usize, align: usize, _node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    if align > GRANULE {
        return Err(MapError::Unsupported { what: "transparent huge pages" });
    }
    for _ in 0..TRIES {
        let place = ptr::without_provenance(next_place(len));
        // SAFETY: new address space, or none if somebody has that place.
        let base = unsafe { VirtualAlloc(place, len, MEM_RESERVE, PAGE_NOACCESS) };
        if let Some(base) = NonNull::new(base.cast()) {
            return Ok(base);
        }
    }
    Err(last_error("VirtualAlloc"))
}

/// Goes through all places in turn, starting at a random one, because the system's own choices are
/// random too.
fn next_place(len: usize) -> usize {
    use std::hash::{BuildHasher, RandomState};
    static NEXT: OnceLock<AtomicUsize> = OnceLock::new();
    let size = ZONE.end - ZONE.start;
    let next = NEXT.get_or_init(|| {
        let random = RandomState::new().hash_one(0u8) as usize % size;
        AtomicUsize::new(random / GRANULE * GRANULE)
    });
    let step = (len.next_multiple_of(GRANULE) + GRANULE).min(size);
    // Relaxed: the number orders nothing.
    let offset = next.fetch_add(step, Ordering::Relaxed) % size;
    if offset + step > size { ZONE.start } else { ZONE.start + offset }
}

/// Shows `len` bytes of the memory, from `offset` on, in the range.
///
/// # Safety
/// `ptr..ptr + len` is all of a range from [`reserve_view`], and nobody needs what it shows by now;
/// `offset` is a multiple of [`GRANULE`], and `offset + len` is at most the length of the
/// `shared_pages`.
pub unsafe fn map_shared(
    pages: &SharedPages,
    offset: usize,
    ptr: *mut u8,
    len: usize,
) -> Result<(), MapError> {
    let _others_wait = exchange();
    // SAFETY: the caller's promise.
    unsafe { free(ptr) }?;
    let (high, low) = ((offset as u64 >> 32) as u32, offset as u32);
    // SAFETY: addresses that were the caller's until now; the call takes none that somebody else
    // has.
    let view = unsafe { MapViewOfFileEx(pages.0, FILE_MAP_WRITE, high, low, len, ptr.cast()) };
    if !view.Value.is_null() {
        return Ok(());
    }
    let error = last_error("MapViewOfFile");
    // SAFETY: as above.
    let _ = unsafe { occupy(ptr, len) };
    Err(error)
}

/// Replaces a view by private memory at the same addresses.
///
/// # Safety
/// `ptr..ptr + len` is all of a view, and nobody needs what it shows.
pub unsafe fn hide(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    let _others_wait = exchange();
    // SAFETY: the caller's promise, for both.
    unsafe {
        free(ptr)?;
        occupy(ptr, len)
    }
}

/// Whether a view begins there.
pub fn is_view(ptr: *mut u8) -> bool {
    about(ptr).is_some_and(|found| found.Type == MEM_MAPPED)
}

/// Describes the memory at an address.
fn about(ptr: *mut u8) -> Option<MEMORY_BASIC_INFORMATION> {
    let mut found = MEMORY_BASIC_INFORMATION::default();
    // SAFETY: writes to the local, of so many bytes.
    let written = unsafe { VirtualQuery(ptr.cast(), &mut found, size_of_val(&found)) };
    (written > 0).then_some(found)
}

/// Frees the addresses of a view, or of the memory that replaced it.
///
/// # Safety
/// `ptr` is the first byte of a range of the caller, which nobody needs.
pub unsafe fn free(ptr: *mut u8) -> Result<(), MapError> {
    let (freed, syscall) = match is_view(ptr) {
        true => {
            let view = MEMORY_MAPPED_VIEW_ADDRESS { Value: ptr.cast() };
            // SAFETY: the caller's promise.
            (unsafe { UnmapViewOfFile(view) }, "UnmapViewOfFile")
        }
        // SAFETY: as above; MEM_RELEASE wants the size 0.
        false => (unsafe { VirtualFree(ptr.cast(), 0, MEM_RELEASE) }, "VirtualFree"),
    };
    done(syscall, freed != 0)
}

/// Takes free addresses with private memory, so that no other code gets the addresses; without
/// memory if the system has none.
///
/// # Safety
/// The addresses were the caller's.
unsafe fn occupy(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    let take = |kind, access| {
        // SAFETY: the caller's promise; the call takes nothing that somebody else has.
        let taken = unsafe { VirtualAlloc(ptr.cast(), len, kind, access) };
        done("VirtualAlloc", !taken.is_null())
    };
    take(MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE).inspect_err(|_| {
        let _ = take(MEM_RESERVE, PAGE_NOACCESS);
    })
}

static EXCHANGE: OnceLock<Mutex<()>> = OnceLock::new();

/// While the result lives, threads that fault in the zone wait.
fn exchange() -> MutexGuard<'static, ()> {
    let lock = EXCHANGE.get_or_init(|| {
        let mut module: HMODULE = ptr::null_mut();
        let pin = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        // Node unloads the addon when the worker that loaded it ends, but the handler has to stay.
        // SAFETY: an address within this module, which the call pins, and a live place for its
        // handle; then a function of the right type.
        unsafe {
            GetModuleHandleExW(pin, wait_for_exchange as *const () as *const u16, &mut module);
            AddVectoredExceptionHandler(1, Some(wait_for_exchange));
        }
        Mutex::default()
    });
    lock.lock()
}

/// Runs before all other handlers of a fault. Makes the thread try again if it touched a range
/// whose pages were being exchanged.
unsafe extern "system" fn wait_for_exchange(fault: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system passes a live record, with as many parameters as the record says.
    let (code, [how, address]) = unsafe {
        let record = &*(*fault).ExceptionRecord;
        (record.ExceptionCode, [record.ExceptionInformation[0], record.ExceptionInformation[1]])
    };
    const EXECUTES: usize = 8;
    if code != EXCEPTION_ACCESS_VIOLATION || how == EXECUTES || !ZONE.contains(&address) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    // Held until the answer is known, because the next exchange may follow at once.
    let _none_meanwhile = EXCHANGE.get().map(Mutex::lock);
    // Pages in the zone have either this access or none.
    let is_there = about(ptr::without_provenance_mut(address))
        .is_some_and(|found| found.State == MEM_COMMIT && found.Protect == PAGE_READWRITE);
    if is_there { EXCEPTION_CONTINUE_EXECUTION } else { EXCEPTION_CONTINUE_SEARCH }
}
