//! `mxgw browse`.

use std::collections::HashMap;

use clap::Args;
use mxgateway_client::GalaxyPlace;
use mxgateway_client::contracts::v1::{GalaxyAttribute, GalaxyFilter, GalaxyObject};

use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::render::Format;
use crate::render::status::short;
use crate::render::value::escaped;

/// Show which objects and attributes the galaxy has
///
/// On a terminal a tree; in a pipe a line for each object: `area` or `object`, tag name, contained path, id,
/// id of what contains it; and with --attributes a line for each attribute: `attribute`, the reference to read
/// or watch it by, type, length of an array or `-`, who may write it. A key with constraints sees what it may
/// browse, and what leads there. Sensors of the gateway's machine are not listed, though they can be read.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  mxgw browse
  mxgw browse Plant.TankFarm --depth 1
  mxgw browse Tank_001 --attributes
  mxgw browse --glob 'Tank_*' --attributes | awk -F'\\t' '$1 == \"attribute\" { print $2 }'
  mxgw browse --json | jq -r 'select(.isArea) | .tagName'")]
pub(crate) struct Arguments {
    /// Begin at this object: a contained path such as `Plant.TankFarm`, or a tag name
    #[arg(value_name = "PATH|TAG")]
    place: Option<String>,
    /// Levels below that object, or of the galaxy; all unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    depth: Option<u32>,
    /// Attributes of each object, too
    #[arg(long)]
    attributes: bool,
    /// Only objects with tag names that match: `*` any characters, `?` one, in upper or lower case
    #[arg(long, value_name = "GLOB")]
    glob: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let place = arguments.place.map(place);
    let filter = GalaxyFilter {
        tag_name_glob: arguments.glob.unwrap_or_default(),
        include_attributes: arguments.attributes,
        ..GalaxyFilter::default()
    };
    let depth = arguments.depth.unwrap_or_default();
    let objects = context.client.discover_hierarchy(place.as_ref(), depth, &filter).await?;
    if context.output.is_json() {
        for object in &objects {
            context.output.line(json::message("object", &[], "GalaxyObject", object)?)?;
        }
        return Ok(Exit::Ok);
    }
    if objects.is_empty() {
        context.output.notice("no objects");
    }
    for line in lines(context.output.format(), &objects) {
        context.output.line(line)?;
    }
    Ok(Exit::Ok)
}

/// No tag name has a dot; what has none is the same as path and as tag name at the top.
fn place(text: String) -> GalaxyPlace {
    if text.contains('.') { GalaxyPlace::ContainedPath(text) } else { GalaxyPlace::TagName(text) }
}

fn lines(format: &Format, objects: &[GalaxyObject]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut levels = HashMap::new();
    for object in objects {
        // A filter may have left out what contains it.
        let level = levels.get(&object.parent_gobject_id).map_or(0, |level: &usize| level + 1);
        levels.insert(object.gobject_id, level);
        lines.push(if format.terminal { branch(format, object, level) } else { row(object) });
        for attribute in &object.attributes {
            lines.push(if format.terminal { leaf(format, attribute, level + 1) } else { cells(attribute) });
        }
    }
    lines
}

fn row(object: &GalaxyObject) -> String {
    let kind = if object.is_area { "area" } else { "object" };
    let (tag, path) = (escaped(&object.tag_name), escaped(&object.contained_path));
    format!("{kind}\t{tag}\t{path}\t{}\t{}", object.gobject_id, object.parent_gobject_id)
}

fn cells(attribute: &GalaxyAttribute) -> String {
    let length = if attribute.is_array { attribute.array_length.to_string() } else { "-".to_owned() };
    let (reference, kind) = (escaped(&attribute.reference), type_name(attribute));
    format!("attribute\t{reference}\t{kind}\t{length}\t{}", security(attribute))
}

fn branch(format: &Format, object: &GalaxyObject, level: usize) -> String {
    let (palette, indent) = (format.palette, "  ".repeat(level));
    let tag = escaped(&object.tag_name);
    let tag = if object.is_area { palette.head(&tag) } else { tag };
    // Where the path is not what the tree shows, or the tree does not show it.
    if level == 0 && object.parent_gobject_id != 0 {
        return format!("{indent}{tag}  {}", palette.dim(&escaped(&object.contained_path)));
    }
    if object.contained_name.is_empty() {
        return format!("{indent}{tag}");
    }
    format!("{indent}{tag}  {}", palette.dim(&escaped(&object.contained_name)))
}

fn leaf(format: &Format, attribute: &GalaxyAttribute, level: usize) -> String {
    let (palette, indent) = (format.palette, "  ".repeat(level));
    let length = if attribute.is_array { format!("[{}]", attribute.array_length) } else { String::new() };
    let about = format!("{}{length}, {}", type_name(attribute), security(attribute));
    format!("{indent}{}  {}", palette.name(&escaped(&attribute.reference)), palette.dim(&about))
}

fn type_name(attribute: &GalaxyAttribute) -> String {
    short(attribute.data_type().as_str_name(), "MX_DATA_TYPE_")
}

/// As MXAccess calls its numbers.
fn security(attribute: &GalaxyAttribute) -> String {
    let name = match attribute.security_classification {
        0 => "FreeAccess",
        1 => "Operate",
        2 => "SecuredWrite",
        3 => "VerifiedWrite",
        4 => "Tune",
        5 => "Configure",
        6 => "ViewOnly",
        other => return other.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use mxgateway_client::contracts::v1::MxDataType;

    use super::*;
    use crate::render::{Palette, test_format};

    fn objects() -> [GalaxyObject; 2] {
        let area = GalaxyObject {
            gobject_id: 7,
            tag_name: "Plant".into(),
            contained_path: "Plant".into(),
            is_area: true,
            ..GalaxyObject::default()
        };
        let samples = GalaxyAttribute {
            reference: "Tank_001.Samples[]".into(),
            data_type: MxDataType::ElapsedTime.into(),
            is_array: true,
            array_length: 3,
            security_classification: 1,
            ..GalaxyAttribute::default()
        };
        let tank = GalaxyObject {
            gobject_id: 9,
            tag_name: "Tank_001".into(),
            contained_name: "Tank1".into(),
            contained_path: "Plant.Tank1".into(),
            parent_gobject_id: 7,
            attributes: vec![samples],
            ..GalaxyObject::default()
        };
        [area, tank]
    }

    #[test]
    fn a_tree_for_people_and_rows_for_pipes() {
        let [area, tank] = objects();
        let tree = lines(&test_format(true, Palette::PLAIN), &[area.clone(), tank.clone()]);
        assert_eq!(tree, ["Plant", "  Tank_001  Tank1", "    Tank_001.Samples[]  ElapsedTime[3], Operate"]);
        let alone = lines(&test_format(true, Palette::PLAIN), std::slice::from_ref(&tank));
        assert_eq!(alone[0], "Tank_001  Plant.Tank1", "what is above is not shown");
        let rows = lines(&test_format(false, Palette::PLAIN), &[area, tank]);
        assert_eq!(
            rows,
            [
                "area\tPlant\tPlant\t7\t0",
                "object\tTank_001\tPlant.Tank1\t9\t7",
                "attribute\tTank_001.Samples[]\tElapsedTime\t3\tOperate"
            ]
        );
    }

    #[test]
    fn a_dot_makes_a_path() {
        assert_eq!(place("Plant".into()), GalaxyPlace::TagName("Plant".into()));
        assert_eq!(place("Plant.Tank".into()), GalaxyPlace::ContainedPath("Plant.Tank".into()));
    }
}
