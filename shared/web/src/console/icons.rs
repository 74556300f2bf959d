//! Icons, drawn on a grid of 24 with a line of 1.75, and the mark.

use maud::{Markup, PreEscaped, html};

/// An icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Overview,
    Items,
    Accounts,
    Warehouses,
    History,
    Queue,
    Bell,
    Shield,
    Runs,
    Box,
    Rules,
    Upload,
    Audit,
    People,
    Key,
    Demo,
    More,
    Search,
    Plus,
    Check,
    Alert,
    Info,
    Sun,
    Door,
    Sync,
    Pause,
    Play,
    Copy,
    Bin,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Overview => r#"<path d="M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z"/>"#,
            Self::Items => r#"<path d="M12 3 4 7v10l8 4 8-4V7zM4 7l8 4 8-4M12 11v10"/>"#,
            Self::Accounts => {
                r#"<path d="M4 10v10h16V10M3 10l2-6h14l2 6a3 3 0 0 1-6 0 3 3 0 0 1-6 0 3 3 0 0 1-6 0ZM10 20v-5h4v5"/>"#
            }
            Self::Warehouses => r#"<path d="M3 21V8l9-5 9 5v13M7 21v-9h10v9M7 16h10"/>"#,
            Self::History => r#"<path d="M3 12a9 9 0 1 0 3-6.7L3 8M3 3v5h5M12 7v5l3.5 2"/>"#,
            Self::Queue => r#"<path d="M4 6h16M4 12h16M4 18h10M18 16v4M20 18h-4"/>"#,
            Self::Key => r#"<path d="M8 20a5 5 0 1 0 0-10 5 5 0 0 0 0 10ZM11.5 11.5 20 3M16 7l3 3"/>"#,
            Self::People => {
                r#"<path d="M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM2 21c0-4 3-6 7-6s7 2 7 6M17 4a4 4 0 0 1 0 7M22 21c0-3-1-5-4-6"/>"#
            }
            Self::Audit => r#"<path d="M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h7"/>"#,
            Self::Shield => r#"<path d="M12 3 5 6v5c0 4.5 3 8 7 10 4-2 7-5.5 7-10V6zM9 12l2 2 4-4"/>"#,
            Self::Runs => r#"<path d="M4 5h10M4 12h6M4 19h6M13 12.5l7 4.5-7 4.5z"/>"#,
            Self::Box => r#"<path d="M4 8h16v12H4zM3 4h18v4H3zM10 12h4"/>"#,
            Self::Rules => {
                r#"<path d="M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM9 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z"/>"#
            }
            Self::Upload => r#"<path d="M12 16V4M7 9l5-5 5 5M4 16v4h16v-4"/>"#,
            Self::Bell => r#"<path d="M6 16V11a6 6 0 1 1 12 0v5l2 2H4zM10 21h4"/>"#,
            Self::Demo => r#"<path d="M6 6h15l-2 9H8zM6 6 5 3H2M9 20v.01M18 20v.01"/>"#,
            Self::More => r#"<path d="M4 7h16M4 12h16M4 17h16"/>"#,
            Self::Search => r#"<path d="M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16 16l5 5"/>"#,
            Self::Plus => r#"<path d="M12 5v14M5 12h14"/>"#,
            Self::Check => r#"<path d="m5 12.5 4.5 4.5L19 7.5"/>"#,
            Self::Alert => r#"<path d="M12 4 2.5 20h19zM12 10v4.5M12 17.3v.01"/>"#,
            Self::Info => r#"<path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5M12 8v.01"/>"#,
            Self::Sun => {
                r#"<path d="M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M19 5l-1.4 1.4M6.4 17.6 5 19"/>"#
            }
            Self::Door => r#"<path d="M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9"/>"#,
            Self::Sync => r#"<path d="M20 11a8 8 0 0 0-14-4.5L4 9M4 4v5h5M4 13a8 8 0 0 0 14 4.5l2-2.5M20 20v-5h-5"/>"#,
            Self::Pause => r#"<path d="M8 5v14M16 5v14"/>"#,
            Self::Play => r#"<path d="M7 4v16l13-8z"/>"#,
            Self::Copy => r#"<path d="M9 9h11v11H9zM15 9V4H4v11h5"/>"#,
            Self::Bin => r#"<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13"/>"#,
        }
    }
}

/// An icon, beside a text that says the same.
pub(super) fn icon(icon: Icon) -> Markup {
    html! { svg.icon viewBox="0 0 24 24" aria-hidden="true" { (PreEscaped(icon.path())) } }
}

/// The mark, in the page's colours.
pub(super) fn mark() -> Markup {
    html! {
        svg viewBox="0 0 32 32" aria-hidden="true" {
            rect.mark-box width="32" height="32" rx="8" {}
            path.mark-line d="M7 9h18" fill="none" {}
            rect.mark-bar x="7.5" y="13" width="4" height="11.5" rx="1.4" {}
            rect.mark-bar x="14" y="13" width="4" height="11.5" rx="1.4" {}
            rect.mark-bar x="20.5" y="13" width="4" height="11.5" rx="1.4" {}
        }
    }
}
