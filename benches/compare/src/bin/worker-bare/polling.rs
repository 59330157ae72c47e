//! The least that polling costs: prebuilt requests, one after the other on one connection. Of the
//! responses only the length is read. No client can do with so little; this measures the operating
//! system's cost of an exchange.

use engineio_client_compare::{Clock, Failure, Job, Laps, Task, Times, check_done};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::socket::Address;

/// Number of packets in a POST, like this library's default.
const PACKETS: usize = 16;

pub(crate) async fn run(task: &Task, address: &Address) -> Result<Times, Failure> {
    let Address { host, path } = address;
    let mut connection = Connection {
        stream: TcpStream::connect(host).await?,
        buffer: vec![0; 256 * 1024],
    };
    connection.stream.set_nodelay(true)?;
    let open = connection.exchange(&get(host, path)).await?;
    let open: serde_json::Value = serde_json::from_slice(open.get(1..).unwrap_or_default())?;
    let sid = open["sid"].as_str().ok_or("the open packet has no sid")?;
    let path = format!("{path}&sid={sid}");
    let poll = get(host, &path);
    let (text, bytes) = task.contents();
    let packet = if task.text {
        format!("4{text}")
    } else {
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes)
    };
    let packet = if task.text {
        packet
    } else {
        format!("b{packet}")
    };
    let mut laps = Laps::new(task);
    let clock = Clock::start();
    connection.exchange(&post(host, &path, "4go")).await?;
    match task.job {
        Job::Receive => {
            let mut count = 0;
            while count < task.count {
                let body = connection.exchange(&poll).await?;
                count += 1 + memchr::memchr_iter(0x1e, body).count();
            }
        }
        Job::Send => {
            // Fewer large messages, within the server's `maxPayload`.
            let packets = PACKETS.min(1_000_000 / (packet.len() + 1));
            let full = post(host, &path, &vec![&*packet; packets].join("\x1e"));
            for _ in 0..task.count / packets {
                connection.exchange(&full).await?;
            }
            if !task.count.is_multiple_of(packets) {
                let rest = vec![&*packet; task.count % packets].join("\x1e");
                connection.exchange(&post(host, &path, &rest)).await?;
            }
            let answer = connection.exchange(&poll).await?;
            check_done(std::str::from_utf8(answer)?.strip_prefix('4'))?;
        }
        Job::Echo => {
            let post = post(host, &path, &packet);
            for _ in 0..task.count {
                connection.exchange(&post).await?;
                connection.exchange(&poll).await?;
                laps.lap();
            }
        }
    }
    Ok(clock.stop(laps))
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

fn post(host: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Sends a request and returns the body of its response.
    async fn exchange(&mut self, request: &str) -> Result<&[u8], Failure> {
        self.stream.write_all(request.as_bytes()).await?;
        let mut filled = 0;
        let (head, end) = loop {
            filled += self.read(filled).await?;
            let received = &self.buffer[..filled];
            if let Some(head) = memchr::memmem::find(received, b"\r\n\r\n") {
                let length = length(&received[..head])?;
                break (head + 4, head + 4 + length);
            }
        };
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        while filled < end {
            filled += self.read(filled).await?;
        }
        Ok(&self.buffer[head..end])
    }

    async fn read(&mut self, filled: usize) -> Result<usize, Failure> {
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => Err("the server has closed the connection".into()),
            count => Ok(count),
        }
    }
}

fn length(head: &[u8]) -> Result<usize, Failure> {
    let head = std::str::from_utf8(head)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("unexpected response: {head:?}").into());
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    length.ok_or_else(|| "the response has no Content-Length".into())
}
