//! Tests of the crate from outside: whole messages and real sockets.

mod framer;
mod fuzz;
mod torture;
mod transport;
