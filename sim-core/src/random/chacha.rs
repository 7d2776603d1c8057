//! ChaCha8: one block of its key stream (Bernstein, "ChaCha, a variant of Salsa20", 2008; the layout with a counter of 64 bits
//! and a nonce of zero).

/// Rounds, two at a time.
const DOUBLE_ROUNDS: usize = 4;

/// "expand 32-byte k" in four little-endian words.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// Four words side by side, one of each column: four quarter rounds at once.
type Row = [u32; 4];

/// Block `number` of the key stream of `key`, as little-endian words of 64 bits.
pub(super) fn block(key: &[u8; 32], number: u64) -> [u64; 8] {
    let word = |index: usize| u32::from_le_bytes(std::array::from_fn(|byte| key[4 * index + byte]));
    let start: [Row; 4] = [
        CONSTANTS,
        std::array::from_fn(word),
        std::array::from_fn(|index| word(4 + index)),
        [number as u32, (number >> 32) as u32, 0, 0],
    ];
    let [mut a, mut b, mut c, mut d] = start;
    for _ in 0..DOUBLE_ROUNDS {
        round(&mut a, &mut b, &mut c, &mut d);
        // Diagonals become columns, and columns again.
        (b, c, d) = (turned(b, 1), turned(c, 2), turned(d, 3));
        round(&mut a, &mut b, &mut c, &mut d);
        (b, c, d) = (turned(b, 3), turned(c, 2), turned(d, 1));
    }
    let end = [a, b, c, d];
    std::array::from_fn(|index| {
        let sum = |place: usize| end[place / 4][place % 4].wrapping_add(start[place / 4][place % 4]);
        u64::from(sum(2 * index)) | u64::from(sum(2 * index + 1)) << 32
    })
}

#[inline(always)]
fn round(a: &mut Row, b: &mut Row, c: &mut Row, d: &mut Row) {
    step(a, b, d, 16);
    step(c, d, b, 12);
    step(a, b, d, 8);
    step(c, d, b, 7);
}

/// x += y; z = (z ^ x) <<< bits.
#[inline(always)]
fn step(x: &mut Row, y: &Row, z: &mut Row, bits: u32) {
    for lane in 0..4 {
        x[lane] = x[lane].wrapping_add(y[lane]);
        z[lane] = (z[lane] ^ x[lane]).rotate_left(bits);
    }
}

#[inline(always)]
fn turned(row: Row, by: usize) -> Row {
    std::array::from_fn(|lane| row[(lane + by) % 4])
}
