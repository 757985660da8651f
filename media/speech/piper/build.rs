//! espeak-rs-sys uses libsonic without telling the linker.

fn main() {
    println!("cargo:rustc-link-lib=dylib=sonic");
}
