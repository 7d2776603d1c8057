//! RFC 8448, byte for byte: the key schedule and every protected record of §3, the pre-shared key, binder and early keys
//! of §4.

/// Bytes from hexadecimal.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).expect("a digit") as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// ClientHello of §3.
pub(super) const CLIENT_HELLO: &str = "\
     010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece700000613011303130201\
     0000910000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400\
     230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b00\
     03020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c\
     00024001";

/// ServerHello of §3.
pub(super) const SERVER_HELLO: &str = "\
     020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024\
     001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";

/// Record with EncryptedExtensions, Certificate, CertificateVerify and Finished of §3.
pub(super) const SERVER_FLIGHT: &str = "\
     17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca\
     07612ef9f945cb960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13b\
     d9aefb0e57f271585b8ea9bb355c7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c\
     7d0e509289444c9b3a648f1d71035d2ed65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd61092\
     8d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a8\
     9441ac66272fd8fb330ef8190579b3684596c960bd596eea520a56a8d650f563aad27409960dca63d3e688611ea5e22f\
     4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26f59ecaba9acbbb317b66d902f4f292a3\
     6ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e\
     1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052c\
     f93b16499a66db7cca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe\
     5a37668936b335583b599186dc5c6918a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb\
     5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999bbf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038\
     ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de93b5b845e275592c12335ee340bbc4fddd50278\
     4016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c1719bfdabf0253fe5175be898e\
     750edc53370d2b";

/// Record with the client's Finished of §3.
pub(super) const CLIENT_FINISHED: &str = "\
     170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1c\
     aeacab6867d726c40546";

/// Record with the NewSessionTicket of §3.
pub(super) const TICKET: &str = "\
     17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a\
     015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e0\
     9c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77\
     f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74\
     bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f";

/// Record with the client's data of §3: 0 to 49.
pub(super) const CLIENT_DATA: &str = "\
     1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b\
     62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";

/// Record with the server's data of §3: the same.
pub(super) const SERVER_DATA: &str = "\
     17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8\
     fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";

/// Record with the client's close_notify of §3.
pub(super) const CLIENT_ALERT: &str = "\
     1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";

/// Record with the server's close_notify of §3.
pub(super) const SERVER_ALERT: &str = "\
     1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

/// ClientHello of §4 up to its binders.
pub(super) const RESUMED_HELLO: &str = "\
     010001fc03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d9500000613011303130201\
     0001cd0000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400\
     3300260024001d0020e4ffb68ac05f8d96c99da26698346c6be16482badddafe051a66b4f18d668f0b002a0000002b00\
     03020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c\
     000240010015005700000000000000000000000000000000000000000000000000000000000000000000000000000000\
     000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
     2900dd00b800b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883c936\
     7c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3\
     664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf2\
     97b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5bfbc388e93343694093934ae4d357fad6aacb";

mod tests {
    use super::*;
    use crate::rope::Rope;
    use crate::tls::certificate;
    use crate::tls::codes::{CipherSuite, ContentType, Hash, SignatureScheme};
    use crate::tls::crypto::{Kdf, KeySchedule, Mode, Protection, Secret, Transcript};

    use crate::tls::wire::{Record, RecordReader};
    use bytes::Bytes;

    const KDF: Kdf = Kdf::tls13(Mode::Real, Hash::Sha256);

    const SUITE: CipherSuite = CipherSuite::AES_128_GCM_SHA256;

    fn secret(text: &str) -> Secret {
        Secret::new(&hex(text))
    }

    fn record(text: &str) -> Record {
        let mut reader = RecordReader::default();
        reader.push(&Rope::from(hex(text)));
        let record = reader.next(1 << 14).unwrap().unwrap();
        assert_eq!(reader.buffered(), 0);
        record
    }

    /// Opens `expected`, which must hold `content_type`; sealing what was in it must give it again.
    fn open(reader: &mut Protection, writer: &mut Protection, content_type: ContentType, expected: &str) -> Vec<u8> {
        let (inner, content) = reader.open(&record(expected)).unwrap();
        assert_eq!(inner, content_type);
        assert_eq!(writer.seal(content_type, &content, 0).to_bytes(), hex(expected));
        content.to_bytes().to_vec()
    }

    /// A schedule and a transcript up to the ServerHello, with the traffic secrets of the handshake.
    fn to_server_hello() -> (KeySchedule, Transcript, Secret, Secret) {
        let mut transcript = Transcript::new(Mode::Real);
        transcript.add(&hex(CLIENT_HELLO));
        transcript.add(&hex(SERVER_HELLO));
        transcript.set_hash(Hash::Sha256);
        let hello_hash = secret("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
        assert_eq!(transcript.digest(), hello_hash);
        let shared = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
        let mut schedule = KeySchedule::new(KDF, None);
        let (client, server) = schedule.handshake(Some(&shared), &hello_hash);
        assert_eq!(client, secret("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"));
        assert_eq!(server, secret("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"));
        (schedule, transcript, client, server)
    }

    /// The messages of the server's flight.
    fn flight(server: &Secret) -> Vec<Vec<u8>> {
        let keys = || Protection::tls13(Mode::Real, SUITE, server);
        let content = open(&mut keys(), &mut keys(), ContentType::HANDSHAKE, SERVER_FLIGHT);
        let mut messages = Vec::new();
        let mut rest = &content[..];
        while !rest.is_empty() {
            let (message, behind) = rest.split_at(4 + usize::from(rest[2]) * 256 + usize::from(rest[3]));
            messages.push(message.to_vec());
            rest = behind;
        }
        // Sizes of RFC 8448 §3.
        assert_eq!(messages.iter().map(Vec::len).collect::<Vec<_>>(), [40, 445, 136, 36]);
        messages
    }

    #[test]
    fn the_handshake_of_rfc_8448_section_3() {
        let (mut schedule, mut transcript, client, server) = to_server_hello();
        let messages = flight(&server);
        messages[..3].iter().for_each(|message| transcript.add(message));
        let server_finished = KDF.finished(&server, &transcript.digest());
        assert_eq!(server_finished, hex("9b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718"));
        assert_eq!(server_finished, &messages[3][4..]);
        transcript.add(&messages[3]);
        let to_server_finished = transcript.digest();
        assert_eq!(to_server_finished, secret("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13"));

        let keys = || Protection::tls13(Mode::Real, SUITE, &client);
        let client_finished = open(&mut keys(), &mut keys(), ContentType::HANDSHAKE, CLIENT_FINISHED);
        let expected = KDF.finished(&client, &to_server_finished);
        assert_eq!(expected, hex("a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61"));
        assert_eq!(client_finished[4..], expected[..]);
        transcript.add(&client_finished);

        let (client, server) = schedule.application(&to_server_finished);
        assert_eq!(client, secret("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"));
        assert_eq!(server, secret("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"));
        let exporter = secret("fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50");
        assert_eq!(schedule.exporter(&to_server_finished), exporter);
        let resumption = schedule.resumption(&transcript.digest());
        assert_eq!(resumption, secret("7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c"));
        let psk = secret("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3");
        assert_eq!(KDF.resumption_psk(&resumption, &[0, 0]), psk);
        application_data(&client, &server);
    }

    fn application_data(client: &Secret, server: &Secret) {
        let data: Vec<u8> = (0..50).collect();
        let keys = |secret| Protection::tls13(Mode::Real, SUITE, secret);
        let (mut reader, mut writer) = (keys(server), keys(server));
        let ticket = open(&mut reader, &mut writer, ContentType::HANDSHAKE, TICKET);
        assert_eq!((ticket.len(), ticket[0]), (205, 4));
        assert_eq!(open(&mut reader, &mut writer, ContentType::APPLICATION_DATA, SERVER_DATA), data);
        assert_eq!(open(&mut reader, &mut writer, ContentType::ALERT, SERVER_ALERT), [1, 0]);
        let (mut reader, mut writer) = (keys(client), keys(client));
        assert_eq!(open(&mut reader, &mut writer, ContentType::APPLICATION_DATA, CLIENT_DATA), data);
        assert_eq!(open(&mut reader, &mut writer, ContentType::ALERT, CLIENT_ALERT), [1, 0]);
        assert_eq!((reader.records(), writer.records()), (2, 2));
    }

    /// The certificate is one of RSA with 1024 bits, signed by itself; its key signs the transcript by PSS.
    #[test]
    fn the_certificate_of_rfc_8448_section_3() {
        let (_, mut transcript, _, server) = to_server_hello();
        let messages = flight(&server);
        messages[..2].iter().for_each(|message| transcript.add(message));
        // Header 4, context 1, length of the list 3, of the certificate 3; extensions 2.
        let der = Bytes::copy_from_slice(&messages[1][11..443]);
        assert_eq!(certificate::verify_chain(Mode::Real, std::slice::from_ref(&der), &der), Ok(()));
        // What is signed (RFC 8446 §4.4.3).
        let mut signed = vec![0x20; 64];
        signed.extend_from_slice(b"TLS 1.3, server CertificateVerify\0");
        signed.extend_from_slice(transcript.digest().as_slice());
        let (scheme, signature) = (SignatureScheme::RSA_PSS_RSAE_SHA256, &messages[2][8..]);
        assert!(certificate::verify(Mode::Real, &der, scheme, &signed, signature));
        signed[0] ^= 1;
        assert!(!certificate::verify(Mode::Real, &der, scheme, &signed, signature));
    }

    #[test]
    fn early_data_of_rfc_8448_section_4() {
        let psk = secret("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3");
        let schedule = KeySchedule::new(KDF, Some(psk.as_slice()));
        let binder_key = schedule.binder_key(false);
        assert_eq!(binder_key, secret("69fe131a3bbad5d63c64eebcc30e395b9d8107726a13d074e389dbc8a4e47256"));
        let mut transcript = Transcript::new(Mode::Real);
        transcript.set_hash(Hash::Sha256);
        let truncated = transcript.digest_with(&hex(RESUMED_HELLO));
        assert_eq!(truncated, secret("63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14"));
        let binder = KDF.finished(&binder_key, &truncated);
        assert_eq!(binder, hex("3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d"));
        // The list of binders: 33 bytes, of which one binder has 32.
        transcript.add(&hex(RESUMED_HELLO));
        transcript.add(&[0, 33, 32]);
        transcript.add(&binder);
        let early = schedule.early_traffic(&transcript.digest());
        assert_eq!(early, secret("3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62"));
        let record = Protection::tls13(Mode::Real, SUITE, &early).seal(
            ContentType::APPLICATION_DATA,
            &Rope::from(b"ABCDEF".to_vec()),
            0,
        );
        assert_eq!(record.to_bytes(), hex("1703030017ab1df420e75c457a7cc5d2844f76d5aee4b4edbf049be0"));
    }
}
