//! Where libvosk is when this is linked (`VOSK_LIB_DIR`), and when it runs: beside the executable, or where
//! an installed server has its libraries.

fn main() {
    println!("cargo:rerun-if-env-changed=VOSK_LIB_DIR");
    if let Ok(directory) = std::env::var("VOSK_LIB_DIR") {
        println!("cargo:rustc-link-search=native={directory}");
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,$ORIGIN:$ORIGIN/../lib/vireo");
}
