//! The arguments of an event, taken as they come: MXAccess's declarations say less than its clients have seen.

use std::cell::OnceCell;

use mxgateway_contracts::v1::{MxStatus, MxValue};
use prost_types::Timestamp;
use windows::Win32::Foundation::{
    DISP_E_BADPARAMCOUNT, DISP_E_NONAMEDARGS, DISP_E_PARAMNOTFOUND, DISP_E_TYPEMISMATCH,
};
use windows::Win32::System::Com::DISPPARAMS;
use windows::Win32::System::Ole::VarDateFromStr;
use windows::Win32::System::Variant::VARIANT;
use windows_core::{HRESULT, HSTRING};

use crate::dates::{Clock, from_date, from_filetime, from_text};
use crate::status;
use crate::variant::types::{
    VT_BSTR, VT_DATE, VT_ERROR, VT_FILETIME, VT_I1, VT_I2, VT_I4, VT_I8, VT_INT, VT_UI1, VT_UI2, VT_UI4,
    VT_UI8, VT_UINT,
};
use crate::variant::{Parts, load, parts, to_value, units};

/// LOCALE_USER_DEFAULT.
const USERS_LOCALE: u32 = 0x0400;

/// The arguments, counted from the first.
pub(crate) struct Arguments<'a> {
    /// The last one first, as COM has them.
    reversed: &'a [VARIANT],
    clock: Clock,
    warned: &'a OnceCell<()>,
}

impl<'a> Arguments<'a> {
    /// Checks the number. Errors: DISP_E_BADPARAMCOUNT and its kin.
    ///
    /// # Safety
    /// `parameters` is null or as `IDispatch::Invoke` gets it, and lives for `'a`.
    pub(crate) unsafe fn new(
        parameters: *const DISPPARAMS,
        count: usize,
        clock: Clock,
        warned: &'a OnceCell<()>,
    ) -> Result<Self, HRESULT> {
        // SAFETY: as the caller promises.
        let parameters = unsafe { parameters.as_ref() }.ok_or(DISP_E_PARAMNOTFOUND)?;
        if parameters.cNamedArgs != 0 {
            return Err(DISP_E_NONAMEDARGS);
        }
        if usize::try_from(parameters.cArgs) != Ok(count) || parameters.rgvarg.is_null() {
            return Err(DISP_E_BADPARAMCOUNT);
        }
        // SAFETY: there are as many as is said.
        let reversed = unsafe { std::slice::from_raw_parts(parameters.rgvarg.cast_const(), count) };
        Ok(Self { reversed, clock, warned })
    }

    fn at(&self, index: usize) -> Result<&'a VARIANT, HRESULT> {
        self.reversed.iter().rev().nth(index).ok_or(DISP_E_PARAMNOTFOUND)
    }

    /// A whole number of any width.
    pub(crate) fn number(&self, index: usize) -> Result<i32, HRESULT> {
        let parts = parts(self.at(index)?).ok_or(DISP_E_TYPEMISMATCH)?;
        whole_number(parts).and_then(|number| i32::try_from(number).ok()).ok_or(DISP_E_TYPEMISMATCH)
    }

    /// A value as it is.
    pub(crate) fn value(&self, index: usize) -> Result<MxValue, HRESULT> {
        Ok(to_value(self.at(index)?, self.clock))
    }

    /// A time in any of its three shapes; `None` when it cannot be read, which does not make the rest useless.
    pub(crate) fn time(&self, index: usize) -> Result<Option<Timestamp>, HRESULT> {
        let variant = self.at(index)?;
        let time = parts(variant).and_then(|parts| time(parts, self.clock));
        if time.is_none() {
            self.warn("Time stamp cannot be read", variant.vt().0);
        }
        Ok(time)
    }

    /// The statuses; none when they cannot be read.
    pub(crate) fn statuses(&self, index: usize) -> Result<Vec<MxStatus>, HRESULT> {
        let variant = self.at(index)?;
        Ok(status::statuses(variant).unwrap_or_else(|| {
            self.warn("Statuses cannot be read", variant.vt().0);
            Vec::new()
        }))
    }

    /// Once, and not for each of a thousand events.
    fn warn(&self, what: &str, vartype: u16) {
        if self.warned.set(()).is_ok() {
            tracing::warn!(vartype, "{what}; more of the kind is not logged");
        }
    }
}

fn whole_number(Parts { vartype, data }: Parts) -> Option<i64> {
    macro_rules! read {
        ($type:ty) => {{
            // SAFETY: the type says what is there.
            i64::try_from(unsafe { load::<$type>(data) }).ok()
        }};
    }
    match vartype {
        VT_I1 => read!(i8),
        VT_UI1 => read!(u8),
        VT_I2 => read!(i16),
        VT_UI2 => read!(u16),
        VT_I4 | VT_INT | VT_ERROR => read!(i32),
        VT_UI4 | VT_UINT => read!(u32),
        VT_I8 => read!(i64),
        VT_UI8 => read!(u64),
        _ => None,
    }
}

fn time(parts: Parts, clock: Clock) -> Option<Timestamp> {
    let Parts { vartype, data } = parts;
    match vartype {
        VT_DATE => {
            // SAFETY: the type says that it is a DATE.
            from_date(unsafe { load::<f64>(data) }, clock)
        }
        VT_I8 | VT_UI8 | VT_FILETIME => {
            // SAFETY: all three have eight bytes.
            from_filetime(unsafe { load::<i64>(data) })
        }
        VT_BSTR => {
            // SAFETY: the type says that it is a BSTR.
            let text = unsafe { load::<*const u16>(data) };
            // SAFETY: as above.
            let text = String::from_utf16(&unsafe { units(text) }).ok()?;
            from_text(&text, clock, locale_date)
        }
        _ => None,
    }
}

fn locale_date(text: &str) -> Option<f64> {
    let text = HSTRING::from(text);
    // SAFETY: the text ends with a zero and lives through the call.
    unsafe { VarDateFromStr(&text, USERS_LOCALE, 0) }.ok()
}
