//! Reads how much memory the container may still use. Beyond the limit of a control group no call
//! fails: the kernel kills one of its processes.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// The names that a version of control groups uses: of the files of the limit and the usage, and of
/// the fields of `memory.stat` that count pages of files. The kernel reclaims these when it needs
/// memory, but they count as usage, and after reading files for a while they fill the rest of the
/// limit. (They do not include files of shared memory.)
type Names = [&'static str; 4];

const V1: Names =
    ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file", "total_inactive_file"];
const V2: Names = ["memory.max", "memory.current", "active_file", "inactive_file"];

/// The bytes that this process's control group may still take: the minimum over it and the groups
/// above. `None` if there is no limit.
pub fn headroom() -> Option<u64> {
    headroom_in(Path::new("/"))
}

fn headroom_in(root: &Path) -> Option<u64> {
    let groups = read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = read_to_string(root.join("proc/self/mountinfo")).ok()?;
    let lines = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        match controllers {
            "" => Some((V2, path)),
            _ if controllers.split(',').any(|name| name == "memory") => Some((V1, path)),
            _ => None,
        }
    });
    lines.filter_map(|(names, path)| least(root, &names, path, &mounts)).min()
}

/// The least headroom of the groups from `path` up to where groups are mounted.
fn least(root: &Path, names: &Names, path: &str, mounts: &str) -> Option<u64> {
    let v2 = *names == V2;
    let (shown, at) = mounts.lines().find_map(|line| mount(line, v2))?;
    let top = root.join(at.trim_start_matches('/'));
    // In a container the path may be the host's; then the mounted group is ours.
    let below = Path::new(path).strip_prefix(&shown).unwrap_or(Path::new(""));
    let below = if path.contains("..") { Path::new("") } else { below };
    let folder = top.join(below);
    let folders = folder.ancestors().take_while(|folder| folder.starts_with(&top));
    folders.filter_map(|folder| headroom_of(folder, names)).min()
}

/// The group that a mount shows, and its mount point, from a line of `mountinfo`.
fn mount(line: &str, v2: bool) -> Option<(PathBuf, String)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let name = kind.next()?;
    let mut memory = || kind.nth(1).is_some_and(|all| all.split(',').any(|one| one == "memory"));
    let fits = if v2 { name == "cgroup2" } else { name == "cgroup" && memory() };
    let mut place = place.split(' ').skip(3);
    let (shown, at) = (place.next()?, place.next()?);
    // Spaces and similar characters are written in octal.
    fits.then(|| (PathBuf::from(shown), at.replace("\\040", " ")))
}

fn headroom_of(folder: &Path, &[limit, usage, active, inactive]: &Names) -> Option<u64> {
    let read = |name| read_to_string(folder.join(name)).ok();
    // "max" is not a number; version 1 uses one near the largest instead.
    let limit: u64 = read(limit)?.trim().parse().ok()?;
    if limit >= 1 << 62 {
        return None;
    }
    let usage: u64 = read(usage)?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let value = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        [active, inactive].contains(&name).then(|| value.trim().parse::<u64>().ok()).flatten()
    };
    let reclaimable: u64 = stat.lines().filter_map(value).fold(0, u64::saturating_add);
    Some(limit.saturating_sub(usage.saturating_sub(reclaimable)))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::fs;

    /// A tree of files, removed when this value is dropped.
    struct Tree(PathBuf);

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        let id = crate::sync::unique_id();
        let tree = Tree(std::env::temp_dir().join(format!("ralloc-{}-{id}", std::process::id())));
        for (name, text) in files {
            let path = tree.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        tree
    }

    const MOUNT_V2: &str = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_least_of_the_group_and_those_it_lies_in_is_what_is_left() {
        let tree = tree(&[
            ("proc/self/cgroup", "0::/pod/app\n"),
            ("proc/self/mountinfo", MOUNT_V2),
            ("sys/fs/cgroup/pod/memory.max", "1000\n"),
            ("sys/fs/cgroup/pod/memory.current", "600\n"),
            ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
            ("sys/fs/cgroup/pod/app/memory.current", "500\n"),
        ]);
        assert_eq!(headroom_in(&tree.0), Some(400));
        fs::write(tree.0.join("sys/fs/cgroup/pod/app/memory.max"), "501\n").unwrap();
        assert_eq!(headroom_in(&tree.0), Some(1));
        fs::write(tree.0.join("sys/fs/cgroup/pod/app/memory.current"), "502\n").unwrap();
        assert_eq!(headroom_in(&tree.0), Some(0));
    }

    #[test]
    fn pages_of_files_that_the_kernel_can_take_are_as_good_as_free() {
        let tree = tree(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", MOUNT_V2),
            ("sys/fs/cgroup/memory.max", "1000\n"),
            ("sys/fs/cgroup/memory.current", "990\n"),
            (
                "sys/fs/cgroup/memory.stat",
                "anon 90\nshmem 50\nactive_file 200\ninactive_file 600\n",
            ),
        ]);
        assert_eq!(headroom_in(&tree.0), Some(810));
    }

    #[test]
    fn a_container_of_version_1_sees_its_own_group_where_the_groups_are_mounted() {
        let mounts = "31 24 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        for group in ["/docker/abc", "/elsewhere"] {
            let tree = tree(&[
                ("proc/self/cgroup", &format!("8:pids:/x\n4:cpu,memory:{group}\n")),
                ("proc/self/mountinfo", mounts),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "7108864\n"),
                ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 8864\n"),
            ]);
            assert_eq!(headroom_in(&tree.0), Some(60_008_864), "{group}");
        }
    }

    #[test]
    fn without_a_limit_or_without_groups_nothing_is_said() {
        let tree = tree(&[
            ("proc/self/cgroup", "4:memory:/\n0::/\n"),
            (
                "proc/self/mountinfo",
                "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n"),
        ]);
        assert_eq!(headroom_in(&tree.0), None);
        assert_eq!(headroom_in(&tree.0.join("sys")), None);
    }
}
