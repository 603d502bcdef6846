//! What a worker's exit code means, for the worker that ends and for the gateway that reads it.

/// Why a worker ended; the number is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// Asked to end, and ended in order.
    Success = 0,
    /// Something that should not happen; the log says what.
    Unexpected = 1,
    /// The arguments or the bootstrap on standard input are not valid.
    InvalidBootstrap = 2,
    /// The gateway speaks no version of the protocol that this worker speaks.
    ProtocolVersion = 3,
    /// One end could not prove itself to the other.
    HandshakeRefused = 4,
    /// The gateway's endpoint could not be reached in time.
    CannotConnect = 5,
    /// The backend could not be made.
    BackendFailed = 6,
    /// The apartment thread did not end when asked to.
    ApartmentHung = 7,
    /// The backend panicked.
    ApartmentGone = 8,
    /// The connection to the gateway ended without a shutdown.
    GatewayLost = 9,
    /// The gateway broke the protocol.
    ProtocolViolation = 10,
    /// It lost its gateway, and none that could prove itself came back within the time it may live without one.
    OrphanExpired = 11,
}

impl ExitReason {
    /// Every reason, by code.
    pub const ALL: [Self; 12] = [
        Self::Success,
        Self::Unexpected,
        Self::InvalidBootstrap,
        Self::ProtocolVersion,
        Self::HandshakeRefused,
        Self::CannotConnect,
        Self::BackendFailed,
        Self::ApartmentHung,
        Self::ApartmentGone,
        Self::GatewayLost,
        Self::ProtocolViolation,
        Self::OrphanExpired,
    ];

    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason behind an exit code; `None` for a code that workers do not use.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| i32::from(reason.code()) == code)
    }

    /// For people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "ended in order",
            Self::Unexpected => "unexpected failure",
            Self::InvalidBootstrap => "invalid arguments or bootstrap",
            Self::ProtocolVersion => "no common protocol version",
            Self::HandshakeRefused => "handshake refused",
            Self::CannotConnect => "cannot connect to the gateway",
            Self::BackendFailed => "backend failed to start",
            Self::ApartmentHung => "apartment thread hung",
            Self::ApartmentGone => "apartment thread gone",
            Self::GatewayLost => "connection to the gateway lost",
            Self::ProtocolViolation => "gateway broke the protocol",
            Self::OrphanExpired => "no gateway came back in time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reasons_belong_together() {
        for (code, reason) in (0..).zip(ExitReason::ALL) {
            assert_eq!(i32::from(reason.code()), code);
            assert_eq!(ExitReason::from_code(code), Some(reason));
        }
        assert_eq!(ExitReason::from_code(12), None);
        assert_eq!(ExitReason::from_code(-1), None);
    }
}
