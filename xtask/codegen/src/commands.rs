//! `docs/commands.md` from the contract with its comments: a section for each command kind, and one for each
//! type that the payloads and replies are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, bail};
use protox::prost_reflect::prost_types::field_descriptor_proto::Label;
use protox::prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto, FileDescriptorSet,
};

const PACKAGE: &str = ".mxgateway.v1.";
/// Field numbers in descriptor.proto, of which paths to comments are made.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const MESSAGE_FIELD: i32 = 2;
const ENUM_VALUE: i32 = 2;

const HEAD: &str = "# Commands

Made by `cargo xtask docs` from `proto/mxgateway/v1`; do not edit.

`Invoke` takes one command of these kinds, in `MxCommand`, and answers with an `MxCommandReply` of the same kind: \
the HRESULT as MXAccess returned it, the status records and return value of the call, a text for people, and the \
reply named here. A command that reached the worker always has a reply, also when MXAccess refused it; gRPC errors \
are for missing sessions, refusals of the gateway and transport failures ([errors](errors.md)). On the command \
line each kind is `mxgw call KIND`, and `mxgw invoke` takes its payload as JSON; `crates/client` has a method for \
each.
";

/// A message or an enum with where its comments are.
enum Item<'a> {
    Message(&'a DescriptorProto),
    Enum(&'a EnumDescriptorProto),
}

struct Found<'a> {
    item: Item<'a>,
    file: &'a FileDescriptorProto,
    path: Vec<i32>,
}

/// The types of the package, by their name in it.
struct Types<'a>(BTreeMap<&'a str, Found<'a>>);

/// The document.
pub(crate) fn document(descriptors: &FileDescriptorSet) -> anyhow::Result<String> {
    let types = Types::of(descriptors);
    let (kinds, kind_file, kind_path) = types.enumeration("CommandKind")?;
    let (payloads, replies) = (types.message("MxCommand")?, types.message("MxCommandReply")?);
    let mut text = HEAD.to_owned();
    let mut shown = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    let mut sections = String::new();
    for (at, kind) in kinds.value.iter().enumerate().filter(|(_, kind)| kind.number() != 0) {
        let payload =
            field(payloads, kind.number()).with_context(|| format!("{} has no payload", kind.name()))?;
        let command = type_name(payload).with_context(|| format!("{} has no message", kind.name()))?;
        let title = title(command)?;
        let about = types.comment(command)?;
        // Kinds come in runs of numbers, with a comment before each run.
        if starts_run(kinds, at) {
            let run = cell(&comment(kind_file, &path(&kind_path, ENUM_VALUE, at)?));
            let _ = writeln!(text, "\n{run}\n\n| Number | Kind | |\n|---|---|---|");
        }
        let (number, anchor) = (kind.number(), anchor(title));
        let _ = writeln!(text, "| {number} | [{title}](#{anchor}) | {} |", first_sentence(&about));

        let _ = writeln!(sections, "\n## {title}\n\nKind {}, `{}`.\n", kind.number(), kind.name());
        if !about.is_empty() {
            let _ = writeln!(sections, "{}\n", cell(&about));
        }
        sections.push_str(&types.fields(command, "Payload", &mut wanted)?);
        shown.insert(command);
        match field(replies, kind.number()).and_then(type_name) {
            None => sections.push_str("\nReply: nothing beside the HRESULT.\n"),
            Some(reply) => {
                sections.push('\n');
                let about = cell(&types.comment(reply)?);
                if !about.is_empty() {
                    let _ = writeln!(sections, "{about}\n");
                }
                sections.push_str(&types.fields(reply, "Reply", &mut wanted)?);
                shown.insert(reply);
            }
        }
    }
    text.push_str(&sections);
    text.push_str("\n## Types\n");
    let mut done = BTreeSet::new();
    while let Some(name) =
        wanted.iter().find(|name| !done.contains(*name) && !shown.contains(**name)).copied()
    {
        done.insert(name);
        // Finds what it is made of; the text comes below, in the order of names.
        types.section(name, &mut wanted)?;
    }
    for name in done {
        text.push_str(&types.section(name, &mut BTreeSet::new())?);
    }
    Ok(text)
}

impl<'a> Types<'a> {
    fn of(descriptors: &'a FileDescriptorSet) -> Self {
        let mut types = BTreeMap::new();
        let files = descriptors.file.iter().filter(|file| file.package() == "mxgateway.v1");
        for file in files {
            for (at, message) in (0..).zip(&file.message_type) {
                let path = vec![FILE_MESSAGE, at];
                types.insert(message.name(), Found { item: Item::Message(message), file, path });
            }
            for (at, one) in (0..).zip(&file.enum_type) {
                let path = vec![FILE_ENUM, at];
                types.insert(one.name(), Found { item: Item::Enum(one), file, path });
            }
        }
        Self(types)
    }

    fn find(&self, name: &str) -> anyhow::Result<&Found<'a>> {
        self.0.get(name).with_context(|| format!("the contract has no {name}"))
    }

    fn message(&self, name: &str) -> anyhow::Result<&'a DescriptorProto> {
        match self.find(name)?.item {
            Item::Message(message) => Ok(message),
            Item::Enum(_) => bail!("{name} is no message"),
        }
    }

    fn enumeration(
        &self,
        name: &str,
    ) -> anyhow::Result<(&'a EnumDescriptorProto, &'a FileDescriptorProto, Vec<i32>)> {
        let found = self.find(name)?;
        match found.item {
            Item::Enum(one) => Ok((one, found.file, found.path.clone())),
            Item::Message(_) => bail!("{name} is no enum"),
        }
    }

    fn comment(&self, name: &str) -> anyhow::Result<String> {
        let found = self.find(name)?;
        Ok(comment(found.file, &found.path))
    }

    /// The fields of a message as a table; `wanted` gets the types they have.
    fn fields(&self, name: &str, what: &str, wanted: &mut BTreeSet<&'a str>) -> anyhow::Result<String> {
        let message = self.message(name)?;
        let found = self.find(name)?;
        if message.field.is_empty() {
            return Ok(format!("{what}: `{name}`, without fields.\n"));
        }
        let mut text = format!("{what}: `{name}`\n\n| Field | Type | |\n|---|---|---|\n");
        for (at, field) in message.field.iter().enumerate() {
            let about = cell(&comment(found.file, &path(&found.path, MESSAGE_FIELD, at)?));
            let about = match &field.oneof_index {
                Some(at) if !field.proto3_optional() => {
                    let one_of = usize::try_from(*at).ok().and_then(|at| message.oneof_decl.get(at));
                    let one_of = one_of.with_context(|| format!("{name} has a broken oneof"))?;
                    format!("One of `{}`. {about}", one_of.name()).trim_end().to_owned()
                }
                Some(_) | None => about,
            };
            let _ = writeln!(text, "| `{}` | {} | {about} |", field.name(), self.type_of(field, wanted)?);
        }
        Ok(text)
    }

    fn type_of(
        &self,
        field: &FieldDescriptorProto,
        wanted: &mut BTreeSet<&'a str>,
    ) -> anyhow::Result<String> {
        let name = match type_name(field) {
            Some(name) => match self.0.get_key_value(name) {
                Some((known, _)) => {
                    wanted.insert(known);
                    format!("[{name}](#{})", anchor(name))
                }
                None => bail!("field {} has the unknown type {name}", field.name()),
            },
            None if field.type_name.is_some() => format!("`{}`", field.type_name().trim_start_matches('.')),
            None => field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        };
        Ok(if field.label() == Label::Repeated { format!("repeated {name}") } else { name })
    }

    /// The section of a type.
    fn section(&self, name: &str, wanted: &mut BTreeSet<&'a str>) -> anyhow::Result<String> {
        let found = self.find(name)?;
        let mut text = format!("\n### {name}\n\n");
        let about = cell(&comment(found.file, &found.path));
        if !about.is_empty() {
            let _ = writeln!(text, "{about}\n");
        }
        match found.item {
            Item::Message(_) => text.push_str(&self.fields(name, "Message", wanted)?),
            Item::Enum(one) => {
                text.push_str("| Number | Name | |\n|---|---|---|\n");
                for (at, value) in one.value.iter().enumerate() {
                    let about = cell(&comment(found.file, &path(&found.path, ENUM_VALUE, at)?));
                    let _ = writeln!(text, "| {} | `{}` | {about} |", value.number(), value.name());
                }
            }
        }
        Ok(text)
    }
}

fn field(message: &DescriptorProto, number: i32) -> Option<&FieldDescriptorProto> {
    message.field.iter().find(|field| field.number() == number)
}

/// Whether a kind's number does not follow on the one before.
fn starts_run(kinds: &EnumDescriptorProto, at: usize) -> bool {
    let number = |at: usize| kinds.value.get(at).map(EnumValueDescriptorProto::number);
    let before = at.checked_sub(1).and_then(number).filter(|number| *number != 0);
    before.is_none_or(|before| number(at) != Some(before + 1))
}

/// A field's type when it is one of the package.
fn type_name(field: &FieldDescriptorProto) -> Option<&str> {
    field.type_name().strip_prefix(PACKAGE)
}

/// `AddItemCommand` is the command AddItem.
fn title(message: &str) -> anyhow::Result<&str> {
    message.strip_suffix("Command").with_context(|| format!("{message} is not called a Command"))
}

fn path(parent: &[i32], kind: i32, at: usize) -> anyhow::Result<Vec<i32>> {
    Ok([parent, &[kind, i32::try_from(at)?]].concat())
}

/// The comment before a declaration.
fn comment(file: &FileDescriptorProto, path: &[i32]) -> String {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let location = locations.into_iter().find(|location| location.path == path);
    location.map(|location| location.leading_comments().trim().to_owned()).unwrap_or_default()
}

/// Text of a comment on one line, as a cell of a table takes it.
fn cell(comment: &str) -> String {
    let words: Vec<&str> = comment.split_whitespace().collect();
    words.join(" ").replace('|', "\\|").replace('<', "&lt;")
}

fn first_sentence(comment: &str) -> String {
    let text = cell(comment);
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text,
    }
}

/// The anchor that a heading has on the usual hosts.
fn anchor(heading: &str) -> String {
    heading.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_cells() {
        assert_eq!(cell(" a\n  b | <c>\n"), "a b \\| &lt;c>");
        assert_eq!(first_sentence("One. Two."), "One.");
        assert_eq!(first_sentence("only one"), "only one");
    }

    #[test]
    fn each_kind_has_its_section_with_fields_reply_and_comments() {
        let descriptors = crate::compile(&crate::root().join("proto")).unwrap();
        let text = document(&descriptors).unwrap();
        for expected in [
            "\n## AddItem\n\nKind 12, `COMMAND_KIND_ADD_ITEM`.\n",
            "\nReply: `AddItemReply`\n",
            "| `item_handle` | sint32 |",
            "\nSingle MXAccess calls.\n\n| Number | Kind | |\n|---|---|---|\n| 10 | [Register](#register) |",
            "\n### MxValue\n",
            "[MxValue](#mxvalue)",
            "repeated string",
            "Reply: nothing beside the HRESULT.",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing");
        }
        let kinds = descriptors.file.iter().flat_map(|file| &file.enum_type);
        let kinds = kinds.into_iter().find(|one| one.name() == "CommandKind").unwrap();
        for kind in &kinds.value[1..] {
            assert!(text.contains(&format!("`{}`", kind.name())), "{} is missing", kind.name());
        }
    }
}
