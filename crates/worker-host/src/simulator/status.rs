//! Status records as MXAccess would fill them.

use mxgateway_contracts::v1::{MxStatus, MxStatusCategory, MxStatusSource};
use mxgateway_galaxy::ReferenceError;
use mxgateway_galaxy::value::TextError;

/// The `MxStatusDetail` numbers that the simulator gives, with MXAccess's numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    EngineCommunicationError = 5,
    InvalidReference = 6,
    InvalidObjectId = 8,
    WrongNumberOfDimensions = 14,
    DimensionDoesNotExist = 17,
    UnableToConvertString = 19,
    Overflow = 20,
    InvalidAttributeId = 1001,
    IndexOutOfRange = 1003,
    IncorrectDataType = 1005,
    NotWriteable = 1007,
    WriteAccessDenied = 1008,
    SecuredWrite = 1012,
    VerifiedWrite = 1013,
    UserNotHavingAccessRights = 1016,
    VerifierNotHavingVerifyRights = 1017,
}

// MXAccess's own numbers; the wire enums are one higher.
const CATEGORY_OK: i32 = 0;
const CATEGORY_PENDING: i32 = 1;
const CATEGORY_COMMUNICATION_ERROR: i32 = 3;
const CATEGORY_CONFIGURATION_ERROR: i32 = 4;
const CATEGORY_OPERATIONAL_ERROR: i32 = 5;
const CATEGORY_SECURITY_ERROR: i32 = 6;
const SOURCE_REQUESTING_LMX: i32 = 0;
const SOURCE_RESPONDING_LMX: i32 = 1;
const SOURCE_REQUESTING_NMX: i32 = 2;
const SOURCE_RESPONDING_OBJECT: i32 = 5;

impl Detail {
    fn category(self) -> i32 {
        match self {
            Self::EngineCommunicationError => CATEGORY_COMMUNICATION_ERROR,
            Self::InvalidReference
            | Self::InvalidObjectId
            | Self::DimensionDoesNotExist
            | Self::InvalidAttributeId
            | Self::IndexOutOfRange => CATEGORY_CONFIGURATION_ERROR,
            Self::WrongNumberOfDimensions
            | Self::UnableToConvertString
            | Self::Overflow
            | Self::IncorrectDataType
            | Self::NotWriteable => CATEGORY_OPERATIONAL_ERROR,
            Self::WriteAccessDenied
            | Self::SecuredWrite
            | Self::VerifiedWrite
            | Self::UserNotHavingAccessRights
            | Self::VerifierNotHavingVerifyRights => CATEGORY_SECURITY_ERROR,
        }
    }

    fn detected_by(self) -> i32 {
        match self {
            Self::EngineCommunicationError => SOURCE_REQUESTING_NMX,
            Self::InvalidReference | Self::InvalidObjectId => SOURCE_REQUESTING_LMX,
            Self::WrongNumberOfDimensions
            | Self::DimensionDoesNotExist
            | Self::UnableToConvertString
            | Self::Overflow
            | Self::InvalidAttributeId
            | Self::IndexOutOfRange
            | Self::IncorrectDataType
            | Self::NotWriteable
            | Self::WriteAccessDenied
            | Self::SecuredWrite
            | Self::VerifiedWrite
            | Self::UserNotHavingAccessRights
            | Self::VerifierNotHavingVerifyRights => SOURCE_RESPONDING_OBJECT,
        }
    }

    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::EngineCommunicationError => "the engine is off scan",
            Self::InvalidReference => "the reference is malformed; use Object.Attribute",
            Self::InvalidObjectId => "no such object in the galaxy",
            Self::WrongNumberOfDimensions => "an array was given for a scalar, or a scalar for an array",
            Self::DimensionDoesNotExist => "the attribute is not an array",
            Self::UnableToConvertString => "the text does not read as the attribute's type",
            Self::Overflow => "the value does not fit the attribute's type",
            Self::InvalidAttributeId => "the object has no such attribute",
            Self::IndexOutOfRange => {
                "an array is referred to as a whole by [] and an element by [n], counted from 1"
            }
            Self::IncorrectDataType => "the value cannot be converted to the attribute's type",
            Self::NotWriteable => "the attribute is calculated or view only and cannot be written",
            Self::WriteAccessDenied => "the write needs the id of a user who may do it",
            Self::SecuredWrite => "the attribute needs a secured write",
            Self::VerifiedWrite => "the attribute needs a verified write",
            Self::UserNotHavingAccessRights => "the user id is not one of an authenticated user",
            Self::VerifierNotHavingVerifyRights => {
                "the verifier's id is not one of an authenticated user, or is the writer's own"
            }
        }
    }
}

impl From<ReferenceError> for Detail {
    fn from(error: ReferenceError) -> Self {
        match error {
            ReferenceError::Malformed => Self::InvalidReference,
            ReferenceError::NoSuchObject => Self::InvalidObjectId,
            ReferenceError::NoSuchAttribute => Self::InvalidAttributeId,
            ReferenceError::NotAnArray => Self::DimensionDoesNotExist,
            ReferenceError::ArrayWithoutBrackets | ReferenceError::NoSuchElement => Self::IndexOutOfRange,
        }
    }
}

impl From<TextError> for Detail {
    fn from(error: TextError) -> Self {
        match error {
            TextError::NotOfTheType => Self::UnableToConvertString,
            TextError::OutOfRange => Self::Overflow,
        }
    }
}

/// The status of what went well.
pub(crate) fn ok() -> MxStatus {
    record(-1, CATEGORY_OK, SOURCE_RESPONDING_LMX, 0, "")
}

/// The status of what was accepted and is still to come.
pub(crate) fn pending() -> MxStatus {
    record(-1, CATEGORY_PENDING, SOURCE_REQUESTING_LMX, 0, "")
}

/// The status of what did not.
pub(crate) fn failed(detail: Detail) -> MxStatus {
    record(0, detail.category(), detail.detected_by(), detail as i32, detail.text())
}

fn record(success: i32, category: i32, detected_by: i32, detail: i32, text: &str) -> MxStatus {
    MxStatus {
        success,
        category: MxStatusCategory::try_from(category + 1).unwrap_or(MxStatusCategory::Unknown).into(),
        detected_by: MxStatusSource::try_from(detected_by + 1).unwrap_or(MxStatusSource::Unknown).into(),
        detail,
        raw_category: category,
        raw_detected_by: detected_by,
        diagnostic_text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_carry_mxaccess_numbers_and_the_wire_enums_are_one_higher() {
        let good = ok();
        assert_eq!((good.success, good.raw_category, good.raw_detected_by, good.detail), (-1, 0, 1, 0));
        assert_eq!(good.category(), MxStatusCategory::Ok);
        let bad = failed(Detail::SecuredWrite);
        assert_eq!((bad.success, bad.raw_category, bad.raw_detected_by, bad.detail), (0, 6, 5, 1012));
        assert_eq!(bad.category(), MxStatusCategory::SecurityError);
        assert_eq!(bad.detected_by(), MxStatusSource::RespondingAutomationObject);
    }
}
