//! The naive oracle: what every number must be, computed the slow and obvious way.
//!
//! It shares no code with hubtally: its own types, plain maps, no hashes, no merging, no increments. Whoever doubts a
//! number reads [`count`] beside the definitions of the design, sentence by sentence.

mod breakdowns;
mod count;
mod fact;
mod queries;
mod random;
mod render;
mod reported;
mod table;
mod world;
mod worlds;

pub use breakdowns::{Chosen, Key};
pub use count::{Counts, Oracle};
pub use fact::{Fact, Git, Line, Repo, date, repo};
pub use queries::Trend;
pub use random::Random;
pub use render::hash;
pub use reported::{Breakdown, History, believed};
pub use world::{Delivery, Kind, Settings, Shape, Source, World};
