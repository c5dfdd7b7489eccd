# What CI runs, and what people run. `just` lists it.

export RUSTDOCFLAGS := "-D warnings"

_default:
    @just --list

# Everything CI runs.
check:
    .ci/run

# Formatting, clippy and tests: what to run before a commit.
quick:
    cargo fmt --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo test --workspace --locked

# The whole system on one machine, in a minute.
demo *args:
    cargo run --release --locked -- demo {{args}}

# Wallets killed at every moment and at random instants, messages lost on every link: a thousand times and more.
crash *args:
    FARTHING_LONG=1 cargo test -p farthing-tests --test system --locked whatever_is_interrupted -- --nocapture {{args}}

# The x402 libraries, as their makers publish them, for the tests against them.
x402:
    .ci/x402

# Measurements; see docs/performance.md.
bench *args:
    cargo bench --workspace --locked {{args}}

# The books of the crates.
doc *args:
    cargo doc --workspace --no-deps --locked {{args}}

# The protocol without the standard library.
no-std:
    cargo build --locked --manifest-path protocol/no-std/Cargo.toml --target-dir target/no-std

# The examples of the specification, checked by a program that shares no code with the project.
vectors:
    python3 docs/independent/verify.py docs/independent/vectors.json protocol/vectors/payments.json protocol/vectors/payout.json protocol/vectors/quote.json protocol/vectors/voucher.json protocol/vectors/archive.json protocol/vectors/recoup.json protocol/vectors/settings.json
    cargo test -p farthing-protocol --locked
