//! Builds the crate again when the web app was built: a release embeds it.

fn main() {
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    // A debug build reads it from disk.
    println!("cargo:rerun-if-changed={}", if is_release { "web/dist" } else { "build.rs" });
}
