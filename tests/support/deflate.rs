//! permessage-deflate with real servers.

use engineio_client::Message;
use engineio_client::transports::Deflate;
use serde_json::{Map, Value, json};

use super::compression::Tapped;
use super::foreign::Foreign;
use super::peers::Peer;
use super::session::{Mode, Runs, Session, builder};

/// Lines of JSON of about this length.
fn lines(length: usize) -> String {
    let mut lines = String::new();
    let mut number = 1_u32;
    while lines.len() < length {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        lines.push_str(&format!(
            "{{\"name\":\"gr\u{fc}n\",\"value\":{}}}\n",
            number >> 16
        ));
    }
    lines.chars().take(length).collect()
}

fn noise(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..length).map(|_| random.u8(..)).collect()
}

/// Echoes messages of each kind, up to this length.
async fn echo_all<R: Runs>(session: &mut Session<R>, longest: usize) {
    for length in [
        0, 1, 100, 1000, 1022, 1023, 1024, 1025, 10_000, 65_535, 65_536, longest,
    ] {
        // Without the prefix it might be a command.
        session.echo(format!("m:{}", lines(length))).await;
        session.echo(lines(length).into_bytes()).await;
    }
    for length in [1024, 100_000] {
        session.echo(noise(length)).await;
    }
    // In one batch, and without waiting.
    let texts: Vec<String> = (0..200)
        .map(|index| format!("m:{index}{}", lines(10 * index)))
        .collect();
    for text in &texts {
        session.send(&**text).await;
    }
    for text in &texts {
        assert_eq!(session.text("").await, *text);
    }
}

/// A server with its own settings, which accepts every offer.
pub(crate) async fn large_messages_shrink<S: Foreign, R: Runs>(mode: Mode) {
    let server = S::with(&[&["--max-payload", "30000000"], S::DEFLATE].concat());
    let deflate = Deflate::default();
    let builder = builder::<Tapped<R>>(&server.url(), mode).deflate(deflate);
    let mut session = Session::connect(builder).await;
    if mode == Mode::Upgraded {
        session.event().await;
    }
    session.client.runtime().take();
    session.echo(format!("m:{}", lines(100_000))).await;
    let received = session.client.runtime().take().len();
    assert!(
        received < 40_000,
        "{received} bytes have arrived for 100,000"
    );
    echo_all(&mut session, S::LONGEST_DEFLATED).await;
}

/// One way to set up both sides.
#[derive(Debug)]
struct Setting {
    server: Value,
    client: Deflate,
    mode: Mode,
}

/// The levels of each factor: window bits (0 if unset) and context take-over as the server and the client ask,
/// and the thresholds. In the order of the digits of `number`.
fn setting(mut number: usize) -> Setting {
    let mut digit = |levels: usize| {
        let digit = number % levels;
        number /= levels;
        digit
    };
    // The first two factors have the most levels.
    let (server_bits, client_bits) = (digit(8), digit(8));
    let mut server = Map::new();
    let mut set = |name: &str, value: Value| {
        server.insert(name.to_owned(), value);
    };
    if server_bits > 0 {
        set("serverMaxWindowBits", json!(server_bits + 8));
    }
    if client_bits > 0 {
        set("clientMaxWindowBits", json!(client_bits + 8));
    }
    if digit(2) == 1 {
        set("serverNoContextTakeover", json!(true));
    }
    if digit(2) == 1 {
        set("clientNoContextTakeover", json!(true));
    }
    let mut client = Deflate::default()
        .server_context_takeover(digit(2) == 0)
        .client_context_takeover(digit(2) == 0);
    set("threshold", json!([0, 1024][digit(2)]));
    client = client.threshold([0, 1024][digit(2)]);
    // `ws` refuses an offer of a smaller window than its own.
    if digit(2) == 1 && client_bits <= 3 {
        client = client.client_window_bits(11);
    }
    if digit(2) == 1 && server_bits <= 2 {
        client = client.server_window_bits(10);
    }
    client = client.level([1, 6, 9][digit(3)]);
    let mode = [Mode::WebSocket, Mode::Upgraded][digit(2)];
    Setting {
        server: server.into(),
        client,
        mode,
    }
}

/// Number of combinations of window bits and context take-over, and of the other levels.
const ALL: usize = 8 * 8 * 2 * 2 * 2 * 2;
const OTHERS: usize = 2 * 2 * 2 * 2 * 3 * 2;

/// Every pair of window bits, each with other levels of the other factors, divided among the runtimes: every pair
/// of levels occurs. With the environment variable `ENGINEIO_DEFLATE`, every combination of window bits and context
/// take-over on each runtime, in a quarter of an hour.
fn numbers<R>() -> Vec<usize> {
    let mut random = fastrand::Rng::with_seed(1);
    if std::env::var_os("ENGINEIO_DEFLATE").is_some() {
        let all = (0..ALL).map(|number| number + ALL * random.usize(..OTHERS));
        return all.collect();
    }
    let runtime = std::any::type_name::<R>();
    let part = ["Tokio", "Smol", "AsyncStd"]
        .iter()
        .position(|name| runtime.ends_with(name))
        .expect("a runtime of the library");
    let all = (0..64).map(|bits| bits + 64 * random.usize(..ALL / 64 * OTHERS));
    all.skip(part).step_by(3).collect()
}

pub(crate) async fn every_setting_of_node_is_understood<S: Foreign, R: Runs>() {
    for number in numbers::<R>() {
        let setting = setting(number);
        // Shown if the test fails.
        println!("{number}: {setting:?}");
        let process = S::with(&["--deflate", &setting.server.to_string()]);
        let builder = builder::<R>(&process.url(), setting.mode).deflate(setting.client);
        let mut session = Session::connect(builder).await;
        if setting.mode == Mode::Upgraded {
            session.event().await;
        }
        echo_all(&mut session, 100_000).await;
    }
}

/// What the sections 12 and 13 of Autobahn's test suite vary: lengths, contents, the fragments of the server, and
/// the parameters of the extension. The server is `ws`.
pub(crate) async fn the_cases_of_autobahn_pass<R: Runs>() {
    let server = Peer::ws();
    let small = Deflate::default().server_window_bits(9);
    let fresh = || Deflate::default().server_context_takeover(false);
    let parameters = [
        (Deflate::default(), json!({})),
        (fresh(), json!({})),
        (small.clone(), json!({})),
        (Deflate::default(), json!({ "serverMaxWindowBits": 15 })),
        (small.server_context_takeover(false), json!({})),
        (
            fresh(),
            json!({ "serverMaxWindowBits": 15, "clientMaxWindowBits": 9 }),
        ),
        (
            Deflate::default().client_context_takeover(false),
            json!({ "clientNoContextTakeover": true, "serverNoContextTakeover": true }),
        ),
    ];
    for (client, mut settings) in parameters {
        settings["threshold"] = json!(0);
        for fragment in [0, 256, 4096] {
            let builder = builder::<R>(&server.url(), Mode::WebSocket)
                .deflate(client.clone().threshold(0))
                .query("deflate", settings.to_string())
                .query("fragment", fragment.to_string());
            let mut session = Session::connect(builder).await;
            for length in [0, 16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536] {
                let texts = (0..4).map(|count| Message::from(lines(length + count)));
                let binaries =
                    (0..2).map(|count| Message::from(lines(length + count).into_bytes()));
                let noises = (0..2).map(|count| Message::from(noise(length + count)));
                let messages: Vec<Message> = texts.chain(binaries).chain(noises).collect();
                for message in &messages {
                    session.send(message.clone()).await;
                }
                for message in &messages {
                    assert!(
                        session.message().await == *message,
                        "{length} {fragment} {settings}"
                    );
                }
            }
        }
    }
    assert!(
        server.log().lines().is_empty(),
        "{:?}",
        server.log().lines()
    );
}
