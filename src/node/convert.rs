//! Conversions between JavaScript's values and ours.

use crate::error::{AllocError, MapError, SegmentError, SlabError, SpanError};
use crate::memory::{HugePages, MemoryOptions};
use napi::bindgen_prelude::{BigInt, FromNapiValue, ToNapiValue};
use napi::{Error, Status, check_status, sys};
use napi_derive::napi;
use std::fmt::Display;
use std::ptr;
use std::time::Duration;

/// A result whose error carries one of our codes.
pub type Result<T> = std::result::Result<T, Error<&'static str>>;

pub const INVALID_ARGUMENT: &str = "ERR_RALLOC_INVALID_ARGUMENT";
pub const CORRUPTED: &str = "ERR_RALLOC_CORRUPTED";
pub const UNSUPPORTED: &str = "ERR_RALLOC_UNSUPPORTED";
pub const CLOSED: &str = "ERR_RALLOC_CLOSED";
pub const STALE_TOKEN: &str = "ERR_RALLOC_STALE_TOKEN";

/// The largest integer that a JavaScript number holds exactly.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Checks an integer of at least `least` (bytes, unless its name says otherwise).
pub fn bytes(name: &str, value: f64, least: usize) -> Result<usize> {
    let exact = value.fract() == 0.0 && value >= least as f64 && value <= MAX_SAFE_INTEGER;
    if exact && (value as u64) <= usize::MAX as u64 {
        return Ok(value as usize);
    }
    let message = format!("\"{name}\" must be an integer >= {least}");
    Err(Error::new(INVALID_ARGUMENT, message))
}

/// Checks a time in milliseconds.
pub fn millis(name: &str, value: f64) -> Result<Duration> {
    Ok(Duration::from_millis(bytes(name, value, 0)? as u64))
}

/// An error with its text, under a code of ours.
#[cold]
#[inline(never)]
pub fn coded(code: &'static str, error: impl Display) -> Error<&'static str> {
    Error::new(code, error.to_string())
}

/// A mistake in the bookkeeping of a span.
pub fn corrupted(error: SpanError) -> Error<&'static str> {
    coded(CORRUPTED, error)
}

/// Why memory could not be obtained, as a value, so that a hot caller can test its kind without a
/// catch.
#[derive(Default)]
#[napi(object, object_from_js = false)]
pub struct Failure {
    #[napi(
        ts_type = "'limit' | 'map' | 'unsupported' | 'room' | 'invalid' | 'version' | 'timeout' | 'used'"
    )]
    pub kind: &'static str,
    /// Bytes in use, and their limit; or slots in use (`used`). For a segment (`invalid`,
    /// `version`): the found and the expected value.
    pub used: f64,
    pub limit: f64,
    /// The system call and its error number: only for `map`.
    pub syscall: Option<&'static str>,
    pub errno: Option<i32>,
    /// The reason, in a sentence: only for `unsupported` and for segments.
    pub why: Option<String>,
    /// The property that differs: only for `invalid`.
    pub field: Option<String>,
    /// `used` and `limit` exactly, if a number cannot express one of them: only for `invalid`.
    pub exact: Option<Vec<BigInt>>,
}

impl Failure {
    fn of(kind: &'static str, used: u64, limit: u64) -> Failure {
        Failure { kind, used: used as f64, limit: limit as f64, ..Failure::default() }
    }

    pub(super) fn new(error: AllocError, used: usize, limit: usize) -> Failure {
        let failure = Failure::of("limit", used as u64, limit as u64);
        match error {
            AllocError::Map(MapError::System { syscall, errno }) => {
                Failure { kind: "map", syscall: Some(syscall), errno: Some(errno), ..failure }
            }
            AllocError::Map(unsupported @ MapError::Unsupported { .. }) => {
                Failure { kind: "unsupported", why: Some(unsupported.to_string()), ..failure }
            }
            _ => failure, // a lease returns none of the others
        }
    }

    /// The failure of a call on a slab, or the error that it throws.
    pub(super) fn of_slab(error: SlabError) -> Result<Failure> {
        let code = match error {
            SlabError::Map(error) => return Ok(Failure::new(error.into(), 0, 0)),
            SlabError::Segment(error) => return Ok(Failure::of_segment(error)),
            SlabError::Footprint { bytes: requested, limit } => {
                let error = AllocError::Limit { requested, limit, used: 0 };
                return Ok(Failure::new(error, requested, limit));
            }
            SlabError::Used { slots } => return Ok(Failure::of("used", slots as u64, 0)),
            SlabError::TooMany { .. }
            | SlabError::UsedUp
            | SlabError::Forked
            | SlabError::OutOfTouch => UNSUPPORTED,
            _ => INVALID_ARGUMENT,
        };
        Err(coded(code, error))
    }

    /// The failure of a segment.
    pub(super) fn of_segment(error: SegmentError) -> Failure {
        let (kind, used, limit, field) = match error {
            SegmentError::Map(error) => return Failure::new(error.into(), 0, 0),
            SegmentError::Room { needed, free, .. } => ("room", needed, free, None),
            SegmentError::Version { found, expected } => ("version", found, expected, None),
            SegmentError::Invalid { field, found, expected } => {
                ("invalid", found, expected, Some(field.to_string()))
            }
            SegmentError::Pool { index, count, .. } => {
                ("invalid", count, 0, Some(format!("pool {index}")))
            }
            SegmentError::Timeout { waited } => ("timeout", waited, 0, None),
            SegmentError::Name { .. } => ("invalid", 0, 0, Some("name".into())),
        };
        let exact = (used.max(limit) > MAX_SAFE_INTEGER as u64)
            .then(|| [used, limit].map(BigInt::from).to_vec());
        Failure { why: Some(error.to_string()), field, exact, ..Failure::of(kind, used, limit) }
    }
}

/// How to obtain memory. Missing options are off.
#[napi(object, object_to_js = false, js_name = "MemoryOptions")]
pub struct MemoryArgument {
    #[napi(ts_type = "'advise' | 'prefer' | 'require'")]
    pub huge_pages: Option<String>,
    pub lock: Option<bool>,
    pub numa_node: Option<f64>,
    pub prefault: Option<bool>,
}

/// The number of a NUMA node. A number that is too large becomes one that no system has.
pub fn node(name: &str, value: f64) -> Result<u32> {
    Ok(u32::try_from(bytes(name, value, 0)?).unwrap_or(u32::MAX))
}

/// `None` requests ordinary memory.
pub fn memory_options(memory: Option<MemoryArgument>) -> Result<MemoryOptions> {
    let Some(memory) = memory else { return Ok(MemoryOptions::default()) };
    let huge_pages = match memory.huge_pages.as_deref() {
        None => HugePages::No,
        Some("advise") => HugePages::Advise,
        Some("prefer") => HugePages::Prefer,
        Some("require") => HugePages::Require,
        Some(other) => {
            let message = format!("\"hugePages\" cannot be '{other}'");
            return Err(Error::new(INVALID_ARGUMENT, message));
        }
    };
    let numa_node = memory.numa_node.map(|number| node("numaNode", number)).transpose()?;
    let (lock, prefault) = (memory.lock == Some(true), memory.prefault == Some(true));
    Ok(MemoryOptions { huge_pages, lock, numa_node, prefault })
}

/// A value that is passed on unchanged. napi's own ArrayBuffer would form a Rust reference to the
/// leased bytes.
pub struct Value(pub sys::napi_value);

// The typings have the names that parameters and results have here.
pub type ArrayBuffer = Value;
pub type Object = Value;

impl FromNapiValue for Value {
    unsafe fn from_napi_value(_: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        Ok(Value(value))
    }
}

impl ToNapiValue for Value {
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.0)
    }
}

/// A typed array of numbers, used during one call only.
pub struct Numbers<T> {
    ptr: *mut T,
    len: usize,
}

/// A Float64Array to write numbers to.
pub type Float64Array = Numbers<f64>;
/// A Uint32Array of slots.
pub type Uint32Array = Numbers<u32>;

/// The kind of a typed array, and what is said of another one.
pub trait Element: Copy {
    const KIND: sys::napi_typedarray_type;
    const WRONG: &str;
}

impl Element for f64 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::float64_array;
    const WRONG: &str = "registers must be a Float64Array";
}

impl Element for u32 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::uint32_array;
    const WRONG: &str = "slots must be a Uint32Array";
}

impl<T: Element> FromNapiValue for Numbers<T> {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let (mut kind, mut len, mut data) = (0, 0, ptr::null_mut());
        let none = ptr::null_mut();
        // SAFETY: env and value are the current call's; the out pointers are live, or null, which
        // Node-API allows for facts that are not requested.
        let status = unsafe {
            let offset = ptr::null_mut();
            sys::napi_get_typedarray_info(env, value, &mut kind, &mut len, &mut data, none, offset)
        };
        check_status!(status, "{}", T::WRONG)?;
        if kind != T::KIND {
            return Err(napi::Error::new(Status::InvalidArg, T::WRONG));
        }
        Ok(Numbers { ptr: data.cast(), len })
    }
}

impl<T: Element> Numbers<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Panics beyond the end.
    pub fn write(&self, at: usize, value: T) {
        assert!(at < self.len);
        // SAFETY: within the typed array, which has stayed alive and attached since the argument
        // was read, because no JavaScript ran; typed arrays are aligned to their elements.
        unsafe { self.ptr.add(at).write(value) }
    }

    /// Panics beyond the end.
    pub fn read(&self, at: usize) -> T {
        assert!(at < self.len);
        // SAFETY: as in `write`.
        unsafe { self.ptr.add(at).read() }
    }
}

impl Float64Array {
    /// Fails unless there are `len` registers. Called before anything is changed.
    pub fn expect(&self, len: usize) -> Result<()> {
        if self.len >= len {
            return Ok(());
        }
        Err(Error::new(INVALID_ARGUMENT, format!("registers must hold {len} numbers")))
    }

    /// Writes `values` to the registers from `first` on, as many as fit.
    pub fn fill(&self, first: usize, values: &[f64]) {
        let first = first.min(self.len);
        let count = values.len().min(self.len - first);
        // SAFETY: as in `write`; no Rust value lies in JavaScript's memory.
        unsafe { self.ptr.add(first).copy_from_nonoverlapping(values.as_ptr(), count) };
    }
}
