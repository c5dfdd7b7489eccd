//! Wallet library: seed, stock of tokens, crash-safe operations.
