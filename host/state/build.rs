//! Rebuilds the crate when a migration is added; an edited one is noticed without.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
