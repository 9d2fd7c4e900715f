//! What the pages without scripts have in common: their style, and a policy that allows nothing else. `templates/page.html` is around them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../templates/page.css");

/// The head of a page.
pub(crate) struct Frame {
    /// Its content security policy: this style and nothing else, so that even text that was not escaped could do nothing.
    pub(crate) policy: String,
    pub(crate) style: &'static str,
}

impl Frame {
    pub(crate) fn new() -> Self {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
        Self { policy, style: STYLE }
    }
}
