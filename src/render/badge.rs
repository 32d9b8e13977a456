//! Badges for READMEs: an SVG of our own, and the JSON of which shields.io draws one.

use std::fmt::Write as _;

use serde::Serialize;

/// The JSON of shields' endpoint badges.
#[derive(Serialize)]
pub struct Shield<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u8,
    label: &'a str,
    message: &'a str,
    color: &'a str,
    #[serde(rename = "isError")]
    is_error: bool,
    #[serde(rename = "cacheSeconds")]
    cache_seconds: u32,
}

/// What a badge says.
#[derive(Clone, Copy, Debug)]
pub struct Badge<'a> {
    pub label: &'a str,
    pub message: &'a str,
    /// Letters and digits: a colour's name, or six hexadecimal digits.
    pub color: &'a str,
    pub is_error: bool,
}

/// How long a badge may be kept, in seconds; what shields allows at least.
pub const CACHE_SECONDS: u32 = 300;

const HEIGHT: u32 = 20;
/// Blank on either side of a text.
const MARGIN: u32 = 5;

impl<'a> Badge<'a> {
    /// As shields reads it.
    #[must_use]
    pub fn shield(&self) -> Shield<'a> {
        let Badge { label, message, color, is_error } = *self;
        Shield { schema_version: 1, label, message, color, is_error, cache_seconds: CACHE_SECONDS }
    }

    /// As a picture. Texts are escaped, and set to the width they were measured at, whatever font there is.
    #[must_use]
    pub fn svg(&self) -> String {
        let (left, right) = (text_width(self.label) + 2 * MARGIN, text_width(self.message) + 2 * MARGIN);
        let (label, message) = (escaped(self.label), escaped(self.message));
        let width = left + right;
        let color = paint(self.color);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{HEIGHT}\" role=\"img\" \
             aria-label=\"{label}: {message}\"><title>{label}: {message}</title>\
             <clipPath id=\"r\"><rect width=\"{width}\" height=\"{HEIGHT}\" rx=\"3\"/></clipPath>\
             <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"{HEIGHT}\" fill=\"#555\"/>\
             <rect x=\"{left}\" width=\"{right}\" height=\"{HEIGHT}\" fill=\"{color}\"/></g>\
             <g fill=\"#fff\" font-family=\"Verdana,Geneva,DejaVu Sans,sans-serif\" font-size=\"11\">"
        );
        for (x, width, text) in [(MARGIN, left, &label), (left + MARGIN, right, &message)] {
            let length = width - 2 * MARGIN;
            let _ =
                write!(svg, "<text x=\"{x}\" y=\"14\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{text}</text>");
        }
        svg.push_str("</g></svg>");
        svg
    }
}

/// Width of a text in pixels of 11 px Verdana, nearly.
fn text_width(text: &str) -> u32 {
    let tenths: u32 = text
        .chars()
        .map(|character| match character {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' => 36,
            'f' | 't' | 'r' | '(' | ')' | '/' | '-' => 46,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 104,
            'A'..='Z' => 78,
            _ => 69,
        })
        .sum();
    tenths.div_ceil(10).max(1)
}

/// The names of shields' colours, and hexadecimal ones; anything else is blue.
fn paint(color: &str) -> String {
    let hex = match color {
        "brightgreen" => "4c1",
        "green" => "97ca00",
        "yellow" => "dfb317",
        "orange" => "fe7d37",
        "red" => "e05d44",
        "lightgrey" | "lightgray" => "9f9f9f",
        hex if matches!(hex.len(), 3 | 6) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => hex,
        _ => "007ec6",
    };
    format!("#{hex}")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no way to write them.
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_become_markup() {
        let badge = Badge { label: "<b>\"'&\u{1}", message: "]]>", color: "\"/><script>", is_error: false };
        let svg = badge.svg();
        assert!(svg.contains("&lt;b&gt;&quot;&#39;&amp; ") && svg.contains("]]&gt;") && !svg.contains("script"), "{svg}");
        assert!(svg.contains("fill=\"#007ec6\""));
    }

    #[test]
    fn colours_are_names_or_hexadecimal() {
        assert_eq!(
            ["red", "abc", "a1b2c3", "nonsense", "12345"].map(paint),
            ["#e05d44", "#abc", "#a1b2c3", "#007ec6", "#007ec6"]
        );
    }
}
