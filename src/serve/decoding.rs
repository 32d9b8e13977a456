//! Decompression of request bodies, which is cheap to refuse: caps on size and on the ratio.

use std::io::{self, Read};

use super::limits;

/// What snappy in frames begins with.
const SNAPPY_FRAMES: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Zstd,
    /// What HTTP calls deflate.
    Zlib,
    /// Snappy in frames, as files have it.
    Snappy,
    /// One block of snappy, as most senders mean it.
    SnappyBlock,
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
            Some("deflate" | "zlib") => Ok(Coding::Zlib),
            Some("snappy" | "x-snappy-framed") if body.starts_with(SNAPPY_FRAMES) => Ok(Coding::Snappy),
            Some("snappy") => Ok(Coding::SnappyBlock),
            Some(_) => Err(Refusal::UnknownCoding),
        }
    }

    fn sniff(body: &[u8]) -> Coding {
        match body {
            [0x1f, 0x8b, ..] => Coding::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Coding::Zstd,
            // The second bytes of the usual levels; none of them follows an x in a text.
            [0x78, 0x01 | 0x9c | 0xda, ..] => Coding::Zlib,
            _ if body.starts_with(SNAPPY_FRAMES) => Coding::Snappy,
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
    // A body may lie in more memory than it takes.
    let (length, room) = (raw.len(), raw.capacity());
    match coding {
        Coding::Identity if length > bytes_max => Err(Refusal::TooLarge),
        Coding::Identity => Ok(raw),
        Coding::Gzip => inflate(flate2::read::MultiGzDecoder::new(raw.as_slice()), (length, room), bytes_max, reserve),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(raw.as_slice()).map_err(|_| Refusal::Broken)?;
            decoder.window_log_max(limits::ZSTD_WINDOW_LOG_MAX).map_err(|_| Refusal::Broken)?;
            inflate(decoder, (length, room), bytes_max, reserve)
        }
        Coding::Zlib => inflate(Zlib::new(&raw), (length, room), bytes_max, reserve),
        Coding::Snappy => inflate(snap::read::FrameDecoder::new(raw.as_slice()), (length, room), bytes_max, reserve),
        Coding::SnappyBlock => {
            let decoded_length = snap::raw::decompress_len(&raw).map_err(|_| Refusal::Broken)?;
            if decoded_length > bytes_max || decoded_length > ratio_cap(length) {
                return Err(Refusal::TooLarge);
            }
            if !reserve(room + decoded_length) {
                return Err(Refusal::Busy);
            }
            snap::raw::Decoder::new().decompress_vec(&raw).map_err(|_| Refusal::Broken)
        }
    }
}

/// The most a body of that size may grow to.
fn ratio_cap(raw_bytes: usize) -> usize {
    limits::RATIO_FREE_BYTES.max(raw_bytes.saturating_mul(limits::RATIO_MAX))
}

/// A zlib stream that must end where the body ends: the library's own reader takes a cut-off one for a whole one.
struct Zlib<'a> {
    raw: &'a [u8],
    stream: flate2::Decompress,
    ended: bool,
}

impl<'a> Zlib<'a> {
    fn new(raw: &'a [u8]) -> Zlib<'a> {
        Zlib { raw, stream: flate2::Decompress::new(true), ended: false }
    }
}

impl Read for Zlib<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let (taken, given) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(self.raw, buffer, flate2::FlushDecompress::None)?;
            let taken = usize::try_from(self.stream.total_in() - taken).unwrap_or(usize::MAX);
            let given = usize::try_from(self.stream.total_out() - given).unwrap_or(usize::MAX);
            self.raw = self.raw.get(taken..).unwrap_or_default();
            self.ended = status == flate2::Status::StreamEnd;
            if self.ended && !self.raw.is_empty() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if given > 0 {
                return Ok(given);
            }
            if taken == 0 && !self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}

fn inflate(
    mut decoder: impl Read,
    (raw_bytes, raw_room): (usize, usize),
    bytes_max: usize,
    reserve: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<u8>, Refusal> {
    let ratio_max = ratio_cap(raw_bytes);
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
        if !reserve(raw_room + length.max(decoded.capacity()) + length / 2) {
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

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn snappy_frames(text: &[u8]) -> Vec<u8> {
        let mut encoder = snap::write::FrameEncoder::new(Vec::new());
        encoder.write_all(text).unwrap();
        encoder.into_inner().unwrap()
    }

    fn snappy_block(text: &[u8]) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(text).unwrap()
    }

    fn decoded(raw: Vec<u8>, header: Option<&str>) -> Result<Vec<u8>, Refusal> {
        let coding = Coding::of(header, &raw)?;
        decode(raw, coding, 1 << 20, &mut |_| true)
    }

    #[test]
    fn what_was_packed_comes_out_with_or_without_the_header() {
        let text = b"{\"ts\":1}\n".repeat(100);
        let zstd = zstd::encode_all(text.as_slice(), 1).unwrap();
        for raw in [gzip(&text), zstd, zlib(&text), snappy_frames(&text), text.clone()] {
            assert_eq!(decoded(raw, None), Ok(text.clone()));
        }
        for (raw, header) in [(zlib(&text), "deflate"), (snappy_frames(&text), "snappy"), (snappy_block(&text), "Snappy")] {
            assert_eq!(decoded(raw, Some(header)), Ok(text.clone()), "{header}");
        }
        assert_eq!(decoded(gzip(&text), Some("gzip")), Ok(text));
    }

    #[test]
    fn unknown_nested_cut_and_trailing_are_refused() {
        let packed = gzip(b"hello");
        assert_eq!(decoded(packed.clone(), Some("gzip, gzip")), Err(Refusal::UnknownCoding));
        assert_eq!(decoded(packed[..packed.len() - 4].to_vec(), None), Err(Refusal::Broken));
        assert_eq!(decoded([packed, b"trailing garbage".to_vec()].concat(), None), Err(Refusal::Broken));
        for header in ["zstd", "deflate", "snappy"] {
            assert_eq!(decoded(b"plain".to_vec(), Some(header)), Err(Refusal::Broken), "{header}");
        }
        for (packed, header) in
            [(zlib(b"hello"), "deflate"), (snappy_block(b"hello"), "snappy"), (snappy_frames(b"hello"), "snappy")]
        {
            assert_eq!(decoded(packed[..packed.len() - 2].to_vec(), Some(header)), Err(Refusal::Broken), "{header} cut");
            assert_eq!(decoded([packed, b"x".to_vec()].concat(), Some(header)), Err(Refusal::Broken), "{header} trailing");
        }
    }

    #[test]
    fn bombs_end_at_the_cap() {
        let zeros = vec![0; 2 << 20];
        assert_eq!(decoded(gzip(&zeros), None), Err(Refusal::TooLarge));
        assert_eq!(decoded(zstd::encode_all(zeros.as_slice(), 1).unwrap(), None), Err(Refusal::TooLarge));
        for (raw, header) in [(zlib(&zeros), "deflate"), (snappy_frames(&zeros), "snappy"), (snappy_block(&zeros), "snappy")] {
            assert_eq!(decoded(raw, Some(header)), Err(Refusal::TooLarge), "{header}");
        }
        assert_eq!(decode(gzip(&zeros), Coding::Gzip, 4 << 20, &mut |bytes| bytes < 1 << 20), Err(Refusal::Busy));
    }
}
