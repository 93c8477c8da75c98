//! The results of `ralloc bake`, as a table of constants.

use super::rules::Strategy;

/// Where the bytes of a site go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where they go as a whole. [`strategy_of`](Entry::strategy_of) tells it by size.
    pub strategy: Strategy,
    /// Nearly all of the site's blocks have at most 2 to the power of this bytes.
    pub size_class: u8,
    /// A strategy for each size class, two bits each; the lowest two are for 1 byte.
    by_size: u64,
}

/// The strategies by their two bits.
const STRATEGIES: [Strategy; 4] =
    [Strategy::Leave, Strategy::Request, Strategy::Slab, Strategy::Region];

/// The class of 2 GiB: larger blocks have no place in an entry.
const MOST_CLASS: u32 = 31;

impl Entry {
    /// The entry of a site that the table does not name.
    pub const NONE: Entry = Entry::new(Strategy::Leave, 0);

    /// An entry of a line: all its blocks go to one place.
    pub const fn new(strategy: Strategy, size_class: u8) -> Entry {
        // Sets all pairs of bits together.
        Entry { strategy, size_class, by_size: strategy as u64 * (u64::MAX / 3) }
    }

    /// An entry of a `site('name')`: the size classes of `others` go elsewhere, and larger blocks
    /// than `size_class` are left alone.
    pub const fn by_size(strategy: Strategy, size_class: u8, others: &[(u8, Strategy)]) -> Entry {
        let mut entry = Entry { by_size: 0, ..Entry::new(strategy, size_class) };
        let mut class = 0;
        while class <= size_class && class as u32 <= MOST_CLASS {
            let mut of_class = strategy;
            let mut at = 0;
            while at < others.len() {
                if others[at].0 == class {
                    of_class = others[at].1;
                }
                at += 1;
            }
            entry.by_size |= (of_class as u64) << (2 * class);
            class += 1;
        }
        entry
    }

    /// Where a block of this many bytes goes. A block of more than 2 GiB is left alone.
    ///
    /// ```
    /// use ralloc_core::lifetime::{Entry, Strategy};
    ///
    /// let rows = Entry::by_size(Strategy::Request, 16, &[(7, Strategy::Region)]);
    /// let strategies = [64, 65, 128, 129, 65_536, 65_537].map(|size| rows.strategy_of(size));
    /// let [request, region] = [Strategy::Request, Strategy::Region];
    /// assert_eq!(strategies, [request, region, region, request, request, Strategy::Leave]);
    /// ```
    #[inline]
    pub const fn strategy_of(self, size: usize) -> Strategy {
        let class = usize::BITS - size.saturating_sub(1).leading_zeros();
        if class > MOST_CLASS {
            return Strategy::Leave;
        }
        STRATEGIES[(self.by_size >> (2 * class)) as usize & 3]
    }
}

/// A place in a program that allocates, as its number in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site(u32);

impl Site {
    /// The site with this number, as `ralloc bake` counts them.
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
    /// A table of these entries. Fill it up to the next power of two with [`Entry::NONE`].
    pub const fn new(entries: [Entry; N]) -> Table<N> {
        const { assert!(N.is_power_of_two(), "a table has a power of two of entries") };
        Table(entries)
    }

    /// Where the bytes of a site go. A site of another table gets the entry of some other site,
    /// which does no further harm.
    #[inline]
    pub const fn entry(&self, site: Site) -> Entry {
        self.0[site.0 as usize & (N - 1)]
    }
}
