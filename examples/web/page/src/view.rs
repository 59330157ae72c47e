//! The elements of the page.

use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Event, EventTarget, HtmlElement, HtmlInputElement, Window};

/// The state of the connection, as `style.css` knows it.
pub enum State {
    Waiting,
    Connected,
    Ended,
}

pub struct View {
    window: Window,
    document: Document,
    state: Element,
    lines: Element,
    form: HtmlElement,
    name: HtmlInputElement,
    text: HtmlInputElement,
    leave: HtmlElement,
}

impl View {
    pub fn new() -> Result<Self, JsValue> {
        let window = web_sys::window().ok_or("this is not a page")?;
        let document = window.document().ok_or("this is not a page")?;
        let find = |id| {
            let element = document.get_element_by_id(id);
            element.ok_or_else(|| JsError::new(&format!("the page has no element #{id}")))
        };
        Ok(Self {
            state: find("state")?,
            lines: find("lines")?,
            form: find("form")?.dyn_into()?,
            name: find("name")?.dyn_into()?,
            text: find("text")?.dyn_into()?,
            leave: find("leave")?.dyn_into()?,
            document,
            window,
        })
    }

    /// Scheme, host and port of this page.
    pub fn origin(&self) -> Result<String, JsValue> {
        self.window.location().origin()
    }

    /// Name and text of what the user wrote, which is removed from the page. `None` if there is nothing.
    pub fn take_line(&self) -> Option<(String, String)> {
        let (name, text) = (self.name.value(), self.text.value());
        if text.trim().is_empty() {
            return None;
        }
        self.text.set_value("");
        let name = match name.trim() {
            "" => "Somebody".to_owned(),
            name => name.to_owned(),
        };
        Some((name, text))
    }

    pub fn show_state(&self, state: State, text: &str) {
        let class = match state {
            State::Waiting => "waiting",
            State::Connected => "connected",
            State::Ended => "ended",
        };
        self.state.set_class_name(class);
        self.state.set_text_content(Some(text));
        if let State::Ended = state {
            self.form.set_hidden(true);
            self.leave.set_hidden(true);
        }
    }

    /// Adds a line of the chat.
    pub fn show_line(&self, name: &str, text: &str) {
        let is_own = name == self.name.value().trim();
        let line = self.add("li", if is_own { "own" } else { "" }, &self.lines);
        if let Some(line) = line {
            self.add("b", "", &line)
                .inspect(|b| b.set_text_content(Some(name)));
            self.add("span", "", &line)
                .inspect(|span| span.set_text_content(Some(text)));
            line.scroll_into_view();
        }
    }

    /// Adds a line about the connection.
    pub fn show_note(&self, text: &str) {
        if let Some(line) = self.add("li", "note", &self.lines) {
            line.set_text_content(Some(text));
            line.scroll_into_view();
        }
    }

    fn add(&self, tag: &str, class: &str, parent: &Element) -> Option<Element> {
        let element = self.document.create_element(tag).ok()?;
        element.set_class_name(class);
        parent.append_child(&element).ok()?;
        Some(element)
    }

    pub fn on_submit(&self, mut call: impl FnMut() + 'static) -> Result<(), JsValue> {
        listen(&self.form, "submit", move |event| {
            event.prevent_default();
            call();
        })
    }

    pub fn on_leave(&self, mut call: impl FnMut() + 'static) -> Result<(), JsValue> {
        listen(&self.leave, "click", move |_| call())
    }

    /// The browser has a network again.
    pub fn on_online(&self, mut call: impl FnMut() + 'static) -> Result<(), JsValue> {
        listen(&self.window, "online", move |_| call())
    }
}

fn listen(
    target: &EventTarget,
    event: &str,
    call: impl FnMut(Event) + 'static,
) -> Result<(), JsValue> {
    // The page keeps the closure for as long as it lives.
    let call = Closure::<dyn FnMut(Event)>::new(call).into_js_value();
    target.add_event_listener_with_callback(event, call.unchecked_ref())
}
