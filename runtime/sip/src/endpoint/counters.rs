//! What an endpoint counts.

/// Gauges and totals since the start; for metrics and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Gauge: legs that have not ended.
    pub calls: u64,
    /// Gauge: legs held, those included that only wait for a last message.
    pub legs: u64,
    /// Gauge: confirmed dialogs.
    pub dialogs: u64,
    /// Gauge: server transactions, finished ones included for as long as they absorb retransmissions.
    pub server_transactions: u64,
    /// Gauge: client transactions, finished ones included for as long as they absorb retransmissions.
    pub client_transactions: u64,
    /// Gauge: those of both kinds that are finished, and stay for 32 s or less to absorb retransmissions.
    pub finished_transactions: u64,
    /// Gauge: refused calls that are remembered for 32 s, so that a copy of the INVITE is refused as well.
    pub remembered_refusals: u64,
    /// Gauge: 2xx that wait for their ACK.
    pub unacknowledged: u64,
    /// Gauge: of a thousand new calls so many are refused because the server is late.
    pub shed_thousandths: u64,

    /// Requests received, retransmissions included.
    pub requests: u64,
    /// Responses received, retransmissions included.
    pub responses: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Requests from an address of no trunk.
    pub unknown_peer: u64,
    /// Retransmissions received.
    pub retransmissions_received: u64,
    /// Retransmissions sent.
    pub retransmissions_sent: u64,
    /// Responses and ACKs that belong to nothing.
    pub strays: u64,

    /// Inbound calls begun.
    pub inbound_calls: u64,
    /// Outbound calls begun.
    pub outbound_calls: u64,
    /// Calls refused because the trunk has as many as it may.
    pub refused_trunk_calls: u64,
    /// Calls refused because the trunk brings them faster than it may.
    pub refused_trunk_rate: u64,
    /// Calls refused because the endpoint has as many as it may.
    pub refused_calls: u64,
    /// Requests refused because the transaction table is full.
    pub refused_transactions: u64,
    /// Calls refused because too many 2xx wait for their ACK.
    pub refused_unacknowledged: u64,
    /// Calls refused because those before them were not taken yet.
    pub refused_queue: u64,
    /// Calls refused because the server is late.
    pub refused_overload: u64,
    /// Calls refused while draining.
    pub refused_draining: u64,
    /// Requests refused because of what they are: 400, 405, 415, 416, 420, 481, 482, 483, 500, 501.
    pub refused_requests: u64,
    /// 2xx that no ACK came for.
    pub never_acknowledged: u64,
    /// Client transactions that no final response came for.
    pub timeouts: u64,
    /// Client transactions that the transport failed.
    pub transport_failures: u64,
}

/// How much of its limits a trunk uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkLoad {
    /// The trunk's name.
    pub name: String,
    /// Calls at this moment, both directions.
    pub calls: u32,
    /// The most it may have.
    pub max_calls: Option<u32>,
}
