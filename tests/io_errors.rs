//! Tests of errors as `std::io::Error`.
#![cfg(not(loom))]

use ralloc_core::error::{AllocError, MapError, SlabError};
use ralloc_core::slab::{Slab, SlabOptions};
use ralloc_core::{Arena, Region};
use std::alloc::Layout;
use std::io::{self, ErrorKind};

#[test]
fn what_does_not_fit_is_out_of_memory_and_what_never_can_is_invalid_input() -> io::Result<()> {
    let mut arena = Arena::builder().limit(64 << 10).build()?;
    arena.reset();
    let error: io::Error = arena.try_alloc_slice_fill_copy(1 << 20, 0u8).unwrap_err().into();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert!(error.get_ref().unwrap().is::<AllocError>());
    let wrong = Slab::new(&SlabOptions::new(1 << 20)).unwrap_err();
    assert_eq!(io::Error::from(wrong).kind(), ErrorKind::InvalidInput);
    assert_eq!(io::Error::from(wrong).to_string(), wrong.to_string());
    let slab = Slab::new(&SlabOptions::fixed(&[64], 1, 1 << 20))?;
    let _held = slab.boxed(1)?;
    assert_eq!(io::Error::from(slab.allocate(1).unwrap_err()).kind(), ErrorKind::OutOfMemory);
    let large = slab.allocate(65).unwrap_err();
    assert_eq!(io::Error::from(large).kind(), ErrorKind::InvalidInput);
    let mut region = Region::new();
    let block = region.alloc(Layout::new::<u64>())?;
    region.free(block)?;
    Ok(())
}

#[test]
fn what_the_system_refuses_has_the_kind_of_its_number() {
    let refused = MapError::System { syscall: "mmap", errno: 12 };
    let expected = io::Error::from_raw_os_error(12).kind();
    for error in [
        io::Error::from(refused),
        AllocError::Map(refused).into(),
        SlabError::Map(refused).into(),
        SlabError::Map(refused).into(),
    ] {
        assert_eq!(error.kind(), expected);
        let text = io::Error::from_raw_os_error(12).to_string();
        assert_eq!(error.to_string(), format!("mmap failed: {text}"));
    }
    let none = MapError::Unsupported { what: "huge pages" };
    assert_eq!(io::Error::from(none).kind(), ErrorKind::Unsupported);
}
