//! sled made safe: one writer, group commit, fdatasync before anything is acknowledged.
