//! Values of every type by chance, the edges of each among them.

use mxgateway_contracts::v1::{MxArray, MxDataType, MxDimension, MxValue, mx_value::Kind};
use mxgateway_contracts::value::variant_type::{VT_ARRAY, VT_BOOL, VT_BSTR, VT_DATE, VT_I4, VT_R4, VT_R8};
use mxgateway_e2e::Random;
use prost_types::Timestamp;

/// One in this many values is an edge.
const EDGES: u64 = 4;
/// One in this many texts is long.
const LONG: u64 = 30;

/// VARTYPE of elements that are VARIANTs themselves.
pub(super) const VT_VARIANT: u32 = 12;

/// A type that attributes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// In a galaxy file.
    pub(super) name: &'static str,
    pub(super) data_type: MxDataType,
    pub(super) variant_type: u32,
}

/// Every type.
pub(super) const TYPES: [Type; 15] = [
    Type { name: "boolean", data_type: MxDataType::Boolean, variant_type: VT_BOOL },
    Type { name: "integer", data_type: MxDataType::Integer, variant_type: VT_I4 },
    Type { name: "float", data_type: MxDataType::Float, variant_type: VT_R4 },
    Type { name: "double", data_type: MxDataType::Double, variant_type: VT_R8 },
    Type { name: "string", data_type: MxDataType::String, variant_type: VT_BSTR },
    Type { name: "time", data_type: MxDataType::Time, variant_type: VT_DATE },
    Type { name: "elapsed_time", data_type: MxDataType::ElapsedTime, variant_type: VT_R8 },
    Type { name: "status", data_type: MxDataType::StatusType, variant_type: VT_I4 },
    Type { name: "data_type", data_type: MxDataType::DataTypeEnum, variant_type: VT_I4 },
    Type {
        name: "security_classification",
        data_type: MxDataType::SecurityClassificationEnum,
        variant_type: VT_I4,
    },
    Type { name: "data_quality", data_type: MxDataType::DataQualityType, variant_type: VT_I4 },
    Type { name: "qualified_enum", data_type: MxDataType::QualifiedEnum, variant_type: VT_I4 },
    Type { name: "reference", data_type: MxDataType::ReferenceType, variant_type: VT_BSTR },
    Type {
        name: "internationalized_string",
        data_type: MxDataType::InternationalizedString,
        variant_type: VT_BSTR,
    },
    Type { name: "big_string", data_type: MxDataType::BigString, variant_type: VT_BSTR },
];

impl Type {
    /// The type of this name.
    pub(super) fn named(name: &str) -> Self {
        TYPES.into_iter().find(|of| of.name == name).expect("a type of this name")
    }

    /// A value of this type as an attribute gives it.
    pub(super) fn value(self, kind: Kind) -> MxValue {
        MxValue {
            data_type: self.data_type.into(),
            variant_type: self.variant_type,
            kind: Some(kind),
            raw_variant: Vec::new(),
        }
    }

    /// An array of this type as an attribute gives it.
    pub(super) fn array(self, elements: impl IntoIterator<Item = Kind>) -> MxValue {
        let mut array = MxArray {
            element_variant_type: self.variant_type,
            element_data_type: self.data_type.into(),
            ..MxArray::default()
        };
        let mut length = 0;
        for element in elements {
            length += 1;
            match element {
                Kind::BoolValue(value) => array.bool_values.push(value),
                Kind::Int32Value(value) => array.int32_values.push(value),
                Kind::FloatValue(value) => array.float_values.push(value),
                Kind::DoubleValue(value) => array.double_values.push(value),
                Kind::StringValue(value) => array.string_values.push(value),
                Kind::TimeValue(value) => array.time_values.push(value),
                other @ (Kind::Int64Value(_)
                | Kind::Uint64Value(_)
                | Kind::ArrayValue(_)
                | Kind::RawValue(_)
                | Kind::SparseArrayValue(_)) => panic!("no attribute holds {other:?}"),
            }
        }
        array.dimensions = vec![MxDimension { lower_bound: 0, length }];
        MxValue { variant_type: self.variant_type | VT_ARRAY, ..self.value(Kind::ArrayValue(array)) }
    }

    /// What an attribute holds that was never written.
    pub(super) fn default(self) -> Kind {
        match self.variant_type {
            VT_BOOL => Kind::BoolValue(false),
            VT_I4 => Kind::Int32Value(0),
            VT_R4 => Kind::FloatValue(0.0),
            VT_R8 => Kind::DoubleValue(0.0),
            VT_BSTR => Kind::StringValue(String::new()),
            VT_DATE => Kind::TimeValue(Timestamp::default()),
            other => panic!("no attribute has a VARIANT of type {other}"),
        }
    }

    /// Any value.
    pub(super) fn any(self, random: &mut Random) -> Kind {
        match self.variant_type {
            VT_BOOL => Kind::BoolValue(random.below(2) == 0),
            VT_I4 => Kind::Int32Value(integer(random)),
            VT_R4 => Kind::FloatValue(float(random)),
            VT_R8 => Kind::DoubleValue(double(random)),
            VT_BSTR => Kind::StringValue(text(random)),
            VT_DATE => Kind::TimeValue(time(random)),
            other => panic!("no attribute has a VARIANT of type {other}"),
        }
    }
}

/// The values of an array, one by one.
pub(super) fn elements(array: &MxArray) -> Vec<Kind> {
    let MxArray {
        bool_values, int32_values, float_values, double_values, string_values, time_values, ..
    } = array;
    let mut kinds: Vec<_> = bool_values.iter().copied().map(Kind::BoolValue).collect();
    kinds.extend(int32_values.iter().copied().map(Kind::Int32Value));
    kinds.extend(float_values.iter().copied().map(Kind::FloatValue));
    kinds.extend(double_values.iter().copied().map(Kind::DoubleValue));
    kinds.extend(string_values.iter().cloned().map(Kind::StringValue));
    kinds.extend(time_values.iter().copied().map(Kind::TimeValue));
    kinds
}

/// One of them.
pub(super) fn one_of<T: Clone>(random: &mut Random, choices: &[T]) -> T {
    let index = random.below(choices.len() as u64);
    choices[usize::try_from(index).expect("an index")].clone()
}

fn integer(random: &mut Random) -> i32 {
    if random.below(EDGES) == 0 {
        return one_of(random, &[i32::MIN, i32::MIN + 1, -1, 0, 1, 1 << 24, (1 << 24) + 1, i32::MAX]);
    }
    i32::from_le_bytes(low_half(random.number()))
}

/// By its bits, so that every NaN is among them.
fn float(random: &mut Random) -> f32 {
    let edges = [
        f32::NAN,
        -f32::NAN,
        f32::from_bits(0x7FC0_1234),
        // One that signals; arithmetic would quieten it.
        f32::from_bits(0x7F80_0001),
        f32::INFINITY,
        f32::NEG_INFINITY,
        0.0,
        -0.0,
        f32::from_bits(1),
        f32::MIN_POSITIVE,
        f32::MIN,
        f32::MAX,
    ];
    match random.below(EDGES) {
        0 => one_of(random, &edges),
        _ => f32::from_le_bytes(low_half(random.number())),
    }
}

fn double(random: &mut Random) -> f64 {
    let edges = [
        f64::NAN,
        -f64::NAN,
        f64::from_bits(0x7FF8_0000_0000_BEEF),
        f64::from_bits(0x7FF0_0000_0000_0001),
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        0.1,
        f64::from_bits(1),
        f64::MIN_POSITIVE,
        f64::MIN,
        f64::MAX,
    ];
    match random.below(EDGES) {
        0 => one_of(random, &edges),
        _ => f64::from_bits(random.number()),
    }
}

fn text(random: &mut Random) -> String {
    let edges = [
        "",
        "\0",
        "before\0after\0",
        "  kept  ",
        "\r\n\t",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "Grüße",
        "液位 42 ℃",
        "e\u{301} and \u{e9}",
        "👩‍👩‍👧‍👦",
        "\u{202e}right to left\u{202c}",
        "true",
        "-0.0",
    ];
    if random.below(EDGES) == 0 {
        return one_of(random, &edges).to_owned();
    }
    let length = if random.below(LONG) == 0 { 20_000 } else { random.below(40) };
    (0..length).map(|_| letter(random)).collect()
}

/// Of one to four bytes in UTF-8.
fn letter(random: &mut Random) -> char {
    let limit = one_of(random, &[0x80, 0x800, 0x1_0000, 0x11_0000]);
    let number = u32::try_from(random.below(limit)).expect("a number below 2^21");
    char::from_u32(number).unwrap_or('\u{fffd}')
}

/// First second of the year 1 and last one of the year 9999, as the contract has times.
pub(super) const FIRST_SECOND: i64 = -62_135_596_800;
pub(super) const LAST_SECOND: i64 = 253_402_300_799;
/// The last day and some of the year 9999 cannot be said as text, for the reader's zone may be behind UTC.
pub(super) const LAST_SECOND_AS_TEXT: i64 = 253_402_207_200;

/// Any time of the contract.
pub(super) fn time(random: &mut Random) -> Timestamp {
    let edges = [
        (FIRST_SECOND, 0),
        // The first that an OLE date has, 0100-01-01.
        (-59_011_459_200, 0),
        (-11_644_473_600, 0),
        // Just before a FILETIME begins, in 1601, and an OLE date counts from, in 1899.
        (-11_644_473_601, 999_999_900),
        (-2_209_161_601, 999_999_999),
        (-1, 999_999_999),
        (0, 0),
        (0, 1),
        (1 << 31, 0),
        (LAST_SECOND, 999_999_999),
    ];
    let (seconds, nanos) = if random.below(EDGES) == 0 {
        one_of(random, &edges)
    } else {
        let span = (LAST_SECOND - FIRST_SECOND).unsigned_abs();
        let seconds = FIRST_SECOND.saturating_add_unsigned(random.below(span));
        (seconds, i32::try_from(random.below(1_000_000_000)).expect("less than a second"))
    };
    Timestamp { seconds, nanos }
}

fn low_half(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}
