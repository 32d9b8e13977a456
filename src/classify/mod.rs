//! Requests to downloads: the only place where the rule of a request lives.
//!
//! Two questions, asked at two times. When a line comes in: is this a download-related request, and of which file?
//! ([`download`]). When downloads are counted: is it a body, a hand-off or a probe under its source's settings? ([`class`]).
//! The second answer is never stored, so that a changed setting is a recount and not a second import.

mod agent;
mod class;
mod client_class;
mod download;
mod file_kind;
mod git;
mod query_file;
mod target;

pub use agent::{AgentReader, AgentText, IDENTITY_BYTES_MAX, NOTE_BYTES_MAX, agent_note, identity_agent, note_library};
pub use class::{Class, class, counts_as_file_without_path};
pub use client_class::ClientClass;
pub use download::{Download, FileRequest, NotADownload, download, file_request};
pub use file_kind::FileKind;
pub use git::GitPost;
pub use query_file::QueryFiles;
