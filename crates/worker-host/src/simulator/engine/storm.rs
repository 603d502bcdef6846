//! Storms: attributes that count up to the number last written to them, one change for each step, as fast as
//! the gateway takes events. They are what throughput is measured with.

use std::collections::BTreeMap;
use std::time::SystemTime;

use mxgateway_contracts::v1::MxEvent;
use mxgateway_galaxy::{AttributeId, Part, Source};

use super::{Engine, Now, QUALITY_GOOD, Sample, data_change};
use crate::simulator::status::Detail;
use crate::simulator::value::{Data, DataType, Scalar};

/// All storms that were written to.
#[derive(Debug, Default)]
pub(super) struct Storms(BTreeMap<AttributeId, Storm>);

#[derive(Debug)]
struct Storm {
    value: u32,
    goal: u32,
    at: SystemTime,
}

impl Storms {
    /// Sets a goal. One that is passed already is taken over at once, without steps.
    pub(super) fn aim(&mut self, id: AttributeId, goal: &Data, now: Now) -> Result<(), Detail> {
        let goal = match goal {
            Data::Scalar(Scalar::Integer(goal)) => f64::from(*goal),
            Data::Scalar(Scalar::Double(goal)) => *goal,
            Data::Scalar(_) | Data::Array(_) => return Err(Detail::IncorrectDataType),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        let goal = goal as u32;
        let storm = self.0.entry(id).or_insert(Storm { value: 0, goal: 0, at: now.wall });
        storm.goal = goal;
        if goal < storm.value {
            storm.value = goal;
            storm.at = now.wall;
        }
        Ok(())
    }

    /// What a storm shows now, and since when.
    pub(super) fn value(
        &self,
        id: AttributeId,
        data_type: DataType,
        started: SystemTime,
    ) -> (Data, SystemTime) {
        let (value, at) = self.0.get(&id).map_or((0, started), |storm| (storm.value, storm.at));
        (Data::Scalar(data_type.scalar_near(f64::from(value))), at)
    }
}

impl Engine {
    /// True when there is something for [`storm`](Self::storm) to do.
    pub(crate) fn is_storming(&self) -> bool {
        !self.off_scan && self.storms.0.values().any(|storm| storm.value < storm.goal)
    }

    /// Takes up to `steps` steps of each storm and appends the changes for those who look;
    /// where nobody looks, the goal is taken at once.
    pub(crate) fn storm(&mut self, steps: usize, now: Now, out: &mut Vec<MxEvent>) {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let Some(registration) = &mut self.registration else { return };
        if self.off_scan {
            return;
        }
        for (id, storm) in self.storms.0.iter_mut().filter(|(_, storm)| storm.value < storm.goal) {
            let Some(attribute) = self.galaxy.attribute(*id) else { continue };
            debug_assert!(matches!(attribute.source, Source::Storm));
            // An item shows its first event first.
            let mut watchers: Vec<_> = registration
                .items
                .iter_mut()
                .filter(|(_, item)| {
                    item.target.is_ok_and(|target| target.attribute == *id && target.part == Part::Whole)
                })
                .filter(|(_, item)| !item.is_suspended && item.buffer.is_none())
                .filter_map(|(handle, item)| match item.advise.as_mut()?.shown.as_mut()? {
                    Ok(shown) => Some((*handle, shown)),
                    Err(_) => None,
                })
                .collect();
            storm.at = now.wall;
            if watchers.is_empty() {
                storm.value = storm.goal;
                continue;
            }
            let from = storm.value;
            storm.value = storm.goal.min(from.saturating_add(steps));
            for value in from + 1..=storm.value {
                let data = Data::Scalar(attribute.data_type.scalar_near(f64::from(value)));
                let sample = Ok(Sample { data, quality: QUALITY_GOOD, at: now.wall });
                for (handle, _) in &watchers {
                    out.push(data_change(
                        registration.server,
                        *handle,
                        Some(attribute.data_type),
                        &sample,
                        now,
                    ));
                }
            }
            let last = Data::Scalar(attribute.data_type.scalar_near(f64::from(storm.value)));
            for (_, shown) in &mut watchers {
                **shown = (last.clone(), QUALITY_GOOD);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use mxgateway_contracts::v1::MxValue;
    use mxgateway_contracts::v1::mx_event::Body;
    use mxgateway_contracts::v1::mx_value::Kind;

    use super::super::Writer;
    use super::*;
    use mxgateway_galaxy::Galaxy;

    const PLANT: &str = r#"
[galaxy]
name = "Test"

[[object]]
name = "Storm"
[object.attributes]
Count = { type = "integer", source = { kind = "storm" } }
Amount = { type = "double", source = { kind = "storm" } }
"#;

    fn storming(attribute: &str) -> (Engine, i32, Now) {
        let now = Now { monotonic: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let galaxy = Galaxy::parse(PLANT, &|_| Err("no recording".to_owned())).unwrap();
        let mut engine = Engine::new(galaxy, now);
        engine.register("test").unwrap();
        let item = engine.add_item(1, attribute, "").unwrap();
        engine.advise(1, item, false, now).unwrap();
        let later = Now { monotonic: now.monotonic + Duration::from_millis(5), ..now };
        engine.run(later, &mut Vec::new());
        (engine, item, later)
    }

    fn aim(engine: &mut Engine, item: i32, goal: impl Into<MxValue>, now: Now) {
        engine.write(1, item, &goal.into(), None, Writer::Plain { user: 0 }, now).unwrap();
        let mut events = Vec::new();
        engine.run(now, &mut events);
        assert_eq!(events.len(), 1, "the completion of the write, at once: {events:?}");
        assert_eq!(events[0].statuses[0].success, -1, "{events:?}");
    }

    fn steps(engine: &mut Engine, most: usize, now: Now) -> Vec<Kind> {
        let mut events = Vec::new();
        engine.storm(most, now, &mut events);
        let value = |event: MxEvent| match event.body {
            Some(Body::OnDataChange(change)) => change.value.unwrap().kind.unwrap(),
            other => panic!("{other:?}"),
        };
        events.into_iter().map(value).collect()
    }

    #[test]
    fn a_storm_takes_every_step_to_its_goal_and_then_rests() {
        let (mut engine, item, now) = storming("Storm.Count");
        assert!(!engine.is_storming());
        aim(&mut engine, item, 5i32, now);
        assert_eq!(steps(&mut engine, 3, now), [1, 2, 3].map(Kind::Int32Value));
        assert!(engine.is_storming());
        assert_eq!(steps(&mut engine, 3, now), [4, 5].map(Kind::Int32Value));
        assert!(!engine.is_storming());
        aim(&mut engine, item, 2i32, now);
        assert!(!engine.is_storming(), "a goal that is passed is taken over without steps");
        aim(&mut engine, item, 3i32, now);
        assert_eq!(steps(&mut engine, 9, now), [Kind::Int32Value(3)]);
    }

    #[test]
    fn a_storm_that_nobody_looks_at_is_over_soon() {
        let (mut engine, item, now) = storming("Storm.Amount");
        aim(&mut engine, item, 1e300, now);
        engine.un_advise(1, item).unwrap();
        assert_eq!(steps(&mut engine, usize::MAX, now), []);
        assert!(!engine.is_storming());
    }
}
