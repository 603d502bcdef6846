//! What people look at. Each page is whole without scripts; with them, it keeps itself up to date.

pub(crate) mod entrance;
mod icons;
mod layout;
