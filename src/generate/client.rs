//! An invented downloader: who they are, where they sit and what they download with.

use super::page::Page;
use super::place::{Place, place};
use super::random::{mix, scale, traits};

/// A downloader. Nothing of it is kept: all of it follows from the seed and the number.
#[derive(Clone, Copy)]
pub(super) struct Client {
    pub(super) number: u32,
    /// Random bits that never change for this downloader.
    pub(super) bits: u64,
    pub(super) signed_in: bool,
}

impl Client {
    pub(super) fn of(seed: u64, number: u32, signed_in_percent: u8) -> Client {
        let bits = traits(seed, number, 2);
        Client { number, bits, signed_in: scale(bits << 20, 100) < u32::from(signed_in_percent) }
    }

    pub(super) fn place(self) -> Place {
        place(self.bits)
    }

    /// 32 hexadecimal digits, as an export with hashed identities gives them.
    pub(super) fn write_hash(self, page: &mut Page) {
        page.hex(mix(self.bits));
        page.hex(mix(self.bits ^ 1));
    }

    /// An address from the ranges set aside for benchmarks and documentation. There are only 131,072 of IPv4, so larger
    /// worlds have people behind one address, as real ones do; each IPv6 downloader has a /64 of its own.
    pub(super) fn write_address(self, page: &mut Page) {
        if self.bits & 0xF0 < 0x40 {
            page.text("2001:db8:");
            page.hex_short(self.number >> 16);
            page.text(":");
            page.hex_short(self.number & 0xFFFF);
            page.text("::");
            page.hex_short(1 + ((self.bits >> 16) as u32 & 0xFFF));
        } else {
            let host = mix(self.bits ^ 2);
            page.text("198.");
            page.number(18 + (host & 1));
            page.text(".");
            page.number(host >> 8 & 0xFF);
            page.text(".");
            page.number(host >> 16 & 0xFF);
        }
    }
}
