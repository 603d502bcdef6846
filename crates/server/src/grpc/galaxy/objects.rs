//! Objects of the galaxy in the contract's form.

use mxgateway_contracts::v1::{GalaxyAttribute, GalaxyObject, MxDataType};
use mxgateway_galaxy::browse::Hierarchy;
use mxgateway_galaxy::value::{Data, Enumerated, Text};
use mxgateway_galaxy::{Attribute, DataType, Galaxy, Object};

use super::sight::{Sight, View};

/// An object as a key may see it, with its attributes when those are wanted. `None` for what it may not see.
///
/// The sensors of an object with `sensors = "host"` are those of the worker's machine and known to the worker
/// alone: they can be used, but are not listed.
pub(super) fn object(
    galaxy: &Galaxy,
    hierarchy: &Hierarchy,
    view: &View,
    object: usize,
    with_attributes: bool,
) -> Option<GalaxyObject> {
    let (description, place) = (galaxy.objects().get(object)?, hierarchy.place(object)?);
    let attributes = match view.sight(object) {
        Sight::Hidden => return None,
        Sight::Whole if with_attributes => {
            description.attributes.iter().map(|it| attribute(description, it)).collect()
        }
        Sight::Whole | Sight::Way => Vec::new(),
    };
    Some(GalaxyObject {
        gobject_id: id(object),
        tag_name: description.name.clone(),
        contained_name: description.contained_name().unwrap_or_default().to_owned(),
        contained_path: place.path.clone(),
        parent_gobject_id: place.parent.map(id).unwrap_or_default(),
        is_area: description.is_area,
        has_children: place.children.iter().any(|child| view.has(*child)),
        attributes,
        // The simulator has no categories and no templates.
        category_id: 0,
        template_chain: Vec::new(),
    })
}

/// Ids count from 1; 0 is the galaxy.
fn id(object: usize) -> i32 {
    i32::try_from(object).unwrap_or(i32::MAX).saturating_add(1)
}

/// The object with an id, if the galaxy is so large.
pub(super) fn from_id(galaxy: &Galaxy, id: i32) -> Option<usize> {
    let object = usize::try_from(id).ok()?.checked_sub(1)?;
    (object < galaxy.objects().len()).then_some(object)
}

fn attribute(object: &Object, attribute: &Attribute) -> GalaxyAttribute {
    let (brackets, length) = match &attribute.initial {
        Data::Scalar(_) => ("", 0),
        Data::Array(elements) => ("[]", elements.len()),
    };
    GalaxyAttribute {
        name: attribute.name.clone(),
        reference: format!("{}.{}{brackets}", object.name, attribute.name),
        data_type: data_type(attribute.data_type).into(),
        is_array: attribute.is_array(),
        array_length: u32::try_from(length).unwrap_or(u32::MAX),
        security_classification: i32::from(attribute.security.code()),
        // The simulator has no categories, alarms or history.
        attribute_category: 0,
        is_alarm: false,
        is_historized: false,
    }
}

fn data_type(data_type: DataType) -> MxDataType {
    match data_type {
        DataType::Boolean => MxDataType::Boolean,
        DataType::Integer => MxDataType::Integer,
        DataType::Float => MxDataType::Float,
        DataType::Double => MxDataType::Double,
        DataType::String => MxDataType::String,
        DataType::Time => MxDataType::Time,
        DataType::ElapsedTime => MxDataType::ElapsedTime,
        DataType::Enumerated(Enumerated::StatusType) => MxDataType::StatusType,
        DataType::Enumerated(Enumerated::DataTypeEnum) => MxDataType::DataTypeEnum,
        DataType::Enumerated(Enumerated::SecurityClassificationEnum) => {
            MxDataType::SecurityClassificationEnum
        }
        DataType::Enumerated(Enumerated::DataQualityType) => MxDataType::DataQualityType,
        DataType::Enumerated(Enumerated::QualifiedEnum) => MxDataType::QualifiedEnum,
        DataType::Text(Text::ReferenceType) => MxDataType::ReferenceType,
        DataType::Text(Text::InternationalizedString) => MxDataType::InternationalizedString,
        DataType::Text(Text::BigString) => MxDataType::BigString,
    }
}

/// About how many bytes an object takes on its way; rather too many than too few.
pub(super) fn size(object: &GalaxyObject) -> usize {
    const NUMBERS: usize = 48;
    let attributes: usize =
        object.attributes.iter().map(|it| it.name.len() + it.reference.len() + NUMBERS).sum();
    object.tag_name.len() + object.contained_name.len() + object.contained_path.len() + NUMBERS + attributes
}
