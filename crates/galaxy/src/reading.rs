//! From a TOML table to a galaxy, with every problem named by object and attribute.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use toml::{Table, Value};

use crate::faults::Faults;
use crate::keys::{Keys, Problems, number};
use crate::replay::Recording;
use crate::source::Source;
use crate::users::Users;
use crate::value::{Data, DataType, Scalar};
use crate::{Attribute, Galaxy, Object, Security};

const DEFAULT_SCAN: Duration = Duration::from_millis(100);
const MAX_SCAN_MS: i64 = 60_000;
const MAX_NAME_LENGTH: usize = 329;
const MAX_ARRAY_LENGTH: i64 = 65_536;

pub(super) struct Reading<'a> {
    pub(super) problems: &'a Problems,
    pub(super) recording: &'a dyn Fn(&str) -> Result<String, String>,
    /// Recordings read so far; `None` for one whose problems are reported already.
    pub(super) recordings: BTreeMap<String, Option<Recording>>,
    galaxy: Galaxy,
}

/// How an object refers to others, until all of them are known.
struct Links<'a> {
    subject: String,
    area: Option<&'a str>,
    container: Option<&'a str>,
    contained_name: Option<&'a str>,
}

pub(super) fn galaxy(
    table: &Table,
    recording: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Galaxy, Vec<String>> {
    let problems = Problems::default();
    let galaxy = Galaxy {
        name: String::new(),
        users: Users::default(),
        faults: Faults::default(),
        objects: Vec::new(),
        by_name: HashMap::new(),
    };
    let mut reading = Reading { problems: &problems, recording, recordings: BTreeMap::new(), galaxy };
    reading.run(table);
    let galaxy = reading.galaxy;
    let problems = problems.into_vec();
    if problems.is_empty() { Ok(galaxy) } else { Err(problems) }
}

impl<'a> Reading<'a> {
    fn run(&mut self, table: &'a Table) {
        let root = Keys::new("galaxy file", table, self.problems);
        let mut scan = DEFAULT_SCAN;
        if let Some(header) = root.table("galaxy") {
            let keys = Keys::new("galaxy", header, self.problems);
            self.galaxy.name = keys.required_text("name").unwrap_or_default().to_owned();
            scan = scan_period(&keys).unwrap_or(scan);
            keys.finish();
        } else if !table.contains_key("galaxy") {
            root.problem("the table galaxy is missing");
        }
        let mut links = Vec::new();
        for (number, area) in root.tables("area").into_iter().enumerate() {
            self.area(number, area, &mut links);
        }
        for (number, object) in root.tables("object").into_iter().enumerate() {
            self.object(number, object, scan, &mut links);
        }
        self.galaxy.users = Users::read(&root, self.problems);
        self.galaxy.faults = Faults::read(&root, self.problems);
        root.finish();
        self.link(&links);
    }

    fn area(&mut self, number: usize, table: &'a Table, links: &mut Vec<Links<'a>>) {
        let keys = self.named("area", number, table);
        let link = Links {
            subject: keys.subject().to_owned(),
            area: keys.text("parent"),
            container: None,
            contained_name: keys.text("contained_name"),
        };
        keys.text("description");
        let name = keys.text("name");
        let object = Object { is_area: true, ..empty_object(name.unwrap_or_default(), DEFAULT_SCAN) };
        self.add(&keys, object, link, links);
        keys.finish();
    }

    fn object(&mut self, number: usize, table: &'a Table, scan: Duration, links: &mut Vec<Links<'a>>) {
        let keys = self.named("object", number, table);
        let link = Links {
            subject: keys.subject().to_owned(),
            area: keys.text("area"),
            container: keys.text("container"),
            contained_name: keys.text("contained_name"),
        };
        keys.text("description");
        let name = keys.text("name").unwrap_or_default();
        let mut object = empty_object(name, scan_period(&keys).unwrap_or(scan));
        object.host_sensors = keys.choice("sensors", &[("host", true)]).unwrap_or_default();
        if let Some(attributes) = keys.table("attributes") {
            for (attribute_name, value) in attributes {
                let subject = format!("{name}.{attribute_name}");
                let Some(table) = value.as_table() else {
                    self.problems.add(&subject, "must be a table such as { type = \"integer\" }");
                    continue;
                };
                if let Some(attribute) = self.attribute(&subject, attribute_name, table)
                    && !object.add_attribute(attribute)
                {
                    self.problems.add(&subject, "there is an attribute of this name already");
                }
            }
        }
        self.add(&keys, object, link, links);
        keys.finish();
    }

    fn named(&self, kind: &str, number: usize, table: &'a Table) -> Keys<'a> {
        let subject = match table.get("name").and_then(Value::as_str) {
            Some(name) => format!("{kind} {name}"),
            None => format!("{kind} number {}", number + 1),
        };
        let keys = Keys::new(subject, table, self.problems);
        if let Some(name) = keys.required_text("name")
            && !is_name(name)
        {
            keys.problem("the name must be 1 to 329 letters, digits, _, $ or #");
        }
        keys
    }

    fn add(&mut self, keys: &Keys<'_>, object: Object, link: Links<'a>, links: &mut Vec<Links<'a>>) {
        match self.galaxy.by_name.entry(object.name.to_ascii_lowercase()) {
            Entry::Vacant(entry) => drop(entry.insert(self.galaxy.objects.len())),
            Entry::Occupied(_) => keys.problem("there is an area or object of this name already"),
        }
        self.galaxy.objects.push(object);
        links.push(link);
    }

    /// Turns names into indices, now that all are known.
    fn link(&mut self, links: &[Links<'a>]) {
        for (index, link) in links.iter().enumerate() {
            let subject = &link.subject;
            let area = self.find(subject, "area", link.area, true);
            let container = self.find(subject, "container", link.container, false);
            if let Some(contained_name) = link.contained_name {
                match container.or(area) {
                    None => self.problems.add(subject, "contained_name needs a container, area or parent"),
                    Some(within) => self.contain(subject, index, within, contained_name),
                }
            }
            if let Some(object) = self.galaxy.objects.get_mut(index) {
                object.area = area;
                object.container = container;
                object.contained_name = link.contained_name.map(str::to_owned);
            }
        }
        for index in 0..self.galaxy.objects.len() {
            self.refuse_cycle(index, "area or parent", |object| object.area);
            self.refuse_cycle(index, "container", |object| object.container);
        }
    }

    fn find(&self, subject: &str, key: &str, name: Option<&str>, is_area: bool) -> Option<usize> {
        let name = name?;
        let found = self.galaxy.by_name.get(&name.to_ascii_lowercase()).copied();
        let found = found
            .filter(|index| self.galaxy.objects.get(*index).is_some_and(|object| object.is_area == is_area));
        if found.is_none() {
            let what = if is_area { "area" } else { "object" };
            self.problems.add(subject, format_args!("{key} names {name}, but there is no such {what}"));
        }
        found
    }

    fn contain(&mut self, subject: &str, index: usize, within: usize, contained_name: &str) {
        if !is_name(contained_name) {
            self.problems.add(subject, "contained_name must be 1 to 329 letters, digits, _, $ or #");
        }
        if let Some(within) = self.galaxy.objects.get_mut(within)
            && within.contained.insert(contained_name.to_ascii_lowercase(), index).is_some()
        {
            let text = format!("{} contains another {contained_name} already", within.name);
            self.problems.add(subject, text);
        }
    }

    fn refuse_cycle(&self, index: usize, what: &str, up: impl Fn(&Object) -> Option<usize>) {
        let mut at = self.galaxy.objects.get(index).and_then(&up);
        for _ in 0..self.galaxy.objects.len() {
            match at {
                None => return,
                Some(above) if above == index => break,
                Some(above) => at = self.galaxy.objects.get(above).and_then(&up),
            }
        }
        // Objects below a cycle run round it without being part of it; only its members are reported.
        if at == Some(index)
            && let Some(object) = self.galaxy.objects.get(index)
        {
            self.problems.add(&object.name, format_args!("is its own {what}"));
        }
    }

    fn attribute(&mut self, subject: &str, name: &str, table: &'a Table) -> Option<Attribute> {
        let keys = Keys::new(subject, table, self.problems);
        if name.len() > MAX_NAME_LENGTH || name.split('.').any(|segment| !is_name(segment)) {
            keys.problem("the name must be letters, digits, _, $ or #, in parts joined by dots");
        }
        keys.text("description");
        let types = DataType::ALL.map(|data_type| (data_type.name(), data_type));
        let data_type = keys.required_choice("type", &types);
        let securities = Security::ALL.map(|security| (security.name(), security));
        let security = keys.choice("security", &securities);
        let length =
            keys.whole("array", 1..=MAX_ARRAY_LENGTH).and_then(|length| usize::try_from(length).ok());
        let value = keys.value("value");
        let source_table = keys.table("source");
        if source_table.is_some() {
            for (key, present) in [("array", length.is_some()), ("value", value.is_some())] {
                if present {
                    keys.problem(format_args!("{key} and source exclude each other"));
                }
            }
            if security.is_some_and(|security| security != Security::ViewOnly) {
                keys.problem("security is for attributes without a source");
            }
        }
        keys.finish();
        let data_type = data_type?;
        let source = match source_table {
            None => Source::Stored,
            Some(table) => self.source(&format!("{subject} source"), subject, table, data_type)?,
        };
        let security = security.unwrap_or(match source {
            Source::Stored | Source::Storm => Security::Operate,
            Source::Generated(_) | Source::Replayed(_) | Source::Host(_) | Source::ScanState => {
                Security::ViewOnly
            }
        });
        let initial = match initial(value, data_type, length) {
            Ok(initial) => initial,
            Err(problem) => {
                self.problems.add(subject, problem);
                return None;
            }
        };
        Some(Attribute { name: name.to_owned(), data_type, security, source, initial })
    }
}

fn scan_period(keys: &Keys<'_>) -> Option<Duration> {
    keys.whole("scan_ms", 1..=MAX_SCAN_MS)
        .and_then(|scan| u64::try_from(scan).ok())
        .map(Duration::from_millis)
}

fn initial(value: Option<&Value>, data_type: DataType, length: Option<usize>) -> Result<Data, String> {
    let not_this_type = || format!("value is no {}", data_type.name());
    match (value, length) {
        (None, None) => Ok(Data::Scalar(data_type.default_scalar())),
        (None, Some(length)) => Ok(Data::Array(vec![data_type.default_scalar(); length].into())),
        (Some(value), None) => scalar(value, data_type).map(Data::Scalar).ok_or_else(not_this_type),
        (Some(value), Some(length)) => {
            let values = value.as_array().ok_or("value must be a list, as the attribute is an array")?;
            if values.len() != length {
                return Err(format!("value has {} elements, but array says {length}", values.len()));
            }
            let elements: Option<Vec<_>> = values.iter().map(|value| scalar(value, data_type)).collect();
            elements.map(|elements| Data::Array(elements.into())).ok_or_else(not_this_type)
        }
    }
}

fn scalar(value: &Value, data_type: DataType) -> Option<Scalar> {
    match data_type {
        DataType::Boolean => value.as_bool().map(Scalar::Boolean),
        DataType::Integer | DataType::Enumerated(_) => {
            value.as_integer().and_then(|number| i32::try_from(number).ok()).map(Scalar::Integer)
        }
        DataType::Float | DataType::Double | DataType::ElapsedTime => {
            number(value).filter(|number| number.is_finite()).map(|number| data_type.scalar_near(number))
        }
        DataType::String | DataType::Text(_) => value.as_str().map(|text| Scalar::String(text.into())),
        DataType::Time => {
            let text =
                value.as_str().map(str::to_owned).or_else(|| value.as_datetime().map(ToString::to_string));
            data_type.parse(&text?).ok()
        }
    }
}

fn empty_object(name: &str, scan: Duration) -> Object {
    Object {
        name: name.to_owned(),
        is_area: false,
        area: None,
        container: None,
        contained_name: None,
        contained: HashMap::new(),
        scan,
        host_sensors: false,
        attributes: Vec::new(),
        by_attribute: HashMap::new(),
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_LENGTH).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#'))
}
