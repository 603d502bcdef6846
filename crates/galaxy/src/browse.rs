//! The objects of a galaxy as a tree, for those who browse it.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::{Galaxy, Object};

/// Every object with its place in the tree. Objects go by their position within the galaxy.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    places: Vec<Place>,
    top: Vec<usize>,
    /// Parents before their children, and what is below one object together.
    order: Vec<usize>,
    /// By contained path in lower case.
    by_path: HashMap<String, usize>,
}

/// Where an object is.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// What contains it: an object, or else its area; `None` at the top.
    pub parent: Option<usize>,
    /// 1 at the top.
    pub level: usize,
    /// The same as [`Galaxy::contained_path`].
    pub path: String,
    /// What it contains: areas first, then by tag name.
    pub children: Vec<usize>,
    /// Where it is in the order.
    at: usize,
    /// How many are below it.
    below: usize,
}

impl Hierarchy {
    /// The tree of a galaxy.
    pub fn of(galaxy: &Galaxy) -> Self {
        let objects = galaxy.objects();
        let mut places = vec![Place::default(); objects.len()];
        let mut top = Vec::new();
        for (object, description) in objects.iter().enumerate() {
            let parent = description.container.or(description.area);
            match parent.and_then(|parent| places.get_mut(parent)) {
                Some(parent) => parent.children.push(object),
                None => top.push(object),
            }
            if let Some(place) = places.get_mut(object) {
                place.parent = parent;
            }
        }
        let in_order = |a: &usize, b: &usize| areas_first(objects.get(*a), objects.get(*b));
        top.sort_by(in_order);
        for place in &mut places {
            place.children.sort_by(in_order);
        }
        let mut hierarchy = Self { places, top, order: Vec::new(), by_path: HashMap::new() };
        hierarchy.walk(objects);
        hierarchy
    }

    /// Gives each object its place in the order, its level and its path.
    fn walk(&mut self, objects: &[Object]) {
        // A stack of its own, because nothing limits how deep a galaxy is.
        let mut waiting: Vec<usize> = self.top.iter().rev().copied().collect();
        while let Some(object) = waiting.pop() {
            let Some(description) = objects.get(object) else { continue };
            let name = description.contained_name().unwrap_or(&description.name);
            let above = self.parent(object).and_then(|parent| self.places.get(parent));
            let (level, path) = match above {
                Some(above) => (above.level + 1, format!("{}.{name}", above.path)),
                None => (1, name.to_owned()),
            };
            self.by_path.entry(path.to_ascii_lowercase()).or_insert(object);
            if let Some(place) = self.places.get_mut(object) {
                (place.level, place.path, place.at) = (level, path, self.order.len());
                waiting.extend(place.children.iter().rev());
            }
            self.order.push(object);
        }
        // Those below an object come after it, so that from the end on each is complete when it is counted.
        for object in self.order.iter().rev() {
            let Some(place) = self.places.get(*object) else { continue };
            let (parent, count) = (place.parent, place.below + 1);
            if let Some(above) = parent.and_then(|parent| self.places.get_mut(parent)) {
                above.below += count;
            }
        }
    }

    /// Where an object is; `None` for one of another galaxy.
    pub fn place(&self, object: usize) -> Option<&Place> {
        self.places.get(object)
    }

    /// What contains an object.
    pub fn parent(&self, object: usize) -> Option<usize> {
        self.places.get(object).and_then(|place| place.parent)
    }

    /// What is in no area and no container: areas first, then by tag name.
    pub fn top(&self) -> &[usize] {
        &self.top
    }

    /// What an object contains: areas first, then by tag name. `None` stands for the galaxy.
    pub fn children(&self, object: Option<usize>) -> &[usize] {
        match object {
            None => &self.top,
            Some(object) => {
                self.places.get(object).map(|place| place.children.as_slice()).unwrap_or_default()
            }
        }
    }

    /// An object and all that is below it, parents before their children; `None` stands for the galaxy.
    pub fn subtree(&self, object: Option<usize>) -> &[usize] {
        let Some(object) = object else { return &self.order };
        self.places
            .get(object)
            .and_then(|place| self.order.get(place.at..=place.at + place.below))
            .unwrap_or_default()
    }

    /// The object at a contained path, in upper or lower case.
    pub fn find(&self, path: &str) -> Option<usize> {
        self.by_path.get(&path.to_ascii_lowercase()).copied()
    }
}

fn areas_first(a: Option<&Object>, b: Option<&Object>) -> Ordering {
    let key =
        |object: Option<&Object>| object.map(|object| (!object.is_area, object.name.to_ascii_lowercase()));
    key(a).cmp(&key(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> (Galaxy, Hierarchy) {
        let galaxy = Galaxy::built_in().unwrap();
        let hierarchy = Hierarchy::of(&galaxy);
        (galaxy, hierarchy)
    }

    fn names<'a>(galaxy: &'a Galaxy, objects: &[usize]) -> Vec<&'a str> {
        objects.iter().map(|object| galaxy.objects()[*object].name.as_str()).collect()
    }

    #[test]
    fn areas_come_first_and_then_names() {
        let (galaxy, tree) = built_in();
        assert_eq!(names(&galaxy, tree.top()), ["Plant", "TestArea"]);
        let plant = galaxy.find_object("plant").unwrap();
        let children = names(&galaxy, tree.children(Some(plant)));
        assert_eq!(children, ["Packaging", "TankFarm", "Host", "Platform_001"]);
    }

    #[test]
    fn each_object_is_in_the_order_once_and_after_its_parent() {
        let (galaxy, tree) = built_in();
        let order = tree.subtree(None);
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..galaxy.objects().len()).collect::<Vec<_>>());
        let position = |object: usize| order.iter().position(|other| *other == object).unwrap();
        for object in order {
            let place = tree.place(*object).unwrap();
            assert_eq!(galaxy.contained_path(*object).as_ref(), Some(&place.path));
            assert_eq!(tree.find(&place.path.to_uppercase()), Some(*object));
            let level = place.path.split('.').count();
            assert_eq!(place.level, level);
            if let Some(parent) = place.parent {
                assert!(position(parent) < position(*object));
                assert!(tree.children(Some(parent)).contains(object));
            }
            // The subtree is what has the path before its own, and nothing else.
            let below = format!("{}.", place.path);
            let expected = order
                .iter()
                .filter(|other| *other == object || tree.place(**other).unwrap().path.starts_with(&below));
            assert_eq!(tree.subtree(Some(*object)), expected.copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let (galaxy, tree) = built_in();
        assert_eq!(
            (tree.find("Plant.Nothing"), tree.find(""), galaxy.find_object("Nobody")),
            (None, None, None)
        );
        assert!(tree.subtree(Some(usize::MAX)).is_empty() && tree.children(Some(usize::MAX)).is_empty());
    }
}
