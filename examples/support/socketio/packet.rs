//! The packets of Socket.IO, and how Engine.IO messages carry them: a text, then one binary message for
//! each attachment.

use bytes::Bytes;
use engineio_client::Message;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The types of packets. An event or acknowledgement with attachments has its type plus 3 on the wire.
pub(super) const CONNECT: u8 = 0;
pub(super) const DISCONNECT: u8 = 1;
pub(super) const EVENT: u8 = 2;
pub(super) const ACK: u8 = 3;
pub(super) const CONNECT_ERROR: u8 = 4;

/// The maximum number of attachments of a packet, as in the JavaScript client.
const MOST_ATTACHMENTS: usize = 10;

#[derive(Debug)]
pub(super) struct Packet {
    pub(super) kind: u8,
    /// The number that an acknowledgement has in common with its event.
    pub(super) id: Option<u64>,
    /// An event has its name before its arguments. Connect and error packets have one value, or none.
    pub(super) args: Args,
}

/// The arguments of an event or acknowledgement: JSON values, with placeholders for binary attachments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Args {
    pub(crate) values: Vec<Value>,
    pub(crate) attachments: Vec<Bytes>,
}

impl Args {
    /// Adds an argument. `json!(value)` makes a `Value` of anything that serde can serialise.
    pub(crate) fn with(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The name of an event goes before its arguments.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.values.insert(0, name.into());
        self
    }

    /// Adds binary data, and returns the placeholder to put into an argument, or to use as one.
    pub(crate) fn attach(&mut self, data: impl Into<Bytes>) -> Value {
        self.attachments.push(data.into());
        json!({"_placeholder": true, "num": self.attachments.len() - 1})
    }

    /// The argument at `index`, as a type of your own. `None` if it is missing or of another type.
    pub(crate) fn get<T: DeserializeOwned>(&self, index: usize) -> Option<T> {
        T::deserialize(self.values.get(index)?).ok()
    }

    /// The binary data that a placeholder stands for. `None` if the value is not a placeholder, or if
    /// its attachment does not exist.
    pub(crate) fn attachment(&self, placeholder: &Value) -> Option<&Bytes> {
        placeholder.get("_placeholder")?;
        let number = placeholder.get("num")?.as_u64()?;
        self.attachments.get(usize::try_from(number).ok()?)
    }
}

impl Packet {
    /// The text is `[type][attachments-][namespace,][id][JSON]`.
    pub(super) fn encode(self, namespace: &str) -> Vec<Message> {
        let mut text = match self.args.attachments.len() {
            0 => self.kind.to_string(),
            count => format!("{}{count}-", self.kind + 3),
        };
        if namespace != "/" {
            text += &format!("{namespace},");
        }
        text.extend(self.id.map(|id| id.to_string()));
        match (self.kind, self.args.values.first()) {
            (EVENT | ACK, _) => text += &Value::from(self.args.values).to_string(),
            (_, None | Some(Value::Null)) => {}
            (_, Some(value)) => text += &value.to_string(),
        }
        let attachments = self.args.attachments.into_iter().map(Message::from);
        std::iter::once(text.into()).chain(attachments).collect()
    }

    /// Parses the text of a packet. Also returns the number of attachments that follow the text.
    fn parse(text: &str) -> Option<(Self, usize)> {
        let first = u8::try_from(text.chars().next()?.to_digit(7)?).ok()?;
        let (kind, count, rest) = match (first, &text[1..]) {
            (0..=4, rest) => (first, 0, rest),
            (_, rest) => {
                let (count, rest) = rest.split_once('-')?;
                (first - 3, count.parse().ok()?, rest)
            }
        };
        // The namespace is skipped, because a connection serves only one.
        let rest = match rest.starts_with('/') {
            true => rest.split_once(',').map_or("", |(_namespace, rest)| rest),
            false => rest,
        };
        let json = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let id = match &rest[..rest.len() - json.len()] {
            "" => None,
            digits => Some(digits.parse().ok()?),
        };
        let values = match json {
            "" => Vec::new(),
            json => match serde_json::from_str(json).ok()? {
                Value::Array(values) => values,
                value => vec![value],
            },
        };
        let attachments = Vec::new();
        let args = Args {
            values,
            attachments,
        };
        (count <= MOST_ATTACHMENTS).then_some((Self { kind, id, args }, count))
    }
}

/// Joins messages into packets.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// A packet of which some attachments have not arrived, and their number.
    incomplete: Option<(Packet, usize)>,
}

impl Decoder {
    /// Returns a packet once it is complete. The error says what is malformed.
    pub(super) fn push(&mut self, message: Message) -> Result<Option<Packet>, &'static str> {
        let (packet, missing) = match (message, self.incomplete.take()) {
            (Message::Text(text), None) => {
                Packet::parse(&text).ok_or("the text is not a packet")?
            }
            (Message::Binary(data), Some((mut packet, missing))) => {
                packet.args.attachments.push(data);
                (packet, missing - 1)
            }
            _ => return Err("an attachment is missing, or belongs to no packet"),
        };
        if missing == 0 {
            return Ok(Some(packet));
        }
        self.incomplete = Some((packet, missing));
        Ok(None)
    }
}
