//! Why a run could not be made.

/// The bench's errors. A figure that misses its target is none: it stands in the report. One that is not as
/// promised is, with `--check`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A file, process or socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The load generator, the server or the floor did not do its part.
    #[error("{0}")]
    Run(String),
    /// Figures are not as they are promised; all of them.
    #[error("not as promised:\n  {0}")]
    Broken(String),
}

/// What the bench's functions return.
pub type Result<T> = std::result::Result<T, BenchError>;

/// Says what was tried.
pub trait Context<T> {
    /// Adds it to the error.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for std::io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| BenchError::Io {
            what: what(),
            source,
        })
    }
}
