//! Handles, by which another isolate of this process finds a shared slab. A handle keeps nothing
//! alive.

use super::SharedSlab;
use crate::sync::{Arc, LazyLock, Mutex, Weak, unique_id};
use std::hash::{BuildHasher, RandomState};

/// Names a shared slab of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// A small number that is used once.
    pub id: u64,
    /// Tells this process's handles from those of another process and from invented ones.
    pub nonce: u64,
}

/// The handles that were handed out and whose slab still exists. There are few.
static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

type Table = Vec<(Handle, Weak<SharedSlab>)>;

impl Handle {
    /// The handle of a shared slab, always the same one.
    pub fn of(shared: &Arc<SharedSlab>) -> Handle {
        let mut table = TABLE.lock();
        table.retain(|(_, slab)| slab.strong_count() > 0);
        let own = table.iter().find(|(_, slab)| slab.as_ptr() == Arc::as_ptr(shared));
        if let Some(&(handle, _)) = own {
            return handle;
        }
        let id = unique_id();
        // Random keys of std: no secret, but not to be guessed by mistake either.
        let handle = Handle { id, nonce: RandomState::new().hash_one(id) };
        table.push((handle, Arc::downgrade(shared)));
        handle
    }

    /// Returns the slab of a handle; `None` if no isolate has the slab any more, or the handle was
    /// never handed out.
    pub fn find(self) -> Option<Arc<SharedSlab>> {
        let table = TABLE.lock();
        let (_, slab) = table.iter().find(|(handle, _)| *handle == self)?;
        slab.upgrade()
    }
}

#[cfg(all(test, not(ralloc_os = "heap")))]
mod tests {
    use super::*;
    use crate::slab::{Slab, SlabOptions};

    fn of(slab: &Slab) -> Option<Handle> {
        slab.share().map(Handle::of)
    }

    #[test]
    fn a_handle_finds_its_slab_until_nobody_has_it() {
        let slab = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
        let handle = of(&slab).unwrap();
        assert_eq!(of(&slab), Some(handle));
        let other = Slab::attach(&handle.find().unwrap()).unwrap();
        assert_eq!(of(&other), Some(handle));
        drop(slab);
        assert!(handle.find().is_some(), "another isolate has it");
        drop(other);
        assert!(handle.find().is_none());
    }

    #[test]
    fn a_handle_that_was_never_given_finds_nothing() {
        let slab = Slab::shared(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
        let Handle { id, nonce } = of(&slab).unwrap();
        assert!(Handle { id: id + 1, nonce }.find().is_none());
        assert!(Handle { id, nonce: nonce ^ 1 }.find().is_none());
        let local = Slab::new(&SlabOptions::fixed(&[64], 8, 1 << 20)).unwrap();
        assert_eq!(of(&local), None);
    }
}
