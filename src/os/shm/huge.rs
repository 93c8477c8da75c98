//! Detects whether the system gives transparent huge pages to the files of named memory that ask
//! for them.

use crate::os::pages::GIVES_HUGE;
use std::fs::read_to_string;

/// Whether /dev/shm is mounted so that files there can have huge pages.
pub fn names_can_be_huge() -> bool {
    read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| gives_huge(&mounts, super::MEMORY))
}

/// Reads the options of the last file system mounted there, which hides earlier ones. They follow a
/// lone hyphen.
fn gives_huge(mounts: &str, folder: &str) -> bool {
    let of_folder = |line: &&str| line.split(' ').nth(4) == Some(folder);
    let options = mounts.lines().rfind(of_folder).and_then(|line| line.rsplit(' ').next());
    let mut options = options.unwrap_or_default().split(',');
    options.any(|option| option.strip_prefix("huge=").is_some_and(|how| GIVES_HUGE.contains(&how)))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_of_the_folder_says_whether_it_gives_huge_pages() {
        let plain = "25 30 0:23 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw,size=64k,inode64\n";
        let other = "26 30 0:24 / /dev/shmhuge rw - tmpfs tmpfs rw,huge=always\n";
        let huge =
            |how: &str| format!("99 30 0:77 / /dev/shm rw - tmpfs none rw,huge={how},size=1g\n");
        for (mounts, gives) in [
            (String::new(), false),
            (plain.into(), false),
            (other.into(), false),
            (format!("{plain}{}{other}", huge("advise")), true),
            (huge("within_size"), true),
            (huge("never"), false),
            (format!("{}{plain}", huge("advise")), false),
        ] {
            assert_eq!(gives_huge(&mounts, "/dev/shm"), gives, "{mounts}");
        }
    }
}
