//! Names of the numbers in a status's `detail`.

/// MXAccess's own name of a detail; `None` for a number that is not known.
pub fn name(detail: i32) -> Option<&'static str> {
    NAMES.iter().find(|(number, _)| *number == detail).map(|(_, name)| *name)
}

const NAMES: [(i32, &str); 46] = [
    (0, "MX_S_Success"),
    (1, "MX_E_RequestTimedOut"),
    (2, "MX_E_PlatformCommunicationError"),
    (3, "MX_E_InvalidPlatformId"),
    (4, "MX_E_InvalidEngineId"),
    (5, "MX_E_EngineCommunicationError"),
    (6, "MX_E_InvalidReference"),
    (7, "MX_E_NoGalaxyRepository"),
    (8, "MX_E_InvalidObjectId"),
    (9, "MX_E_ObjectSignatureMismatch"),
    (10, "MX_E_AttributeSignatureMismatch"),
    (11, "MX_E_ResolvingAttribute"),
    (12, "MX_E_ResolvingObject"),
    (13, "MX_E_WrongDataType"),
    (14, "MX_E_WrongNumberOfDimensions"),
    (15, "MX_E_InvalidIndex"),
    (16, "MX_E_IndexOutOfOrder"),
    (17, "MX_E_DimensionDoesNotExist"),
    (18, "MX_E_ConversionNotSupported"),
    (19, "MX_E_UnableToConvertString"),
    (20, "MX_E_Overflow"),
    (21, "MX_E_NmxVersionMismatch"),
    (22, "MX_E_NmxInvalidCommand"),
    (23, "MX_E_LmxVersionMismatch"),
    (24, "MX_E_LmxInvalidCommand"),
    (25, "MX_E_GalaxyRepositoryBusy"),
    (26, "MX_E_EngineOverloaded"),
    (1000, "MX_E_InvalidPrimitiveId"),
    (1001, "MX_E_InvalidAttributeId"),
    (1002, "MX_E_InvalidPropertyId"),
    (1003, "MX_E_IndexOutOfRange"),
    (1004, "MX_E_DataOutOfRange"),
    (1005, "MX_E_IncorrectDataType"),
    (1006, "MX_E_NotReadable"),
    (1007, "MX_E_NotWriteable"),
    (1008, "MX_E_WriteAccessDenied"),
    (1009, "MX_E_UnknownError"),
    (1010, "MX_E_ObjectInitializing"),
    (1011, "MX_E_EngineInitializing"),
    (1012, "MX_E_SecuredWrite"),
    (1013, "MX_E_VerifiedWrite"),
    (1014, "MX_E_NoAlarmAckPrivilege"),
    (1015, "MX_E_AlarmAckedAlready"),
    (1016, "MX_E_UserNotHavingAccessRights"),
    (1017, "MX_E_VerifierNotHavingVerifyRights"),
    (8000, "MX_E_AutomationObjectSpecificError"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_have_mxaccess_names() {
        assert_eq!(name(1012), Some("MX_E_SecuredWrite"));
        assert_eq!(name(27), None);
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0), "not in order");
    }
}
