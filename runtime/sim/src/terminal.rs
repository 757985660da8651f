//! The keyboard as a keypad: each key at once, without Enter and without an echo.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Standard input hands out each key at once until this is dropped.
pub struct Keypad {
    before: libc::termios,
}

impl Keypad {
    /// Takes the terminal over. Ctrl-C is a key as well: whoever reads has to see to it.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub fn open() -> io::Result<Self> {
        let input = io::stdin();
        let before = attributes(input.as_fd())?;
        let mut keys = before;
        keys.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ISIG);
        keys.c_cc[libc::VMIN] = 1;
        keys.c_cc[libc::VTIME] = 0;
        set(input.as_fd(), &keys)?;
        Ok(Keypad { before })
    }
}

impl Drop for Keypad {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = set(io::stdin().as_fd(), &self.before);
    }
}

fn attributes(terminal: BorrowedFd<'_>) -> io::Result<libc::termios> {
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the descriptor is open, and the kernel fills the structure when it returns 0.
    match unsafe { libc::tcgetattr(terminal.as_raw_fd(), attributes.as_mut_ptr()) } {
        // SAFETY: it has just been filled.
        0 => Ok(unsafe { attributes.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set(terminal: BorrowedFd<'_>, attributes: &libc::termios) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the structure is only read.
    match unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, attributes) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
