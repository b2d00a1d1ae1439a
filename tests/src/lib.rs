//! Black-box tests of the built binary: what they share.
