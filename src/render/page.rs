//! The plain pages: the hub in one look, and the welcome that hands over the admin's rights.

use super::html::Html;
use crate::query::{HubTotals, Trend};

/// The style sheet of every page.
pub const STYLE: &str = include_str!("style.css");
/// The icon of every page.
pub const ICON: &str = include_str!("icon.svg");

/// What the hub's page shows.
pub struct HubPage<'a> {
    pub totals: HubTotals,
    pub trending: &'a [Trend],
    /// Where this server listens, for the line that shows how to feed it.
    pub origin: &'a str,
    pub admin: bool,
}

/// The hub in one look.
#[must_use]
pub fn hub(page: &HubPage<'_>) -> String {
    let mut html = Html::default();
    open(&mut html, "hubtally");
    html.raw("<dl class=\"figures\"><div><dt>Downloads</dt><dd>").count(page.totals.downloads.0);
    html.raw("</dd></div><div><dt>Last 30 days</dt><dd>").count(page.totals.last_30_days.0);
    html.raw("</dd></div><div><dt>Repositories</dt><dd>").count(page.totals.repos).raw("</dd></div></dl><p class=\"note\">");
    match page.totals.first_day {
        Some(day) => html.raw("Counted since ").text(&day.to_string()).raw(", in UTC days, up to this moment."),
        None => html.raw("Nothing has been counted yet."),
    };
    html.raw("</p>");
    trending(&mut html, page.trending);
    feed(&mut html, page.origin);
    if page.admin {
        html.raw("<p class=\"note\">You are signed in as an administrator: private repositories are included.</p>");
    } else {
        html.raw("<p class=\"note\">Only public repositories are shown.</p>");
    }
    close(html)
}

/// The page behind the one-time admin link: one button, so that a link preview does not use it up.
#[must_use]
pub fn welcome(key: &str) -> String {
    let mut html = Html::default();
    open(&mut html, "Welcome to hubtally");
    html.raw("<p>This link works once. It signs this browser in as an administrator, who sees private repositories too.</p>");
    html.raw("<form method=\"post\" action=\"/welcome\"><input type=\"hidden\" name=\"key\" value=\"").text(key);
    html.raw("\"><button>Sign in as administrator</button></form>");
    close(html)
}

/// A page with one sentence, for links that no longer work.
#[must_use]
pub fn sentence(title: &'static str, sentence: &str) -> String {
    let mut html = Html::default();
    open(&mut html, title);
    html.raw("<p>").text(sentence).raw("</p><p><a href=\"/\">To the start page</a></p>");
    close(html)
}

fn open(html: &mut Html, title: &'static str) {
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>").raw(title);
    html.raw(
        "</title><link rel=\"icon\" href=\"/favicon.svg\"><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main><h1>",
    );
    html.raw(title).raw("</h1>");
}

fn close(mut html: Html) -> String {
    html.raw("</main></body></html>\n");
    html.into_text()
}

fn trending(html: &mut Html, trends: &[Trend]) {
    html.raw("<h2>Trending in the last 7 days</h2>");
    if trends.is_empty() {
        html.raw("<p class=\"note\">No downloads in the last 7 days.</p>");
        return;
    }
    html.raw("<table><thead><tr><th scope=\"col\">Repository</th><th scope=\"col\">Type</th>");
    html.raw("<th scope=\"col\" class=\"number\">7 days</th><th scope=\"col\" class=\"number\">All time</th>");
    html.raw("<th scope=\"col\" class=\"number\">Likes</th></tr></thead><tbody>");
    for trend in trends {
        let (plural, name) = (trend.repo.kind.plural(), trend.repo.name.as_str());
        html.raw("<tr><th scope=\"row\"><a href=\"/").raw(plural).raw("/").text(name).raw("/stats/recent\">");
        html.text(name).raw("</a>");
        if trend.private {
            html.raw(" <span class=\"badge\">private</span>");
        }
        html.raw("</th><td>").raw(trend.repo.kind.word()).raw("</td><td class=\"number\">").count(trend.recent.0);
        html.raw("</td><td class=\"number\">").count(trend.downloads.0).raw("</td><td class=\"number\">");
        html.count(trend.likes.0).raw("</td></tr>");
    }
    html.raw("</tbody></table>");
}

fn feed(html: &mut Html, origin: &str) {
    html.raw("<h2>Feed it</h2><p>Import a log on the server:</p><pre>hubtally import access.log.gz</pre>");
    html.raw("<p>Or push events, with a token from <code>hubtally token create --scope ingest:default</code>:</p><pre>curl -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/x-ndjson\" \\\n  --data-binary @events.ndjson ");
    html.text(origin).raw("/api/v1/events</pre>");
}
