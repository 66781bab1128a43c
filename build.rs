//! Tells the crate by `CROSSDOCK_MAPPING` which code makes records of rows: a hash of the folders that it stands in.
//!
//! A record is mapped anew when its row has changed, or when what maps it has. Nobody has to remember to say so.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Result;
use std::path::Path;

/// The folders that a record's content depends on.
const FOLDERS: [&str; 2] = ["src/record", "src/wms"];

fn main() -> Result<()> {
    let mut hasher = DefaultHasher::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        add(Path::new(folder), &mut hasher)?;
    }
    println!("cargo::rustc-env=CROSSDOCK_MAPPING={:016x}", hasher.finish());
    Ok(())
}

fn add(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    if !path.is_dir() {
        return fs::read(path).map(|content| (path.to_str(), content).hash(hasher));
    }
    let mut below = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    below.sort();
    below.iter().try_for_each(|path| add(path, hasher))
}
