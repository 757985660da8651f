//! The endpoint in virtual time: against hand-written messages ([`probe`]), and against another endpoint over a link
//! that loses, doubles and reorders ([`pair`]).

mod cost;
mod limits;
mod pair;
mod probe;
mod reinvite;
mod routing;
mod snapshot;
mod uac;
mod uas;
mod uas_requests;
