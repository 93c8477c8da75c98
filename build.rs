//! Sets `--cfg ralloc_os="…"`, which selects the system's files of `src/os/`. Also has the bindings compiled again when
//! the napi CLI asks for it in order to write their typings. addon/build.rs sets up the linking against Node.

use std::env::{var, var_os};

fn main() {
    let has = |cfg: &str| var_os(format!("CARGO_CFG_{cfg}")).is_some();
    let os = match var("CARGO_CFG_TARGET_OS").unwrap_or_default().as_str() {
        _ if has("RALLOC_CHECK_WINDOWS") => "windows",
        _ if has("MIRI") || has("RALLOC_HEAP") => "heap",
        "windows" => "windows",
        "linux" | "android" => "linux",
        "macos" => "macos",
        _ => "bsd",
    };
    println!("cargo::rustc-cfg=ralloc_os=\"{os}\"");
    let all = r#""linux", "macos", "bsd", "windows", "heap""#;
    println!("cargo::rustc-check-cfg=cfg(ralloc_os, values({all}))");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=NAPI_TYPE_DEF_TMP_FOLDER");
    println!("cargo::rerun-if-env-changed=NAPI_FORCE_BUILD_RALLOC_CORE");
}
