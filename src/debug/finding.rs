//! A misuse that was found, as an object and as text.
#![forbid(unsafe_code)]

use super::place::Place;
use crate::error::names;
use std::fmt;

names! {
    /// The kind of a misuse.
    #[non_exhaustive]
    pub enum Kind {
        /// Bytes directly before or behind a block were written.
        Overrun => "overrun",
        /// Bytes of a block were written after it had ended.
        WriteAfterFree => "write-after-free",
        /// A [`Handle`](super::Handle) of a block was used after the block had ended.
        UseAfterFree => "use-after-free",
        /// A block was freed that had been freed before and not handed out again.
        DoubleFree => "double-free",
        /// Blocks were not freed when their owner was dropped.
        Leak => "leak",
        /// An owner was dropped while there were handles of its blocks.
        Kept => "kept",
    }
    /// The name in JavaScript's reports: `write-after-free`.
    pub fn name;

    /// The owner of a block.
    #[non_exhaustive]
    pub enum Owner {
        /// An [`Arena`](crate::Arena) or one of its scopes, or a [`SyncArena`](crate::SyncArena).
        Arena => "an arena",
        /// A [`Slab`](crate::Slab), even through a [`ThreadCache`](crate::ThreadCache).
        Slab => "a slab",
        /// A [`Region`](crate::Region).
        Region => "a region",
    }
    fn name;

    /// How a block ended.
    #[non_exhaustive]
    pub enum How {
        /// By a reset.
        Reset => "reset",
        /// By a rewind to a checkpoint.
        Rewound => "rewound",
        /// With its scope; the place is the line that began the scope.
        ScopeEnded => "ended with the scope begun",
        /// Freed alone.
        Freed => "freed",
        /// Its owner was dropped.
        Dropped => "dropped with its owner",
    }
    fn name;
}

/// The end of a block.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// What ended it.
    pub how: How,
    /// Where; `None` for a drop, which has no place.
    pub place: Option<Place>,
}

/// A description of overwritten bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Where the first changed byte is, counted from the first byte of the block: negative before
    /// the block, its size or more behind it.
    pub offset: isize,
    /// How many bytes changed.
    pub bytes: usize,
    /// The current value of the first one.
    pub found: u8,
}

/// A misuse that was found. Its text has a line for each place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of misuse.
    pub kind: Kind,
    /// The block's owner.
    pub owner: Owner,
    /// A number that tells the process's owners apart.
    pub owner_id: u64,
    /// Address of the block, or of the first one if there are several; 0 if it is no longer known.
    pub address: usize,
    /// Bytes of the block, or of all blocks.
    pub size: usize,
    /// How many blocks of the same place: 1, except for [`Kind::Leak`] and [`Kind::Kept`].
    pub count: usize,
    /// The overwritten bytes, if there are any.
    pub damage: Option<Damage>,
    /// Where the block was allocated; `None` if that is too long ago: only the last 1,024 ended
    /// blocks are remembered.
    pub allocated: Option<Place>,
    /// How it ended. For an overrun: the end that found it; `None` if `verify` found it, or if the
    /// block is no longer remembered.
    pub ended: Option<Ended>,
    /// Where it was used, for [`Kind::UseAfterFree`], or freed again, for [`Kind::DoubleFree`].
    pub used: Option<Place>,
}

impl Finding {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, count, size) = (self.owner.name(), self.count, Bytes(self.size));
        match (self.kind, self.damage) {
            (Kind::Overrun, Some(Damage { offset, bytes, found })) => {
                let (side, from) = match offset {
                    ..0 => ("before", -offset),
                    _ => ("behind", offset - self.size.cast_signed()),
                };
                let (bytes, from) = (Bytes(bytes), Bytes(from.cast_unsigned()));
                write!(f, "{bytes} {side} a block of {size} of {of} written, the first ")?;
                write!(f, "{from} from its edge and now {found:#04x}")
            }
            (_, Some(Damage { offset, bytes, found })) => {
                let bytes = Bytes(bytes);
                write!(f, "{bytes} of a block of {size} of {of} written after it had ended, ")?;
                write!(f, "the first at offset {offset} and now {found:#04x}")
            }
            (Kind::Leak, None) => {
                write!(f, "{of} was dropped with {count} of its blocks out, {size}")
            }
            (Kind::Kept, None) => {
                write!(f, "{of} was dropped with handles of {count} of its blocks alive, {size}")
            }
            (Kind::DoubleFree, None) => write!(f, "a block of {size} of {of} was freed twice"),
            (_, None) => write!(f, "a block of {size} of {of} was used after it had ended"),
        }
    }
}

struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 byte"),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ralloc: {}: ", self.kind.name())?;
        self.headline(f)?;
        let mut line = |what: &str, place: &Option<Place>| match place {
            Some(place) if f.alternate() => write!(f, "\n  {what} at {place:#}"),
            Some(place) => write!(f, "\n  {what} at {place}"),
            None => Ok(()),
        };
        line("allocated", &self.allocated)?;
        if let Some(Ended { how, place }) = &self.ended {
            line(how.name(), place)?;
        }
        line(if self.kind == Kind::DoubleFree { "freed again" } else { "used" }, &self.used)
    }
}

impl std::error::Error for Finding {}
