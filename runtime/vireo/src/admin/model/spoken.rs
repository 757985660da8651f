//! What became of what the caller of a call said.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vireo_store::cdr::Recognitions;

/// What became of what the caller said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpokenAnswers {
    /// Answers that fitted a grammar, and were certain enough.
    pub matched: u32,
    /// Answers that did not, or were not.
    pub unmatched: u32,
    /// Times that no recognizer could listen, or that one failed: VR0200, VR0201, VR0202.
    pub unheard: u32,
}

impl From<Recognitions> for SpokenAnswers {
    fn from(counts: Recognitions) -> Self {
        let Recognitions {
            matched,
            unmatched,
            unheard,
        } = counts;
        SpokenAnswers {
            matched,
            unmatched,
            unheard,
        }
    }
}
