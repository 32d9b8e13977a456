//! Decompression: gzip and zstd by their first bytes, whatever the name or header says, with limits against bombs.

use std::fmt;
use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// Zstd frames that need a larger window (8 MiB) are refused: it is memory the sender makes us take.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The ratio is looked at from here on: short and uniform logs compress very well.
const RATIO_FROM_BYTES: u64 = 16 << 20;

/// Compressed bytes read ahead.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// How a reader's bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    /// Recognises a file by its first bytes.
    #[must_use]
    pub fn of(magic: &[u8]) -> Compression {
        match magic {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // A frame, or a skippable frame in front of one.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
            _ => Compression::Plain,
        }
    }
}

/// How much a compressed input may grow to.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecodeLimits {
    /// Decoded bytes, compressed or not.
    pub decoded_bytes_max: Option<u64>,
    /// Decoded bytes per compressed byte, once 16 MiB are decoded.
    pub ratio_max: Option<u32>,
}

/// Why decoding stopped. Travels inside an [`io::Error`]; [`DecodeError::of`] takes it out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// More than this many bytes.
    TooLarge { decoded_bytes_max: u64 },
    /// It grows by more than this factor.
    Ratio { ratio_max: u32 },
    /// The compressed data ends in the middle.
    CutOff,
    /// The compressed data is not valid.
    Damaged,
}

impl DecodeError {
    /// The decode error in an I/O error, if it is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<DecodeError> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// Whether the input is larger than allowed, which a server answers with 413.
    #[must_use]
    pub fn is_limit(self) -> bool {
        matches!(self, DecodeError::TooLarge { .. } | DecodeError::Ratio { .. })
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::TooLarge { decoded_bytes_max } => {
                write!(f, "the data is larger than {decoded_bytes_max} bytes when decompressed: send it in smaller pieces")
            }
            DecodeError::Ratio { ratio_max } => {
                write!(f, "the data grows more than {ratio_max}-fold when decompressed: send it uncompressed")
            }
            DecodeError::CutOff => f.write_str("the compressed data ends in the middle: send the whole file again"),
            DecodeError::Damaged => f.write_str("the compressed data is damaged: send the file again"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A reader of decoded bytes. Whatever was decoded before an error is given out first.
pub struct Decoded<R: Read> {
    decoder: Decoder<R>,
    limits: DecodeLimits,
    decoded_bytes: u64,
}

type Source<R> = BufReader<Counted<Chain<Cursor<Vec<u8>>, R>>>;

enum Decoder<R: Read> {
    Plain(Source<R>),
    Gzip(Box<MultiGzDecoder<Source<R>>>),
    Zstd(Box<ZstdDecoder<'static, Source<R>>>),
}

impl<R: Read> Decoded<R> {
    /// Looks at the first bytes and chooses the decoder.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn new(mut reader: R, limits: DecodeLimits) -> io::Result<Decoded<R>> {
        let mut magic = Vec::with_capacity(4);
        reader.by_ref().take(4).read_to_end(&mut magic)?;
        let compression = Compression::of(&magic);
        let counted = Counted { reader: Cursor::new(magic).chain(reader), bytes: 0 };
        let source = BufReader::with_capacity(READ_AHEAD_BYTES, counted);
        let decoder = match compression {
            Compression::Plain => Decoder::Plain(source),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(source))),
            Compression::Zstd => {
                let mut zstd = ZstdDecoder::with_buffer(source)?;
                zstd.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Decoder::Zstd(Box::new(zstd))
            }
        };
        Ok(Decoded { decoder, limits, decoded_bytes: 0 })
    }

    /// How the input is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        match self.decoder {
            Decoder::Plain(_) => Compression::Plain,
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd(_) => Compression::Zstd,
        }
    }

    /// Bytes taken from the underlying reader so far, for progress bars.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        match &self.decoder {
            Decoder::Plain(source) => source.get_ref().bytes,
            Decoder::Gzip(gzip) => gzip.get_ref().get_ref().bytes,
            Decoder::Zstd(zstd) => zstd.get_ref().get_ref().bytes,
        }
    }

    fn read_decoded(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.decoder {
            Decoder::Plain(source) => return source.read(buffer),
            Decoder::Gzip(gzip) => gzip.read(buffer),
            Decoder::Zstd(zstd) => zstd.read(buffer),
        };
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::UnexpectedEof, DecodeError::CutOff),
            // What the decoders call these; everything else comes from the reader below and is passed on.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other if error.raw_os_error().is_none() => {
                io::Error::new(io::ErrorKind::InvalidData, DecodeError::Damaged)
            }
            _ => error,
        })
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoded_bytes_max) = self.limits.decoded_bytes_max else {
            let read = self.read_decoded(buffer)?;
            return self.checked_ratio(read);
        };
        let left = decoded_bytes_max.saturating_sub(self.decoded_bytes);
        if left == 0 {
            // Only one more byte tells a full measure from too much.
            return match self.read_decoded(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, DecodeError::TooLarge { decoded_bytes_max })),
            };
        }
        let length = usize::try_from(left).map_or(buffer.len(), |left| buffer.len().min(left));
        let read = self.read_decoded(buffer.get_mut(..length).unwrap_or_default())?;
        self.checked_ratio(read)
    }
}

impl<R: Read> Decoded<R> {
    fn checked_ratio(&mut self, read: usize) -> io::Result<usize> {
        self.decoded_bytes += read as u64;
        match self.limits.ratio_max {
            Some(ratio_max)
                if self.decoded_bytes > RATIO_FROM_BYTES
                    && self.compression() != Compression::Plain
                    && self.decoded_bytes > self.source_bytes().saturating_mul(u64::from(ratio_max)) =>
            {
                Err(io::Error::new(io::ErrorKind::FileTooLarge, DecodeError::Ratio { ratio_max }))
            }
            _ => Ok(read),
        }
    }
}

/// Counts the bytes that pass.
struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
