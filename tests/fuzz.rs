//! Properties that hold for any bytes that come from outside. The tests use random bytes, nearly valid
//! bytes, and the inputs in `fuzz/corpus`. `fuzz/README.md` describes the fuzzing. The engine's
//! properties are in `src/engine/properties.rs`.

#[path = "fuzz/checks.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets are a crate of their own")]
mod checks;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use checks::{codec, cookies, deflate, encoding, handshake, polling_body, proxy, websocket};

/// Bytes made of at most this many pieces, each of which is a known one or random.
fn pieces(known: &'static [&[u8]], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
        1 => "[ -~]{0,8}".prop_map(String::into_bytes),
    ];
    vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

/// The byte from which `Input::limit` makes a limit. In half of the cases it is 255, which stands for a
/// limit that is never reached.
fn limit() -> impl Strategy<Value = u8> {
    prop_oneof![2 => Just(255), 1 => any::<u8>(), 1 => 0_u8..12]
}

/// The bytes from which `Pieces::take` makes the order of tasks and the sizes of the pieces into which
/// the server's bytes are cut. The size zero stands for all bytes that remain.
fn cuts() -> impl Strategy<Value = Vec<u8>> {
    let size = || prop_oneof![Just(0), 1_u8..20, any::<u8>()];
    (any::<u8>(), size(), size(), size()).prop_map(|(order, a, b, c)| vec![order, a, b, c])
}

/// The input of a check: the bytes that choose its options, followed by its data.
fn input(choices: impl Into<Vec<u8>>, rest: Vec<u8>) -> Vec<u8> {
    let mut bytes = choices.into();
    bytes.extend(rest);
    bytes
}

const PACKETS: &[&[u8]] = &[
    b"\x1e",
    b"4",
    b"4hello",
    b"2",
    b"2probe",
    b"3probe",
    b"0{}",
    b"1",
    b"5",
    b"6",
    b"b",
    b"bAQID",
    b"bAQ==",
    b"bAQJ=",
    b"AQID",
    b"=",
    b"\xc3\xa9",
    b"\xc3",
    b"96:0{",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "0.4",
    "0.5",
    "1",
    "25000",
    "31536000000",
    "31536000001",
    "1e300",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "\"300\"",
    "\"\"",
    "\"1.5\"",
    "null",
    "[]",
];

const HEADS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 400 Bad Request\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /x?s\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"Content-Length: 6\r\n",
    b"Content-Length: 2\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Set-Cookie: a=1\r\n",
    b"Keep-Alive: timeout=5\r\n",
    b"Content-Encoding: gzip\r\n",
    b"\r\n",
    b"\n",
    b"\r\n4hello",
    b"2\r\n4a\r\n0\r\n\r\n",
    b"4a",
    b"\x1e",
    b"\0",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n4a\0",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4a\r\n0\r\n\r\n\0",
];

const SWITCHES: &[&[u8]] = &[
    b"HTTP/1.1 101 Switching Protocols\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $KEY\r\n\r\n",
    b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $KEY\r\n\r\n",
    b"Sec-WebSocket-Protocol: x\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\r\n", b"$KEY", b"$",
    b"Content-Length: 2\r\n\r\nno", b"\x81\x024a", b"\x88\x00",
];

/// Frames, each as its first byte, the length of its payload, and the payload.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => Just(0x81_u8), 3 => Just(0x82), 2 => Just(0x89), 1 => Just(0x8a), 2 => Just(1),
        1 => Just(2), 2 => Just(0), 2 => Just(0x80), 1 => Just(0x88), 1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => Just(b"4hello".to_vec()),
        1 => Just(b"2".to_vec()),
        1 => Just(b"bAQID".to_vec()),
        1 => Just(b"\x03\xe8bye".to_vec()),
        1 => Just(vec![0xc3]),
        1 => Just(vec![0xa9]),
        2 => vec(any::<u8>(), 0..140),
    ];
    let frame = (first, payload).prop_map(|(first, payload)| {
        let length = u8::try_from(payload.len()).unwrap();
        input([first, length], payload)
    });
    vec(frame, 0..12).prop_map(|frames| frames.concat())
}

/// Frames for `deflate::check`: the first byte, the form, the length, and the payload.
fn compressed_frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        4 => Just(0xc1_u8), 4 => Just(0xc2), 2 => Just(0x41), 1 => Just(0x42), 2 => Just(0), 2 => Just(0x80),
        1 => Just(0x81), 1 => Just(0x89), 1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        3 => Just(b"4hello".to_vec()),
        1 => Just(b"\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec()),
        1 => Just(b"\xf2\x00\x11\x00\x00".to_vec()),
        1 => Just(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00".to_vec()),
        1 => Just(b"4\xc3".to_vec()),
        1 => Just(vec![b'4'; 255]),
        2 => vec(any::<u8>(), 0..140),
        1 => vec(any::<u8>(), 201..255),
    ];
    let frame = (first, 0..3_u8, payload).prop_map(|(first, form, payload)| {
        let length = u8::try_from(payload.len()).unwrap();
        input([first, form, length], payload)
    });
    vec(frame, 0..10).prop_map(|frames| frames.concat())
}

/// Steps for `cookies::check`, with valid and nearly valid lines.
fn cookie_lines() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => "[a-c]=[a-c0-9]{0,3}",
        1 => Just("Secure".to_owned()),
        1 => "(?i)max-age=(-1|0|[0-9]{1,3}|9{30}|x)",
        1 => "(?i)path=(/|/engine.io|/engine.io/|/engine.io/a|x|)",
        1 => "(?i)domain=[.]?(app.example.com|example.com|com|192.0.2.1|2.1|)",
        1 => "(__Host-|__secure-)[a-c]=1",
        1 => "[ =,\"a-c]{0,5}",
    ];
    let line = (0_u8..9, 0_u8..6, any::<bool>(), vec(part, 0..5)).prop_map(
        |(seconds, url, of_user, parts)| {
            let address = if of_user { url | 0x80 } else { url };
            input([seconds, address], (parts.join("; ") + "\n").into_bytes())
        },
    );
    vec(line, 0..25).prop_map(|lines| lines.concat())
}

const PROXIES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200\n\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 407 No\r\n\r\n",
    b"HTTP/1.1 4",
    b"\r\n",
    b"\r\n\r\n",
    b"\x05\x00",
    b"\x05\x02",
    b"\x01\x00",
    b"\x05\x00\x00\x01\0\0\0\0\0\0",
    b"\x05\x05\x00\x01\0\0\0\0\0\0",
    b"\x05\x00\x00\x03\x02",
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
];

const NAMES: &[&[u8]] = &[
    b"proxy.example",
    b":3128",
    b"[::1]",
    b"10.0.0.1",
    b"/",
    b"@",
    b"%",
    b",",
    b" ",
    b"*",
    b".",
    b"example.com",
    b"10.0.0.0/8",
    b"::/0",
    b":80",
    b"http://",
    b"ws://",
    b"https://a.example.com/",
    b"http://10.1.2.3:8080/x",
    b"ws://[::ffff:10.0.0.1]/",
    b"\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// Rules E1, E3, E4, E8.
    #[test]
    fn any_payload_decodes_as_by_a_second_decoder_and_encodes_to_the_same_bytes(
        limits in (limit(), limit()),
        body in prop_oneof![3 => pieces(PACKETS, 30), 1 => vec(any::<u8>(), 0..60)],
    ) {
        codec::check(&input([limits.0, limits.1], body));
    }

    /// Rule E16.
    #[test]
    fn any_open_packet_is_a_handshake_or_an_error_that_names_the_field(
        numbers in vec(prop::sample::select(NUMBERS), 3),
        sid in prop_oneof![4 => Just("\"S\""), 1 => Just("\"\""), 1 => Just("7")],
        upgrades in prop_oneof![4 => Just("[\"websocket\",1]"), 1 => Just("null"), 1 => Just("{}")],
        left_out in 0..12_usize,
        noise in vec(any::<u8>(), 0..30),
        at in 0..100_usize,
    ) {
        let names = ["sid", "pingInterval", "pingTimeout", "upgrades", "maxPayload"];
        let values = [sid, numbers[0], numbers[1], upgrades, numbers[2]];
        let mut fields: Vec<_> = names.iter().zip(values).collect();
        if left_out < fields.len() {
            fields.remove(left_out);
        }
        let fields = fields.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        let mut json = format!("{{{}}}", fields.collect::<Vec<_>>().join(",")).into_bytes();
        handshake::check(&json);
        handshake::check(&noise);
        let at = at % json.len();
        json.splice(at..=at, noise.into_iter().take(1));
        handshake::check(&json);
    }

    #[test]
    fn any_cookies_are_kept_as_by_a_plainer_jar(
        limits in (limit(), limit()),
        lines in prop_oneof![4 => cookie_lines(), 1 => vec(any::<u8>(), 0..100)],
    ) {
        cookies::check(&input([limits.0, limits.1], lines));
    }

    #[test]
    fn any_list_of_proxy_exceptions_is_read_entry_by_entry_and_no_password_is_shown(
        lines in vec(pieces(NAMES, 6), 3),
    ) {
        proxy::check(&input([0, 0, 0, 0, 2], lines.join(&b'\n')));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_to_a_poll_is_packets_or_an_error_however_it_is_cut(
        cuts in cuts(),
        limits in (limit(), limit(), limit()),
        form: u8,
        body in prop_oneof![pieces(PACKETS, 20), pieces(HEADS, 12), vec(any::<u8>(), 0..60)],
    ) {
        let choices = [&cuts[..], &[limits.0, limits.1, limits.2, form]].concat();
        polling_body::check(&input(choices, body));
    }

    #[test]
    fn any_answers_to_polls_are_packets_or_an_error_however_they_are_cut(
        cuts in cuts(),
        body in pieces(HEADS, 12),
    ) {
        polling_body::check(&input([&cuts[..], &[255, 255, 255, 0]].concat(), body));
    }

    /// Rules E2, E5, E8.
    #[test]
    fn any_frames_decode_as_by_a_second_reader_however_they_are_cut(
        cuts in cuts(),
        limit in limit(),
        frames in frames(),
    ) {
        websocket::check(&input([&cuts[..], &[limit, 2]].concat(), frames));
    }

    #[test]
    fn any_compressed_frames_decode_as_by_a_second_reader_however_they_are_cut(
        cuts in cuts(),
        limit in limit(),
        takeover in 0..4_u8,
        frames in compressed_frames(),
    ) {
        deflate::check(&input([&cuts[..], &[limit, takeover]].concat(), frames));
    }

    #[test]
    fn any_response_to_a_websocket_request_is_a_link_or_an_error_however_it_is_cut(
        cuts in cuts(),
        form in 0..2_u8,
        answer in prop_oneof![4 => pieces(SWITCHES, 8), 1 => vec(any::<u8>(), 0..60)],
    ) {
        websocket::check(&input([&cuts[..], &[255, form]].concat(), answer));
    }

    #[test]
    fn any_compressed_body_is_decoded_or_an_error_and_never_more_than_the_limit(
        limit in limit(),
        choices in vec(any::<u8>(), 5),
        body in prop_oneof![pieces(PACKETS, 30), vec(any::<u8>(), 0..200)],
    ) {
        encoding::check(&input([&[limit], &choices[..]].concat(), body));
    }

    #[test]
    fn any_response_of_a_proxy_is_a_tunnel_or_an_error_that_names_the_proxy(
        cuts in cuts(),
        form in 0..2_u8,
        answer in prop_oneof![4 => pieces(PROXIES, 6), 1 => vec(any::<u8>(), 0..60)],
    ) {
        proxy::check(&input([&cuts[..], &[form]].concat(), answer));
    }
}

/// Runs a check with each input in the corpus of one fuzz target. Does nothing in the published package,
/// which does not contain the folder `fuzz`.
fn again(target: &str, check: impl Fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !root.exists() {
        return;
    }
    let seeds = std::fs::read_dir(root.join("corpus").join(target)).unwrap();
    let mut count = 0;
    for seed in seeds {
        let path = seed.unwrap().path();
        // The last path printed is that of the input that fails.
        println!("{}", path.display());
        check(&std::fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn kept_inputs_of_the_codec() {
    again("codec", codec::check);
}

#[test]
fn kept_inputs_of_the_handshake() {
    again("handshake", handshake::check);
}

#[test]
fn kept_inputs_of_cookies() {
    again("cookies", cookies::check);
}

#[test]
fn kept_inputs_of_polling() {
    again("polling_body", polling_body::check);
}

#[test]
fn kept_inputs_of_websocket() {
    again("websocket", websocket::check);
}

#[test]
fn kept_inputs_of_compressed_frames() {
    again("deflate", deflate::check);
}

#[test]
fn kept_inputs_of_compressed_bodies() {
    again("encoding", encoding::check);
}

#[test]
fn kept_inputs_of_proxies() {
    again("proxy", proxy::check);
}
