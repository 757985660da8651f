//! Tests of the crate from outside: whole messages and real sockets.

mod cost;
mod framer;
mod fuzz;
mod torture;
mod transport;
mod vocabulary;
