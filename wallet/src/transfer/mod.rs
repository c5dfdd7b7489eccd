//! Money between people (protocol section 9): tokens given out as a text, tokens locked to somebody, and requests for them.
//!
//! ```text
//! send     exact tokens reserved ──▶ text with their keys ──▶ claimed by whoever has it
//!                                                         └─▶ reclaimed: a renewal of exactly these tokens
//! send_to  exact tokens reserved ──▶ swap into tokens that only the recipient can spend ──▶ text, for good
//! receive  text ──▶ swap of its tokens for own ones
//! ```
//!
//! A text with keys is money for whoever reads it first; a locked one is of use to its recipient alone, whatever way it goes.

mod ask;
mod error;
mod lock;
mod receive;
mod send;
mod view;

use std::fmt;

use farthing_protocol::text::TextForm;
use farthing_protocol::token::TextToken;
use zeroize::Zeroizing;

pub use ask::{Ask, AskView};
pub(crate) use ask::{forget_asked, note_answer, start_anew};
pub use error::{AskError, ReceiveError, SendError};
pub use lock::TransferView;
pub(crate) use lock::{forget_answer, forget_if, remember_answer};
pub use view::{Received, Sent, SentState, SentView};

/// The text of a token: `farthingtoken1…`.
///
/// # Security
/// Unless it is locked it **is** the money. `Debug` shows nothing; zeroized when dropped.
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    fn of(token: &TextToken) -> Self {
        Self(Zeroizing::new(token.to_text()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(<redacted>)")
    }
}
