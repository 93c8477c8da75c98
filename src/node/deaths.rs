//! The class `Deaths`: reports which of the JavaScript objects that it watches V8 has collected,
//! and when. For profiles.

use super::array_buffer::OK;
use super::contained::Contained;
use super::convert::{Float64Array, Object, Result, UNSUPPORTED};
use napi::{Env, Error, sys};
use napi_derive::napi;
use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Instant;

/// Reports the deaths of objects, each by a number that the caller chose. Belongs to one isolate:
/// finalizers run on its thread.
#[napi]
#[derive(Default)]
pub struct Deaths {
    state: Contained<Rc<RefCell<State>>>,
}

#[derive(Default)]
struct State {
    /// Deaths not reported yet; [`Deaths::drain`] begins with the last one.
    heard: Vec<(u32, Instant)>,
    /// A weak reference for each number; null if the object's finalizer has run.
    references: Vec<sys::napi_ref>,
}

/// The data of a finalizer.
struct Watched {
    state: Rc<RefCell<State>>,
    number: u32,
}

#[napi]
impl Deaths {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches an object. Its number must not be used again before its death was reported.
    #[napi(catch_unwind)]
    pub fn watch(&self, env: Env, object: Object, number: u32) -> Result<()> {
        let watched = Box::new(Watched { state: Rc::clone(&self.state), number });
        let data = Box::into_raw(watched);
        let mut reference = ptr::null_mut();
        // SAFETY: env and value are the current call's. The finalizer takes over the box and
        // deletes the reference.
        let status = unsafe {
            let finalize = Some(finalize as unsafe extern "C" fn(_, _, _));
            let hint = ptr::null_mut();
            let data = data.cast();
            sys::napi_add_finalizer(env.raw(), object.0, data, finalize, hint, &mut reference)
        };
        if status != OK {
            // SAFETY: nothing was registered, so the box is still ours.
            drop(unsafe { Box::from_raw(data) });
            return Err(Error::new(UNSUPPORTED, format!("cannot watch the object ({status})")));
        }
        let mut state = self.state.borrow_mut();
        let at = number as usize;
        if state.references.len() <= at {
            state.references.resize(at + 1, ptr::null_mut());
        }
        state.references[at] = reference;
        Ok(())
    }

    /// Writes to `registers` the numbers of the objects that died since the last call, each with
    /// the milliseconds since its death was noticed. Returns how many. Call it again while the
    /// registers are full.
    #[napi(catch_unwind)]
    pub fn drain(&self, registers: Float64Array) -> u32 {
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        let from = state.heard.len().saturating_sub(registers.len() / 2);
        let mut at = 0;
        for (number, heard) in state.heard.drain(from..) {
            let ago = now.saturating_duration_since(heard).as_secs_f64() * 1000.0;
            registers.fill(at, &[f64::from(number), ago]);
            at += 2;
        }
        (at / 2) as u32
    }

    /// Whether an object was not found dead by a collection so far, even if its finalizer has not
    /// run.
    #[napi(catch_unwind)]
    pub fn is_alive(&self, env: Env, number: u32) -> bool {
        let reference = self.state.borrow().references.get(number as usize).copied();
        let Some(reference) = reference.filter(|reference| !reference.is_null()) else {
            return false;
        };
        let mut value = ptr::null_mut();
        // SAFETY: only the finalizer deletes the reference, and it makes it null here.
        let status = unsafe { sys::napi_get_reference_value(env.raw(), reference, &mut value) };
        status == OK && !value.is_null()
    }
}

/// Runs once for each watched object, some time after it died, or when its environment ends. No
/// panic may cross into Node.
unsafe extern "C" fn finalize(env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the box that `watch` passed on, taken back exactly once.
        let watched = unsafe { Box::from_raw(data.cast::<Watched>()) };
        let Watched { state, number } = *watched;
        let mut state = state.borrow_mut();
        state.heard.push((number, Instant::now()));
        let known = state.references.get_mut(number as usize);
        let reference =
            known.map_or(ptr::null_mut(), |known| std::mem::replace(known, ptr::null_mut()));
        if !reference.is_null() {
            // SAFETY: made with this finalizer, and deleted once: the stored reference is null from
            // here on.
            unsafe { sys::napi_delete_reference(env, reference) };
        }
    }));
}
