//! Starts a client: checks the settings, connects the parts and spawns the driver.

use std::sync::Arc;

use futures::future::BoxFuture;
use tracing::{Instrument as _, Span};

use super::driver::Driver;
use super::handlers::{HandlerTask, Handlers};
use super::inbox::{Audience, Reader, Side};
use super::log::{self, Log};
use super::open_request::{open_request, origin};
use super::outbox::Outbox;
use super::session::Client;
use super::sessions::Sessions;
use super::settings::Settings;
use super::shared::Shared;
use super::upgrade_memory::prefer_remembered;
use crate::error::{Error, ErrorKind};
use crate::limits::PACKETS_PER_POST;
use crate::receipts::Receipts;
use crate::reconnect::Resend;
use crate::runtime::Runtime;
use crate::transport::{Activity, OpenRequest, Transport};

/// A client that was started. The caller must run the task of its handlers inside `span`.
pub(crate) struct Started<T: Transport, R: Runtime> {
    pub(crate) client: Client<T, R>,
    pub(crate) handlers: Option<HandlerTask>,
    pub(crate) span: Span,
}

/// Checks the settings, and spawns the task that drives the session or sessions.
pub(super) fn start<T: Transport, R: Runtime>(
    transport: T,
    runtime: R,
    mut settings: Settings,
    handlers: Handlers,
) -> Result<Started<T, R>, Error> {
    if let Some(fault) = settings.fault.take() {
        return Err(fault);
    }
    runtime.check().map_err(|error| {
        Error::new(ErrorKind::Runtime, "the runtime cannot be used here").with_source(error)
    })?;
    settings.config.transports = choose(&transport.names(), settings.names.as_deref())?;
    let runtime = Arc::new(runtime);
    let dynamic: Arc<dyn Runtime> = Arc::<R>::clone(&runtime);
    let activity = Activity::new(Arc::clone(&dynamic));
    let request = open_request(&mut settings.clone(), &transport.schemes(), activity)?;
    let audience = Audience {
        handlers: !handlers.is_empty(),
        messages: if handlers.has_message_handler() {
            Side::Handlers
        } else {
            Side::Client
        },
    };
    let shared = Arc::new(Shared::new(
        Arc::clone(&dynamic),
        settings.outbox,
        settings.inbox,
        audience,
        handlers.has_disconnect_handler(),
    ));
    let span = log::span(&request);
    let task = task(
        &shared,
        &dynamic,
        Arc::new(transport),
        request,
        settings,
        &span,
    );
    dynamic.spawn(task);
    let handlers = audience.handlers.then(|| {
        let reader = Reader::new(Arc::clone(&shared.inboxes), Side::Handlers);
        HandlerTask::new(handlers, Arc::clone(&shared), reader)
    });
    Ok(Started {
        client: Client::new(shared, runtime),
        handlers,
        span,
    })
}

/// The task that drives one session, or, for a client that reconnects, one session after the other.
fn task(
    shared: &Arc<Shared>,
    runtime: &Arc<dyn Runtime>,
    transport: Arc<dyn Transport>,
    request: OpenRequest,
    mut settings: Settings,
    span: &Span,
) -> BoxFuture<'static, ()> {
    let (shared, runtime) = (Arc::clone(shared), Arc::clone(runtime));
    let reconnect = settings.reconnect.take();
    let config = &mut settings.config;
    if let Some(reconnect) = &reconnect
        && reconnect.resend == Resend::Unconfirmed
    {
        // Without receipts the client does not know which messages to send again.
        let receipts = config
            .receipts
            .get_or_insert_with(|| Receipts::new().into());
        receipts.required = true;
    }
    if config.receipts.is_some() {
        shared.outbox(Outbox::begin_receipts);
        config.packets_per_post = config.packets_per_post.min(PACKETS_PER_POST);
    }
    if let Some(reconnect) = reconnect {
        shared.outbox(|outbox| {
            outbox.outlive_sessions(reconnect.resend, reconnect.greeting.is_some())
        });
        let own = span.clone();
        let sessions = Sessions::new(shared, runtime, transport, settings, reconnect, own);
        return instrumented(sessions, span.clone());
    }
    let remember = settings.remember_upgrade.then(|| origin(&request));
    if let Some(origin) = &remember {
        prefer_remembered(origin, &mut settings.config.transports);
    }
    let log = Log::new(span.clone(), settings.log_contents);
    let config = settings.config;
    let driver = Driver::new(shared, runtime, transport, request, config, remember, log);
    instrumented(driver, span.clone())
}

/// Runs a task inside a span, if something listens to it.
fn instrumented(
    task: impl Future<Output = ()> + Send + 'static,
    span: Span,
) -> BoxFuture<'static, ()> {
    if span.is_none() {
        Box::pin(task)
    } else {
        Box::pin(task.instrument(span))
    }
}

/// Returns the names of the transports to use, in order. Fails if a name is unknown or listed twice, or
/// if there is no name.
fn choose(known: &[&'static str], wanted: Option<&[String]>) -> Result<Vec<&'static str>, Error> {
    let invalid = |message: String| Err(Error::new(ErrorKind::Invalid, message));
    let Some(wanted) = wanted else {
        if known.is_empty() {
            return invalid(
                "this build has no transport: enable the feature `polling` or `websocket`".into(),
            );
        }
        return Ok(known.to_vec());
    };
    let mut names = Vec::with_capacity(wanted.len());
    for name in wanted {
        match known.iter().find(|known| *known == name) {
            Some(known) if names.contains(known) => {
                return invalid(format!("transports: {name:?} is listed twice"));
            }
            Some(known) => names.push(*known),
            None => {
                return invalid(format!(
                    "transports: {name:?} is unknown, the available ones are {}",
                    known.join(" and ")
                ));
            }
        }
    }
    if names.is_empty() {
        return invalid("transports: the list is empty".into());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_chosen_by_name_in_the_users_order() {
        // Ported from python-engineio: test_some_invalid_transports
        let known = ["polling", "websocket"];
        let names = |list: &[&str]| {
            list.iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(choose(&known, None).unwrap(), known);
        assert_eq!(
            choose(&known, Some(&names(&["websocket", "polling"]))).unwrap(),
            ["websocket", "polling"]
        );
        for wrong in [
            &[][..],
            &["carrier-pigeon"],
            &["websocket", "carrier-pigeon"],
            &["polling", "polling"],
        ] {
            assert_eq!(
                choose(&known, Some(&names(wrong))).unwrap_err().kind(),
                ErrorKind::Invalid
            );
        }
    }
}
