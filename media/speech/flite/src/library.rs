//! flite's libraries: one for the engine, one for each voice, loaded when they are wanted.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_float, c_int, c_short, c_void};
use std::ptr::NonNull;

use libloading::{Library, Symbol};
use vireo_speech::tts::Utterance;

const LIBRARY: &str = "libflite.so.1";

/// The voices, their libraries, and the functions that make them: names from outside never become a path.
const VOICES: [(&str, &str, &CStr); 5] = [
    ("awb", "libflite_cmu_us_awb.so.1", c"register_cmu_us_awb"),
    ("kal", "libflite_cmu_us_kal.so.1", c"register_cmu_us_kal"),
    (
        "kal16",
        "libflite_cmu_us_kal16.so.1",
        c"register_cmu_us_kal16",
    ),
    ("rms", "libflite_cmu_us_rms.so.1", c"register_cmu_us_rms"),
    ("slt", "libflite_cmu_us_slt.so.1", c"register_cmu_us_slt"),
];

/// `cst_voice` of cst_voice.h: its first members.
#[repr(C)]
struct Voice {
    name: *const c_char,
    features: *mut c_void,
}

/// `cst_wave` of cst_wave.h.
#[repr(C)]
struct Wave {
    kind: *const c_char,
    rate: c_int,
    count: c_int,
    channels: c_int,
    samples: *const c_short,
}

type Init = unsafe extern "C" fn() -> c_int;
type Register = unsafe extern "C" fn(*const c_char) -> *mut Voice;
type SetFloat = unsafe extern "C" fn(*mut c_void, *const c_char, c_float);
type TextToWave = unsafe extern "C" fn(*const c_char, *mut Voice) -> *mut Wave;
type DeleteWave = unsafe extern "C" fn(*mut Wave);

/// Why it does not speak.
#[derive(Debug, thiserror::Error)]
pub enum FliteError {
    /// A library is not there.
    #[error("{library} cannot be used: {problem}; install flite (Debian: libflite1)")]
    Library {
        library: &'static str,
        problem: libloading::Error,
    },
    /// It did not start.
    #[error("flite did not start (code {0})")]
    Start(c_int),
    /// There is no such voice.
    #[error("flite has no voice {0:?}; it has awb, kal, kal16, rms, slt")]
    Voice(String),
    /// A character that no text has.
    #[error("there is a NUL in the text")]
    Nul,
    /// No English.
    #[error("flite speaks English, and no letter or digit of it is in {0:?}")]
    Foreign(String),
    /// It failed.
    #[error("flite failed to speak")]
    Speak,
}

/// A voice, and the library that its code and data are in.
struct Loaded {
    voice: NonNull<Voice>,
    _library: Library,
}

/// The engine.
pub struct Flite {
    voices: HashMap<&'static str, Loaded>,
    library: Library,
}

impl Flite {
    /// Loads and starts it.
    pub fn load() -> Result<Self, FliteError> {
        let library = open(LIBRARY)?;
        // SAFETY: the type is that of flite.h.
        let code = unsafe { function::<Init>(&library, LIBRARY, c"flite_init")?() };
        match code {
            0 => Ok(Flite {
                voices: HashMap::new(),
                library,
            }),
            code => Err(FliteError::Start(code)),
        }
    }

    /// Speaks, and hands over rate and samples.
    pub fn speak(
        &mut self,
        utterance: &Utterance,
        take: impl FnOnce(u32, &[i16]),
    ) -> Result<(), FliteError> {
        if !utterance.text.contains(|c: char| c.is_ascii_alphanumeric()) {
            return Err(FliteError::Foreign(utterance.text.clone()));
        }
        let text = CString::new(utterance.text.as_str()).map_err(|_| FliteError::Nul)?;
        let voice = self.voice(&utterance.voice)?;
        let stretch = 100.0 / f32::from(utterance.rate.clamp(20, 400));
        // SAFETY: the types are those of flite.h and cst_wave.h. The voice lives as long as its library,
        // which is never unloaded before `self`; both strings live to the end of the calls that read them.
        // The wave is ours until `delete`, and its samples are as many as it says.
        unsafe {
            let library = &self.library;
            let set: Symbol<SetFloat> = function(library, LIBRARY, c"flite_feat_set_float")?;
            let speak: Symbol<TextToWave> = function(library, LIBRARY, c"flite_text_to_wave")?;
            let delete: Symbol<DeleteWave> = function(library, LIBRARY, c"delete_wave")?;
            set(
                (*voice.as_ptr()).features,
                c"duration_stretch".as_ptr(),
                stretch,
            );
            let wave = speak(text.as_ptr(), voice.as_ptr());
            let told = wave.as_ref().and_then(|wave| {
                let rate = u32::try_from(wave.rate).ok()?;
                let count = usize::try_from(wave.count).ok()?;
                let mono = wave.channels == 1 && !wave.samples.is_null();
                mono.then(|| take(rate, std::slice::from_raw_parts(wave.samples, count)))
            });
            if !wave.is_null() {
                delete(wave);
            }
            told.ok_or(FliteError::Speak)
        }
    }

    fn voice(&mut self, name: &str) -> Result<NonNull<Voice>, FliteError> {
        if let Some(loaded) = self.voices.get(name) {
            return Ok(loaded.voice);
        }
        let known = VOICES.iter().find(|(known, ..)| *known == name);
        let (known, file, register) = *known.ok_or_else(|| FliteError::Voice(name.to_owned()))?;
        let library = open(file)?;
        // SAFETY: the type is that of every voice's register function in flite's examples and headers; the
        // directory may be null, since these voices are compiled in.
        let voice = unsafe { function::<Register>(&library, file, register)?(std::ptr::null()) };
        let voice = NonNull::new(voice).ok_or_else(|| FliteError::Voice(name.to_owned()))?;
        let loaded = Loaded {
            voice,
            _library: library,
        };
        self.voices.insert(known, loaded);
        Ok(voice)
    }
}

fn open(library: &'static str) -> Result<Library, FliteError> {
    // SAFETY: loading runs the library's initialisers, which only set up its own data.
    unsafe { Library::new(library) }.map_err(|problem| FliteError::Library { library, problem })
}

/// # Safety
/// `T` is the function's type.
unsafe fn function<'a, T>(
    library: &'a Library,
    file: &'static str,
    name: &CStr,
) -> Result<Symbol<'a, T>, FliteError> {
    // SAFETY: the caller's promise.
    unsafe { library.get(name.to_bytes_with_nul()) }.map_err(|problem| FliteError::Library {
        library: file,
        problem,
    })
}
