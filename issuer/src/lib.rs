//! The mint: keysets, issuance sessions, ledger, deposits.
