//! The numbers as a table, so that two worlds that differ show where.

use std::fmt::Write;

use super::count::Oracle;
use super::fact::date;

impl Oracle {
    /// Every counted day of every repo, then per repo its total, its uniques and whether it is proven public.
    pub fn table(&self) -> String {
        let mut table = format!("today {}\n", date(self.today));
        let line = "day        type    repo           downloads authenticated anonymous files unique";
        writeln!(table, "{line}").unwrap();
        for ((repo, day), counts) in &self.days {
            let (kind, id) = repo;
            let (downloads, authenticated, anonymous) = (counts.downloads(), counts.authenticated, counts.anonymous);
            let (files, unique) = (counts.files, counts.unique_downloaders);
            let day = date(*day);
            let row =
                format!("{day} {kind:<7} {id:<14} {downloads:>9} {authenticated:>13} {anonymous:>9} {files:>5} {unique:>6}");
            writeln!(table, "{row}").unwrap();
        }
        for repo in &self.named {
            let (kind, id) = repo;
            let total = self.total(repo);
            let unique = self.uniques(&[repo.clone()].into(), 0, self.today);
            let public = if self.public.contains(repo) { "public" } else { "" };
            writeln!(table, "all days   {kind:<7} {id:<14} {total:>9} {public:>29} {unique:>6}").unwrap();
        }
        table
    }
}
