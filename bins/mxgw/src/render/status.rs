//! MXAccess status records as text.

use mxgateway_client::contracts::v1::{MxStatus, MxStatusCategory, MxStatusSource};

use crate::exit::one_line;

/// True when MXAccess says it failed. Not zero is success, also while the result is pending.
pub(crate) fn failed(status: &MxStatus) -> bool {
    status.success == 0
}

/// The failed records in one text; `None` when there are none.
pub(crate) fn failures(statuses: &[MxStatus]) -> Option<String> {
    let texts: Vec<String> = statuses.iter().filter(|status| failed(status)).map(status).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// `ConfigurationError 1003 IndexOutOfRange (RespondingLmx): explanation`.
pub(crate) fn status(status: &MxStatus) -> String {
    let category = short(status.category().as_str_name(), "MX_STATUS_CATEGORY_");
    let mut text = format!("{category} {}", status.detail);
    if let Some(name) = detail(status.detail) {
        text.push(' ');
        text.push_str(name);
    }
    if status.detected_by() != MxStatusSource::Unknown {
        text.push_str(&format!(" ({})", short(status.detected_by().as_str_name(), "MX_STATUS_SOURCE_")));
    }
    if status.category() == MxStatusCategory::Unknown && status.raw_category > 0 {
        text.push_str(&format!(" category {}", status.raw_category));
    }
    if !status.diagnostic_text.is_empty() {
        text.push_str(": ");
        text.push_str(&one_line(&status.diagnostic_text));
    }
    text
}

/// `MX_STATUS_CATEGORY_OTHER_ERROR` to `OtherError`.
pub(crate) fn short(name: &str, prefix: &str) -> String {
    let mut short = String::new();
    for word in name.strip_prefix(prefix).unwrap_or(name).split('_') {
        let mut chars = word.chars();
        short.extend(chars.next());
        short.push_str(&chars.as_str().to_lowercase());
    }
    short
}

/// MXAccess's name of a detail number, without its `MX_E_`.
fn detail(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "RequestTimedOut",
        2 => "PlatformCommunicationError",
        3 => "InvalidPlatformId",
        4 => "InvalidEngineId",
        5 => "EngineCommunicationError",
        6 => "InvalidReference",
        7 => "NoGalaxyRepository",
        8 => "InvalidObjectId",
        9 => "ObjectSignatureMismatch",
        10 => "AttributeSignatureMismatch",
        11 => "ResolvingAttribute",
        12 => "ResolvingObject",
        13 => "WrongDataType",
        14 => "WrongNumberOfDimensions",
        15 => "InvalidIndex",
        16 => "IndexOutOfOrder",
        17 => "DimensionDoesNotExist",
        18 => "ConversionNotSupported",
        19 => "UnableToConvertString",
        20 => "Overflow",
        21 => "NmxVersionMismatch",
        22 => "NmxInvalidCommand",
        23 => "LmxVersionMismatch",
        24 => "LmxInvalidCommand",
        25 => "GalaxyRepositoryBusy",
        26 => "EngineOverloaded",
        1000 => "InvalidPrimitiveId",
        1001 => "InvalidAttributeId",
        1002 => "InvalidPropertyId",
        1003 => "IndexOutOfRange",
        1004 => "DataOutOfRange",
        1005 => "IncorrectDataType",
        1006 => "NotReadable",
        1007 => "NotWriteable",
        1008 => "WriteAccessDenied",
        1009 => "UnknownError",
        1010 => "ObjectInitializing",
        1011 => "EngineInitializing",
        1012 => "SecuredWrite",
        1013 => "VerifiedWrite",
        1014 => "NoAlarmAckPrivilege",
        1015 => "AlarmAckedAlready",
        1016 => "UserNotHavingAccessRights",
        1017 => "VerifierNotHavingVerifyRights",
        8000 => "AutomationObjectSpecificError",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_keeps_all_it_says() {
        let record = MxStatus {
            success: 0,
            category: MxStatusCategory::ConfigurationError.into(),
            detected_by: MxStatusSource::RespondingLmx.into(),
            detail: 1003,
            diagnostic_text: "an array needs\n[]".into(),
            ..MxStatus::default()
        };
        let expected = "ConfigurationError 1003 IndexOutOfRange (RespondingLmx): an array needs []";
        assert_eq!(status(&record), expected);
        let fine = MxStatus { success: -1, ..MxStatus::default() };
        assert_eq!(failures(&[fine.clone(), record]).as_deref(), Some(expected));
        assert_eq!(failures(&[fine]), None);
    }

    #[test]
    fn unknown_numbers_are_shown_as_they_came() {
        let record = MxStatus { category: 99, raw_category: 98, detail: 4711, ..MxStatus::default() };
        assert_eq!(status(&record), "Unknown 4711 category 98");
    }
}
