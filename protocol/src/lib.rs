//! Cryptography and wire objects of Farthing: blind signatures, keysets, tokens, payments.
