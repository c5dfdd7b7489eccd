//! Transcripts of the command line, help and errors included, under `tests/cmd`.
//!
//! After an intended change, `TRYCMD=overwrite cargo test -p farthing --test transcripts` writes them anew.

#[test]
fn transcripts() {
    trycmd::TestCases::new().env("HOME", "/nonexistent").env("COLUMNS", "80").case("tests/cmd/*.trycmd");
}
