//! Good lines, mutated at random: nothing panics, whatever comes in.

use super::*;

/// Xorshift with a printed seed: `HUBTALLY_SEED=… cargo test` repeats a run.
pub struct Random(u64);

impl Random {
    pub fn new() -> Random {
        let seed = std::env::var("HUBTALLY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15);
        println!("HUBTALLY_SEED={seed}");
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

fn mutate(line: &mut Vec<u8>, random: &mut Random) {
    const HAZARDS: &[u8] = b"\"\\,\t {}[]:/%.;-\0\r\xff\xc3\x28\xef\xbb\xbf0aZ";
    for _ in 0..=random.below(4) {
        let at = random.below(line.len());
        match random.below(6) {
            0 if !line.is_empty() => line[at] = HAZARDS[random.below(HAZARDS.len())],
            1 => line.insert(at, HAZARDS[random.below(HAZARDS.len())]),
            2 if !line.is_empty() => drop(line.remove(at)),
            3 => line.truncate(at),
            4 if !line.is_empty() => line[at] ^= 1 << random.below(8),
            _ => {
                let piece: Vec<u8> = line.iter().copied().skip(at).take(random.below(20)).collect();
                let to = random.below(line.len());
                line.splice(to..to, piece);
            }
        }
    }
}

#[test]
fn two_hundred_thousand_mutations_never_panic() {
    let files = [
        include_bytes!("../../../data/hf-export-ten-columns.csv").as_slice(),
        include_bytes!("../../../data/hf-export-quotes-and-commas.csv"),
        include_bytes!("../../../data/hf-export.ndjson"),
        include_bytes!("../../../data/nginx-combined-escapes.log"),
        include_bytes!("../../../data/events-all-fields.ndjson"),
        include_bytes!("../../../data/events-by-header.csv"),
        include_bytes!("../../../data/caddy-old-and-new-lines.json"),
        include_bytes!("../../../data/traefik-kept-and-dropped-headers.json"),
        include_bytes!("../../../data/s3-quotes-lifecycle-and-later-columns.log"),
    ];
    let key = key();
    let mut random = Random::new();
    let mut understood = 0;
    for _ in 0..200_000 {
        let lines: Vec<&[u8]> =
            files[random.below(files.len())].split(|&byte| byte == b'\n').filter(|line| !is_blank(line)).collect();
        let mut line = lines[random.below(lines.len())].to_vec();
        mutate(&mut line, &mut random);
        let parser = match random.below(10) {
            0 => LineParser::detect(&line),
            _ => LineParser::detect(lines[0]),
        };
        let Some(parser) = parser else { continue };
        if let Ok(request) = parser.parse(&line) {
            let _ = key.identify(&request);
            let _ = request.agent.as_deref().map(agent_note);
            understood += usize::from(download(&request).is_ok());
        }
    }
    assert!(understood > 10_000, "only {understood} mutated lines were still downloads: the mutations are too coarse");
}
