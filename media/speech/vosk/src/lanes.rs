//! The decoding threads: each has its own callers, so that a recognizer is only ever in one of them.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use vireo_speech::asr::Output;
use vireo_speech::asr::vosk::{Question, Refusal};
use vireo_worker::child::{Replies, Wish};
use vosk::Model;

use crate::decoder::{Band, Decoder};

/// Bytes of one caller's sound that wait: 10 s.
const MOST_WAITING: usize = 10 * 8000 * 2;

/// What a thread is to do.
enum Job {
    Open(u64, Question, Arc<Backlog>),
    Sound(u64, Vec<u8>),
    Finish(u64),
    Cancel(u64),
}

/// A caller's sound that waits.
#[derive(Default)]
struct Backlog {
    bytes: AtomicUsize,
    /// There is more than is allowed.
    overflow: AtomicBool,
}

/// Where a caller's sound goes.
struct Place {
    lane: usize,
    backlog: Arc<Backlog>,
}

type Places = Arc<Mutex<HashMap<u64, Place>>>;

/// All threads.
pub struct Lanes {
    jobs: Vec<Sender<Job>>,
    /// Removed by the threads, when a caller's speech has ended.
    places: Places,
    replies: Replies,
}

impl Lanes {
    /// Starts them; without a model they say so to everyone.
    pub fn start(
        threads: usize,
        model: Option<Model>,
        band: Band,
        replies: &Replies,
    ) -> std::io::Result<Self> {
        let (model, places) = (Arc::new(model), Places::default());
        let mut jobs = Vec::new();
        for _ in 0..threads.max(1) {
            let (sender, receiver) = mpsc::channel();
            let lane = Lane {
                model: Arc::clone(&model),
                band,
                places: Arc::clone(&places),
                replies: replies.clone(),
                callers: HashMap::new(),
            };
            std::thread::Builder::new()
                .name("decoder".to_owned())
                .spawn(move || lane.run(&receiver))?;
            jobs.push(sender);
        }
        Ok(Lanes {
            jobs,
            places,
            replies: replies.clone(),
        })
    }

    /// Hands it to its thread.
    pub fn take(&mut self, wish: Wish) {
        match wish {
            Wish::Open(id, question) => match serde_json::from_slice(&question) {
                Ok(question) => self.open(id, question),
                Err(error) => {
                    let reason = format!("the question is not understood: {error}");
                    refuse(&self.replies, id, &Refusal::Other(reason));
                }
            },
            Wish::Input(id, sound) => {
                let places = lock(&self.places);
                if let Some(Place { lane, backlog }) = places.get(&id) {
                    let waiting = backlog.bytes.fetch_add(sound.len(), Ordering::Relaxed);
                    if waiting > MOST_WAITING {
                        backlog.overflow.store(true, Ordering::Relaxed);
                    } else {
                        self.send(*lane, Job::Sound(id, sound));
                    }
                }
            }
            Wish::Finish(id) => self.pass(id, Job::Finish(id)),
            Wish::Cancel(id) => self.pass(id, Job::Cancel(id)),
        }
    }

    fn open(&mut self, id: u64, question: Question) {
        let mut places = lock(&self.places);
        let load = |lane: usize| places.values().filter(|place| place.lane == lane).count();
        let lane = (0..self.jobs.len())
            .min_by_key(|lane| load(*lane))
            .unwrap_or_default();
        let backlog = Arc::<Backlog>::default();
        let place = Place {
            lane,
            backlog: Arc::clone(&backlog),
        };
        places.insert(id, place);
        self.send(lane, Job::Open(id, question, backlog));
    }

    fn pass(&self, id: u64, job: Job) {
        if let Some(place) = lock(&self.places).get(&id) {
            self.send(place.lane, job);
        }
    }

    fn send(&self, lane: usize, job: Job) {
        if let Some(jobs) = self.jobs.get(lane)
            && jobs.send(job).is_err()
        {
            // A thread has ended, which none does: the server starts this worker again.
            std::process::abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refuse(replies: &Replies, id: u64, refusal: &Refusal) {
    // Strings are always JSON.
    replies.failed(id, &serde_json::to_string(refusal).unwrap_or_default());
}

/// One thread.
struct Lane {
    model: Arc<Option<Model>>,
    band: Band,
    places: Places,
    replies: Replies,
    callers: HashMap<u64, (Decoder, Arc<Backlog>)>,
}

impl Lane {
    fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            let (Job::Open(id, ..) | Job::Sound(id, _) | Job::Finish(id) | Job::Cancel(id)) = job;
            // The wrapper of libvosk panics when that answers with what is no JSON.
            let done = catch_unwind(AssertUnwindSafe(|| self.take(job)));
            let ended = done.unwrap_or_else(|_| {
                let reason = "libvosk answered with what is not understood".to_owned();
                Some(Err(Refusal::Other(reason)))
            });
            if let Some(end) = ended {
                self.callers.remove(&id);
                lock(&self.places).remove(&id);
                match end {
                    Ok(()) => self.replies.end(id, []),
                    Err(refusal) => refuse(&self.replies, id, &refusal),
                }
            }
        }
    }

    /// Does it, and says whether and how the caller's speech has ended.
    fn take(&mut self, job: Job) -> Option<Result<(), Refusal>> {
        match job {
            Job::Open(id, question, backlog) => {
                match Decoder::new((*self.model).as_ref(), self.band, &question) {
                    Ok(decoder) => {
                        self.callers.insert(id, (decoder, backlog));
                        None
                    }
                    Err(refusal) => Some(Err(refusal)),
                }
            }
            Job::Sound(id, sound) => {
                let (decoder, backlog) = self.callers.get_mut(&id)?;
                backlog.bytes.fetch_sub(sound.len(), Ordering::Relaxed);
                if backlog.overflow.load(Ordering::Relaxed) {
                    return Some(Err(Refusal::TooSlow));
                }
                if self.replies.cancelled(id) {
                    return None;
                }
                match decoder.sound(&sound) {
                    Ok(output) => output.and_then(|output| self.tell(id, &output)),
                    Err(refusal) => Some(Err(refusal)),
                }
            }
            Job::Finish(id) => {
                let (decoder, backlog) = self.callers.get_mut(&id)?;
                if backlog.overflow.load(Ordering::Relaxed) {
                    return Some(Err(Refusal::TooSlow));
                }
                let last = decoder.finish();
                self.tell(id, &last);
                Some(Ok(()))
            }
            Job::Cancel(id) => (self.callers.contains_key(&id))
                .then(|| Err(Refusal::Other("it was cancelled".to_owned()))),
        }
    }

    fn tell(&self, id: u64, output: &Output) -> Option<Result<(), Refusal>> {
        match serde_json::to_vec(output) {
            Ok(body) => {
                self.replies.part(id, body);
                None
            }
            Err(error) => Some(Err(Refusal::Other(error.to_string()))),
        }
    }
}
