//! Sound that is still being made when its play begins.

use std::sync::{Arc, OnceLock};

use vireo_audio::prompt::Prompt;

type Cell = OnceLock<Result<Arc<Prompt>, Arc<str>>>;

/// A place in a play for sound that comes later. Where the play gets to it too early, there is
/// silence until it comes.
#[derive(Clone, Debug)]
pub struct Late(Arc<Cell>);

/// Owes a [`Late`] its sound. Dropping it without one makes it fail.
#[derive(Debug)]
pub struct Promise(Arc<Cell>);

/// What there is of a late sound.
#[derive(Clone, Copy, Debug)]
pub enum Come<'a> {
    /// Nothing yet.
    Awaited,
    /// The sound.
    Sound(&'a Arc<Prompt>),
    /// There never will be any: why.
    Failed(&'a Arc<str>),
}

impl Late {
    /// A place for a sound, and who is to bring it.
    #[must_use]
    pub fn promised() -> (Late, Promise) {
        let cell = Arc::new(Cell::new());
        (Late(Arc::clone(&cell)), Promise(cell))
    }

    /// What there is of it. Never waits.
    #[must_use]
    pub fn come(&self) -> Come<'_> {
        match self.0.get() {
            None => Come::Awaited,
            Some(Ok(prompt)) => Come::Sound(prompt),
            Some(Err(why)) => Come::Failed(why),
        }
    }
}

impl Promise {
    /// Brings the sound; best encoded already, so that the media thread need not.
    pub fn keep(self, sound: Arc<Prompt>) {
        let _ = self.0.set(Ok(sound));
    }

    /// There is no sound: why, in words.
    pub fn fail(self, why: &str) {
        let _ = self.0.set(Err(why.into()));
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.0.get_or_init(|| Err("nobody made it".into()));
    }
}
