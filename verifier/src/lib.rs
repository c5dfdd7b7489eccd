//! Verification pipeline, spent-token stores and the merchant's service.
