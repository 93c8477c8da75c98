//! Tests of which parts of a reservation are committed, according to the system.

use super::*;
use std::process::Command;
use windows_sys::Win32::Foundation::EXCEPTION_ACCESS_VIOLATION;
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS,
};
use windows_sys::Win32::System::Memory::{
    MEM_FREE, MEMORY_BASIC_INFORMATION, VIRTUAL_ALLOCATION_TYPE, VirtualQuery,
};
use windows_sys::Win32::System::Threading::TerminateProcess;

const GUARD: &str = "RALLOC_TEST_GUARD";
const PAGES: usize = 64;

fn query(ptr: *const u8) -> MEMORY_BASIC_INFORMATION {
    let mut info = MEMORY_BASIC_INFORMATION::default();
    // SAFETY: the out pointer is live; the address is only looked up.
    let bytes = unsafe { VirtualQuery(ptr.cast(), &mut info, size_of_val(&info)) };
    assert_ne!(bytes, 0);
    info
}

/// Bytes in this state within the reservation that contains `ptr`.
fn in_state(state: VIRTUAL_ALLOCATION_TYPE, ptr: *const u8) -> usize {
    let start = query(ptr).AllocationBase;
    let (mut at, mut bytes) = (start.cast::<u8>().cast_const(), 0);
    loop {
        let part = query(at);
        if part.AllocationBase != start {
            return bytes;
        }
        if part.State == state {
            bytes += part.RegionSize;
        }
        at = at.wrapping_add(part.RegionSize);
    }
}

fn committed(ptr: *const u8) -> usize {
    in_state(MEM_COMMIT, ptr)
}

/// Checks the whole reservation, including the guard pages, which are only reserved.
fn check_guards(base: *const u8, len: usize) {
    let page = page_size();
    for guard in [base.wrapping_sub(page), base.wrapping_add(len)] {
        assert_eq!(query(guard).State, MEM_RESERVE);
    }
    assert_eq!(committed(base) + in_state(MEM_RESERVE, base), len + 2 * page);
}

#[test]
fn a_reservation_commits_what_it_is_asked_to_and_no_guard_page() {
    let (page, len) = (page_size(), PAGES * page_size());
    let base = reserve(len, page, None).unwrap().as_ptr();
    assert_eq!(committed(base), 0);
    // SAFETY: pages of this test's own reservation, here and below.
    unsafe { commit(base.wrapping_add(4 * page), 3 * page) }.unwrap();
    assert_eq!(committed(base), 3 * page);
    // SAFETY: as above.
    unsafe { commit(base.wrapping_add(5 * page), 4 * page) }.unwrap();
    assert_eq!(committed(base), 5 * page, "two of them were there");
    // SAFETY: as above.
    unsafe { commit(base, len) }.unwrap();
    assert_eq!(committed(base), len);
    check_guards(base, len);
    // SAFETY: nobody uses it any more.
    unsafe { release(base, len) }.unwrap();
    assert_eq!(query(base).State, MEM_FREE);
}

#[test]
fn what_is_decommitted_is_out_of_ram_and_may_be_touched() {
    let (page, len) = (page_size(), PAGES * page_size());
    let base = map(len, page, None).unwrap().as_ptr();
    check_guards(base, len);
    let fill = |value: u8| {
        // SAFETY: committed pages of this test, which nobody else has.
        (0..len).step_by(page).for_each(|at| unsafe { base.wrapping_add(at).write(value) });
    };
    fill(7);
    // SAFETY: as above; nobody needs the bytes.
    unsafe {
        assert_eq!(resident(base, len), Ok(len));
        decommit(base.wrapping_add(page), len - 2 * page).unwrap();
        assert_eq!(resident(base, len), Ok(2 * page));
        assert_eq!((base.read(), base.wrapping_add(len - page).read()), (7, 7));
    }
    assert_eq!(committed(base), len, "what is in flight may still write there");
    fill(8);
    // SAFETY: nobody uses it any more.
    unsafe { release(base, len) }.unwrap();
}

#[test]
fn what_is_abandoned_stays_committed_for_whoever_still_looks_at_it() {
    let (page, len) = (page_size(), PAGES * page_size());
    let base = reserve(len, page, None).unwrap().as_ptr();
    // SAFETY: pages of this test's own reservation.
    let (start, kept) = unsafe {
        commit(base, page).unwrap();
        base.write(7);
        abandon(base, len).unwrap()
    };
    assert_eq!((start.as_ptr(), kept, committed(base)), (base, len, len));
    // SAFETY: as above.
    assert_eq!(unsafe { resident(base, len) }, Ok(0));
    check_guards(base, len);
}

/// Ends the process as the fault would, but without starting a debugger first, as Wine does.
unsafe extern "system" fn end_by_fault(info: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system passes the record of an exception.
    let code = unsafe { (*(*info).ExceptionRecord).ExceptionCode };
    if code == EXCEPTION_ACCESS_VIOLATION {
        // SAFETY: the pseudo-handle of this process.
        unsafe { TerminateProcess(GetCurrentProcess(), code as u32) };
    }
    EXCEPTION_CONTINUE_SEARCH
}

/// Starts this test again as a child, which ends when it writes there.
#[test]
fn a_write_to_a_guard_page_ends_the_process() {
    let (page, len) = (page_size(), PAGES * page_size());
    if let Ok(side) = std::env::var(GUARD) {
        let base = map(len, page, None).unwrap().as_ptr();
        let at = if side == "ahead" { base.wrapping_sub(1) } else { base.wrapping_add(len) };
        // SAFETY: none; the guard page should end the process, which does nothing else.
        unsafe {
            AddVectoredExceptionHandler(1, Some(end_by_fault));
            at.write_volatile(1);
        }
        return;
    }
    for side in ["ahead", "behind"] {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "os::windows::tests::a_write_to_a_guard_page_ends_the_process"])
            .env(GUARD, side)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(EXCEPTION_ACCESS_VIOLATION), "{side}");
    }
}
