//! What became of every line of a delivery.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal, $sentence:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All reasons.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The name of the reason in receipts.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The reason as a sentence with its remedy.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $($name::$variant => $sentence),+ }
            }
        }
    };
}

reasons! {
    /// Why a line that was understood is no download.
    SkipReason {
        Failed => "failed", "the request failed (status 400 or above)";
        Permanent => "permanent_redirect", "a permanent redirect (301, 308) hands nothing over";
        Informational => "other_status", "this status delivers no file";
        Method => "method", "neither a GET nor a HEAD of a file";
        Metadata => "metadata", "an API call or page, not a file";
        Push => "push", "an upload, not a download";
        SameHost => "same_host_redirect", "a redirect to the same server: the file's own line follows";
        OtherPath => "other_path", "not a path of a model hub";
        Forgotten => "forgotten", "by somebody who is to be forgotten";
    }
}

reasons! {
    /// Why a line could not be understood.
    RejectReason {
        TooLong => "line_too_long", "the line is longer than 64 KiB";
        BadUtf8 => "bad_utf8", "the line is not UTF-8 text";
        ControlByte => "control_byte", "the line holds a NUL byte";
        OpenQuote => "open_quote", "a quote is opened and never closed";
        CutOff => "cut_off", "the last line has no newline and may be cut off: it counts when the log is imported with the rest of it";
        Columns => "columns", "the line has fewer or more columns than the header names";
        UnknownLine => "unknown_line", "the record carries no event and no line of a log that is known";
        BadSyntax => "bad_syntax", "the line does not have the shape of this format";
        MissingTime => "missing_time", "there is no timestamp";
        BadTime => "bad_time", "the timestamp is not RFC 3339, epoch seconds or epoch milliseconds";
        TimeOutOfRange => "time_out_of_range", "the timestamp lies outside 2015 to 2100";
        BadStatus => "bad_status", "the status is not a number from 100 to 599";
        MissingRepo => "missing_repo", "there is neither a repo nor a URL";
        BadRepo => "bad_repo", "the repo name is not a valid hub id";
        BadPath => "bad_path", "the file path is empty, too long, climbs out with `..` or holds a NUL byte";
        BadKind => "bad_repo_type", "the repo type is not model, dataset or space";
        BadField => "bad_field", "a field does not have the type it must have";
    }
}

/// A line that was rejected, for people to look at. The text itself is never kept: it may hold addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// 1-based number of the line in the decoded delivery.
    pub line: u64,
    pub error: String,
}

/// What became of a delivery. `lines = accepted + repeated + sum(skipped) + sum(rejected)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The delivery's number, as `hubtally deliveries` lists it.
    pub delivery: String,
    /// Lines, without headers and blank lines.
    pub lines: u64,
    /// New events, counted or probe.
    pub accepted: u64,
    /// Events that were already held.
    pub repeated: u64,
    pub skipped: BTreeMap<String, u64>,
    pub rejected: BTreeMap<String, u64>,
    /// Events among the accepted and repeated that name neither a user nor an address.
    pub no_identity: u64,
    /// The first few rejected lines.
    pub samples: Vec<Sample>,
    /// Things the user should know, each one sentence with its remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Receipt {
    /// At most so many rejected lines are shown.
    pub const SAMPLES_MAX: usize = 10;

    /// Whether the lines add up.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.lines == self.accepted + self.repeated + self.skipped.values().sum::<u64>() + self.rejected.values().sum::<u64>()
    }
}
