//! Raising events: `IDispatch::Invoke` of the sink, with the arguments in reverse order.

use windows::Win32::System::Com::{DISPATCH_METHOD, DISPPARAMS, IDispatch};
use windows::Win32::System::Variant::{
    VARENUM, VARIANT, VT_ARRAY, VT_BYREF, VT_I2, VT_I4, VT_R8, VT_RECORD, VT_UNKNOWN, VT_VARIANT,
};
use windows_core::GUID;

use crate::core::Core;
use crate::interfaces::StatusRecord;
use crate::values::{Statuses, Times, array, date_now, with_payload};

/// Raises one event; `arguments` in the order of the declaration.
fn invoke(sink: &IDispatch, member: i32, arguments: Vec<VARIANT>) {
    let mut reversed: Vec<_> = arguments.into_iter().rev().collect();
    let parameters = DISPPARAMS {
        rgvarg: reversed.as_mut_ptr(),
        rgdispidNamedArgs: std::ptr::null_mut(),
        cArgs: u32::try_from(reversed.len()).unwrap_or(0),
        cNamedArgs: 0,
    };
    // What the sink makes of it is its own business, as it is to MXAccess.
    // SAFETY: the arguments live through the call.
    let _answer = unsafe {
        sink.Invoke(member, &GUID::zeroed(), 0, DISPATCH_METHOD, &raw const parameters, None, None, None)
    };
}

/// Statuses by reference, as MXAccess has them.
fn by_reference(statuses: &mut Statuses) -> VARIANT {
    with_payload(VARENUM(VT_BYREF.0 | VT_ARRAY.0 | VT_RECORD.0), &raw mut statuses.0)
}

pub(crate) fn data_change(
    core: &Core,
    server: i32,
    item: i32,
    value: &VARIANT,
    quality: i32,
    status: StatusRecord,
) {
    let Some(sink) = core.sinks.borrow().default.clone() else { return };
    let Ok(mut statuses) = Statuses::new(status) else { return };
    let arguments = vec![
        VARIANT::from(server),
        VARIANT::from(item),
        value.clone(),
        VARIANT::from(quality),
        core.times.now(),
        by_reference(&mut statuses),
    ];
    invoke(&sink, 1, arguments);
}

pub(crate) fn completed(core: &Core, member: i32, server: i32, item: i32, status: StatusRecord) {
    let Some(sink) = core.sinks.borrow().default.clone() else { return };
    let Ok(mut statuses) = Statuses::new(status) else { return };
    invoke(&sink, member, vec![VARIANT::from(server), VARIANT::from(item), by_reference(&mut statuses)]);
}

/// Two samples of the same value.
pub(crate) fn buffered_data_change(core: &Core, server: i32, item: i32, value: &VARIANT) {
    let Some(sink) = core.sinks.borrow().buffered.clone() else { return };
    let Ok(mut statuses) =
        Statuses::new(StatusRecord { success: -1, category: 0, detected_by: 1, detail: 0 })
    else {
        return;
    };
    let values = if value.vt() == VT_R8 {
        // SAFETY: every VARIANT has this part.
        let content = unsafe { &value.Anonymous.Anonymous };
        // SAFETY: the type says that it is a number.
        let number = unsafe { content.Anonymous.dblVal };
        array(VT_R8, &[number, number])
    } else {
        value.clone()
    };
    let dates = [date_now(), date_now()];
    let arguments = vec![
        VARIANT::from(server),
        VARIANT::from(item),
        VARIANT::from(4_i32),
        values,
        array(VT_I4, &[192_i32, 192]),
        array(windows::Win32::System::Variant::VT_DATE, &dates),
        by_reference(&mut statuses),
    ];
    invoke(&sink, 1, arguments);
}

/// Events that no sink should get, and odd but good ones.
pub(crate) fn misbehave(core: &Core, server: i32, item: i32) {
    let Some(sink) = core.sinks.borrow().default.clone() else { return };
    let number = |number: i32| VARIANT::from(number);
    let handles = || vec![number(server), number(item)];
    // Too few, none, too many, and a member that is not there.
    invoke(&sink, 1, handles());
    invoke(&sink, 2, Vec::new());
    invoke(&sink, 3, vec![number(1); 9]);
    invoke(&sink, 99, handles());
    // SAFETY: the sink has to bear it.
    drop(unsafe { sink.Invoke(1, &GUID::zeroed(), 0, DISPATCH_METHOD, std::ptr::null(), None, None, None) });
    // Handles that are texts; references and arrays that lead nowhere.
    let nowhere = |vartype: VARENUM| with_payload(vartype, std::ptr::null::<u8>());
    let texts = vec![VARIANT::from("1"), VARIANT::from("2"), number(0), number(0), number(0), number(0)];
    invoke(&sink, 1, texts);
    let mut arguments = handles();
    arguments.extend([
        nowhere(VT_UNKNOWN),
        nowhere(VARENUM(VT_BYREF.0 | VT_I4.0)),
        nowhere(VARENUM(VT_BYREF.0 | VT_VARIANT.0)),
        nowhere(VARENUM(VT_BYREF.0 | VT_ARRAY.0 | VT_RECORD.0)),
    ]);
    invoke(&sink, 1, arguments);
    // Good, but narrow, indirect and with statuses of the wrong size.
    let (mut inner, mut quality) = (number(6), 192_i32);
    let arguments = vec![
        with_payload(VT_I2, i16::try_from(server).unwrap_or(0)),
        number(item),
        with_payload(VARENUM(VT_BYREF.0 | VT_VARIANT.0), &raw mut inner),
        with_payload(VARENUM(VT_BYREF.0 | VT_I4.0), &raw mut quality),
        Times::Text.now(),
        array(VT_I4, &[1, 2, 3]),
    ];
    invoke(&sink, 1, arguments);
}
