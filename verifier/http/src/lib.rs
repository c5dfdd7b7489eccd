//! HTTP conventions shared by Farthing services and clients.
