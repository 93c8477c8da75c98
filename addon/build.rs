//! Sets up the linking against Node.

fn main() {
    napi_build::setup();
}
