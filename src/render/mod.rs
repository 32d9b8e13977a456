//! Values to text: JSON, CSV and pages; pure, so that every shape can be tested without a server.

pub mod csv;
pub mod html;
pub mod json;
pub mod page;
