//! Conversions to [`std::io::Error`], for callers that return one. The kind tells the cause, and the inner error is
//! ours.

use super::*;
use std::io::{self, ErrorKind};

/// `Type: pattern => kind, …`. An error with an inner error has the kind of that.
macro_rules! io_errors {
    ($($error:ty { $($variant:pat => $kind:expr),+ $(,)? })+) => {
        $(
            impl $error {
                pub(crate) fn io_kind(&self) -> ErrorKind {
                    match self { $($variant => $kind),+ }
                }
            }

            impl From<$error> for io::Error {
                fn from(error: $error) -> io::Error {
                    io::Error::new(error.io_kind(), error)
                }
            }
        )+
    };
}

io_errors! {
    MapError {
        MapError::System { errno, .. } => io::Error::from_raw_os_error(*errno).kind(),
        MapError::Unsupported { .. } => ErrorKind::Unsupported,
    }
    AllocError {
        AllocError::Limit { .. } => ErrorKind::OutOfMemory,
        AllocError::Map(error) => error.io_kind(),
        _ => ErrorKind::InvalidInput,
    }
    OptionsError {
        OptionsError::Reserve(error) => error.io_kind(),
        _ => ErrorKind::InvalidInput,
    }
    RewindError {
        RewindError::Foreign | RewindError::Stale | RewindError::OutOfOrder => ErrorKind::InvalidInput,
    }
    SlabError {
        SlabError::Map(error) => error.io_kind(),
        SlabError::Segment(error) => error.io_kind(),
        SlabError::Join(error) => error.io_kind(),
        _ => ErrorKind::InvalidInput,
    }
    SegmentError {
        SegmentError::Name { .. } => ErrorKind::InvalidInput,
        SegmentError::Version { .. } | SegmentError::Invalid { .. } | SegmentError::Pool { .. } => ErrorKind::InvalidData,
        SegmentError::Timeout { .. } => ErrorKind::TimedOut,
        SegmentError::Room { .. } => ErrorKind::StorageFull,
        SegmentError::Map(error) => error.io_kind(),
    }
    PlacementError {
        PlacementError::Used { .. } => ErrorKind::ResourceBusy,
        PlacementError::Map(error) => error.io_kind(),
    }
    JoinError {
        JoinError::TooMany { .. } | JoinError::UsedUp => ErrorKind::ResourceBusy,
        JoinError::Forked | JoinError::OutOfTouch => ErrorKind::Unsupported,
    }
    ClaimError {
        ClaimError::TooLarge { .. } => ErrorKind::InvalidInput,
        ClaimError::Exhausted { .. } => ErrorKind::OutOfMemory,
        ClaimError::Map(error) => error.io_kind(),
        ClaimError::Shared | ClaimError::Forked => ErrorKind::Unsupported,
    }
    SendError {
        SendError::Slot(error) => error.io_kind(),
        SendError::Forked => ErrorKind::Unsupported,
        _ => ErrorKind::InvalidInput,
    }
    TokenError {
        TokenError::Stale => ErrorKind::NotFound,
        TokenError::Forked => ErrorKind::Unsupported,
    }
    FreeError {
        FreeError::Forked => ErrorKind::Unsupported,
        _ => ErrorKind::InvalidInput,
    }
    ClusterError {
        _ => ErrorKind::InvalidInput,
    }
}
