//! Scalars as TensorBoard reads them: an event file is a row of TFRecords, each the protobuf message `Event`.
//!
//! ```text
//! record   length u64 | masked CRC-32C of the length u32 | message | masked CRC-32C of the message u32   (little-endian)
//! Event    1: wall_time double   2: step int64   3: file_version string   5: summary Summary
//! Summary  1: value Value, repeated
//! Value    1: tag string   2: simple_value float
//! ```
//!
//! Sources: `tensorflow/core/lib/io/record_writer.cc`, `tensorflow/core/util/event.proto`, `tensorflow/core/framework/summary.proto`.

/// The first record of every event file.
pub(super) fn version(wall_time: f64) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, wall_time);
    event.bytes(3, b"brain.Event:2");
    record(&event.0)
}

/// The scalars of one step, each under its tag. Times are in seconds since 1970.
#[expect(
    clippy::cast_possible_truncation,
    reason = "TensorBoard's scalars are f32"
)]
pub(super) fn scalars<'a>(
    wall_time: f64,
    step: u64,
    values: impl IntoIterator<Item = (&'a str, f64)>,
) -> Vec<u8> {
    let mut summary = Message::default();
    for (tag, number) in values {
        let mut value = Message::default();
        value.bytes(1, tag.as_bytes());
        value.float(2, number as f32);
        summary.bytes(1, &value.0);
    }
    let mut event = Message::default();
    event.double(1, wall_time);
    event.varint(2, step);
    event.bytes(5, &summary.0);
    record(&event.0)
}

/// A protobuf message in the making. Fields that hold their default are left out, as proto3 wants, but for those of a `oneof`.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// A field's number and how it is written: 0 varint, 1 eight bytes, 2 a length and bytes, 5 four bytes.
    fn key(&mut self, field: u8, wire: u8) {
        self.0.push(field << 3 | wire);
    }

    fn varint(&mut self, field: u8, number: u64) {
        if number != 0 {
            self.key(field, 0);
            self.number(number);
        }
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    fn double(&mut self, field: u8, number: f64) {
        self.key(field, 1);
        self.0.extend(number.to_le_bytes());
    }

    fn float(&mut self, field: u8, number: f32) {
        self.key(field, 5);
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.key(field, 2);
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

/// A message in its frame.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(message.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(message);
    record.extend(masked(message).to_le_bytes());
    record
}

/// A checksum turned and moved, so that one of data that holds checksums is still a good one.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli): polynomial 0x1EDC6F41, here with its bits in reverse.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc: u32, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, appendix B.4, and the usual check value.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn the_bytes_are_those_of_tensorboards_own_writer() {
        // `RecordWriter` of the Python package tensorboard 2.21, given the same events.
        assert_eq!(
            hex(&version(1_700_000_000.5)),
            "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110"
        );
        let values = [("loss/train", 0.5), ("accuracy/train", 0.0)];
        assert_eq!(
            hex(&scalars(1_700_000_001.25, 300, values)),
            "3800000000000000a3797d570900005040fc54d94110ac022a2a0a110a0a6c6f73732f747261696e\
             150000003f0a150a0e61636375726163792f747261696e15000000007b886aa9"
        );
    }

    #[test]
    fn a_step_of_any_size_is_written() {
        let mut message = Message::default();
        message.varint(2, 0);
        assert!(message.0.is_empty(), "a default is left out");
        message.varint(2, u64::MAX);
        assert_eq!(hex(&message.0), "10ffffffffffffffffff01");
    }
}
