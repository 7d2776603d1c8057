//! AES-CMAC (RFC 4493) and what LoRaWAN 1.0.x makes of AES-128: integrity codes (§4.4), encryption of payloads (§4.3.3), session keys (§6.2.5).

use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// A key of AES-128.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 16]);

impl std::fmt::Debug for Key {
    /// Without the key: logs are no place for it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The way of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From a device.
    Up,
    /// To a device.
    Down,
}

/// A message integrity code: the first four bytes of a CMAC.
pub type Mic = [u8; 4];

impl Key {
    fn cipher(&self) -> Aes128 {
        Aes128::new(&Array::from(self.0))
    }

    /// AES of one block.
    pub fn encrypt_block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array::from(block);
        self.cipher().encrypt_block(&mut block);
        block.into()
    }

    /// Inverse AES of one block.
    pub fn decrypt_block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array::from(block);
        self.cipher().decrypt_block(&mut block);
        block.into()
    }

    /// AES-CMAC of `message` (RFC 4493 §2.4).
    pub fn cmac(&self, message: &[u8]) -> [u8; 16] {
        let cipher = self.cipher();
        let encrypt = |block: [u8; 16]| {
            let mut block = Array::from(block);
            cipher.encrypt_block(&mut block);
            <[u8; 16]>::from(block)
        };
        // RFC 4493 §2.3: subkeys for a whole last block and for one that is filled up.
        let whole = double(encrypt([0; 16]));
        let filled = double(whole);
        // The last block is never empty unless the message is.
        let split = message.len().saturating_sub(1) / 16 * 16;
        let (blocks, rest) = message.split_at(split);
        let mut state = [0; 16];
        for block in blocks.chunks_exact(16) {
            xor(&mut state, block);
            state = encrypt(state);
        }
        xor(&mut state, rest);
        if rest.len() == 16 {
            xor(&mut state, &whole);
        } else {
            state[rest.len()] ^= 0x80;
            xor(&mut state, &filled);
        }
        encrypt(state)
    }

    fn short_cmac(&self, message: &[u8]) -> Mic {
        let [a, b, c, d, ..] = self.cmac(message);
        [a, b, c, d]
    }

    /// The code of a join request or a join accept: over all before it.
    pub fn join_mic(&self, message: &[u8]) -> Mic {
        self.short_cmac(message)
    }

    /// The code of a data frame: over a block with direction, address and the whole counter, then all before the code (§4.4).
    pub fn data_mic(&self, direction: Direction, dev_addr: u32, counter: u32, message: &[u8]) -> Mic {
        // A frame has at most 255 bytes.
        let last = message.len() as u8;
        let block = block(0x49, direction, dev_addr, counter, last);
        self.short_cmac(&[&block[..], message].concat())
    }

    /// Encrypts a frame's payload, or decrypts it: both are the same (§4.3.3.1).
    pub fn crypt(&self, direction: Direction, dev_addr: u32, counter: u32, payload: &mut [u8]) {
        for (chunk, i) in payload.chunks_mut(16).zip(1_u8..) {
            let stream = self.encrypt_block(block(0x01, direction, dev_addr, counter, i));
            xor(chunk, &stream);
        }
    }
}

/// The block B0 of codes and the blocks A of encryption.
fn block(kind: u8, direction: Direction, dev_addr: u32, counter: u32, last: u8) -> [u8; 16] {
    let mut block = [0; 16];
    block[0] = kind;
    block[5] = direction as u8;
    block[6..10].copy_from_slice(&dev_addr.to_le_bytes());
    block[10..14].copy_from_slice(&counter.to_le_bytes());
    block[15] = last;
    block
}

fn xor(into: &mut [u8], with: &[u8]) {
    into.iter_mut().zip(with).for_each(|(a, b)| *a ^= b);
}

/// Doubling in GF(2^128) (RFC 4493 §2.3).
fn double(block: [u8; 16]) -> [u8; 16] {
    let number = u128::from_be_bytes(block);
    let carry = if number >> 127 == 1 { 0x87 } else { 0 };
    ((number << 1) ^ carry).to_be_bytes()
}

/// Keys of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionKeys {
    /// Of the network: codes, and payloads on port 0.
    pub network: Key,
    /// Of the application: payloads on other ports.
    pub application: Key,
}

impl SessionKeys {
    /// What a join gives (§6.2.5): AES of a block with the nonces of both sides. `app_nonce` and `net_id` have 24 bits.
    pub fn derive(app_key: &Key, app_nonce: u32, net_id: u32, dev_nonce: u16) -> Self {
        let derive = |kind: u8| {
            let mut block = [0; 16];
            block[0] = kind;
            block[1..4].copy_from_slice(&app_nonce.to_le_bytes()[..3]);
            block[4..7].copy_from_slice(&net_id.to_le_bytes()[..3]);
            block[7..9].copy_from_slice(&dev_nonce.to_le_bytes());
            Key(app_key.encrypt_block(block))
        };
        Self { network: derive(1), application: derive(2) }
    }
}
