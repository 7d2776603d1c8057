//! Lengths, signatures and what other programs think of certificates. RSA keys are dear: few tests make them.

use super::compress::mark;
use super::key::EcdsaShape;
use super::*;
use crate::tls::codes::AlertDescription;
use proptest::prelude::*;
use protosim_core::{Purpose, RunSeed};
use std::process::Command;

const KINDS: [CertificateKind; 5] = [
    CertificateKind::EcdsaP256,
    CertificateKind::Rsa2048,
    CertificateKind::MlDsa44,
    CertificateKind::MlDsa65,
    CertificateKind::MlDsa87,
];
/// Those whose real keys are quickly made.
const QUICK: [CertificateKind; 3] = [CertificateKind::EcdsaP256, CertificateKind::MlDsa44, CertificateKind::MlDsa65];

fn luck(seed: u64) -> Stream {
    RunSeed { seed, replication: 0 }.stream("server", Purpose("test"))
}

fn identity(mode: Mode, kind: CertificateKind, chain: u8) -> Identity {
    Identity::new(mode, kind, "example.com", chain, None, &mut luck(1))
}

/// The body of a Certificate message of TLS 1.3 (RFC 8446 §4.4.2), with the OCSP response in it.
fn message(identity: &Identity) -> Vec<u8> {
    let len = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes()[1..].to_vec();
    let mut entries = Vec::new();
    for (i, der) in identity.chain().iter().enumerate() {
        entries.extend([&len(der)[..], der].concat());
        if i == 0 {
            let response = identity.ocsp_response();
            let status = [&[1][..], &len(response), response].concat();
            let extension = [&[0, 5][..], &(status.len() as u16).to_be_bytes(), &status].concat();
            entries.extend([&(extension.len() as u16).to_be_bytes()[..], &extension].concat());
        } else {
            entries.extend([0, 0]);
        }
    }
    [&[0][..], &len(&entries), &entries].concat()
}

/// The message with zeros for all that depends on the mode.
fn common(identity: &Identity) -> Vec<u8> {
    let message = message(identity);
    let marks = mark(&message, &identity.0.opaque);
    message.iter().zip(marks).map(|(byte, is_opaque)| if is_opaque { 0 } else { *byte }).collect()
}

#[test]
fn certificates_have_the_usual_lengths() {
    for kind in KINDS {
        let (leaf, intermediate) = kind.certificate_lens();
        let identity = identity(Mode::Sized, kind, 3);
        let lens: Vec<usize> = identity.chain().iter().map(Bytes::len).collect();
        assert_eq!(lens, [leaf, intermediate, intermediate], "{kind:?}");
        // Certificate of TLS 1.3 with two of them: 4 + 1 + 3 + (3 + 882 + 2) + (3 + 628 + 2) = 1528, as measured.
        if kind == CertificateKind::EcdsaP256 {
            assert_eq!(8 + lens[..2].iter().map(|len| len + 5).sum::<usize>(), 1528);
        }
    }
}

#[test]
fn modes_differ_in_keys_and_signatures_alone() {
    for kind in QUICK {
        for chain in 1..=3 {
            let (sized, real) = (identity(Mode::Sized, kind, chain), identity(Mode::Real, kind, chain));
            assert_eq!(common(&sized), common(&real), "{kind:?}");
            assert_ne!(message(&sized), message(&real));
            assert_eq!(sized.chain().len(), usize::from(chain));
            assert_eq!(sized.root().len(), real.root().len());
        }
    }
}

/// One draw for an identity, two for a signature.
#[test]
fn modes_take_the_same_draws() {
    for kind in QUICK {
        let run = |mode| {
            let mut luck = luck(9);
            let identity = Identity::new(mode, kind, "a.example", 2, None, &mut luck);
            let sign = |luck: &mut Stream| identity.sign(kind.schemes()[0], b"message", luck).len();
            let lens: Vec<usize> = (0..20).map(|_| sign(&mut luck)).collect();
            (lens, luck)
        };
        assert_eq!(run(Mode::Sized), run(Mode::Real), "{kind:?}");
    }
}

fn signatures_hold(mode: Mode, kind: CertificateKind, chain: u8) {
    let (identity, other) =
        (identity(mode, kind, chain), Identity::new(mode, kind, "b.example", 1, None, &mut luck(2)));
    let leaf = &identity.chain()[0];
    for &scheme in kind.schemes() {
        let signature = identity.sign(scheme, b"message", &mut luck(3));
        assert!(verify(mode, leaf, scheme, b"message", &signature), "{mode:?} {scheme}");
        assert!(!verify(mode, leaf, scheme, b"massage", &signature));
        assert!(!verify(mode, &other.chain()[0], scheme, b"message", &signature));
        assert!(!verify(mode, leaf, scheme, b"message", &signature[1..]));
        let mut changed = signature.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert!(!verify(mode, leaf, scheme, b"message", &changed));
        assert!(!verify(mode, leaf, SignatureScheme::ED25519, b"message", &signature));
    }
    chain_holds(mode, &identity, &other);
}

fn chain_holds(mode: Mode, identity: &Identity, other: &Identity) {
    let (chain, root) = (identity.chain(), identity.root());
    assert_eq!(verify_chain(mode, chain, root), Ok(()));
    assert_eq!(verify_chain(mode, &[chain, std::slice::from_ref(root)].concat(), root), Ok(()));
    assert_eq!(verify_chain(mode, &[], root), Err(AlertDescription::BAD_CERTIFICATE));
    // The name is the same, the key another.
    assert_eq!(verify_chain(mode, chain, other.root()), Err(AlertDescription::BAD_CERTIFICATE));
    if chain.len() > 1 {
        assert_eq!(verify_chain(mode, &chain[..1], root), Err(AlertDescription::UNKNOWN_CA));
    }
    // Any byte of what is signed counts: here one of the serial number.
    let mut changed = chain[0].to_vec();
    changed[20] ^= 1;
    let changed = [&[Bytes::from(changed)], &chain[1..]].concat();
    assert_eq!(verify_chain(mode, &changed, root), Err(AlertDescription::BAD_CERTIFICATE));
}

#[test]
fn signatures_hold_in_both_modes() {
    KINDS.iter().for_each(|kind| signatures_hold(Mode::Sized, *kind, 3));
    QUICK.iter().for_each(|kind| signatures_hold(Mode::Real, *kind, 2));
}

/// The only test that makes RSA keys: four of them.
#[test]
fn rsa_holds_as_well() {
    let kind = CertificateKind::Rsa2048;
    signatures_hold(Mode::Real, kind, 1);
    let (sized, real) = (identity(Mode::Sized, kind, 1), identity(Mode::Real, kind, 1));
    assert_eq!(common(&sized), common(&real));
}

/// Both numbers are below the order of the curve, which is nearly 2^256: with 2^-9 for nine zero bits in front and so on,
/// 33 bytes for 1/2, 32 for 1/2 - 2^-9, 31 for 2^-9 - 2^-17. Sums over both: 72 bytes 1/4, 71 bytes 2 · 1/2 · (1/2 - 2^-9)
/// = 0.498047, 70 bytes (1/2 - 2^-9)^2 + 2 · 1/2 · (2^-9 - 2^-17) = 0.249996, 69 or fewer the rest, 0.001957.
#[test]
fn ecdsa_signatures_have_their_law_of_lengths() {
    const LAW: [(usize, f64); 4] = [(72, 0.25), (71, 0.498_047), (70, 0.249_996), (69, 0.001_957)];
    let check = |lens: Vec<usize>| {
        for (len, p) in LAW {
            let n = lens.len() as f64;
            let found = lens.iter().filter(|found| **found == len).count() as f64;
            // Five standard deviations of a binomial law.
            assert!((found - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt() + 1.0, "{len}: {found} of {n}");
        }
    };
    let mut draws = luck(4);
    check((0..100_000).map(|_| EcdsaShape::draw(draws.next_u64()).len()).collect());
    let (sized, mut draws) = (identity(Mode::Sized, CertificateKind::EcdsaP256, 1), luck(5));
    check((0..20_000).map(|_| sized.sign(SignatureScheme::ECDSA_SECP256R1_SHA256, b"m", &mut draws).len()).collect());
    // 2^9 tries or so: the shortest that is ever taken.
    let real = identity(Mode::Real, CertificateKind::EcdsaP256, 1);
    let (short, leaf) = (EcdsaShape::draw(0), &real.chain()[0]);
    let scheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
    let signature = real.0.key.sign(scheme, leaf, b"m", short, 6);
    assert_eq!((short.len(), signature.len()), (69, 69));
    assert!(verify(Mode::Real, leaf, scheme, b"m", &signature));
}

#[test]
fn leaves_have_the_length_that_is_wanted() {
    for len in (520..2_000).chain([3_000, 5_000, 9_000, 20_000]) {
        let new = |kind, len| Identity::new(Mode::Sized, kind, "example.com", 1, Some(len), &mut luck(1));
        assert_eq!(new(CertificateKind::EcdsaP256, len).chain()[0].len(), len);
        assert_eq!(new(CertificateKind::MlDsa44, len + 3_600).chain()[0].len(), len + 3_600);
    }
    // Nothing can be that short; and there is still a certificate that holds.
    let short = Identity::new(Mode::Sized, CertificateKind::EcdsaP256, "example.com", 1, Some(0), &mut luck(1));
    assert!(short.chain()[0].len() < 520, "{}", short.chain()[0].len());
    assert_eq!(verify_chain(Mode::Sized, short.chain(), short.root()), Ok(()));
}

/// A long name makes a longer certificate; it leaves nothing else out.
#[test]
fn any_name_finds_room() {
    for len in [1, 33, 34, 64, 65, 120, 253] {
        for kind in KINDS {
            let name = "n".repeat(len);
            let identity = Identity::new(Mode::Sized, kind, &name, 2, None, &mut luck(1));
            let leaf = &identity.chain()[0];
            assert_eq!(leaf.len(), kind.certificate_lens().0 + 2 * len.saturating_sub(33), "{kind:?} {len}");
            let count = |part: &[u8]| leaf.windows(part.len()).filter(|window| *window == part).count();
            // A common name has at most 64 bytes (RFC 5280 §A.1).
            assert_eq!(count(&[&[0x0c, len as u8], name.as_bytes()].concat()), usize::from(len <= 64));
            assert_eq!(count(oid::SCT_LIST), 1, "{kind:?} {len}");
            assert_eq!(verify_chain(Mode::Sized, identity.chain(), identity.root()), Ok(()));
        }
    }
}

#[test]
fn compressed_messages_have_the_same_length_in_both_modes() {
    for kind in QUICK {
        for chain in 1..=3 {
            let lens = [Mode::Sized, Mode::Real].map(|mode| {
                let identity = identity(mode, kind, chain);
                let message = message(&identity);
                let compressed = identity.compress(&message);
                assert_eq!(decompress(&compressed, message.len()).unwrap(), message);
                assert!(compressed.len() < message.len());
                assert_eq!(decompress(&compressed, message.len() - 1), Err(AlertDescription::BAD_CERTIFICATE));
                assert_eq!(decompress(&compressed, message.len() + 1), Err(AlertDescription::BAD_CERTIFICATE));
                assert_eq!(
                    decompress(&compressed[..compressed.len() - 5], message.len()),
                    Err(AlertDescription::BAD_CERTIFICATE)
                );
                // What others compress is read as well.
                let other = miniz_oxide::deflate::compress_to_vec_zlib(&message, 9);
                assert_eq!(decompress(&other, message.len()).unwrap(), message);
                // Not far from the best that zlib does.
                assert!(compressed.len() < other.len() + 100, "{} {}", compressed.len(), other.len());
                compressed.len()
            });
            assert_eq!(lens[0], lens[1], "{kind:?}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_compressed_comes_back(
        parts in prop::collection::vec((any::<u8>(), 0_usize..400, any::<bool>()), 0..12),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        // Runs, repetitions of earlier text, and noise that may not be touched.
        let mut message = Vec::new();
        for (byte, len, is_noise) in parts {
            if is_noise {
                message.extend_from_slice(&noise);
            } else {
                message.extend((0..len).map(|i| byte.wrapping_add((i % 7) as u8)));
            }
        }
        let opaque = [Bytes::from(noise)];
        let compressed = super::compress::compress(&message, &opaque);
        prop_assert_eq!(decompress(&compressed, message.len()).unwrap(), message);
    }

    #[test]
    fn nothing_makes_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..800, change: u8) {
        let sized = identity(Mode::Sized, CertificateKind::EcdsaP256, 1);
        let mut leaf = sized.chain()[0].to_vec();
        leaf[at] = change;
        for mode in [Mode::Sized, Mode::Real] {
            for der in [&bytes, &leaf] {
                let _ = verify(mode, der, SignatureScheme::ECDSA_SECP256R1_SHA256, b"m", &bytes);
                let _ = verify_chain(mode, &[Bytes::copy_from_slice(der)], sized.root());
            }
        }
        let _ = decompress(&bytes, 1000);
    }
}

/// Runs `openssl` in `folder`; its output, if it is content.
fn openssl(folder: &std::path::Path, arguments: &str) -> String {
    let mut command = Command::new("openssl");
    let output = command.current_dir(folder).args(arguments.split(' ')).output().expect("openssl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}\n{text}");
    text
}

/// Writes certificates, a signature and an OCSP response to `folder`, as PEM and DER.
fn write(folder: &std::path::Path, identity: &Identity) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("leaf.der", &identity.chain()[0]);
    write("issuer.der", &identity.chain()[1]);
    write("root.der", identity.root());
    write("ocsp.der", identity.ocsp_response());
    write("message", b"message");
    for name in ["leaf", "issuer", "root"] {
        openssl(folder, &format!("x509 -inform DER -in {name}.der -out {name}.pem"));
    }
    for (i, &scheme) in identity.kind().schemes().iter().enumerate() {
        write(&format!("signature{i}"), &identity.sign(scheme, b"message", &mut luck(7)));
    }
}

/// Other eyes: OpenSSL reads the certificates of both modes, and verifies chains, signatures and OCSP responses of the
/// real one (ML-DSA where it is new enough).
#[test]
#[ignore = "needs openssl: .ci/run validation"]
fn openssl_takes_the_certificates() {
    let folder = std::env::temp_dir().join(format!("protosim-certificates-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let knows_ml_dsa = openssl(&folder, "list -public-key-algorithms").contains("ML-DSA-44");
    for mode in [Mode::Sized, Mode::Real] {
        for kind in [CertificateKind::EcdsaP256, CertificateKind::Rsa2048, CertificateKind::MlDsa44] {
            let is_classic = kind != CertificateKind::MlDsa44;
            let identity = identity(mode, kind, 2);
            write(&folder, &identity);
            for name in ["leaf", "issuer", "root"] {
                let text = openssl(&folder, &format!("x509 -in {name}.pem -noout -text"));
                assert!(!is_classic || !text.contains("Unable"), "{text}");
                openssl(&folder, &format!("asn1parse -in {name}.pem"));
            }
            let text = openssl(&folder, "x509 -in leaf.pem -noout -text");
            for part in
                ["DNS:example.com", "CT Precertificate SCTs", "TLS Web Server Authentication", "Version   : v1 (0x0)"]
            {
                assert!(text.contains(part), "no {part} in\n{text}");
            }
            assert!(openssl(&folder, "ocsp -respin ocsp.der -resp_text -noverify").contains("Cert Status: good"));
            if mode == Mode::Real && (is_classic || knows_ml_dsa) {
                openssl(
                    &folder,
                    "verify -x509_strict -CAfile root.pem -untrusted issuer.pem -verify_hostname example.com leaf.pem",
                );
                let status = "ocsp -respin ocsp.der -issuer issuer.pem -sha256 -cert leaf.pem -CAfile root.pem";
                // It is a response of 2020: some decades may have passed.
                let text = openssl(&folder, &format!("{status} -verify_other issuer.pem -validity_period 1000000000"));
                assert!(text.contains("Response verify OK") && text.contains("leaf.pem: good"), "{text}");
            }
            if mode == Mode::Real && is_classic {
                signatures(&folder, kind);
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn signatures(folder: &std::path::Path, kind: CertificateKind) {
    std::fs::write(folder.join("key.pem"), openssl(folder, "x509 -in leaf.pem -noout -pubkey")).unwrap();
    let verify = "dgst -sha256 -verify key.pem";
    if kind == CertificateKind::Rsa2048 {
        openssl(
            folder,
            &format!("{verify} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -signature signature0 message"),
        );
        openssl(folder, &format!("{verify} -signature signature1 message"));
    } else {
        openssl(folder, &format!("{verify} -signature signature0 message"));
    }
}
