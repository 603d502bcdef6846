//! What attributes hold: writes carried out, and samples taken.

use mxgateway_contracts::v1::{EventFamily, MxEvent, OnWriteComplete, mx_event::Body};
use mxgateway_galaxy::{Part, Source, Target};

use super::{Engine, Now, QueuedWrite, Sample, Stored, event};
use crate::simulator::status::{self, Detail};
use crate::simulator::value::{self, Data, Scalar};
use crate::simulator::{QUALITY_GOOD, QUALITY_WAITING, replay, source};

impl Engine {
    /// Carries a write out and raises its completion, if the item still exists.
    pub(super) fn complete(&mut self, write: &QueuedWrite, now: Now, out: &mut Vec<MxEvent>) {
        let status = match self.store(write, now) {
            Ok(()) => {
                self.executed_writes += 1;
                status::ok()
            }
            Err(detail) => status::failed(detail),
        };
        let item = self.item(write.item).filter(|(server, _)| *server == write.server);
        if let Some((server, _)) = item {
            out.push(event(
                EventFamily::OnWriteComplete,
                server,
                write.item,
                status,
                Body::OnWriteComplete(OnWriteComplete {}),
            ));
        }
    }

    fn store(&mut self, write: &QueuedWrite, now: Now) -> Result<(), Detail> {
        let id = write.target.attribute;
        let attribute = self.galaxy.attribute(id).ok_or(Detail::InvalidAttributeId)?;
        if self.off_scan {
            return Err(Detail::EngineCommunicationError);
        }
        if attribute.is_calculated() {
            return Err(Detail::NotWriteable);
        }
        if let Some(detail) = write.denied {
            return Err(detail);
        }
        let old = self.stored.get(&id).map_or(&attribute.initial, |stored| &stored.data);
        let is_whole_array = attribute.is_array() && write.target.part == Part::Whole;
        let written = value::from_wire(&write.value, attribute.data_type, is_whole_array)?;
        let data = match (written, write.target.part, old) {
            (Data::Array(new), Part::Whole, Data::Array(old)) => {
                if new.len() != old.len() {
                    return Err(Detail::IndexOutOfRange);
                }
                Data::Array(new)
            }
            (Data::Scalar(new), Part::Element(position), Data::Array(old)) => {
                let mut elements = old.to_vec();
                *elements.get_mut(position).ok_or(Detail::IndexOutOfRange)? = new;
                Data::Array(elements.into())
            }
            (new, _, _) => new,
        };
        if matches!(attribute.source, Source::Storm) {
            return self.storms.aim(id, &data, now);
        }
        self.stored.insert(id, Stored { data, at: write.time.unwrap_or(now.wall) });
        Ok(())
    }

    /// What there is to see now.
    pub(super) fn sample(&self, target: Target, now: Now) -> Result<Sample, Detail> {
        let attribute = self.galaxy.attribute(target.attribute).ok_or(Detail::InvalidAttributeId)?;
        let started = self.started.wall;
        if self.off_scan && !matches!(attribute.source, Source::ScanState) {
            return Err(Detail::EngineCommunicationError);
        }
        let (data, quality, at) = match &attribute.source {
            Source::Stored => match self.stored.get(&target.attribute) {
                Some(stored) => (part(&stored.data, target.part)?, QUALITY_GOOD, stored.at),
                None => (part(&attribute.initial, target.part)?, QUALITY_GOOD, started),
            },
            Source::Storm => {
                let (data, at) = self.storms.value(target.attribute, attribute.data_type, started);
                (part(&data, target.part)?, QUALITY_GOOD, at)
            }
            Source::ScanState => {
                (Data::Scalar(Scalar::Boolean(!self.off_scan)), QUALITY_GOOD, self.started.wall)
            }
            Source::Generated(generator) => {
                let (scalar, at) = source::sample(generator, attribute.data_type, now.wall, started);
                (Data::Scalar(scalar), QUALITY_GOOD, at)
            }
            Source::Replayed(replay) => {
                let (scalar, quality, at) = replay::sample(replay, now.wall, started);
                (Data::Scalar(scalar), quality, at)
            }
            Source::Host(sensor) => match self.measured.get(sensor) {
                Some(measured) => (Data::Scalar(measured.value.clone()), measured.quality, measured.at),
                None => (attribute.initial.clone(), QUALITY_WAITING, now.wall),
            },
        };
        Ok(Sample { data, quality, at })
    }
}

fn part(data: &Data, part: Part) -> Result<Data, Detail> {
    match (data, part) {
        (data, Part::Whole) => Ok(data.clone()),
        (Data::Array(elements), Part::Element(position)) => {
            elements.get(position).cloned().map(Data::Scalar).ok_or(Detail::IndexOutOfRange)
        }
        (Data::Scalar(_), Part::Element(_)) => Err(Detail::DimensionDoesNotExist),
    }
}
