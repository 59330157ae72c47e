//! Injects the planned faults of server and network, and restores normal conditions.

use std::net::SocketAddr;

use engineio_client::MockRuntime;
use engineio_client::Runtime as _;
use engineio_client::runtime::mock::{Conditions, Side};

use super::ms;
use super::plan::{Downtime, Happening, Plan};
use super::server::{Death, Server};

pub(crate) async fn chaos(
    runtime: &MockRuntime,
    plan: &Plan,
    server: &Server,
    address: SocketAddr,
    mut random: fastrand::Rng,
) {
    let network = runtime.network();
    for (after, happening) in &plan.events {
        runtime.sleep(*after).await;
        let open = network.connections();
        let victim = (!open.is_empty()).then(|| &open[random.usize(..open.len())]);
        match *happening {
            Happening::Dies(death, downtime) => {
                server.die(death);
                wait_for(runtime, downtime, address).await;
            }
            Happening::Hangs(time, death) => {
                server.freeze(true);
                runtime.sleep(time).await;
                match death {
                    Some(death) => server.die(death),
                    None => server.freeze(false),
                }
            }
            Happening::Refuses(refusal, time) => {
                server.die(Death::Reset);
                server.refuse(Some(refusal));
                runtime.sleep(time).await;
                server.refuse(None);
            }
            Happening::Forgets => server.forget(),
            Happening::Closes(messages) => server.close(messages),
            Happening::Talks => server.talk(),
            Happening::Partition(time) => {
                network.partition();
                runtime.sleep(time).await;
                network.heal();
            }
            Happening::Reset => victim.iter().for_each(|it| it.reset()),
            Happening::ResetAfterData => victim.iter().for_each(|it| it.reset_after_data()),
            Happening::HalfClose => victim.iter().for_each(|it| it.half_close(Side::Server)),
            Happening::BlackHole => victim.iter().for_each(|it| it.black_hole()),
        }
    }
}

async fn wait_for(runtime: &MockRuntime, downtime: Downtime, address: SocketAddr) {
    let network = runtime.network();
    match downtime {
        Downtime::None => return,
        Downtime::Refused(time) => {
            network.refuse(address);
            runtime.sleep(time).await;
        }
        Downtime::Silent(time) => {
            network.black_hole(address);
            runtime.sleep(time).await;
        }
    }
    network.restore(address);
}

/// Removes all faults. Permanent properties of the server, such as missing pongs, remain.
pub(crate) fn calm(runtime: &MockRuntime, server: &Server, address: SocketAddr) {
    let network = runtime.network();
    network.heal();
    network.restore(address);
    let normal = Conditions::new().latency(ms(5));
    network.set(normal.clone());
    for connection in network.connections() {
        connection.set(normal.clone());
    }
    server.refuse(None);
    server.freeze(false);
    server.behave(|behaviour| {
        behaviour.reactions = 0;
        behaviour.stillborn = 0;
        behaviour.echoes = 0;
        behaviour.poll_delay = ms(0);
        behaviour.post_delay = ms(0);
    });
}

/// Makes the server unreachable for good.
pub(crate) fn gone(runtime: &MockRuntime, server: &Server, address: SocketAddr) {
    runtime.network().heal();
    runtime.network().refuse(address);
    server.die(Death::Reset);
}
