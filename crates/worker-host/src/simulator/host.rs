//! The live sensors of the machine the worker runs on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mxgateway_galaxy::Attribute;
pub(crate) use mxgateway_galaxy::sensor::Sensor;
use sysinfo::{Components, Disks, MINIMUM_CPU_UPDATE_INTERVAL, Networks, System};

use super::value::Scalar;
use super::{QUALITY_GOOD, QUALITY_WAITING};

/// How often advised sensors are read.
const REFRESH: Duration = Duration::from_secs(1);
/// Disks, network totals and temperatures beyond this number are left out.
const MAX_DEVICES: usize = 32;

/// Sensors that are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Cpu,
    Memory,
    System,
    Disks,
    Networks,
    Temperatures,
}

impl Group {
    /// The group a sensor is read with.
    pub(crate) fn of(sensor: Sensor) -> Self {
        match sensor {
            Sensor::CpuLoad | Sensor::CpuCount => Self::Cpu,
            Sensor::MemoryTotal
            | Sensor::MemoryUsed
            | Sensor::MemoryFree
            | Sensor::SwapTotal
            | Sensor::SwapUsed => Self::Memory,
            Sensor::Uptime | Sensor::LoadOne | Sensor::LoadFive | Sensor::LoadFifteen => Self::System,
            Sensor::DiskName(_) | Sensor::DiskTotal(_) | Sensor::DiskUsed(_) | Sensor::DiskFree(_) => {
                Self::Disks
            }
            Sensor::NetworkReceived | Sensor::NetworkSent => Self::Networks,
            Sensor::Temperature(_) | Sensor::TemperatureName(_) => Self::Temperatures,
        }
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) sensor: Sensor,
    pub(crate) value: Scalar,
    pub(crate) quality: i32,
}

/// What was measured, and after which time to measure again.
#[derive(Debug)]
pub(crate) struct Readings {
    pub(crate) readings: Vec<Reading>,
    pub(crate) again_after: Duration,
}

/// Access to the sensors.
#[derive(Debug)]
pub(crate) struct HostSensors {
    system: System,
    disks: Disks,
    networks: Networks,
    components: Components,
    cpu_since: Instant,
}

impl HostSensors {
    /// Looks at what the machine has. Errors: the operating system is not supported, or refuses.
    pub(crate) fn new() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        // A load is a difference; this is the first of its two looks.
        system.refresh_cpu_usage();
        Ok(Self {
            system,
            disks: Disks::new_with_refreshed_list()?,
            networks: Networks::new_with_refreshed_list()?,
            components: Components::new_with_refreshed_list()?,
            cpu_since: Instant::now(),
        })
    }

    /// The attributes an object with these sensors has.
    pub(crate) fn attributes(&self) -> Vec<Attribute> {
        let mut sensors = vec![
            Sensor::CpuLoad,
            Sensor::CpuCount,
            Sensor::MemoryTotal,
            Sensor::MemoryUsed,
            Sensor::MemoryFree,
            Sensor::SwapTotal,
            Sensor::SwapUsed,
            Sensor::Uptime,
            Sensor::LoadOne,
            Sensor::LoadFive,
            Sensor::LoadFifteen,
            Sensor::NetworkReceived,
            Sensor::NetworkSent,
        ];
        for index in 0..self.disks.len().min(MAX_DEVICES) {
            sensors.extend([
                Sensor::DiskName(index),
                Sensor::DiskTotal(index),
                Sensor::DiskUsed(index),
                Sensor::DiskFree(index),
            ]);
        }
        for index in 0..self.components.len().min(MAX_DEVICES) {
            sensors.extend([Sensor::Temperature(index), Sensor::TemperatureName(index)]);
        }
        sensors.into_iter().map(Sensor::attribute).collect()
    }

    /// Measures the groups that are wanted.
    pub(crate) fn read(&mut self, groups: &BTreeSet<Group>) -> Readings {
        let mut readings = Vec::new();
        let mut again_after = REFRESH;
        for group in groups {
            match group {
                Group::Cpu => {
                    let settled = self.read_cpu(&mut readings);
                    if !settled {
                        again_after = MINIMUM_CPU_UPDATE_INTERVAL + Duration::from_millis(20);
                    }
                }
                Group::Memory => self.read_memory(&mut readings),
                Group::System => read_system(&mut readings),
                Group::Disks => self.read_disks(&mut readings),
                Group::Networks => self.read_networks(&mut readings),
                Group::Temperatures => self.read_temperatures(&mut readings),
            }
        }
        Readings { readings, again_after }
    }

    /// False while there is no load yet, because the two looks it needs lie too close together.
    fn read_cpu(&mut self, readings: &mut Vec<Reading>) -> bool {
        let settled = self.cpu_since.elapsed() > MINIMUM_CPU_UPDATE_INTERVAL;
        if settled {
            self.system.refresh_cpu_usage();
        }
        let load = f64::from(self.system.global_cpu_usage());
        let quality = if settled { QUALITY_GOOD } else { QUALITY_WAITING };
        readings.push(Reading { sensor: Sensor::CpuLoad, value: Scalar::Double(load), quality });
        let count = i32::try_from(self.system.cpus().len()).unwrap_or(i32::MAX);
        readings.push(good(Sensor::CpuCount, Scalar::Integer(count)));
        settled
    }

    fn read_memory(&mut self, readings: &mut Vec<Reading>) {
        self.system.refresh_memory();
        let system = &self.system;
        readings.extend([
            bytes(Sensor::MemoryTotal, system.total_memory()),
            bytes(Sensor::MemoryUsed, system.used_memory()),
            bytes(Sensor::MemoryFree, system.free_memory()),
            bytes(Sensor::SwapTotal, system.total_swap()),
            bytes(Sensor::SwapUsed, system.used_swap()),
        ]);
    }

    fn read_disks(&mut self, readings: &mut Vec<Reading>) {
        for (index, disk) in self.disks.iter_mut().enumerate().take(MAX_DEVICES) {
            let present = disk.refresh();
            let (total, free) = (disk.total_space(), disk.available_space());
            let name = disk.mount_point().to_string_lossy().as_ref().into();
            let of_disk = [
                good(Sensor::DiskName(index), Scalar::String(name)),
                bytes(Sensor::DiskTotal(index), total),
                bytes(Sensor::DiskUsed(index), total.saturating_sub(free)),
                bytes(Sensor::DiskFree(index), free),
            ];
            readings.extend(of_disk.map(|reading| if present { reading } else { not_connected(reading) }));
        }
    }

    fn read_networks(&mut self, readings: &mut Vec<Reading>) {
        self.networks.refresh(true);
        let mut received = 0u64;
        let mut sent = 0u64;
        for network in self.networks.values() {
            received = received.saturating_add(network.total_received());
            sent = sent.saturating_add(network.total_transmitted());
        }
        readings.extend([bytes(Sensor::NetworkReceived, received), bytes(Sensor::NetworkSent, sent)]);
    }

    fn read_temperatures(&mut self, readings: &mut Vec<Reading>) {
        for (index, component) in self.components.iter_mut().enumerate().take(MAX_DEVICES) {
            component.refresh();
            let celsius = component.temperature();
            let reading = good(Sensor::Temperature(index), Scalar::Double(celsius.map_or(0.0, f64::from)));
            readings.push(if celsius.is_some() { reading } else { not_connected(reading) });
            readings.push(good(Sensor::TemperatureName(index), Scalar::String(component.label().into())));
        }
    }
}

fn read_system(readings: &mut Vec<Reading>) {
    let uptime = System::uptime().ok().and_then(|seconds| i32::try_from(seconds).ok());
    let reading = good(Sensor::Uptime, Scalar::Integer(uptime.unwrap_or_default()));
    readings.push(if uptime.is_some() { reading } else { not_connected(reading) });
    let load = System::load_average().ok();
    let (one, five, fifteen) =
        load.as_ref().map_or((0.0, 0.0, 0.0), |load| (load.one, load.five, load.fifteen));
    for (sensor, value) in [(Sensor::LoadOne, one), (Sensor::LoadFive, five), (Sensor::LoadFifteen, fifteen)]
    {
        let reading = good(sensor, Scalar::Double(value));
        readings.push(if load.is_some() { reading } else { not_connected(reading) });
    }
}

fn good(sensor: Sensor, value: Scalar) -> Reading {
    Reading { sensor, value, quality: QUALITY_GOOD }
}

fn not_connected(reading: Reading) -> Reading {
    Reading { quality: super::QUALITY_NOT_CONNECTED, ..reading }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
fn bytes(sensor: Sensor, bytes: u64) -> Reading {
    good(sensor, Scalar::Double(bytes as f64))
}

#[cfg(test)]
mod tests {
    use mxgateway_galaxy::Source;

    use super::*;

    /// Reads until two readings of a sensor differ; real sensors decide when.
    fn changes(sensor: Sensor) {
        let mut sensors = HostSensors::new().unwrap();
        let groups = BTreeSet::from([Group::of(sensor)]);
        let mut seen: Vec<Scalar> = Vec::new();
        let limit = Instant::now() + Duration::from_secs(20);
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        while Instant::now() < limit {
            let readings = sensors.read(&groups);
            let reading = readings.readings.into_iter().find(|reading| reading.sensor == sensor).unwrap();
            if reading.quality == QUALITY_GOOD && seen.iter().all(|value| *value != reading.value) {
                seen.push(reading.value);
            }
            if seen.len() >= 2 {
                return;
            }
            // Lets time pass, which is what a sensor needs; the sender lives, so this only times out.
            let _elapsed = never.recv_timeout(readings.again_after);
        }
        panic!("{sensor:?} did not change within 20 s: {seen:?}");
    }

    /// Times that the kernel counted since it started: all, without work, and neither clearly the one nor the other.
    #[cfg(target_os = "linux")]
    fn kernel_times() -> [f64; 3] {
        let text = std::fs::read_to_string("/proc/stat").unwrap();
        let times: Vec<f64> = text
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .skip(1)
            .map(|time| time.parse().unwrap())
            .collect();
        // user, nice, system, idle, iowait, irq, softirq, steal
        [times.iter().take(8).sum(), times[3], times[4] + times[7]]
    }

    /// Not whether it changes: a machine that has enough to do stays at 100 %.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_load_of_the_machine_is_what_the_kernel_counts() {
        const TOLERANCE: f64 = 15.0;
        let mut sensors = HostSensors::new().unwrap();
        let groups = BTreeSet::from([Group::of(Sensor::CpuLoad)]);
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let before = kernel_times();
        let first = sensors.read(&groups);
        // Lets time pass, over which a load is taken; the sender lives, so this only times out.
        let _elapsed = never.recv_timeout(first.again_after);
        let readings = sensors.read(&groups).readings;
        let after = kernel_times();

        let reading = readings.iter().find(|reading| reading.sensor == Sensor::CpuLoad).unwrap();
        assert_eq!(reading.quality, QUALITY_GOOD);
        let Scalar::Double(load) = reading.value else { panic!("{reading:?}") };
        let [all, idle, unclear] = [0, 1, 2].map(|index| after[index] - before[index]);
        let most = 100.0 * (all - idle) / all;
        let least = most - 100.0 * unclear / all;
        assert!(
            (least - TOLERANCE..=most + TOLERANCE).contains(&load),
            "the sensor says {load:.1} %, the kernel {least:.1} to {most:.1} %"
        );
    }

    #[test]
    fn the_uptime_of_the_machine_changes() {
        changes(Sensor::Uptime);
    }

    #[test]
    fn every_attribute_has_a_reading_of_its_type() {
        let mut sensors = HostSensors::new().unwrap();
        let attributes = sensors.attributes();
        let all = attributes.iter().map(|attribute| match attribute.source {
            Source::Host(sensor) => sensor,
            Source::Stored
            | Source::Storm
            | Source::Generated(_)
            | Source::Replayed(_)
            | Source::ScanState => {
                panic!("{} is no sensor", attribute.name)
            }
        });
        let groups = all.clone().map(Group::of).collect();
        let readings = sensors.read(&groups).readings;
        for sensor in all {
            let reading = readings.iter().find(|reading| reading.sensor == sensor);
            let value = &reading.unwrap_or_else(|| panic!("no reading of {sensor:?}")).value;
            let kind = sensor.data_type().default_scalar();
            assert_eq!(std::mem::discriminant(value), std::mem::discriminant(&kind), "{sensor:?}");
        }
        let total = readings.iter().find(|reading| reading.sensor == Sensor::MemoryTotal).unwrap();
        assert!(matches!(total.value, Scalar::Double(bytes) if bytes > 1e6), "{total:?}");
    }
}
