//! The admin API and the command line, over real sockets, with a server behind them that only
//! pretends.

mod api;
mod cli;
mod fake;
