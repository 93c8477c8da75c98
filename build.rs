//! Has the bindings compiled again when the napi CLI asks for it, to write their typings. The link against
//! Node is set up in addon/build.rs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=NAPI_TYPE_DEF_TMP_FOLDER");
    println!("cargo::rerun-if-env-changed=NAPI_FORCE_BUILD_RALLOC_CORE");
}
