//! A small life of a store on a simulated disk: steps that may fail, what was acknowledged, and what must be there then.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Arc;

use hubtally::ingest::{Credential, Engine, ImportOptions, OpenOptions, Place, Push, PushContent, RepoListing};
use hubtally::model::{Caller, RepoKey, RepoKind, RepoName, Role, SourceName};
use hubtally::query::View;

use crate::disk::Simulated;
use crate::laws::{configure, format_of, noon, table};
use crate::oracle::{Delivery, Kind, Oracle, Random, Shape, World};
use crate::shippers::shipped;

/// What is done to a store, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Configure,
    /// Deliveries of the world that are handed over at once.
    Deliver(Vec<usize>),
    /// A like by the user of that number.
    Like(u64),
    Token,
    Rebuild,
    /// Takes a delivery back, and what goes with it.
    Retract(usize),
}

/// The steps of a world, and what of them was acknowledged.
pub struct Life {
    pub world: World,
    pub steps: Vec<Step>,
    delivered: BTreeSet<usize>,
    /// Numbers of deliveries by place in the world.
    receipts: Vec<Option<u32>>,
    likes: u64,
    tokens: Vec<String>,
    retracted: Option<usize>,
}

fn liked() -> RepoKey {
    RepoKey { kind: RepoKind::Model, name: RepoName::parse("life/liked").unwrap() }
}

impl Life {
    /// The life of a seed.
    pub fn random(seed: u64) -> Life {
        let mut random = Random::new(seed ^ 0x11fe);
        let world = World::random(seed).split(seed);
        let mut steps = vec![Step::Configure];
        let mut index = 0;
        while index < world.deliveries.len() {
            let is_push =
                |at: usize| world.deliveries.get(at).map(|delivery| delivery.kind).filter(|kind| *kind != Kind::Document);
            let mut group = vec![index];
            while random.chance(60) && is_push(index).is_some() && is_push(index) == is_push(index + group.len()) {
                group.push(index + group.len());
            }
            index += group.len();
            steps.push(Step::Deliver(group));
            match random.below(12) {
                0 => steps.push(Step::Rebuild),
                1 | 2 => steps.push(Step::Token),
                3 | 4 => steps.push(Step::Like(index as u64)),
                _ => {}
            }
        }
        if random.chance(50) && !world.deliveries.is_empty() {
            steps.push(Step::Retract(random.index(world.deliveries.len())));
        }
        let receipts = vec![None; world.deliveries.len()];
        Life { world, steps, delivered: BTreeSet::new(), receipts, likes: 0, tokens: Vec::new(), retracted: None }
    }

    /// Opens the store of a disk.
    pub fn open(&self, disk: &Simulated) -> Result<Arc<Engine>, String> {
        let place = Place::Disk(disk.shared());
        let options = OpenOptions { place, default_public: false, frozen_now: Some(noon(self.world.today)) };
        let engine = Engine::open(&options).map_err(|error| error.to_string())?;
        engine.cut_imports(256, 3);
        if self.world.deliveries.len().is_multiple_of(2) {
            // Names outlive what fails.
            engine.keep_names(1_000_000);
        }
        engine.fold_pushes_after(5);
        Ok(engine)
    }

    /// Does a step, which may fail half-way; what was acknowledged is noted.
    pub fn run(&mut self, engine: &Engine, step: &Step) -> Result<(), String> {
        match step {
            Step::Configure => {
                configure(engine, &self.world)?;
                let listing = RepoListing {
                    repo: liked(),
                    private: None,
                    likes: None,
                    library: None,
                    created_at: None,
                    renamed_from: Vec::new(),
                };
                engine.put_repos(vec![listing]).map_err(|error| error.to_string())?;
            }
            Step::Deliver(group) => self.deliver(engine, group)?,
            Step::Like(user) => {
                let ts = noon(self.world.today);
                engine.like(&liked(), &format!("user-{user}"), ts, true).map_err(|error| error.to_string())?;
                self.likes += 1;
            }
            Step::Token => self.tokens.push(engine.create_token(&Role::Admin, "life", None).map_err(|error| error.to_string())?),
            Step::Rebuild => engine.rebuild(&|_| {}).map_err(|error| error.to_string())?,
            Step::Retract(index) => {
                let taken = self.world.taken_with(*index);
                let serials: BTreeSet<u32> = taken.iter().filter_map(|index| self.receipts[*index]).collect();
                for serial in serials {
                    engine.retract(serial).map_err(|error| error.to_string())?;
                }
                self.retracted = Some(*index);
            }
        }
        Ok(())
    }

    /// Hands over some deliveries, pushes all at once, so that they are committed together.
    fn deliver(&mut self, engine: &Engine, group: &[usize]) -> Result<(), String> {
        let arrival = match self.world.deliveries[group[0]].kind {
            Kind::PushBody { arrival_day } => arrival_day,
            Kind::Document => self.world.today,
        };
        engine.freeze_clock(noon(arrival));
        let world = &self.world;
        let outcomes: Vec<(usize, Result<u32, String>)> = std::thread::scope(|scope| {
            let handles: Vec<_> = group.iter().map(|index| (*index, scope.spawn(|| hand_over(engine, world, *index)))).collect();
            handles.into_iter().map(|(index, handle)| (index, handle.join().expect("no panic out of the engine"))).collect()
        });
        engine.freeze_clock(noon(self.world.today));
        let mut result = Ok(());
        for (index, outcome) in outcomes {
            match outcome {
                Ok(serial) => {
                    self.delivered.insert(index);
                    self.receipts[index] = Some(serial).filter(|serial| *serial > 0);
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// The world of these deliveries, one of them perhaps cut.
    fn told(&self, also: &BTreeSet<usize>, cut: Option<(usize, usize)>) -> World {
        let all = self.world.deliveries.iter().enumerate();
        let told = all.filter(|(index, _)| self.delivered.contains(index) || also.contains(index));
        let cut = |(index, delivery): (usize, &Delivery)| match cut {
            Some((of, lines)) if of == index => Delivery { lines: delivery.lines[..lines].to_vec(), ..delivery.clone() },
            _ => delivery.clone(),
        };
        World { deliveries: told.map(cut).collect(), ..self.world.clone() }
    }

    fn oracle(&self, world: &World) -> Oracle {
        let mut oracle = Oracle::of(world);
        // Repos of bodies that must not be there are looked for too.
        oracle.named = Oracle::of(&self.world).named;
        oracle
    }

    /// All tables that are right when this step may have happened, in part as far as that is allowed.
    pub fn right(&self, in_flight: Option<&Step>) -> BTreeSet<String> {
        let nothing = BTreeSet::new();
        if let Some(index) = self.retracted {
            return BTreeSet::from([self.oracle(&self.world.without(index)).table()]);
        }
        let mut tables = BTreeSet::from([self.oracle(&self.told(&nothing, None)).table()]);
        match in_flight {
            Some(Step::Deliver(group)) if self.world.deliveries[group[0]].kind == Kind::Document => {
                let index = group[0];
                for lines in 0..=self.world.deliveries[index].lines.len() {
                    tables.insert(self.oracle(&self.told(&BTreeSet::from([index]), Some((index, lines)))).table());
                }
            }
            Some(Step::Deliver(group)) => {
                let unsure: Vec<usize> = group.iter().copied().filter(|index| !self.delivered.contains(index)).collect();
                for chosen in 0..1_u32 << unsure.len() {
                    let there = unsure.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
                    tables.insert(self.oracle(&self.told(&there.map(|(_, index)| *index).collect(), None)).table());
                }
            }
            Some(Step::Retract(index)) => {
                tables.insert(self.oracle(&self.world.without(*index)).table());
            }
            _ => {}
        }
        tables
    }

    /// Everything acknowledged is there, and nothing in half.
    pub fn check(&self, engine: &Engine, in_flight: Option<&Step>, when: &str) {
        // The retraction of several deliveries may have stopped between two of them.
        let several = |index: &usize| self.world.taken_with(*index).len() > 1;
        if !matches!(in_flight, Some(Step::Retract(index)) if several(index)) {
            let found = table(engine, &self.oracle(&self.world));
            let right = self.right(in_flight);
            assert!(right.contains(&found), "{when}, {in_flight:?}: found\n{found}\nright is\n{}", join(&right));
        }
        for token in &self.tokens {
            assert_eq!(engine.authenticate(token).unwrap(), Credential::Role(Role::Admin), "{when}");
        }
        let view = View::of(engine).unwrap();
        let likes = view.repo(&liked(), &Caller::admin()).unwrap().map_or(0, |repo| view.totals(repo).unwrap().likes.0);
        let may_be = u64::from(matches!(in_flight, Some(Step::Like(_))));
        assert!((self.likes..=self.likes + may_be).contains(&likes), "{when}: {likes} likes");
    }

    /// What is stored hangs together.
    pub fn verify(engine: &Engine, when: &str) {
        let report = engine.verify(&|_| {}).unwrap();
        assert_eq!(report.findings, Vec::<String>::new(), "{when}");
        assert!(engine.health().ready, "{when}: {:?}", engine.health());
    }
}

fn join(tables: &BTreeSet<String>) -> String {
    tables.iter().map(String::as_str).collect::<Vec<_>>().join("or\n")
}

/// Hands one delivery over; gives the number of the delivery it became, 0 if it was empty.
fn hand_over(engine: &Engine, world: &World, index: usize) -> Result<u32, String> {
    let delivery = &world.deliveries[index];
    let (shape, bytes) = world.render(index);
    let source = SourceName::parse(&delivery.source).unwrap();
    let receipt = match delivery.kind {
        Kind::Document => {
            let options = ImportOptions {
                source,
                name: format!("document {index}"),
                format: Some(format_of(shape)),
                redirects: None,
                head_redirect: None,
                knows_users: None,
                as_new: false,
            };
            engine.import(Box::new(Cursor::new(bytes)), &options, &|_| {}).map_err(|error| error.to_string())?
        }
        Kind::PushBody { .. } => {
            let key = index.is_multiple_of(3).then(|| format!("body {:x}", xxhash_rust::xxh3::xxh3_64(&bytes)));
            let (content, body) = match shape {
                Shape::Events | Shape::HfExport => (PushContent::Json, bytes),
                Shape::Combined | Shape::NginxJson => shipped(&bytes, xxhash_rust::xxh3::xxh3_64(&bytes)),
            };
            let push = Push { source, body, content, idempotency_key: key };
            engine.push(push).map_err(|error| error.to_string())?
        }
    };
    assert!(receipt.adds_up(), "{receipt:?}");
    Ok(receipt.delivery.parse().unwrap_or(0))
}
