//! Sets up the link against Node.

fn main() {
    napi_build::setup();
}
