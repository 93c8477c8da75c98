//! Sets up the link against Node; without the feature `node` there is nothing to do.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
