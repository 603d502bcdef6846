//! The dashboard over HTTP and WebSocket, with a gateway that tells what a test wants.

mod sample;
mod scripted;
