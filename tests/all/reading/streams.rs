//! Streams: decompression with its limits, and chunks of whole lines.

use std::io::{self, Read, Write};

use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use hubtally::parse::{Chunk, Compression, DecodeError, DecodeLimits, Decoded, JsonItems, Line, Observed};

use super::mutations::Random;
use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), GzipLevel::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Lines that do not compress to nothing.
fn log(lines: usize) -> Vec<u8> {
    let mut random = Random::new();
    (0..lines).flat_map(|line| format!("line {line} {:x}\n", random.next()).into_bytes()).collect()
}

/// What can be read, and the error that ends it.
fn decode(bytes: &[u8], limits: DecodeLimits) -> (Vec<u8>, Option<io::Error>) {
    let mut decoded = Vec::new();
    let error = Decoded::new(bytes, limits).unwrap().read_to_end(&mut decoded).err();
    (decoded, error)
}

#[test]
fn compression_is_recognised_by_content() {
    let log = log(20_000);
    for (bytes, expected) in [(log.clone(), Compression::Plain), (gzip(&log), Compression::Gzip), (zstd(&log), Compression::Zstd)]
    {
        assert_eq!(Decoded::new(&bytes[..], DecodeLimits::default()).unwrap().compression(), expected);
        let (decoded, error) = decode(&bytes, DecodeLimits::default());
        assert!(decoded == log && error.is_none(), "{expected:?}");
    }
    for short in ["", "a", "\u{1f}"] {
        assert_eq!(decode(short.as_bytes(), DecodeLimits::default()).0, short.as_bytes());
    }
}

#[test]
fn several_members_and_frames_are_one_stream() {
    let (a, b) = (log(1000), log(3000));
    for pack in [gzip, zstd] {
        let (decoded, error) = decode(&[pack(&a), pack(b""), pack(&b)].concat(), DecodeLimits::default());
        assert!(decoded == [&a[..], &b].concat() && error.is_none());
    }
}

#[test]
fn what_is_cut_off_gives_all_that_was_there() {
    let log = log(20_000);
    for packed in [gzip(&log), zstd(&log)] {
        let mut longest = 0;
        for cut in (5..packed.len()).step_by(packed.len() / 97) {
            let (decoded, error) = decode(&packed[..cut], DecodeLimits::default());
            assert!(log.starts_with(&decoded), "{cut}");
            assert_eq!(DecodeError::of(&error.unwrap()), Some(DecodeError::CutOff), "{cut}");
            assert!(decoded.len() >= longest);
            longest = decoded.len();
        }
        assert!(longest > log.len() / 2);
    }
}

#[test]
fn damage_is_told_apart_from_a_cut() {
    let mut packed = gzip(&log(20_000));
    let middle = packed.len() / 2;
    packed[middle..middle + 64].fill(0xff);
    let (_, error) = decode(&packed, DecodeLimits::default());
    assert_eq!(DecodeError::of(&error.unwrap()), Some(DecodeError::Damaged));
    let mut packed = zstd(&log(20_000));
    packed[10..30].fill(0xff);
    let (_, error) = decode(&packed, DecodeLimits::default());
    assert_eq!(DecodeError::of(&error.unwrap()), Some(DecodeError::Damaged));
}

#[test]
fn errors_of_the_reader_pass_through() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::TimedOut, "slow"))
        }
    }
    let start = gzip(&log(100));
    let mut decoded = Decoded::new(start[..50].chain(Failing), DecodeLimits::default()).unwrap();
    let error = decoded.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!((error.kind(), DecodeError::of(&error)), (io::ErrorKind::TimedOut, None));
}

#[test]
fn bombs_are_cut_off() {
    let bomb = vec![b'\n'; 64 << 20];
    for packed in [gzip(&bomb), zstd(&bomb)] {
        let (decoded, error) = decode(&packed, DecodeLimits { decoded_bytes_max: Some(1 << 20), ratio_max: None });
        assert_eq!(decoded.len(), 1 << 20);
        assert_eq!(DecodeError::of(&error.unwrap()), Some(DecodeError::TooLarge { decoded_bytes_max: 1 << 20 }));
        let (decoded, error) = decode(&packed, DecodeLimits { decoded_bytes_max: None, ratio_max: Some(200) });
        assert!((16 << 20..40 << 20).contains(&decoded.len()), "{}", decoded.len());
        let error = DecodeError::of(&error.unwrap()).unwrap();
        assert!(error == DecodeError::Ratio { ratio_max: 200 } && error.is_limit());
    }
    let exact = DecodeLimits { decoded_bytes_max: Some(5), ratio_max: None };
    assert!(decode(b"12345", exact).1.is_none());
    assert!(decode(b"123456", exact).1.is_some());
}

/// The chunks of a stream, after checking that offsets and numbers join.
fn chunks(bytes: &[u8], chunk_bytes: usize) -> Vec<Chunk> {
    let mut offset = 0;
    let mut line = 1;
    let chunks: Vec<Chunk> = ChunkReader::new(bytes).with_chunk_bytes(chunk_bytes).map(Result::unwrap).collect();
    for chunk in &chunks {
        assert_eq!((chunk.start_offset, chunk.first_line), (offset, line));
        assert!(chunk.end_offset > offset && chunk.next_line > line);
        assert_eq!(chunk.lines().count() + chunk.overlong.len(), (chunk.next_line - chunk.first_line) as usize);
        (offset, line) = (chunk.end_offset, chunk.next_line);
    }
    assert_eq!(offset, bytes.len() as u64);
    chunks
}

#[test]
fn chunks_hold_all_lines_with_their_numbers() {
    let mut random = Random::new();
    for _ in 0..300 {
        let mut file = Vec::new();
        for _ in 0..random.below(40) {
            let length = match random.below(12) {
                0 => 65_530 + random.below(12),
                1 => random.below(200_000),
                _ => random.below(90),
            };
            file.extend(std::iter::repeat_n(b'x', length));
            file.push(b'\n');
        }
        file.truncate(file.len().saturating_sub(random.below(3)));
        let expected: Vec<(u64, &[u8])> = (1..)
            .zip(file.split_inclusive(|&byte| byte == b'\n'))
            .map(|(number, line)| (number, line.strip_suffix(b"\n").unwrap_or(line)))
            .collect();
        let chunks = chunks(&file, [1, 100, 70_000, 1 << 20][random.below(4)]);
        let read: Vec<(u64, &[u8])> = chunks.iter().flat_map(|chunk| chunk.lines()).collect();
        assert!(read.iter().eq(expected.iter().filter(|(_, line)| line.len() <= 64 * 1024)));
        let overlong: Vec<u64> = chunks.iter().flat_map(|chunk| chunk.overlong.clone()).collect();
        assert!(overlong.iter().eq(expected.iter().filter(|(_, line)| line.len() > 64 * 1024).map(|(number, _)| number)));
        assert!(chunks.last().is_none_or(|chunk| chunk.terminated == file.ends_with(b"\n")));
        // Any chunk border is a place to go on from.
        if let Some(chunk) = chunks.get(random.below(chunks.len())) {
            let rest = &file[chunk.end_offset as usize..];
            let resumed: Vec<u64> = ChunkReader::starting_at(rest, chunk.end_offset, chunk.next_line)
                .flat_map(|chunk| chunk.unwrap().lines().map(|(number, _)| number).collect::<Vec<_>>())
                .collect();
            assert!(resumed.iter().eq(read.iter().map(|(number, _)| number).filter(|number| **number >= chunk.next_line)));
        }
    }
}

#[test]
fn lines_are_text_where_they_alone_are() {
    let mut random = Random::new();
    for _ in 0..2_000 {
        let mut file = Vec::new();
        for _ in 0..random.below(400) {
            // Lines are looked at in windows of some 8 KB: there are lines that are longer, and several windows to a file.
            let pieces: [&[u8]; 14] = [
                &[b'x'; 700],
                if random.below(10) == 0 { &[b'y'; 9_000] } else { b"y" },
                b"\n",
                b"\n",
                b"a",
                b"abc",
                b"\r\n",
                "ü".as_bytes(),
                "\u{feff}".as_bytes(),
                b"",
                b"\xc3",
                b"\xbc",
                b"\0",
                b"\xff",
            ];
            // Most lines of most files are good.
            let kinds = if random.below(20) == 0 { 14 } else { 10 };
            file.extend(pieces[random.below(kinds)]);
        }
        for chunk in chunks(&file, [1, 100, 1 << 20][random.below(3)]) {
            let lines: Vec<(u64, &[u8])> = chunk.lines().collect();
            let checked: Vec<(u64, Line<'_>)> = chunk.checked_lines().collect();
            assert!(checked.iter().map(|(number, line)| (*number, line.bytes())).eq(lines));
            for (_, line) in checked {
                let is_text = std::str::from_utf8(line.bytes()).is_ok_and(|text| !text.contains('\0'));
                assert_eq!(matches!(line, Line::Text(_)), is_text);
            }
        }
    }
}

#[test]
fn an_overlong_line_is_never_held_whole() {
    let file = [b"first\n".as_slice(), &vec![b'x'; 10 << 20], b"\nthird\n", &vec![b'y'; 10 << 20]].concat();
    let chunks = chunks(&file, 1 << 20);
    assert!(chunks.iter().all(|chunk| chunk.bytes.capacity() <= 3 << 20));
    let read: Vec<_> = chunks.iter().flat_map(|chunk| chunk.lines()).collect();
    assert_eq!(read, [(1, b"first".as_slice()), (3, b"third")]);
    assert_eq!(chunks.iter().flat_map(|chunk| chunk.overlong.clone()).collect::<Vec<_>>(), [2, 4]);
    assert!(!chunks.last().unwrap().terminated);
}

#[test]
fn empty_and_unterminated_streams() {
    assert!(chunks(b"", 10).is_empty());
    let blank = chunks(b"\n", 10);
    assert_eq!((blank.len(), blank[0].lines().count(), blank[0].terminated), (1, 1, true));
    let open = chunks(b"a\nb", 1 << 20);
    assert_eq!((open.len(), open[0].lines().count(), open[0].terminated), (1, 2, false));
}

#[test]
fn an_error_comes_after_the_whole_lines_before_it() {
    let log = log(5_000);
    let packed = gzip(&log);
    let mut reader = ChunkReader::new(Decoded::new(&packed[..packed.len() / 2], DecodeLimits::default()).unwrap());
    let chunk = reader.next().unwrap().unwrap();
    assert!(log.starts_with(&chunk.bytes) && chunk.bytes.ends_with(b"\n") && chunk.terminated);
    assert_eq!(DecodeError::of(&reader.next().unwrap().unwrap_err()), Some(DecodeError::CutOff));
    assert!(reader.next().is_none());
}

#[test]
fn all_decoded_bytes_can_be_observed() {
    let file = [log(1000), vec![b'x'; 100_000]].concat();
    let mut seen = Vec::new();
    let chunks = ChunkReader::new(Observed::new(&file[..], |bytes| seen.extend_from_slice(bytes))).count();
    assert!(chunks == 1 && seen == file);
}

#[test]
fn json_bodies_are_cut_into_items() {
    let items = |body: &'static str| -> Vec<(u64, &str)> {
        JsonItems::new(body.as_bytes()).unwrap().map(|(number, item)| (number, std::str::from_utf8(item).unwrap())).collect()
    };
    assert_eq!(
        items("\u{feff} [ {\"a\": \"]},{\\\"\"} , [1, 2],\n 3 ] "),
        [(1, "{\"a\": \"]},{\\\"\"}"), (2, "[1, 2]"), (3, "3")]
    );
    assert_eq!(items("[]"), []);
    assert_eq!(items(""), []);
    assert_eq!(items("{\n \"a\": 1\n}\n"), [(1, "{\n \"a\": 1\n}")]);
    assert_eq!(items("{\n \"a\": 1\n}\n{\n}"), [(1, "{\n \"a\": 1\n}"), (2, "{\n}")]);
    assert_eq!(items("{\"a\":1}\r\n\n{\"b\":2}"), [(1, "{\"a\":1}"), (3, "{\"b\":2}")]);
    assert_eq!(items("{\"a\":\n{\"b\":2}\n"), [(1, "{\"a\":"), (2, "{\"b\":2}")]);
    assert_eq!(items("junk\n{\"b\":2}\n"), [(1, "junk"), (2, "{\"b\":2}")]);
    let broken = JsonItems::new(b"[{\"a\":1},\n{\"secret\":").unwrap_err();
    assert!(broken.array && broken.line == 2 && !broken.to_string().contains("secret"));
    assert!(JsonItems::new(b"[1] 2").is_err());
    assert!(!JsonItems::new(b"{\n\"a\":").unwrap_err().array);
    let mut nested = vec![b'['; 100_000];
    assert!(JsonItems::new(&nested).is_err());
    nested.extend(vec![b']'; 100_000]);
    let _ = JsonItems::new(&nested).map(Iterator::count);
}
