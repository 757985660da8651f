//! libespeak-ng, loaded when the program starts.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int, c_short, c_uint, c_void};

use libloading::{Library, Symbol};
use vireo_speech::tts::Utterance;

const LIBRARY: &str = "libespeak-ng.so.1";

const SYNCHRONOUS: c_int = 2;
/// Return an error instead of ending the process.
const DONT_EXIT: c_int = 0x8000;
/// Sound of one call to [`hear`], ms.
const PIECE_MS: c_int = 100;
const OK: c_int = 0;
const UTF8: c_uint = 1;
const RATE: c_int = 1;
/// Words a minute of its usual speed, and the slowest and fastest that it has.
const WORDS_A_MINUTE: c_int = 175;
const SLOWEST: c_int = 80;
const FASTEST: c_int = 450;

type Callback = unsafe extern "C" fn(*mut c_short, c_int, *mut c_void) -> c_int;
type Initialize = unsafe extern "C" fn(c_int, c_int, *const c_char, c_int) -> c_int;
type SetCallback = unsafe extern "C" fn(Callback);
type SetVoice = unsafe extern "C" fn(*const c_char) -> c_int;
type SetParameter = unsafe extern "C" fn(c_int, c_int, c_int) -> c_int;
type Synth = unsafe extern "C" fn(
    *const c_void,
    usize,
    c_uint,
    c_int,
    c_uint,
    c_uint,
    *mut c_uint,
    *mut c_void,
) -> c_int;

/// Takes sound; false: no more is wanted.
pub type Listener = Box<dyn FnMut(&[i16]) -> bool>;

thread_local! {
    /// Who hears what is being spoken: the library's callback is a plain function.
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// The library's callback: some sound, or none at the end of a text. 1 ends the speech.
unsafe extern "C" fn hear(samples: *mut c_short, count: c_int, _events: *mut c_void) -> c_int {
    let Ok(count @ 1..) = usize::try_from(count) else {
        return 0;
    };
    if samples.is_null() {
        return 0;
    }
    // SAFETY: the library says that so many samples are there until this function returns.
    let samples = unsafe { std::slice::from_raw_parts(samples, count) };
    let wanted =
        LISTENER.with_borrow_mut(|listener| listener.as_mut().is_some_and(|take| take(samples)));
    c_int::from(!wanted)
}

/// Why it does not speak.
#[derive(Debug, thiserror::Error)]
pub enum EspeakError {
    /// The library is not there.
    #[error("{LIBRARY} cannot be used: {0}; install espeak-ng")]
    Library(#[from] libloading::Error),
    /// It did not start: its data is missing.
    #[error("espeak-ng did not start (code {0}); is espeak-ng-data installed?")]
    Start(c_int),
    /// There is no such voice.
    #[error("espeak-ng has no voice {0:?}; `espeak-ng --voices` lists those that it has")]
    Voice(String),
    /// A character that no text has.
    #[error("there is a NUL in the {0}")]
    Nul(&'static str),
    /// It failed.
    #[error("espeak-ng failed to speak (code {0})")]
    Speak(c_int),
}

/// The library. Only one in a process, and only in the thread that loaded it.
pub struct Espeak {
    library: Library,
    rate: u32,
    voice: String,
}

impl Espeak {
    /// Loads and starts it.
    pub fn load() -> Result<Self, EspeakError> {
        // SAFETY: loading runs the library's initialisers, which only set up its own data.
        let library = unsafe { Library::new(LIBRARY) }?;
        // SAFETY: the types of these functions are those of speak_lib.h (espeak-ng 1.50 and later); the
        // path may be null, and `hear` has the callback's type.
        let rate = unsafe {
            let initialize: Symbol<Initialize> = library.get(b"espeak_Initialize\0")?;
            let set_callback: Symbol<SetCallback> = library.get(b"espeak_SetSynthCallback\0")?;
            let rate = initialize(SYNCHRONOUS, PIECE_MS, std::ptr::null(), DONT_EXIT);
            set_callback(hear);
            rate
        };
        Ok(Espeak {
            library,
            rate: u32::try_from(rate).map_err(|_| EspeakError::Start(rate))?,
            voice: String::new(),
        })
    }

    /// Samples a second of what it speaks.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Speaks, and gives the sound to `listener` until that wants no more.
    pub fn speak(&mut self, utterance: &Utterance, listener: Listener) -> Result<(), EspeakError> {
        self.choose(&utterance.voice)?;
        let text = CString::new(utterance.text.as_str()).map_err(|_| EspeakError::Nul("text"))?;
        let speed = (WORDS_A_MINUTE * c_int::from(utterance.rate) / 100).clamp(SLOWEST, FASTEST);
        LISTENER.set(Some(listener));
        // SAFETY: the types are those of speak_lib.h; `text` and its length, with the NUL, are valid for
        // the whole call, since synthesis is synchronous; the two last pointers may be null.
        let code = unsafe {
            let set: Symbol<SetParameter> = self.library.get(b"espeak_SetParameter\0")?;
            let synth: Symbol<Synth> = self.library.get(b"espeak_Synth\0")?;
            set(RATE, speed, 0);
            let bytes = text.as_bytes_with_nul();
            let (start, length) = (bytes.as_ptr().cast(), bytes.len());
            synth(
                start,
                length,
                0,
                1,
                0,
                UTF8,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        LISTENER.set(None);
        match code {
            OK => Ok(()),
            code => Err(EspeakError::Speak(code)),
        }
    }

    fn choose(&mut self, voice: &str) -> Result<(), EspeakError> {
        if self.voice == voice {
            return Ok(());
        }
        let name = CString::new(voice).map_err(|_| EspeakError::Nul("name of the voice"))?;
        // SAFETY: as in `load`; `name` outlives the call, which copies it.
        let code = unsafe {
            let set: Symbol<SetVoice> = self.library.get(b"espeak_SetVoiceByName\0")?;
            set(name.as_ptr())
        };
        if code != OK {
            return Err(EspeakError::Voice(voice.to_owned()));
        }
        voice.clone_into(&mut self.voice);
        Ok(())
    }
}
