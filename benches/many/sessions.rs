//! Many idle sessions over pipes in memory, and the same pipes without the client.

use std::time::Duration;

use engineio_client::Runtime as _;

use super::pipe::{End, Pipes, SERVER};
use super::plan::{Active, Part, Plan};
use super::system;
use super::worker::{Failure, HEARTBEATS, TICK, crowd, per_connection, report, warm_up};

pub(crate) async fn run(plan: Plan, with: Part) -> Result<(), Failure> {
    SERVER.set_interval(plan.ping_interval());
    match with {
        Part::Clients => with_clients(plan).await?,
        Part::Server => without_clients(plan).await?,
    }
    if SERVER.faults() > 0 {
        return Err(format!("{} pings or frames failed", SERVER.faults()).into());
    }
    // Exits without closing the sessions.
    std::process::exit(0);
}

async fn with_clients(plan: Plan) -> Result<(), Failure> {
    let runtime = Pipes::default();
    let server = runtime.clone();
    runtime.spawn(Box::pin(async move {
        loop {
            SERVER.tick(server.now(), drop);
            server.sleep(TICK).await;
        }
    }));
    let _warm_up = warm_up::<Pipes>(plan).await?;
    crowd::<Pipes>(plan, Active::No).await
}

/// Does what [`crowd`] does, but instead of clients there is a loop that answers pings.
async fn without_clients(plan: Plan) -> Result<(), Failure> {
    let runtime = Pipes::default();
    let _warm_up = open(&runtime);
    let before = system::memory()?;
    let mut ends = Vec::with_capacity(plan.connections);
    let start = runtime.now();
    while ends.len() < plan.connections {
        let passed = runtime.now().saturating_sub(start);
        let share = passed.as_secs_f64() / plan.ping_interval().as_secs_f64();
        let due = ((share * plan.connections as f64) as usize).min(plan.connections);
        while ends.len() < due {
            ends.push(open(&runtime));
        }
        turn(&runtime).await;
    }
    let start = (runtime.now(), system::cpu());
    let idle: Duration = plan.ping_interval() * HEARTBEATS;
    while runtime.now().saturating_sub(start.0) < idle {
        turn(&runtime).await;
    }
    let taken = system::cpu().saturating_sub(start.1);
    let heartbeats = f64::from(HEARTBEATS) * plan.connections as f64;
    report("heartbeat_cpu", taken.as_secs_f64() / heartbeats);
    report("memory", per_connection(before, system::memory()?, plan));
    Ok(())
}

/// Opens a session by hand.
fn open(runtime: &Pipes) -> End {
    let end = SERVER.connect(runtime.now());
    end.write(b"GET /engine.io/ HTTP/1.1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
    end.take();
    end
}

async fn turn(runtime: &Pipes) {
    SERVER.tick(runtime.now(), |end| {
        // A masked frame with a pong.
        if end.take().ends_with(b"2") {
            end.write(&[0x81, 0x81, 0, 0, 0, 0, b'3']);
        }
    });
    runtime.sleep(TICK).await;
}
