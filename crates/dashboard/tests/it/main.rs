//! The dashboard over HTTP and WebSocket, with a gateway that tells what a test wants.

mod access;
mod api;
mod assets;
mod browser;
mod changes;
mod door;
mod hub;
mod hubs;
mod markup;
mod pages;
mod sample;
mod scripted;
mod secrecy;
mod world;
