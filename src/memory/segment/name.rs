//! The names that segments can have.
#![forbid(unsafe_code)]

use crate::error::SegmentError;

/// The most bytes of a name, including its slash.
const LONGEST: usize = 255;

/// Errors: [`SegmentError::Name`], which says what is wrong.
pub fn check(name: &str) -> Result<(), SegmentError> {
    let wrong = |must| Err(SegmentError::Name { must });
    let Some(rest) = name.strip_prefix('/') else { return wrong("begin with a slash") };
    if rest.is_empty() || name.len() > LONGEST {
        return wrong("have 2 to 255 bytes");
    }
    if rest.contains('/') {
        return wrong("have one slash, at its beginning");
    }
    if rest.contains('\0') {
        return wrong("have no null byte");
    }
    if rest == "." || rest == ".." {
        return wrong("not be \"/.\" or \"/..\"");
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn names_that_name_no_file_of_their_own_are_refused() {
        let long = format!("/{}", "x".repeat(LONGEST - 1));
        for good in ["/a", "/frames", "/...", "/a b", "/ü", &long] {
            assert_eq!(check(good), Ok(()));
        }
        let longer = format!("{long}x");
        for bad in ["", "/", "a", "a/b", "/a/b", "/a/", "//a", "/.", "/..", "/a\0b", &longer] {
            assert!(matches!(check(bad), Err(SegmentError::Name { .. })), "{bad}");
        }
    }
}
