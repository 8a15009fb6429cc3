//! How gravity and tone look.

use jiff::Timestamp;

use crate::{Message, MessageState, Severity, Tone};

/// How a message looks by its severity and state.
pub(super) struct Look {
    /// What stands before the title where there is no colour.
    pub(super) word: Option<&'static str>,
    /// Told apart by shape, not by colour alone.
    pub(super) symbol: &'static str,
    /// Red, green, blue. White text on it can be read.
    pub(super) color: u32,
}

pub(super) fn look(message: &Message) -> Look {
    if message.state == MessageState::Resolved {
        return Look { word: Some("RESOLVED"), symbol: "✅", color: 0x15_80_3d };
    }
    match message.severity {
        Severity::Info => Look { word: None, symbol: "ℹ️", color: 0x1d_5f_d0 },
        Severity::Warning => Look { word: Some("WARNING"), symbol: "⚠️", color: 0xb4_53_09 },
        Severity::Error => Look { word: Some("ERROR"), symbol: "❌", color: 0xc8_1e_1e },
        Severity::Critical => Look { word: Some("CRITICAL"), symbol: "🚨", color: 0x9b_10_3d },
    }
}

pub(super) fn tone_symbol(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "",
        Tone::Good => "✅ ",
        Tone::Warning => "⚠️ ",
        Tone::Bad => "❌ ",
    }
}

/// For where a symbol may not be shown: terminals, plain mail.
pub(super) fn tone_word(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "",
        Tone::Good => "[ok] ",
        Tone::Warning => "[warning] ",
        Tone::Bad => "[bad] ",
    }
}

/// `2026-11-27 02:00:00 UTC`.
pub(super) fn moment(at: Timestamp) -> impl std::fmt::Display {
    at.strftime("%Y-%m-%d %H:%M:%S UTC")
}
