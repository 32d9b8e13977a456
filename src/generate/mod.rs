//! Synthetic logs: an invented hub whose traffic has the shapes, rhythms and flaws of real ones, from a seed.

mod agent;
mod alias;
mod caddy_json;
mod client;
mod combined;
mod damage;
mod demo;
mod events;
mod file;
mod hf_export;
mod hit;
mod hub;
mod nginx_json;
mod page;
mod place;
mod random;
mod rhythm;
mod s3;
mod traefik_json;
mod traffic;
mod workload;

pub use demo::DemoHub;
#[cfg(test)]
pub(crate) use random::numbers;
pub use workload::{Workload, Written};
