//! Small pictures, drawn with strokes in the text's colour.

use maud::{Markup, html};

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Icon {
    Overview,
    Sessions,
    Workers,
    Events,
    Keys,
    Audit,
    Settings,
    Theme,
    Lock,
    Leave,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Overview => "M3 13h4l2.5-8 4.5 14 2.5-6H21",
            Self::Sessions => "M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.01M7.5 16h.01M11 8h6M11 16h6",
            Self::Workers => {
                "M7 7h10v10H7zM10 10h4v4h-4zM9 7V3.5M15 7V3.5M9 20.5V17M15 20.5V17M3.5 9H7M3.5 15H7M17 9h3.5M17 15h3.5"
            }
            Self::Events => "M13 2.5 4.5 13.5H11l-1 8 8.5-11H12z",
            Self::Keys => {
                "M15.5 3.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10ZM12 12l-8.5 8.5M6.5 17.5l2.5 2.5M16.5 7.5h.01"
            }
            Self::Audit => "M6 3h9l4 4v14H6zM14.5 3.5V8H19M9 12h7M9 16h7",
            Self::Settings => {
                "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4ZM9 14.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4Z"
            }
            Self::Theme => "M12 3a9 9 0 1 0 0 18ZM12 3a9 9 0 0 1 0 18",
            Self::Lock => "M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11M12 14.5v2",
            Self::Leave => "M10 4H5v16h5M15 8l4 4-4 4M19 12H9.5",
        }
    }
}

/// Draws it; it says nothing to those who listen, whatever is next to it does.
pub(super) fn icon(icon: Icon) -> Markup {
    html! {
        svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(icon.path()) {} }
    }
}
