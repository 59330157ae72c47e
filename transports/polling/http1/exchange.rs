//! One connection, and the exchange of a request and its response on it.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use engineio_client::http::Exchange;
use engineio_client::runtime::BoxedStream;

use super::super::super::shared::read_buffer;
use super::fault::Fault;
use super::outgoing::Outgoing;
use super::response::{Received, ResponseReader};
use super::stream::Stream;

/// Maximum number of bytes of a read until the head is complete. What is read is copied to the body, so
/// the rest of a longer body of known length is read directly to where it belongs.
const FIRST_READ: usize = 16 * 1024;

/// Maximum number of bytes of a further read, if the length of the body is not known.
const READ: usize = 64 * 1024;

/// Maximum number of reads before other tasks have a turn.
const MAX_READS: usize = 32;

/// A connection that carries one request at a time.
pub(super) struct Connection {
    stream: Stream,
    /// The server speaks HTTP/1.0, so requests have to ask for a kept connection.
    pub(super) is_http_1_0: bool,
    /// The connection has carried a request.
    is_used: bool,
}

/// Why an exchange has no response.
pub(super) enum Failure {
    /// The kept connection had ended, or had received something unasked, before anything was written.
    Ended,
    /// The request may be repeated: see [`Stream::not_received`].
    NotReceived(Fault),
    Failed(Fault),
}

impl Connection {
    pub(super) fn new(stream: BoxedStream) -> Self {
        Self {
            stream: Stream::new(stream),
            is_http_1_0: false,
            is_used: false,
        }
    }

    /// Sends a request and reads the response. Also returns whether the whole request was sent: some
    /// servers refuse a body before they have read it.
    pub(super) async fn exchange(
        &mut self,
        request: Outgoing,
        exchange: &Exchange,
    ) -> Result<(Received, bool), Failure> {
        let mut running = Running {
            stream: &mut self.stream,
            exchange,
            reader: ResponseReader::new(exchange.limits, request.wants_headers),
            request,
            is_kept: std::mem::replace(&mut self.is_used, true),
            has_begun: false,
            is_sent: false,
        };
        let result = poll_fn(|cx| running.poll(cx)).await;
        let Running {
            reader,
            is_sent,
            request,
            ..
        } = running;
        let is_written = request.bytes().is_empty();
        match result {
            Ok(()) => match reader.into_received() {
                // The server can't have accepted what was not written.
                Some(received) if received.head.status.is_success() && !is_written => {
                    Err(Failure::Failed(Fault::ended()))
                }
                Some(received) => Ok((received, is_sent)),
                None => Err(Failure::Failed(Fault::ended())),
            },
            Err(Failure::Failed(fault)) if self.stream.not_received() => {
                Err(Failure::NotReceived(fault))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// An exchange in progress.
struct Running<'a> {
    stream: &'a mut Stream,
    exchange: &'a Exchange,
    reader: ResponseReader,
    request: Outgoing,
    /// The connection has carried a request before.
    is_kept: bool,
    has_begun: bool,
    /// The whole request was written and flushed.
    is_sent: bool,
}

impl Running<'_> {
    /// Ready when the response is complete.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let begins = !std::mem::replace(&mut self.has_begun, true);
        if begins {
            // If the kept connection is as it should be, this read also registers for the response.
            if self.is_kept && self.stream.poll_read(cx, &mut [0]).is_ready() {
                return Poll::Ready(Err(Failure::Ended));
            }
            self.stream.begin();
        } else if let Poll::Ready(result) = self.poll_receive(cx) {
            return Poll::Ready(result.map_err(Failure::Failed));
        }
        if !self.is_sent
            && let Poll::Ready(Err(fault)) = self.poll_send(cx)
        {
            // The server may have refused the request before it closed the connection.
            return Poll::Ready(match self.poll_receive(cx) {
                Poll::Ready(Ok(())) => Ok(()),
                _ => Err(Failure::Failed(fault)),
            });
        }
        if begins && !self.is_kept {
            return self.poll_receive(cx).map_err(Failure::Failed);
        }
        Poll::Pending
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while let bytes @ [_, ..] = self.request.bytes() {
            let count = ready!(self.stream.poll_write(cx, bytes)).map_err(Fault::Connection)?;
            if count == 0 {
                let error = io::ErrorKind::WriteZero.into();
                return Poll::Ready(Err(Fault::Connection(error)));
            }
            self.request.advance(count);
            if !self.request.is_poll {
                self.exchange.activity.mark_sent();
            }
        }
        ready!(self.stream.poll_flush(cx)).map_err(Fault::Connection)?;
        self.is_sent = true;
        if self.request.is_poll {
            self.exchange.activity.mark_asked();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        for _ in 0..MAX_READS {
            ready!(self.poll_read(cx))?;
            if self.reader.is_complete() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Self { stream, reader, .. } = self;
        if let Some(room) = reader.room() {
            let count = ready!(stream.poll_read(cx, room)).map_err(Fault::Connection)?;
            if count == 0 {
                return Poll::Ready(reader.end());
            }
            reader.fill(count);
        } else {
            let length = if reader.is_in_body() {
                READ
            } else {
                FIRST_READ
            };
            let has_ended = ready!(read_buffer::with(length, |buffer| {
                let count = ready!(stream.poll_read(cx, buffer)).map_err(Fault::Connection)?;
                let bytes = buffer.get(..count).unwrap_or_default();
                Poll::Ready(reader.feed(bytes).map(|()| bytes.is_empty()))
            }))?;
            if has_ended {
                return Poll::Ready(reader.end());
            }
        }
        self.mark_received();
        Poll::Ready(Ok(()))
    }

    fn mark_received(&self) {
        if self.request.is_poll {
            self.exchange.activity.mark();
        } else {
            // The arriving response counts as progress of a POST.
            self.exchange.activity.mark_sent();
        }
    }
}
