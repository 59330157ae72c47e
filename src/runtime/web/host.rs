//! What the client needs of the global object, in a page as in a worker, in Node and in Deno.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use js_sys::{Function, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{MessageChannel, MessagePort, Performance};

use super::signal::Signal;
use super::timing::{Monotonic, Turn};

thread_local! {
    static HOST: Host = Host::find();
    static CLOCK: RefCell<Monotonic> = RefCell::default();
    static TURN: RefCell<Turn> = RefCell::default();
    static NEXT_TURN: NextTurn = NextTurn::new();
}

/// Functions of the host.
struct Host {
    set_timeout: Option<Function>,
    clear_timeout: Option<Function>,
    performance: Option<Performance>,
}

impl Host {
    fn find() -> Self {
        Self {
            set_timeout: global_function("setTimeout"),
            clear_timeout: global_function("clearTimeout"),
            // Its class is not one that all hosts have as a global.
            performance: global("performance")
                .filter(JsValue::is_object)
                .map(JsValue::unchecked_into),
        }
    }
}

fn global(name: &str) -> Option<JsValue> {
    Reflect::get(&js_sys::global(), &JsValue::from_str(name)).ok()
}

fn global_function(name: &str) -> Option<Function> {
    global(name)?.dyn_into().ok()
}

/// Whether the host has timers and a clock.
pub(super) fn is_usable() -> bool {
    HOST.with(|host| {
        host.set_timeout.is_some() && host.clear_timeout.is_some() && host.performance.is_some()
    })
}

/// The host's clock.
pub(super) fn now() -> Duration {
    let milliseconds = HOST.with(|host| host.performance.as_ref().map_or(0.0, Performance::now));
    CLOCK.with_borrow_mut(|clock| clock.read(milliseconds))
}

/// How long this thread's tasks have run.
pub(super) fn turn<O>(change: impl FnOnce(&mut Turn) -> O) -> O {
    TURN.with_borrow_mut(change)
}

/// One `setTimeout`, which is cleared when it is dropped.
pub(super) struct Timeout {
    id: Option<JsValue>,
    signal: Rc<Signal>,
    /// What the host calls.
    _callback: Closure<dyn FnMut()>,
}

impl Timeout {
    pub(super) fn new(milliseconds: i32) -> Self {
        let signal = Rc::new(Signal::default());
        let on_time = Rc::clone(&signal);
        let callback = Closure::<dyn FnMut()>::new(move || on_time.set());
        let id = HOST.with(|host| {
            let set = host.set_timeout.as_ref()?;
            set.call2(
                &JsValue::UNDEFINED,
                callback.as_ref(),
                &JsValue::from(milliseconds),
            )
            .ok()
        });
        Self {
            id,
            signal,
            _callback: callback,
        }
    }
}

impl Future for Timeout {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.signal.poll(cx)
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        HOST.with(|host| {
            if let (Some(clear), Some(id)) = (&host.clear_timeout, &self.id) {
                let _ = clear.call1(&JsValue::UNDEFINED, id);
            }
        });
    }
}

/// Resolves when the host has had a turn: when it has run another task than this one. In a browser, it has then
/// been able to handle events and to draw the page.
pub(super) struct OtherTurn(Rc<Signal>);

impl OtherTurn {
    pub(super) fn new() -> Self {
        let signal = Rc::new(Signal::default());
        NEXT_TURN.with(|next| next.wait(Rc::clone(&signal)));
        Self(signal)
    }
}

impl Future for OtherTurn {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

/// Asks the host to call back in its next turn, for all who wait.
struct NextTurn {
    waiting: RefCell<Vec<Rc<Signal>>>,
    is_asked: Cell<bool>,
    ask: Ask,
    callback: Closure<dyn FnMut()>,
}

enum Ask {
    /// `setImmediate`, of Node and Deno. A message port would keep their processes from ending.
    Immediate(Function),
    /// A message to ourselves. Browsers delay nested time-outs by 4 ms, but no messages.
    Message(MessagePort),
    /// A time-out of no length.
    Timeout,
}

impl NextTurn {
    fn new() -> Self {
        let callback = Closure::<dyn FnMut()>::new(|| NEXT_TURN.with(Self::has_come));
        let ask = if let Some(set_immediate) = global_function("setImmediate") {
            Ask::Immediate(set_immediate)
        } else if let Ok(channel) = MessageChannel::new() {
            channel
                .port1()
                .set_onmessage(Some(callback.as_ref().unchecked_ref()));
            Ask::Message(channel.port2())
        } else {
            Ask::Timeout
        };
        Self {
            waiting: RefCell::default(),
            is_asked: Cell::new(false),
            ask,
            callback,
        }
    }

    fn wait(&self, signal: Rc<Signal>) {
        self.waiting.borrow_mut().push(signal);
        if self.is_asked.replace(true) {
            return;
        }
        let callback = self.callback.as_ref();
        let asked = match &self.ask {
            Ask::Immediate(set_immediate) => set_immediate
                .call1(&JsValue::UNDEFINED, callback)
                .map(|_| ()),
            Ask::Message(port) => port.post_message(&JsValue::UNDEFINED),
            Ask::Timeout => HOST.with(|host| match &host.set_timeout {
                Some(set) => set.call1(&JsValue::UNDEFINED, callback).map(|_| ()),
                None => Err(JsValue::UNDEFINED),
            }),
        };
        if asked.is_err() {
            // The host gives no turns, so nobody may wait for one.
            self.has_come();
        }
    }

    fn has_come(&self) {
        self.is_asked.set(false);
        turn(|turn| turn.begin(now()));
        for signal in self.waiting.take() {
            signal.set();
        }
    }
}
