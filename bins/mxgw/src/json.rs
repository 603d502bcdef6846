//! Protobuf messages in their canonical JSON form, one object per line, and back.

use std::fmt::Write as _;
use std::sync::LazyLock;

use mxgateway_client::contracts::v1::{FILE_DESCRIPTOR_SET, MxCommand};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, FieldDescriptor, MessageDescriptor, SerializeOptions,
    Value,
};
use serde_json::{Deserializer, Serializer};

use crate::exit::Failure;

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());

/// A JSON object with `type` first, then `extras`.
pub(crate) fn object(kind: &str, extras: &[(&str, serde_json::Value)]) -> String {
    let mut line = head(kind, extras);
    line.push('}');
    line
}

/// A JSON object with `type` first, then `extras`, then the fields of `message`. `name` is the message's
/// name in `mxgateway.v1`.
pub(crate) fn message(
    kind: &str,
    extras: &[(&str, serde_json::Value)],
    name: &str,
    message: &impl Message,
) -> Result<String, Failure> {
    let fields = fields(name, message)?;
    let mut line = head(kind, extras);
    if fields.len() > "{}".len() {
        line.push(',');
    }
    // Both are objects: one's end and the other's beginning fall together.
    line.push_str(&fields[1..]);
    Ok(line)
}

fn head(kind: &str, extras: &[(&str, serde_json::Value)]) -> String {
    let mut line = format!("{{\"type\":{}", serde_json::Value::from(kind));
    for (key, value) in extras {
        let _ = write!(line, ",{}:{value}", serde_json::Value::from(*key));
    }
    line
}

fn fields(name: &str, message: &impl Message) -> Result<String, Failure> {
    let mut dynamic = DynamicMessage::new(descriptor(name)?);
    dynamic.transcode_from(message).map_err(|error| internal(&error))?;
    to_json(&dynamic)
}

fn to_json(message: &DynamicMessage) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    message
        .serialize_with_options(&mut Serializer::new(&mut bytes), &SerializeOptions::new())
        .map_err(|error| internal(&error))?;
    String::from_utf8(bytes).map_err(|error| internal(&error))
}

/// A command from its kind, such as `AddItem2`, `add_item2` or `COMMAND_KIND_ADD_ITEM2`, and its payload
/// as JSON.
pub(crate) fn command(kind: &str, payload: &str) -> Result<MxCommand, Failure> {
    let descriptor = descriptor("MxCommand")?;
    let field = descriptor.fields().find(|field| plain(field.name()) == plain(kind)).ok_or_else(|| {
        let known: Vec<String> = descriptor.fields().map(|field| camel(field.name())).collect();
        Failure::Usage(format!("{kind:?} is no command; known are {}", known.join(", ")))
    })?;
    let mut command = DynamicMessage::new(descriptor);
    let payload = parse(&field, payload)?;
    command.set_field(&field, Value::Message(payload));
    command.transcode_to().map_err(|error| internal(&error))
}

fn parse(field: &FieldDescriptor, json: &str) -> Result<DynamicMessage, Failure> {
    let prost_reflect::Kind::Message(descriptor) = field.kind() else {
        return Err(Failure::Other(format!("{} has no payload", field.name())));
    };
    let fields: Vec<String> = descriptor.fields().map(|field| field.json_name().to_owned()).collect();
    let wrong = |error: serde_json::Error| {
        let known = if fields.is_empty() { "none".to_owned() } else { fields.join(", ") };
        Failure::Usage(format!(
            "payload of {} does not fit: {error}; its fields: {known}",
            camel(field.name())
        ))
    };
    let mut deserializer = Deserializer::from_str(json);
    let options = DeserializeOptions::new();
    let message =
        DynamicMessage::deserialize_with_options(descriptor, &mut deserializer, &options).map_err(wrong)?;
    deserializer.end().map_err(wrong)?;
    Ok(message)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, Failure> {
    POOL.as_ref()
        .and_then(|pool| pool.get_message_by_name(&format!("mxgateway.v1.{name}")))
        .ok_or_else(|| Failure::Other(format!("this build has no description of {name}")))
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::Other(format!("cannot turn a message into json: {error}"))
}

/// `COMMAND_KIND_ADD_ITEM2`, `add_item2` and `AddItem2` are one.
fn plain(kind: &str) -> String {
    let lower = kind.to_lowercase().replace(['_', '-'], "");
    lower.strip_prefix("commandkind").unwrap_or(&lower).to_owned()
}

fn camel(field: &str) -> String {
    field
        .split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::mx_command::Payload;
    use mxgateway_client::contracts::v1::mx_event::Body;
    use mxgateway_client::contracts::v1::{
        AddItem2Command, CloseSessionReply, MxEvent, OnDataChange, mx_value,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_one_canonical_object_with_its_type() {
        let data = OnDataChange { value: Some(false.into()), quality: 192, ..OnDataChange::default() };
        let event = MxEvent {
            family: 1,
            worker_sequence: 1 << 60,
            body: Some(Body::OnDataChange(data)),
            ..MxEvent::default()
        };
        let line = message("event", &[("tag", json!("A \"b\""))], "MxEvent", &event).unwrap();
        assert!(line.starts_with("{\"type\":\"event\",\"tag\":\"A \\\"b\\\"\","), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["family"], "EVENT_FAMILY_ON_DATA_CHANGE");
        assert_eq!(value["workerSequence"], (1u64 << 60).to_string());
        assert_eq!(value["onDataChange"]["value"]["boolValue"], false);
    }

    #[test]
    fn an_empty_message_and_no_message_are_objects_too() {
        let line = message("closed", &[], "CloseSessionReply", &CloseSessionReply::default()).unwrap();
        assert_eq!(line, "{\"type\":\"closed\"}");
        assert_eq!(object("x", &[("a", json!(1))]), "{\"type\":\"x\",\"a\":1}");
    }

    #[test]
    fn a_command_is_found_under_each_of_its_names() {
        let json = r#"{"serverHandle": 1, "item_definition": "A.B"}"#;
        for kind in ["AddItem2", "add_item2", "add-item2", "COMMAND_KIND_ADD_ITEM2", "ADDITEM2"] {
            let command = command(kind, json).unwrap();
            let expected = AddItem2Command {
                server_handle: 1,
                item_definition: "A.B".into(),
                item_context: String::new(),
            };
            assert_eq!(command.payload, Some(Payload::AddItem2(expected)), "{kind}");
        }
        let write = command("Write", r#"{"itemHandle": 2, "value": {"int32Value": -5}}"#).unwrap();
        let Some(Payload::Write(write)) = write.payload else { panic!("not a write") };
        assert_eq!(write.value.unwrap().kind, Some(mx_value::Kind::Int32Value(-5)));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let text = |kind, json| command(kind, json).unwrap_err().to_string();
        assert!(text("Nonsense", "{}").contains("AddItemBulk"));
        assert!(text("AddItem", r#"{"handle": 1}"#).contains("serverHandle, itemDefinition"));
        assert!(text("AddItem", "{} {}").contains("does not fit"));
        assert!(text("AddItem", "[").contains("does not fit"));
        assert!(text("Ping", r#"{"message": 5}"#).contains("does not fit"));
    }
}
