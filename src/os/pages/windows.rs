//! Windows memory calls.
#![allow(clippy::disallowed_methods)]

#[cfg(all(test, windows, not(loom)))]
mod tests;

pub use super::ordinary::{advise_huge, bound_to, rebind, shared_can_be_huge, unbind};
use crate::error::MapError;
use crate::os::handle::Handle;
use crate::os::shared_pages::section::{self, GRANULE};
pub use crate::os::shared_pages::section::{
    SharedPages, map_shared, reserve_view, shared_pages, view_granule,
};
use crate::os::{done, last_error, system_error, too_large, touch};
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Security::*;
#[cfg(feature = "test-exports")]
use windows_sys::Win32::System::Console as console;
use windows_sys::Win32::System::Memory::*;
use windows_sys::Win32::System::ProcessStatus::*;
use windows_sys::Win32::System::SystemInformation::*;
use windows_sys::Win32::System::Threading::*;

/// ERROR_NOT_ENOUGH_MEMORY.
pub const OUT_OF_MEMORY: i32 = 8;
/// Whether calls take ranges that span several reservations.
pub const JOINS: bool = false;
/// The call that makes a mapping.
pub const MAP_CALL: &str = "VirtualAlloc";
/// More bytes than a process has addresses.
const ADDRESSES: usize = 1 << 47;
/// ERROR_INVALID_PARAMETER.
const INVALID_PARAMETER: i32 = 87;

/// Bytes of a page.
pub fn page_size() -> usize {
    let mut info = SYSTEM_INFO::default();
    // SAFETY: the pointer is to a live SYSTEM_INFO.
    unsafe { GetSystemInfo(&mut info) };
    info.dwPageSize as usize
}

/// Allocates new pages at an address of the system's choice, near `node` if one is given.
fn allocate(
    len: usize,
    kind: u32,
    access: u32,
    node: Option<u32>,
) -> Result<NonNull<u8>, MapError> {
    let (base, syscall) = match node {
        // SAFETY: a new allocation; it touches no other.
        None => (unsafe { VirtualAlloc(ptr::null(), len, kind, access) }, MAP_CALL),
        Some(node) => {
            check_node(node)?;
            // SAFETY: as above, in this process.
            let base = unsafe {
                VirtualAllocExNuma(GetCurrentProcess(), ptr::null(), len, kind, access, node)
            };
            (base, "VirtualAllocExNuma")
        }
    };
    NonNull::new(base.cast()).ok_or_else(|| last_error(syscall))
}

/// Checks that the node exists: VirtualAllocExNuma takes any number, as a mere preference.
fn check_node(node: u32) -> Result<(), MapError> {
    let mut highest = 0;
    // SAFETY: the pointer is to a live u32.
    done("GetNumaHighestNodeNumber", unsafe { GetNumaHighestNodeNumber(&mut highest) } != 0)?;
    if node > highest {
        return Err(system_error("VirtualAllocExNuma", INVALID_PARAMETER));
    }
    Ok(())
}

/// `len` bytes of address space that fault when touched, with an inaccessible page on either side.
/// `len` is a positive page multiple. An `align` of more than a page is for transparent huge pages
/// only, which Windows does not have.
pub fn reserve(len: usize, align: usize, node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    let page = page_size();
    if align > page {
        return Err(MapError::Unsupported { what: "transparent huge pages" });
    }
    if len >= ADDRESSES {
        return Err(too_large()); // Windows would call it a wrong argument
    }
    let guard = allocate(len + 2 * page, MEM_RESERVE, PAGE_NOACCESS, node)?;
    NonNull::new(guard.as_ptr().wrapping_add(page)).ok_or_else(too_large)
}

/// [`reserve`] with all but the guard pages committed.
pub fn map(len: usize, align: usize, node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    let base = reserve(len, align, node)?;
    // SAFETY: the pages of the reservation just made, except those on either side.
    let committed = unsafe { commit(base.as_ptr(), len) }.inspect_err(|_| {
        // SAFETY: the reservation just made, which nobody has seen.
        let _ = unsafe { release(base.as_ptr(), len) };
    });
    committed.map(|()| base)
}

/// Makes reserved pages readable and writable.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller.
pub unsafe fn commit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; committing committed pages changes nothing.
    let base = unsafe { VirtualAlloc(ptr.cast::<c_void>(), len, MEM_COMMIT, PAGE_READWRITE) };
    done("VirtualAlloc", !base.is_null())
}

/// Lets the system take the memory of committed pages. They stay accessible throughout, because an
/// operation in flight may still touch them. So this resets them: a decommit would make them fault.
/// They still count as committed.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller, whose content nobody needs.
pub unsafe fn decommit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; a reset changes no access.
    let base = unsafe { VirtualAlloc(ptr.cast::<c_void>(), len, MEM_RESET, PAGE_READWRITE) };
    done("VirtualAlloc", !base.is_null())?;
    // A reset alone leaves them in RAM until other code wants it. Unlocking pages that are not
    // locked removes them from the working set, and returns an error. SAFETY: as above.
    unsafe { VirtualUnlock(ptr.cast::<c_void>(), len) };
    Ok(())
}

/// Frees the memory of the range as far as Windows can, which it cannot for large pages; the
/// addresses stay taken. If the range is a view, it must be all of it; the memory stays with the
/// other views.
///
/// # Safety
/// As for `decommit`; code that still reads the pages may see zeros from now on.
pub unsafe fn replace(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { if section::is_view(ptr) { section::hide(ptr, len) } else { decommit(ptr, len) } }
}

/// The same for a whole reservation; returns the range between the pages on either side. Some of it
/// may only be reserved, so all is committed.
///
/// # Safety
/// As for [`replace`].
pub unsafe fn abandon(ptr: *mut u8, len: usize) -> Result<(NonNull<u8>, usize), MapError> {
    // SAFETY: the caller's promise. A view is committed already, and the call does not work on
    // views.
    unsafe {
        if !section::is_view(ptr) {
            commit(ptr, len)?;
        }
        replace(ptr, len)?;
    }
    NonNull::new(ptr).map(|start| (start, len)).ok_or_else(too_large)
}

/// Unmaps a whole reservation, with the pages on either side.
///
/// # Safety
/// `ptr` is what [`reserve`] or [`section::reserve_view`] returned, and nobody uses it any more.
pub unsafe fn release(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise. What `reserve` returns begins a page behind a multiple of the
    // granule.
    unsafe {
        match ptr.addr().is_multiple_of(GRANULE) {
            true => section::free(ptr),
            false => release_huge(ptr.wrapping_sub(page_size()), len),
        }
    }
}

/// Unmaps what [`map_huge`] made.
///
/// # Safety
/// `ptr` is what that returned, and nobody uses it any more.
pub unsafe fn release_huge(ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; MEM_RELEASE wants the size 0.
    done("VirtualFree", unsafe { VirtualFree(ptr.cast::<c_void>(), 0, MEM_RELEASE) } != 0)
}

/// `len` readable and writable bytes in large pages, backed from the start; `len` is a positive
/// multiple of 2 MiB. Needs the right "Lock pages in memory" (SeLockMemoryPrivilege).
pub fn map_huge(len: usize, node: Option<u32>) -> Result<NonNull<u8>, MapError> {
    // SAFETY: no preconditions.
    let least = unsafe { GetLargePageMinimum() };
    if least == 0 || !len.is_multiple_of(least) {
        return Err(MapError::Unsupported { what: "huge pages of 2 MiB" });
    }
    enable_locking()?;
    allocate(len, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE, node)
}

/// Switches the privilege on: in a token, privileges are off at first.
fn enable_locking() -> Result<(), MapError> {
    let mut token: HANDLE = ptr::null_mut();
    let rights = TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY;
    // SAFETY: the pseudo-handle of this process; the out pointer is live.
    let told = unsafe { OpenProcessToken(GetCurrentProcess(), rights, &mut token) };
    done("OpenProcessToken", told != 0)?;
    let token = Handle(token);
    let mut luid = LUID::default();
    // SAFETY: a null for this machine, a constant of the system, and a live LUID.
    let told = unsafe { LookupPrivilegeValueW(ptr::null(), SE_LOCK_MEMORY_NAME, &mut luid) };
    done("LookupPrivilegeValue", told != 0)?;
    let privilege = LUID_AND_ATTRIBUTES { Luid: luid, Attributes: SE_PRIVILEGE_ENABLED };
    let wanted = TOKEN_PRIVILEGES { PrivilegeCount: 1, Privileges: [privilege] };
    // SAFETY: the token is open, `wanted` is live, and the former state is not requested.
    let done =
        unsafe { AdjustTokenPrivileges(token.0, 0, &wanted, 0, ptr::null_mut(), ptr::null_mut()) };
    let error = last_error("AdjustTokenPrivileges");
    // It also succeeds if the token does not have the privilege, and then sets the last error.
    match error {
        MapError::System { errno: 0, .. } if done != 0 => Ok(()),
        error => Err(error),
    }
}

/// Keeps the pages in RAM. A process may lock no more than its minimum working set.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller.
pub unsafe fn lock(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes.
    done("VirtualLock", unsafe { VirtualLock(ptr.cast::<c_void>(), len) } != 0)
}

/// Undoes [`lock`].
///
/// # Safety
/// As for [`lock`].
pub unsafe fn unlock(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; the call changes no bytes.
    done("VirtualUnlock", unsafe { VirtualUnlock(ptr.cast::<c_void>(), len) } != 0)
}

/// Nothing to do: Windows takes the node when the address space is reserved.
///
/// # Safety
/// None is needed.
pub unsafe fn bind(_ptr: *mut u8, _len: usize, _node: u32) -> Result<(), MapError> {
    Ok(())
}

/// Nothing to do: no process forks.
///
/// # Safety
/// None is needed.
pub unsafe fn wipe_on_fork(_ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    Ok(())
}

/// Allocates memory for every page. Large pages have theirs already.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller. Their bytes stay.
pub unsafe fn populate(ptr: *mut u8, len: usize, huge: bool) -> Result<(), MapError> {
    if !huge {
        // SAFETY: the caller's promise. Windows guarantees that committed pages get memory.
        unsafe { touch(ptr, len) };
    }
    Ok(())
}

/// Bytes of the range that are in RAM now.
///
/// # Safety
/// `ptr..ptr + len` are whole mapped pages of the caller.
pub unsafe fn resident(ptr: *mut u8, len: usize) -> Result<usize, MapError> {
    let page = page_size();
    let mut pages: Vec<PSAPI_WORKING_SET_EX_INFORMATION> = (0..len.div_ceil(page))
        .map(|index| PSAPI_WORKING_SET_EX_INFORMATION {
            VirtualAddress: ptr.wrapping_add(index * page).cast(),
            ..Default::default()
        })
        .collect();
    let bytes = size_of_val(pages.as_slice()) as u32;
    // SAFETY: the array is live and `bytes` long.
    let told =
        unsafe { K32QueryWorkingSetEx(GetCurrentProcess(), pages.as_mut_ptr().cast(), bytes) };
    done("QueryWorkingSetEx", told != 0)?;
    // SAFETY: every member of the union is plain bits; bit 0 says that the page is valid.
    let valid =
        |info: &&PSAPI_WORKING_SET_EX_INFORMATION| unsafe { info.VirtualAttributes.Flags & 1 };
    Ok(pages.iter().filter(|info| valid(info) != 0).count() * page)
}

/// Sends Ctrl+C to all processes of this one's console, even if it was started so that it ignores
/// Ctrl+C. For the tests of the binding.
#[cfg(feature = "test-exports")]
pub fn press_ctrl_c() -> Result<(), MapError> {
    // SAFETY: no preconditions. With a null it sets whether this process and its children handle
    // Ctrl+C.
    unsafe { console::SetConsoleCtrlHandler(None, 0) };
    // SAFETY: no preconditions. 0 means every process of the console.
    let told = unsafe { console::GenerateConsoleCtrlEvent(console::CTRL_C_EVENT, 0) };
    done("GenerateConsoleCtrlEvent", told != 0)
}

/// Always the same: no process forks.
pub fn process_mark() -> u64 {
    0
}

/// Milliseconds since the machine was started, including its sleep. The clock is the same for all
/// processes.
pub fn boot_millis() -> u64 {
    // SAFETY: no preconditions.
    unsafe { GetTickCount64() }
}
