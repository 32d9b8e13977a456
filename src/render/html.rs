//! HTML through one writer that escapes whatever is not markup of ours.

/// Markup being written. Literals come from the source; everything else goes through [`Html::text`].
#[derive(Default)]
pub struct Html(String);

impl Html {
    /// Adds markup; `'static`, so that no outside text gets in unescaped.
    pub fn raw(&mut self, markup: &'static str) -> &mut Html {
        self.0.push_str(markup);
        self
    }

    /// Adds text, escaped for content and for quoted attributes alike.
    pub fn text(&mut self, text: &str) -> &mut Html {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Adds a count with separators between thousands.
    pub fn count(&mut self, count: u64) -> &mut Html {
        self.0.push_str(&grouped(count));
        self
    }

    /// The finished markup.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// A count as people read it: `1,234,567`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let mut html = Html::default();
        html.raw("<p title=\"").text("a\" onx='<&>").raw("\">");
        assert_eq!(html.into_text(), "<p title=\"a&quot; onx=&#39;&lt;&amp;&gt;\">");
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
