//! SAFEARRAYs: reading with every size checked, and making.

use std::ffi::c_void;
use std::marker::PhantomData;

use windows::Win32::Foundation::{E_OUTOFMEMORY, E_UNEXPECTED};
use windows::Win32::System::Com::{SAFEARRAY, SAFEARRAYBOUND};
use windows::Win32::System::Ole::{
    SafeArrayAccessData, SafeArrayCreate, SafeArrayDestroy, SafeArrayGetDim, SafeArrayGetElemsize,
    SafeArrayGetLBound, SafeArrayGetUBound, SafeArrayGetVartype, SafeArrayUnaccessData,
};
use windows::Win32::System::Variant::VARENUM;
use windows_core::Error;

/// More bytes than this are no array of MXAccess, but a size that is wrong.
const MOST_BYTES: usize = 256 << 20;
/// As many as a SAFEARRAY can have.
const MOST_DIMENSIONS: u32 = 60;

/// Lower bound and length of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dimension {
    pub(crate) lower_bound: i32,
    pub(crate) length: u32,
}

/// An array whose elements can be read; not moved or freed meanwhile.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    array: *const SAFEARRAY,
    data: *const u8,
    pub(crate) dimensions: Vec<Dimension>,
    pub(crate) element_size: usize,
    pub(crate) count: usize,
    /// VARTYPE of the elements, when the array knows it.
    pub(crate) element_type: Option<u16>,
    _array: PhantomData<&'a SAFEARRAY>,
}

impl<'a> Locked<'a> {
    /// Locks it. Errors: COM's, or sizes that cannot be.
    ///
    /// # Safety
    /// `array` is a SAFEARRAY that lives for `'a`.
    pub(crate) unsafe fn new(array: *const SAFEARRAY) -> Result<Locked<'a>, Error> {
        // SAFETY: a SAFEARRAY, as the caller promises.
        let dimension_count = unsafe { SafeArrayGetDim(array) };
        if dimension_count == 0 || dimension_count > MOST_DIMENSIONS {
            return Err(E_UNEXPECTED.into());
        }
        // SAFETY: as above.
        let element_size = unsafe { SafeArrayGetElemsize(array) };
        let element_size = usize::try_from(element_size).unwrap_or(usize::MAX);
        let mut dimensions = Vec::new();
        let mut count: usize = 1;
        for number in 1..=dimension_count {
            // SAFETY: as above, and it has this dimension.
            let lower_bound = unsafe { SafeArrayGetLBound(array, number) }?;
            // SAFETY: as above.
            let upper_bound = unsafe { SafeArrayGetUBound(array, number) }?;
            let length = u32::try_from(i64::from(upper_bound) - i64::from(lower_bound) + 1);
            let length = length.map_err(|_negative| E_UNEXPECTED)?;
            let factor = usize::try_from(length).unwrap_or(usize::MAX);
            count = count.checked_mul(factor).ok_or(E_UNEXPECTED)?;
            dimensions.push(Dimension { lower_bound, length });
        }
        if element_size == 0 || count.checked_mul(element_size).is_none_or(|bytes| bytes > MOST_BYTES) {
            return Err(E_UNEXPECTED.into());
        }
        // SAFETY: as above. An array made without a type has none to tell.
        let element_type = unsafe { SafeArrayGetVartype(array) }.ok().map(|element_type| element_type.0);
        let mut data = std::ptr::null_mut::<c_void>();
        // SAFETY: as above; unlocked again by the drop.
        unsafe { SafeArrayAccessData(array, &raw mut data) }?;
        let locked = Self {
            array,
            data: data.cast_const().cast(),
            dimensions,
            element_size,
            count,
            element_type,
            _array: PhantomData,
        };
        if locked.data.is_null() && locked.count > 0 {
            return Err(E_UNEXPECTED.into());
        }
        Ok(locked)
    }

    /// Where each element is, in COM's order; each has `element_size` bytes.
    pub(crate) fn elements(&self) -> impl Iterator<Item = *const u8> {
        (0..self.count).map(|index| self.data.wrapping_add(index * self.element_size))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: the array lives, and was locked when this was made.
        if let Err(error) = unsafe { SafeArrayUnaccessData(self.array) } {
            tracing::error!(%error, "Array cannot be unlocked");
        }
    }
}

/// An array of ours.
#[derive(Debug)]
pub(crate) struct Made(*mut SAFEARRAY);

impl Made {
    /// An array of zeroes. Errors: no memory, or no dimensions.
    pub(crate) fn new(element_type: u16, dimensions: &[Dimension]) -> Result<Self, Error> {
        let count = u32::try_from(dimensions.len()).map_err(|_many| E_UNEXPECTED)?;
        if count == 0 || count > MOST_DIMENSIONS {
            return Err(E_UNEXPECTED.into());
        }
        let bounds: Vec<_> = dimensions
            .iter()
            .map(|dimension| SAFEARRAYBOUND { cElements: dimension.length, lLbound: dimension.lower_bound })
            .collect();
        // SAFETY: there are as many bounds as is said.
        let array = unsafe { SafeArrayCreate(VARENUM(element_type), count, bounds.as_ptr()) };
        if array.is_null() { Err(E_OUTOFMEMORY.into()) } else { Ok(Self(array)) }
    }

    /// Locks it for writing through the elements' addresses.
    pub(crate) fn lock(&mut self) -> Result<Locked<'_>, Error> {
        // SAFETY: the array lives as long as `self`, which is borrowed.
        unsafe { Locked::new(self.0) }
    }

    /// Gives it away.
    pub(crate) fn into_raw(self) -> *mut SAFEARRAY {
        let array = self.0;
        std::mem::forget(self);
        array
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // SAFETY: ours, not locked (a lock borrows it), and never used again.
        if let Err(error) = unsafe { SafeArrayDestroy(self.0) } {
            tracing::error!(%error, "Array cannot be freed");
        }
    }
}
