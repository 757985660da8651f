//! A UDP proxy that loses every sixth datagram and swaps every ninth with the one behind it, in a
//! fixed order, so that a failure can be repeated.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A proxy before a server; each client gets a socket of its own towards the server.
#[derive(Debug)]
pub struct Proxy {
    front: Arc<UdpSocket>,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    stop: AtomicBool,
    seen: AtomicU64,
    dropped: AtomicU64,
    swapped: AtomicU64,
}

impl State {
    /// Passes a datagram on, or not, or behind the next one.
    fn pass(&self, datagram: Vec<u8>, held: &mut Option<Vec<u8>>, mut send: impl FnMut(&[u8])) {
        let number = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if number.is_multiple_of(6) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else if number.is_multiple_of(9) && held.is_none() {
            self.swapped.fetch_add(1, Ordering::Relaxed);
            *held = Some(datagram);
        } else {
            send(&datagram);
            if let Some(late) = held.take() {
                send(&late);
            }
        }
    }
}

impl Proxy {
    /// A proxy before `server`.
    pub fn start(server: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        front
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let state = Arc::new(State::default());
        let thread = std::thread::spawn({
            let (front, state) = (Arc::clone(&front), Arc::clone(&state));
            move || run(&front, server, &state)
        });
        Self {
            front,
            state,
            thread: Some(thread),
        }
    }

    /// Where clients send to.
    pub fn address(&self) -> SocketAddr {
        self.front.local_addr().unwrap()
    }

    /// Datagrams lost so far.
    pub fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::Relaxed)
    }

    /// Datagrams swapped so far.
    pub fn swapped(&self) -> u64 {
        self.state.swapped.load(Ordering::Relaxed)
    }
}

fn run(front: &Arc<UdpSocket>, server: SocketAddr, state: &Arc<State>) {
    let mut clients: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut threads = Vec::new();
    let mut held = None;
    let mut bytes = vec![0; 65_536];
    while !state.stop.load(Ordering::Relaxed) {
        let Ok((length, client)) = front.recv_from(&mut bytes) else {
            continue;
        };
        let back = clients.entry(client).or_insert_with(|| {
            let back = UdpSocket::bind("127.0.0.1:0").unwrap();
            back.connect(server).unwrap();
            back.set_read_timeout(Some(Duration::from_millis(20)))
                .unwrap();
            let (reader, front, state) = (
                back.try_clone().unwrap(),
                Arc::clone(front),
                Arc::clone(state),
            );
            threads.push(std::thread::spawn(move || {
                let mut bytes = vec![0; 65_536];
                let mut held = None;
                while !state.stop.load(Ordering::Relaxed) {
                    if let Ok(length) = reader.recv(&mut bytes) {
                        state.pass(bytes[..length].to_vec(), &mut held, |datagram| {
                            let _ = front.send_to(datagram, client);
                        });
                    }
                }
            }));
            back
        });
        state.pass(bytes[..length].to_vec(), &mut held, |datagram| {
            let _ = back.send(datagram);
        });
    }
    for thread in threads {
        let _ = thread.join();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
