//! What a browser's WebSocket has told, until the client asks: messages in order, then the end.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use engineio_client::codec::{decode_binary, decode_text};
use engineio_client::{Error, ErrorKind, Limits, Packet, PeerClose, Text};

/// A call returns at most this number of packets, and takes no further one with this number of bytes beyond the first.
const MAX_PACKETS: usize = 256;
const MAX_BYTES: usize = 64 * 1024;

/// What an entry of the queue takes besides its data, in bytes: many small messages need memory, too.
const PER_MESSAGE: usize = 64;

/// A message as the browser hands it over.
#[derive(Debug)]
pub(super) enum Incoming {
    Text(Text),
    Binary(Bytes),
}

impl Incoming {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }
}

/// The browser calls `open`, `push` and `close` whenever it likes. The client calls the rest.
#[derive(Debug)]
pub(super) struct Inbox {
    limits: Limits,
    /// Bytes that may wait beyond the largest message.
    max_waiting: usize,
    is_open: bool,
    queue: VecDeque<Incoming>,
    /// Bytes in the queue, with `PER_MESSAGE` for each.
    waiting: usize,
    /// Whether more came than may wait. What came afterwards was thrown away.
    is_overrun: bool,
    /// How the connection ended: the server's close frame, or a code of the browser's.
    end: Option<PeerClose>,
    /// A fault behind the packets that the last call returned.
    fault: Option<Error>,
    reader: Option<Waker>,
    closer: Option<Waker>,
}

/// Whether the end was a close frame of the server. A browser reports 1006 and 1015 if there was none. (Whether it
/// calls the end clean depends on what followed the frame.)
fn is_close_frame(end: &PeerClose) -> bool {
    !matches!(end.code, 1006 | 1015)
}

impl Inbox {
    pub(super) fn new(limits: Limits, max_waiting: usize) -> Self {
        Self {
            limits,
            max_waiting,
            is_open: false,
            queue: VecDeque::new(),
            waiting: 0,
            is_overrun: false,
            end: None,
            fault: None,
            reader: None,
            closer: None,
        }
    }

    /// The connection is open.
    pub(super) fn open(&mut self) {
        self.is_open = true;
        self.wake_reader();
    }

    /// A message has arrived. Returns false if it was thrown away, or is the last one for which there is room.
    pub(super) fn push(&mut self, incoming: Incoming) -> bool {
        if self.is_overrun {
            return false;
        }
        let size = incoming.len().saturating_add(PER_MESSAGE);
        self.waiting = self.waiting.saturating_add(size);
        self.queue.push_back(incoming);
        self.is_overrun = self.waiting > self.max_waiting.saturating_add(self.limits.message);
        self.wake_reader();
        !self.is_overrun
    }

    /// The connection has ended, or was never opened.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        self.end = Some(PeerClose::new(code, reason));
        self.wake_reader();
        if let Some(closer) = self.closer.take() {
            closer.wake();
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Waits until the connection is open.
    ///
    /// # Errors
    ///
    /// What the browser said, if it could not open the connection.
    pub(super) fn poll_open(&mut self, cx: &Context<'_>) -> Poll<Result<(), String>> {
        if self.is_open {
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = &self.end {
            return Poll::Ready(Err(format!("code {end}")));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits for packets, and returns those that have arrived, within the limits of one call.
    pub(super) fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Result<Vec<Packet>, Error>> {
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Err(fault));
        }
        let mut packets = Vec::new();
        let mut bytes = 0_usize;
        while packets.len() < MAX_PACKETS
            && (packets.len() < 2 || bytes < MAX_BYTES)
            && let Some(incoming) = self.queue.pop_front()
        {
            let length = incoming.len();
            let size = length.saturating_add(PER_MESSAGE);
            self.waiting = self.waiting.saturating_sub(size);
            if !packets.is_empty() {
                bytes = bytes.saturating_add(length);
            }
            let decoded = match incoming {
                Incoming::Text(text) => decode_text(text, &self.limits),
                Incoming::Binary(data) => decode_binary(data, &self.limits),
            };
            match decoded {
                Ok(packet) => packets.push(packet),
                Err(error) if packets.is_empty() => return Poll::Ready(Err(error)),
                Err(error) => {
                    self.fault = Some(error);
                    break;
                }
            }
        }
        if !packets.is_empty() {
            return Poll::Ready(Ok(packets));
        }
        if self.is_overrun {
            return Poll::Ready(Err(self.overrun()));
        }
        match &self.end {
            Some(end) if is_close_frame(end) => Poll::Ready(Ok(vec![Packet::Close])),
            Some(end) => Poll::Ready(Err(Error::new(
                ErrorKind::Ended,
                format!("the WebSocket ended without a close frame (code {end})"),
            ))),
            None => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn overrun(&self) -> Error {
        let message = format!(
            "more than {} bytes of messages came and were not taken, and a browser can't make the server wait",
            self.max_waiting
        );
        Error::new(ErrorKind::Limit, message)
    }

    /// Waits for the end.
    pub(super) fn poll_closed(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        self.closer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The server's close frame. After an overrun, it is only the answer to ours.
    pub(super) fn peer_close(&self) -> Option<PeerClose> {
        let end = self.end.as_ref()?;
        (is_close_frame(end) && !self.is_overrun).then(|| end.clone())
    }
}

#[cfg(test)]
mod tests {
    use engineio_client::{Limit, Message};
    use futures::task::noop_waker_ref;

    use super::*;

    const MAX_WAITING: usize = 1000;

    fn inbox() -> Inbox {
        Inbox::new(Limits::default().message(100), MAX_WAITING)
    }

    fn text(text: &str) -> Incoming {
        Incoming::Text(format!("4{text}").into())
    }

    fn recv(inbox: &mut Inbox) -> Poll<Result<Vec<Packet>, Error>> {
        inbox.poll_recv(&Context::from_waker(noop_waker_ref()))
    }

    fn packets(inbox: &mut Inbox) -> Vec<Packet> {
        match recv(inbox) {
            Poll::Ready(Ok(packets)) => packets,
            other => panic!("{other:?}"),
        }
    }

    fn error(inbox: &mut Inbox) -> Error {
        match recv(inbox) {
            Poll::Ready(Err(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn message(text: &str) -> Packet {
        Packet::Message(Message::from(text))
    }

    #[test]
    fn messages_come_in_order_then_the_end() {
        let mut inbox = inbox();
        assert!(recv(&mut inbox).is_pending());
        assert!(inbox.push(text("one")));
        assert!(inbox.push(Incoming::Binary(Bytes::from_static(b"two"))));
        assert!(inbox.push(text("three")));
        inbox.close(1000, "bye");
        let binary = Packet::Message(Message::from(b"two".to_vec()));
        assert_eq!(
            packets(&mut inbox),
            [message("one"), binary, message("three")]
        );
        assert_eq!(packets(&mut inbox), [Packet::Close]);
        assert_eq!(inbox.peer_close(), Some(PeerClose::new(1000, "bye")));
    }

    #[test]
    fn an_end_without_a_close_frame_is_an_error_behind_the_messages() {
        let mut inbox = inbox();
        assert!(inbox.push(text("last")));
        inbox.close(1006, "");
        assert_eq!(packets(&mut inbox), [message("last")]);
        let error = error(&mut inbox);
        assert_eq!(error.kind(), ErrorKind::Ended);
        assert!(error.to_string().contains("1006"), "{error}");
        assert_eq!(inbox.peer_close(), None);
    }

    #[test]
    fn two_codes_stand_for_the_absence_of_a_close_frame() {
        for (code, is_frame) in [
            (1000, true),
            (1005, true),
            (1009, true),
            (4000, true),
            (1006, false),
            (1015, false),
        ] {
            let mut inbox = inbox();
            inbox.close(code, "");
            assert_eq!(
                recv(&mut inbox).map(|end| end.is_ok()),
                Poll::Ready(is_frame)
            );
            assert_eq!(inbox.peer_close().is_some(), is_frame, "{code}");
        }
    }

    #[test]
    fn a_connection_opens_or_fails_with_what_the_browser_said() {
        let cx = &Context::from_waker(noop_waker_ref());
        let mut opened = inbox();
        assert!(opened.poll_open(cx).is_pending());
        opened.open();
        assert_eq!(opened.poll_open(cx), Poll::Ready(Ok(())));
        let mut failed = inbox();
        failed.close(1006, "no");
        let Poll::Ready(Err(said)) = failed.poll_open(cx) else {
            panic!("not failed");
        };
        assert_eq!(said, "code 1006: no");
        // A server may close at once: the connection was open, and its messages count.
        let mut closed = inbox();
        closed.open();
        assert!(closed.push(text("hello")));
        closed.close(1000, "");
        assert_eq!(closed.poll_open(cx), Poll::Ready(Ok(())));
        assert_eq!(packets(&mut closed), [message("hello")]);
    }

    #[test]
    fn a_call_takes_a_limited_number_of_packets_and_bytes() {
        let mut many = Inbox::new(Limits::default(), usize::MAX);
        for _ in 0..300 {
            assert!(many.push(text("x")));
        }
        assert_eq!(packets(&mut many).len(), 256);
        assert_eq!(packets(&mut many).len(), 44);
        assert!(recv(&mut many).is_pending());
        let mut large = Inbox::new(Limits::default(), usize::MAX);
        for _ in 0..6 {
            assert!(large.push(Incoming::Binary(vec![0; 40_000].into())));
        }
        // The second packet of a call brings 40,000 bytes beyond the first, the third 80,000.
        assert_eq!(packets(&mut large).len(), 3);
        assert_eq!(packets(&mut large).len(), 3);
    }

    #[test]
    fn a_queue_that_nobody_takes_ends_the_connection_behind_what_had_room() {
        let mut inbox = inbox();
        let mut pushed = 1;
        while inbox.push(text("ten bytes!")) {
            pushed += 1;
        }
        // 75 bytes each, and room for 1,000 and the largest message.
        assert_eq!(pushed, 1100 / 75 + 1);
        assert!(!inbox.push(text("too late")));
        inbox.close(1000, "");
        let taken = packets(&mut inbox);
        assert_eq!(taken, vec![message("ten bytes!"); pushed]);
        let error = error(&mut inbox);
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("1000 bytes"), "{error}");
        assert_eq!(inbox.peer_close(), None);
    }

    #[test]
    fn a_queue_that_is_taken_does_not_fill() {
        let mut inbox = inbox();
        for _ in 0..10_000 {
            assert!(inbox.push(text("ten bytes!")));
            assert_eq!(packets(&mut inbox), [message("ten bytes!")]);
        }
        // Even empty messages need room.
        assert!((0..1000).any(|_| !inbox.push(text(""))));
    }

    #[test]
    fn a_fault_comes_behind_the_packets_before_it() {
        let mut inbox = inbox();
        assert!(inbox.push(text("good")));
        assert!(inbox.push(Incoming::Text("?".into())));
        assert!(inbox.push(text("never read")));
        assert_eq!(packets(&mut inbox), [message("good")]);
        assert_eq!(error(&mut inbox).kind(), ErrorKind::Protocol);
        let mut inbox = self::inbox();
        assert!(inbox.push(Incoming::Binary(vec![0; 101].into())));
        let error = error(&mut inbox);
        assert_eq!(error.limit(), Some(Limit::MessageSize));
    }

    #[test]
    fn who_waits_is_woken() {
        let mut inbox = inbox();
        let (reader, reads) = counting_waker();
        let (closer, closes) = counting_waker();
        assert!(inbox.poll_recv(&Context::from_waker(&reader)).is_pending());
        let closing = &Context::from_waker(&closer);
        assert!(inbox.poll_closed(closing).is_pending());
        inbox.push(text("x"));
        assert_eq!((reads.count(), closes.count()), (1, 0));
        assert_eq!(packets(&mut inbox).len(), 1);
        assert!(inbox.poll_recv(&Context::from_waker(&reader)).is_pending());
        inbox.close(1000, "");
        assert_eq!((reads.count(), closes.count()), (2, 1));
        assert!(inbox.poll_closed(closing).is_ready());
    }

    #[derive(Default)]
    struct Wakes(std::sync::atomic::AtomicUsize);

    impl Wakes {
        fn count(&self) -> usize {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    impl futures::task::ArcWake for Wakes {
        fn wake_by_ref(wakes: &std::sync::Arc<Self>) {
            wakes.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn counting_waker() -> (Waker, std::sync::Arc<Wakes>) {
        let wakes = std::sync::Arc::new(Wakes::default());
        (futures::task::waker(std::sync::Arc::clone(&wakes)), wakes)
    }
}
