//! Status records: single ones, and arrays of them, which are read raw.

use mxgateway_contracts::v1::{MxStatus, MxStatusCategory, MxStatusSource};
use windows::Win32::System::Com::SAFEARRAY;
use windows::Win32::System::Variant::VARIANT;

use crate::details;
use crate::interfaces::StatusRecord;
use crate::safearray::Locked;
use crate::variant::types::VT_ARRAY;
use crate::variant::{load, parts};

/// An event has one or a few; more is a count that is wrong.
const MOST_STATUSES: usize = 4_096;

impl StatusRecord {
    /// With MXAccess's numbers beside the contract's, which are one higher.
    pub(crate) fn to_wire(self) -> MxStatus {
        let category =
            self.category.checked_add(1).and_then(|number| MxStatusCategory::try_from(number).ok());
        let source = self.detected_by.checked_add(1).and_then(|number| MxStatusSource::try_from(number).ok());
        let detail = i32::from(self.detail);
        let name = if self.detail == 0 { None } else { details::name(detail) };
        MxStatus {
            success: self.success.into(),
            category: category.unwrap_or(MxStatusCategory::Unknown).into(),
            detected_by: source.unwrap_or(MxStatusSource::Unknown).into(),
            detail,
            raw_category: self.category,
            raw_detected_by: self.detected_by,
            diagnostic_text: name.unwrap_or_default().to_owned(),
        }
    }
}

/// The statuses of an event; `None` when they are not an array of records of the right size.
pub(crate) fn statuses(variant: &VARIANT) -> Option<Vec<MxStatus>> {
    let parts = parts(variant)?;
    if parts.vartype & VT_ARRAY == 0 {
        return None;
    }
    // SAFETY: with VT_ARRAY the data is a pointer to a SAFEARRAY.
    let array = unsafe { load::<*const SAFEARRAY>(parts.data) };
    if array.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: it lives as long as the VARIANT.
    let locked = unsafe { Locked::new(array) }.ok()?;
    if locked.element_size != size_of::<StatusRecord>()
        || locked.dimensions.len() != 1
        || locked.count > MOST_STATUSES
    {
        return None;
    }
    let record = |at| {
        // SAFETY: each element has the record's size; any bytes make a record, which has numbers only.
        unsafe { load::<StatusRecord>(at) }.to_wire()
    };
    Some(locked.elements().map(record).collect())
}
