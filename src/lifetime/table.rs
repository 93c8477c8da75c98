//! What `ralloc bake --rust` writes: a table of constants.

use super::rules::Strategy;

/// Where the bytes of a site go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where they go.
    pub strategy: Strategy,
    /// Nearly all of its blocks have at most 2 to the power of this bytes.
    pub size_class: u8,
}

impl Entry {
    /// Of a site that the table does not name.
    pub const NONE: Entry = Entry::new(Strategy::Leave, 0);

    /// An entry.
    pub const fn new(strategy: Strategy, size_class: u8) -> Entry {
        Entry { strategy, size_class }
    }
}

/// A place in a program that allocates, by its number in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site(u32);

impl Site {
    /// The site of a number, as `ralloc bake` counts them.
    pub const fn new(number: u32) -> Site {
        Site(number)
    }
}

/// The strategies of `N` sites, a power of two, so that a look-up needs no check of its bounds.
///
/// ```
/// use ralloc_core::lifetime::{Entry, Site, Strategy, Table};
///
/// const PARSE_ROW: Site = Site::new(0);
/// const KEEP_SESSION: Site = Site::new(1);
/// static TABLE: Table<2> = Table::new([
///     Entry::new(Strategy::Request, 16),
///     Entry::new(Strategy::Region, 13),
/// ]);
///
/// assert_eq!(TABLE.entry(PARSE_ROW).strategy, Strategy::Request);
/// assert_eq!(TABLE.entry(KEEP_SESSION).size_class, 13);
/// ```
///
/// Another number of sites does not compile:
///
/// ```compile_fail
/// use ralloc_core::lifetime::{Entry, Table};
///
/// static TABLE: Table<3> = Table::new([Entry::NONE; 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table<const N: usize>([Entry; N]);

impl<const N: usize> Table<N> {
    /// A table of these entries. What is left to the next power of two is to be [`Entry::NONE`].
    pub const fn new(entries: [Entry; N]) -> Table<N> {
        const { assert!(N.is_power_of_two(), "a table has a power of two of entries") };
        Table(entries)
    }

    /// Where the bytes of a site go. A site of another table gets what somebody else should have, and no more harm is done.
    #[inline]
    pub const fn entry(&self, site: Site) -> Entry {
        self.0[site.0 as usize & (N - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_beyond_the_table_are_someone_elses_and_no_panic() {
        let table = Table::new([Entry::new(Strategy::Slab, 12), Entry::NONE]);
        assert_eq!(table.entry(Site::new(0)), table.entry(Site::new(2)));
        assert_eq!(table.entry(Site::new(u32::MAX)), Entry::NONE);
    }
}
