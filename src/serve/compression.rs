//! Compression of answers, for clients that ask for it and bodies that are worth it.

use std::io::{self, Write};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};

use super::answer::Answer;
use super::body::Body;
use super::limits;

/// How an answer can be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// The best packing a client accepts.
    #[must_use]
    pub fn accepted(headers: &HeaderMap) -> Option<Packing> {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let (mut gzip, mut zstd) = (false, false);
        for item in lines.flat_map(|line| line.split(',')) {
            let (name, weight) = item.split_once(';').unwrap_or((item, ""));
            let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f32));
            match name.trim() {
                "gzip" | "x-gzip" => gzip = !refused,
                "zstd" => zstd = !refused,
                _ => {}
            }
        }
        match (zstd, gzip) {
            (true, _) => Some(Packing::Zstd),
            (false, true) => Some(Packing::Gzip),
            (false, false) => None,
        }
    }

    /// What a header calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }
}

/// A stream being packed: bytes in, packed bytes out as they come.
pub enum Packer {
    Plain,
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    /// A packer of that kind.
    pub fn new(packing: Option<Packing>) -> io::Result<Packer> {
        Ok(match packing {
            None => Packer::Plain,
            Some(Packing::Gzip) => Packer::Gzip(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())),
            Some(Packing::Zstd) => Packer::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 1)?),
        })
    }

    /// Packs more; gives what is ready, which may be nothing yet.
    pub fn push(&mut self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Packer::Plain => Ok(bytes),
            Packer::Gzip(encoder) => encoder.write_all(&bytes).map(|()| std::mem::take(encoder.get_mut())),
            Packer::Zstd(encoder) => encoder.write_all(&bytes).map(|()| std::mem::take(encoder.get_mut())),
        }
    }

    /// The rest.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Packer::Plain => Ok(Vec::new()),
            Packer::Gzip(encoder) => encoder.finish(),
            Packer::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// Marks an answer as packed.
#[must_use]
pub fn labelled(answer: Answer, packing: Option<Packing>) -> Answer {
    match packing {
        Some(packing) => answer.with(header::CONTENT_ENCODING, packing.word()),
        None => answer,
    }
}

/// The answer, packed if that pays and it is not packed yet. Streams pack themselves as they are made.
#[must_use]
pub fn packed(mut answer: Answer, packing: Option<Packing>) -> Answer {
    let Some(packing) = packing else { return answer };
    let Body::Whole(bytes) = &answer.body else { return answer };
    if answer.headers.iter().any(|(name, _)| *name == header::CONTENT_ENCODING) {
        return answer;
    }
    if bytes.len() < limits::COMPRESS_BYTES_MIN || answer.status == StatusCode::NOT_MODIFIED {
        return answer;
    }
    let Ok(small) = pack(packing, bytes) else { return answer };
    answer.body = Body::Whole(small);
    labelled(answer, Some(packing))
}

fn pack(packing: Packing, bytes: &Bytes) -> io::Result<Bytes> {
    let mut packer = Packer::new(Some(packing))?;
    let mut small = packer.push(bytes.to_vec())?;
    small.extend(packer.finish()?);
    Ok(small.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(value: &'static str) -> Option<Packing> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static(value));
        Packing::accepted(&headers)
    }

    #[test]
    fn the_client_decides() {
        assert_eq!(accepted("gzip, deflate, br, zstd"), Some(Packing::Zstd));
        assert_eq!(accepted("gzip;q=0.5, zstd;q=0"), Some(Packing::Gzip));
        assert_eq!(accepted("br, identity, gzip; q=0"), None);
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let text = b"date,downloads\n".repeat(1000);
        let gzip = pack(Packing::Gzip, &Bytes::from(text.clone())).unwrap();
        let mut out = Vec::new();
        io::Read::read_to_end(&mut flate2::read::GzDecoder::new(gzip.as_ref()), &mut out).unwrap();
        assert_eq!(out, text);
        let zstd = pack(Packing::Zstd, &Bytes::from(text.clone())).unwrap();
        assert_eq!(zstd::decode_all(zstd.as_ref()).unwrap(), text);
    }
}
