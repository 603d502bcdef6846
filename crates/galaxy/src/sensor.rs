//! The sensors of a machine as attributes. What they measure, and whether the machine has them, is known
//! to whoever reads them.

use crate::source::Source;
use crate::value::{Data, DataType};
use crate::{Attribute, Security};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensor {
    /// Load of all processors, in percent.
    CpuLoad,
    /// Number of processors.
    CpuCount,
    /// Bytes of memory.
    MemoryTotal,
    /// Bytes in use.
    MemoryUsed,
    /// Bytes not used at all.
    MemoryFree,
    /// Bytes of swap.
    SwapTotal,
    /// Bytes of swap in use.
    SwapUsed,
    /// Seconds since the machine started.
    Uptime,
    /// Average of runnable tasks over a minute.
    LoadOne,
    /// The same over five minutes.
    LoadFive,
    /// The same over fifteen minutes.
    LoadFifteen,
    /// Where a disk is mounted.
    DiskName(usize),
    /// Bytes of a disk.
    DiskTotal(usize),
    /// Bytes of a disk in use.
    DiskUsed(usize),
    /// Bytes of a disk that are free.
    DiskFree(usize),
    /// Bytes received, all networks together.
    NetworkReceived,
    /// Bytes sent, all networks together.
    NetworkSent,
    /// Degrees Celsius of a component.
    Temperature(usize),
    /// What the component is called.
    TemperatureName(usize),
}

impl Sensor {
    /// Type of its attribute. Bytes are doubles, because an integer has 32 bits.
    pub fn data_type(self) -> DataType {
        match self {
            Self::CpuCount | Self::Uptime => DataType::Integer,
            Self::DiskName(_) | Self::TemperatureName(_) => DataType::String,
            Self::CpuLoad
            | Self::MemoryTotal
            | Self::MemoryUsed
            | Self::MemoryFree
            | Self::SwapTotal
            | Self::SwapUsed
            | Self::LoadOne
            | Self::LoadFive
            | Self::LoadFifteen
            | Self::DiskTotal(_)
            | Self::DiskUsed(_)
            | Self::DiskFree(_)
            | Self::NetworkReceived
            | Self::NetworkSent
            | Self::Temperature(_) => DataType::Double,
        }
    }

    /// Name of its attribute, such as `Cpu.Load`.
    pub fn attribute_name(self) -> String {
        let fixed = match self {
            Self::CpuLoad => "Cpu.Load",
            Self::CpuCount => "Cpu.Count",
            Self::MemoryTotal => "Memory.Total",
            Self::MemoryUsed => "Memory.Used",
            Self::MemoryFree => "Memory.Free",
            Self::SwapTotal => "Swap.Total",
            Self::SwapUsed => "Swap.Used",
            Self::Uptime => "Uptime",
            Self::LoadOne => "Load.One",
            Self::LoadFive => "Load.Five",
            Self::LoadFifteen => "Load.Fifteen",
            Self::NetworkReceived => "Network.ReceivedBytes",
            Self::NetworkSent => "Network.SentBytes",
            Self::DiskName(index) => return format!("Disk.{}.Name", index + 1),
            Self::DiskTotal(index) => return format!("Disk.{}.Total", index + 1),
            Self::DiskUsed(index) => return format!("Disk.{}.Used", index + 1),
            Self::DiskFree(index) => return format!("Disk.{}.Free", index + 1),
            Self::Temperature(index) => return format!("Temperature.{}", index + 1),
            Self::TemperatureName(index) => return format!("Temperature.{}.Name", index + 1),
        };
        fixed.to_owned()
    }

    /// Its attribute: view only, with nothing measured yet.
    pub fn attribute(self) -> Attribute {
        let data_type = self.data_type();
        Attribute {
            name: self.attribute_name(),
            data_type,
            security: Security::ViewOnly,
            source: Source::Host(self),
            initial: Data::Scalar(data_type.default_scalar()),
        }
    }
}
