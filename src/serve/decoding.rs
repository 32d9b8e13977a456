//! Decompression of request bodies, which is cheap to refuse: caps on size and on the ratio.

use std::io::{self, Read};

use super::limits;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// Why a body is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownCoding,
    TooLarge,
    Broken,
    /// No memory for it at the moment.
    Busy,
}

impl Coding {
    /// The coding a header names, else the one the first bytes show: senders forget the header.
    pub fn of(header: Option<&str>, body: &[u8]) -> Result<Coding, Refusal> {
        match header.map(|name| name.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "identity") => Ok(Coding::sniff(body)),
            Some("gzip" | "x-gzip") => Ok(Coding::Gzip),
            Some("zstd") => Ok(Coding::Zstd),
            Some(_) => Err(Refusal::UnknownCoding),
        }
    }

    fn sniff(body: &[u8]) -> Coding {
        match body {
            [0x1f, 0x8b, ..] => Coding::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Coding::Zstd,
            _ => Coding::Identity,
        }
    }
}

/// The decoded body of at most `bytes_max` bytes; `reserve` is asked before memory is taken.
pub fn decode(
    raw: Vec<u8>,
    coding: Coding,
    bytes_max: usize,
    reserve: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<u8>, Refusal> {
    let length = raw.len();
    match coding {
        Coding::Identity if length > bytes_max => Err(Refusal::TooLarge),
        Coding::Identity => Ok(raw),
        Coding::Gzip => inflate(flate2::read::MultiGzDecoder::new(raw.as_slice()), length, bytes_max, reserve),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(raw.as_slice()).map_err(|_| Refusal::Broken)?;
            decoder.window_log_max(limits::ZSTD_WINDOW_LOG_MAX).map_err(|_| Refusal::Broken)?;
            inflate(decoder, length, bytes_max, reserve)
        }
    }
}

fn inflate(
    mut decoder: impl Read,
    raw_bytes: usize,
    bytes_max: usize,
    reserve: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<u8>, Refusal> {
    let ratio_max = limits::RATIO_FREE_BYTES.max(raw_bytes.saturating_mul(limits::RATIO_MAX));
    let mut decoded = Vec::new();
    let mut chunk = vec![0; limits::CHUNK_BYTES];
    loop {
        let count = match decoder.read(&mut chunk) {
            Ok(0) => return Ok(decoded),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Refusal::Broken),
        };
        let length = decoded.len() + count;
        if length > bytes_max || length > ratio_max {
            return Err(Refusal::TooLarge);
        }
        // The vector doubles as it grows, so that is what it may hold.
        if !reserve(raw_bytes + length.max(decoded.capacity()) + length / 2) {
            return Err(Refusal::Busy);
        }
        decoded.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(raw: Vec<u8>, header: Option<&str>) -> Result<Vec<u8>, Refusal> {
        let coding = Coding::of(header, &raw)?;
        decode(raw, coding, 1 << 20, &mut |_| true)
    }

    #[test]
    fn what_was_packed_comes_out_with_or_without_the_header() {
        let text = b"{\"ts\":1}\n".repeat(100);
        for raw in [gzip(&text), zstd::encode_all(text.as_slice(), 1).unwrap(), text.clone()] {
            assert_eq!(decoded(raw, None), Ok(text.clone()));
        }
        assert_eq!(decoded(gzip(&text), Some("gzip")), Ok(text));
    }

    #[test]
    fn unknown_nested_cut_and_trailing_are_refused() {
        let packed = gzip(b"hello");
        assert_eq!(decoded(packed.clone(), Some("gzip, gzip")), Err(Refusal::UnknownCoding));
        assert_eq!(decoded(packed[..packed.len() - 4].to_vec(), None), Err(Refusal::Broken));
        assert_eq!(decoded([packed, b"trailing garbage".to_vec()].concat(), None), Err(Refusal::Broken));
        assert_eq!(decoded(b"plain".to_vec(), Some("zstd")), Err(Refusal::Broken));
    }

    #[test]
    fn bombs_end_at_the_cap() {
        let zeros = vec![0; 2 << 20];
        assert_eq!(decoded(gzip(&zeros), None), Err(Refusal::TooLarge));
        assert_eq!(decoded(zstd::encode_all(zeros.as_slice(), 1).unwrap(), None), Err(Refusal::TooLarge));
        assert_eq!(decode(gzip(&zeros), Coding::Gzip, 4 << 20, &mut |bytes| bytes < 1 << 20), Err(Refusal::Busy));
    }
}
