//! Opens all connections at once.

use std::time::Duration;

use engineio_client::Runtime;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::plan::Plan;
use super::system;
use super::worker::{Failure, open, per_connection, report};

pub(crate) async fn run<R: Runtime + Default>(plan: Plan) -> Result<(), Failure> {
    let runtime = R::default();
    let before = system::memory()?;
    let (start, start_cpu) = (runtime.now(), system::cpu());
    let mut opening: FuturesUnordered<_> = (0..plan.connections).map(|_| open::<R>(plan)).collect();
    let mut clients = Vec::with_capacity(plan.connections);
    let mut failures = 0.0;
    while let Some(opened) = opening.next().await {
        match opened {
            Ok(client) => clients.push(client),
            Err(error) => {
                eprintln!("many: {error}");
                failures += 1.0;
            }
        }
    }
    let taken = runtime.now().saturating_sub(start);
    let cpu = system::cpu().saturating_sub(start_cpu);
    report("seconds", taken.as_secs_f64());
    report("cpu", cpu.as_secs_f64() / plan.connections as f64);
    report("failures", failures);
    report("peak", per_connection(before, system::peak()?, plan));
    // The last upgrades end on the other side.
    runtime.sleep(Duration::from_secs(1)).await;
    report("memory", per_connection(before, system::memory()?, plan));
    Ok(())
}
