//! **Job:** how a text is made to stand out.
//! **Owns:** whether there are colours at all.
//! **Never:** says with a colour what no word says.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Colored,
}

impl Paint {
    pub(super) fn style(self, color: Color) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Colored => Style::new().fg(color),
        }
    }
}

pub(super) fn bold(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Modifier::BOLD)
}
