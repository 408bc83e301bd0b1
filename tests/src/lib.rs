//! Nothing of its own: the package is its tests, `tests/integration` over real sockets and `tests/simulation` over seeds.

#![forbid(unsafe_code)]
