//! What people look at. Each page is whole without scripts; with them, it keeps itself up to date.

mod after;
pub(crate) mod audit;
mod confirm;
pub(crate) mod end;
pub(crate) mod entrance;
mod format;
mod icons;
pub(crate) mod keys;
mod layout;
pub(crate) mod overview;
mod parts;
mod sample;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod stream;
pub(crate) mod trouble;
pub(crate) mod workers;
