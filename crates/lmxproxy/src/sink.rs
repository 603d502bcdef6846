//! The sinks: MXAccess calls them with its events, on the apartment's thread and from within its message loop or any
//! call. They copy the arguments, put the event into the journal, and return.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::{
    EventFamily, MxDataType, MxEvent, OnBufferedDataChange, OnDataChange, OnWriteComplete, OperationComplete,
};
use mxgateway_worker_host::EventSink;
use windows::Win32::Foundation::{DISP_E_MEMBERNOTFOUND, DISP_E_UNKNOWNNAME, E_NOTIMPL, E_UNEXPECTED};
use windows::Win32::System::Com::{
    DISPATCH_FLAGS, DISPPARAMS, EXCEPINFO, IConnectionPoint, IConnectionPointContainer, IDispatch_Impl,
    ITypeInfo,
};
use windows::Win32::System::Variant::VARIANT;
use windows_core::{Error, GUID, HRESULT, IUnknown, Interface, PCWSTR, Result, implement};

use crate::arguments::Arguments;
use crate::dates::Clock;
use crate::interfaces::{
    ILMXProxyServerEvents, ILMXProxyServerEvents_Impl, ILMXProxyServerEvents2, ILMXProxyServerEvents2_Impl,
};

/// What turns calls into events; shared by both sinks.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) events: EventSink,
    pub(crate) clock: Clock,
    pub(crate) warned: OnceCell<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Default,
    Buffered,
}

impl Receiver {
    /// # Safety
    /// `parameters` is as `IDispatch::Invoke` gets it.
    unsafe fn invoke(&self, source: Source, member: i32, parameters: *const DISPPARAMS) -> Result<()> {
        let event = catch_unwind(AssertUnwindSafe(|| {
            let take = |count| {
                // SAFETY: as the caller promises; the arguments do not outlive the call.
                unsafe { Arguments::new(parameters, count, self.clock, &self.warned) }
            };
            // The numbers are those of the type library; 1 is another event with each source.
            match (source, member) {
                (Source::Default, 1) => data_change(&take(6)?),
                (Source::Default, 2) => {
                    let body = Body::OnWriteComplete(OnWriteComplete {});
                    completion(&take(3)?, EventFamily::OnWriteComplete, body)
                }
                (Source::Default, 3) => {
                    let body = Body::OperationComplete(OperationComplete {});
                    completion(&take(3)?, EventFamily::OperationComplete, body)
                }
                (Source::Buffered, 1) => buffered_data_change(&take(7)?),
                (Source::Default | Source::Buffered, _) => Err(DISP_E_MEMBERNOTFOUND),
            }
        }));
        match event.unwrap_or(Err(E_UNEXPECTED)) {
            Ok(event) => {
                self.events.raise(vec![event]);
                Ok(())
            }
            Err(hresult) => {
                tracing::debug!(?source, member, %hresult, "Event with arguments that cannot be");
                Err(hresult.into())
            }
        }
    }
}

fn data_change(arguments: &Arguments<'_>) -> std::result::Result<MxEvent, HRESULT> {
    let change = OnDataChange {
        value: Some(arguments.value(2)?),
        quality: arguments.number(3)?,
        source_time: arguments.time(4)?,
    };
    event(arguments, EventFamily::OnDataChange, 5, Body::OnDataChange(change))
}

fn completion(
    arguments: &Arguments<'_>,
    family: EventFamily,
    body: Body,
) -> std::result::Result<MxEvent, HRESULT> {
    event(arguments, family, 2, body)
}

fn buffered_data_change(arguments: &Arguments<'_>) -> std::result::Result<MxEvent, HRESULT> {
    // MXAccess counts from -1, the contract from 0.
    let data_type = arguments.number(2)?.checked_add(1).and_then(|number| MxDataType::try_from(number).ok());
    let change = OnBufferedDataChange {
        data_type: data_type.unwrap_or(MxDataType::Unknown).into(),
        values: Some(arguments.value(3)?),
        qualities: Some(arguments.value(4)?),
        source_times: Some(arguments.value(5)?),
    };
    event(arguments, EventFamily::OnBufferedDataChange, 6, Body::OnBufferedDataChange(change))
}

fn event(
    arguments: &Arguments<'_>,
    family: EventFamily,
    statuses: usize,
    body: Body,
) -> std::result::Result<MxEvent, HRESULT> {
    Ok(MxEvent {
        family: family.into(),
        server_handle: arguments.number(0)?,
        item_handle: arguments.number(1)?,
        statuses: arguments.statuses(statuses)?,
        body: Some(body),
        ..MxEvent::default()
    })
}

#[implement(ILMXProxyServerEvents)]
struct DefaultSink {
    receiver: Rc<Receiver>,
}

#[implement(ILMXProxyServerEvents2)]
struct BufferedSink {
    receiver: Rc<Receiver>,
}

impl ILMXProxyServerEvents_Impl for DefaultSink_Impl {}
impl ILMXProxyServerEvents2_Impl for BufferedSink_Impl {}

macro_rules! dispatch {
    ($sink:ty, $source:expr) => {
        impl IDispatch_Impl for $sink {
            fn GetTypeInfoCount(&self) -> Result<u32> {
                Ok(0)
            }

            fn GetTypeInfo(&self, _index: u32, _locale: u32) -> Result<ITypeInfo> {
                Err(E_NOTIMPL.into())
            }

            fn GetIDsOfNames(
                &self,
                _reserved: *const GUID,
                _names: *const PCWSTR,
                _count: u32,
                _locale: u32,
                _members: *mut i32,
            ) -> Result<()> {
                Err(DISP_E_UNKNOWNNAME.into())
            }

            fn Invoke(
                &self,
                member: i32,
                _reserved: *const GUID,
                _locale: u32,
                _flags: DISPATCH_FLAGS,
                parameters: *const DISPPARAMS,
                _result: *mut VARIANT,
                _exception: *mut EXCEPINFO,
                _argument: *mut u32,
            ) -> Result<()> {
                // SAFETY: the caller keeps to the rules of `IDispatch::Invoke`.
                unsafe { self.receiver.invoke($source, member, parameters) }
            }
        }
    };
}
dispatch!(DefaultSink_Impl, Source::Default);
dispatch!(BufferedSink_Impl, Source::Buffered);

/// A sink that is connected; the drop disconnects it.
#[derive(Debug)]
pub(crate) struct Connection {
    point: IConnectionPoint,
    cookie: u32,
}

impl Connection {
    /// Connects the sink for the default source.
    pub(crate) fn of_default(object: &IUnknown, receiver: &Rc<Receiver>) -> Result<Self> {
        let sink: ILMXProxyServerEvents = DefaultSink { receiver: Rc::clone(receiver) }.into();
        Self::new(object, &ILMXProxyServerEvents::IID, &sink.cast()?)
    }

    /// Connects the sink for the second source, which an old MXAccess does not have.
    pub(crate) fn of_buffered(object: &IUnknown, receiver: &Rc<Receiver>) -> Result<Self> {
        let sink: ILMXProxyServerEvents2 = BufferedSink { receiver: Rc::clone(receiver) }.into();
        Self::new(object, &ILMXProxyServerEvents2::IID, &sink.cast()?)
    }

    fn new(object: &IUnknown, source: &GUID, sink: &IUnknown) -> Result<Self> {
        let container: IConnectionPointContainer = object.cast()?;
        // SAFETY: a call through the interface, on the object's own thread.
        let point = unsafe { container.FindConnectionPoint(source) }?;
        // SAFETY: as above.
        let cookie = unsafe { point.Advise(sink) }?;
        Ok(Self { point, cookie })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: a call through the interface, on the object's own thread.
        let result: std::result::Result<(), Error> = unsafe { self.point.Unadvise(self.cookie) };
        if let Err(error) = result {
            tracing::warn!(%error, "Sink cannot be disconnected");
        }
    }
}
