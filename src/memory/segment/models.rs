//! Models: every interleaving of the creator of a segment with a process that opens it.

use super::header::{self, Geometry, PoolGeometry, Settings};
use crate::os::page_size;
use crate::sync::{Arc, Words};
use std::ptr::NonNull;

fn plan(pools: &[PoolGeometry]) -> Result<Geometry, usize> {
    let [registry_bytes, record_bytes, slot_bytes] = [page_size(); 3];
    Ok(Geometry { pools: pools.to_vec(), registry_bytes, record_bytes, slot_bytes })
}

#[test]
fn who_finds_a_segment_ready_finds_all_that_was_written_before() {
    loom::model(|| {
        // SAFETY: under loom the words lie in the row itself.
        let words = Arc::new(unsafe { Words::over(NonNull::dangling(), header::WORDS) });
        for (index, bytes) in header::prefix().chunks_exact(8).enumerate() {
            let word = u64::from_ne_bytes(bytes.try_into().unwrap());
            words.at(index).store(word, crate::sync::Ordering::Relaxed);
        }
        let geometry = plan(&[PoolGeometry { size: 64, count: 8 }]).unwrap();
        let settings = Settings { identity: 7, transit_ms: 30 };
        let (theirs, made) = (Arc::clone(&words), geometry.clone());
        let maker = loom::thread::spawn(move || {
            header::write(&theirs, &made, &settings);
            header::publish(&theirs);
        });
        let found = header::read(&words, geometry.total() as u64, plan);
        match found {
            Ok(found) => assert_eq!(found, (geometry.clone(), settings)),
            Err(error) => assert_eq!(error, header::unfinished()),
        }
        maker.join().unwrap();
        let found = header::read(&words, geometry.total() as u64, plan);
        assert_eq!(found, Ok((geometry, settings)));
    });
}
