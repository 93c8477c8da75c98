//! Windows memory calls.
#![allow(clippy::disallowed_methods)]

use super::last_error;
use crate::error::MapError;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, MEM_RESET, PAGE_NOACCESS, PAGE_READWRITE, VirtualAlloc,
    VirtualFree,
};
use windows_sys::Win32::System::ProcessStatus::{
    K32QueryWorkingSetEx, PSAPI_WORKING_SET_EX_INFORMATION,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// ERROR_NOT_ENOUGH_MEMORY.
pub const OUT_OF_MEMORY: i32 = 8;

/// Bytes of a page.
pub fn page_size() -> usize {
    let mut info = SYSTEM_INFO::default();
    // SAFETY: the pointer is to a live SYSTEM_INFO.
    unsafe { GetSystemInfo(&mut info) };
    info.dwPageSize as usize
}

/// `len` bytes of address space that fault when touched; `len` is a positive page multiple.
pub fn reserve(len: usize) -> Result<NonNull<u8>, MapError> {
    // SAFETY: a new reservation at an address of the system's choice.
    let base = unsafe { VirtualAlloc(ptr::null(), len, MEM_RESERVE, PAGE_NOACCESS) };
    NonNull::new(base.cast()).ok_or_else(|| last_error("VirtualAlloc"))
}

/// Makes reserved pages readable and writable.
///
/// # Safety
/// `ptr..ptr + len` are whole pages within one reservation of the caller.
pub unsafe fn commit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; committing committed pages changes nothing.
    let base = unsafe { VirtualAlloc(ptr.cast::<c_void>(), len, MEM_COMMIT, PAGE_READWRITE) };
    if base.is_null() { Err(last_error("VirtualAlloc")) } else { Ok(()) }
}

/// Lets the system take the memory of committed pages. They stay accessible throughout, for an
/// operation in flight may still touch them: hence a reset, where a decommit would fault.
///
/// # Safety
/// `ptr..ptr + len` are whole committed pages of the caller, whose content nobody needs.
pub unsafe fn decommit(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; a reset changes no access.
    let base = unsafe { VirtualAlloc(ptr.cast::<c_void>(), len, MEM_RESET, PAGE_READWRITE) };
    if base.is_null() { Err(last_error("VirtualAlloc")) } else { Ok(()) }
}

/// Frees the memory of the range as far as Windows can; its address stays taken.
///
/// # Safety
/// As for `decommit`; who still looks at the pages may see zeros from now on.
pub unsafe fn replace(ptr: *mut u8, len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise.
    unsafe { decommit(ptr, len) }
}

/// Unmaps a whole reservation.
///
/// # Safety
/// `ptr` is the start of a reservation of the caller, and nobody uses it any more.
pub unsafe fn release(ptr: *mut u8, _len: usize) -> Result<(), MapError> {
    // SAFETY: the caller's promise; MEM_RELEASE wants the size 0.
    match unsafe { VirtualFree(ptr.cast::<c_void>(), 0, MEM_RELEASE) } {
        0 => Err(last_error("VirtualFree")),
        _ => Ok(()),
    }
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
    if unsafe { K32QueryWorkingSetEx(GetCurrentProcess(), pages.as_mut_ptr().cast(), bytes) } == 0 {
        return Err(last_error("QueryWorkingSetEx"));
    }
    // SAFETY: every member of the union is plain bits; bit 0 says that the page is valid.
    let valid =
        |info: &&PSAPI_WORKING_SET_EX_INFORMATION| unsafe { info.VirtualAttributes.Flags & 1 };
    Ok(pages.iter().filter(|info| valid(info) != 0).count() * page)
}

/// The symbol that Unix would give to an error of these calls.
pub fn error_name(errno: i32) -> Option<&'static str> {
    match errno {
        // ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_COMMITMENT_LIMIT
        8 | 14 | 1455 => Some("ENOMEM"),
        // ERROR_INVALID_PARAMETER, ERROR_INVALID_ADDRESS
        87 | 487 => Some("EINVAL"),
        _ => None,
    }
}
