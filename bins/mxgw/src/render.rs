//! How data looks as text. Pure: nothing here writes or asks the clock.

pub(crate) mod columns;
pub(crate) mod event;
pub(crate) mod status;
pub(crate) mod value;

use anstyle::{AnsiColor, Color, Style};
use jiff::tz::TimeZone;

/// How text is laid out.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// For people: aligned, short times, long arrays cut. Otherwise tabs and everything in full.
    pub(crate) terminal: bool,
    pub(crate) palette: Palette,
    /// Zone in which times are shown.
    pub(crate) zone: TimeZone,
}

/// Colours by meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    coloured: bool,
}

impl Palette {
    pub(crate) const PLAIN: Self = Self { coloured: false };
    pub(crate) const COLOURED: Self = Self { coloured: true };

    pub(crate) fn good(self, text: &str) -> String {
        self.paint(colour(AnsiColor::Green), text)
    }

    pub(crate) fn uncertain(self, text: &str) -> String {
        self.paint(colour(AnsiColor::Yellow), text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint(colour(AnsiColor::Red).bold(), text)
    }

    pub(crate) fn name(self, text: &str) -> String {
        self.paint(colour(AnsiColor::Cyan), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    pub(crate) fn head(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        if !self.coloured || text.trim().is_empty() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }
}

fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

#[cfg(test)]
pub(crate) fn test_format(terminal: bool, palette: Palette) -> Format {
    Format { terminal, palette, zone: TimeZone::UTC }
}
