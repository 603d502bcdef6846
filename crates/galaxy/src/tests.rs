use super::*;

const PLANT: &str = r#"
[galaxy]
name = "Test"

[[area]]
name = "Plant"

[[object]]
name = "Line_001"
area = "Plant"
[object.attributes]
Speed = { type = "double", value = 1.5 }
"Speed.HiLimit" = { type = "double", value = 9 }

[[object]]
name = "Pump_001"
container = "Line_001"
area = "Plant"
contained_name = "Pump"
[object.attributes]
Running = { type = "boolean" }
Samples = { type = "integer", array = 3, value = [1, 2, 3] }
"#;

fn no_recording(_: &str) -> Result<String, String> {
    Err("no such file".to_owned())
}

fn plant() -> Galaxy {
    Galaxy::parse(PLANT, &no_recording).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    match Galaxy::parse(text, &no_recording) {
        Err(GalaxyError::Invalid(problems)) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

#[test]
fn references_resolve_as_in_mxaccess() {
    let galaxy = plant();
    let name = |definition: &str, context: &str| {
        galaxy.resolve(definition, context).map(|target| {
            let object = galaxy.object(target.attribute).unwrap();
            let attribute = galaxy.attribute(target.attribute).unwrap();
            (format!("{}.{}", object.name, attribute.name), target.part)
        })
    };
    let whole = |text: &str| Ok((text.to_owned(), Part::Whole));
    let cases = [
        ("Line_001.Speed", "", whole("Line_001.Speed")),
        ("line_001.SPEED.hilimit", "", whole("Line_001.Speed.HiLimit")),
        ("Pump_001.Samples[]", "", whole("Pump_001.Samples")),
        ("Pump_001.Samples[1]", "", Ok(("Pump_001.Samples".to_owned(), Part::Element(0)))),
        ("Pump_001.Samples[3]", "", Ok(("Pump_001.Samples".to_owned(), Part::Element(2)))),
        ("Pump_001.Samples", "", Err(ReferenceError::ArrayWithoutBrackets)),
        ("Pump_001.Samples[0]", "", Err(ReferenceError::NoSuchElement)),
        ("Pump_001.Samples[4]", "", Err(ReferenceError::NoSuchElement)),
        ("Pump_001.Samples[99999999999999999999999]", "", Err(ReferenceError::NoSuchElement)),
        ("Pump_001.Samples[x]", "", Err(ReferenceError::Malformed)),
        ("Pump_001.Samples[1", "", Err(ReferenceError::Malformed)),
        ("Pump_001.Running[]", "", Err(ReferenceError::NotAnArray)),
        ("Pump_001.Nothing", "", Err(ReferenceError::NoSuchAttribute)),
        ("Plant.Nothing", "", Err(ReferenceError::NoSuchAttribute)),
        ("Nowhere.Speed", "", Err(ReferenceError::NoSuchObject)),
        ("Speed", "", Err(ReferenceError::Malformed)),
        ("", "", Err(ReferenceError::Malformed)),
        ("Line_001..Speed", "", Err(ReferenceError::Malformed)),
        ("me.Speed", "Line_001", whole("Line_001.Speed")),
        ("Speed", "Line_001", whole("Line_001.Speed")),
        ("me.Pump.Running", "Line_001", whole("Pump_001.Running")),
        ("MyContainer.Speed", "Pump_001", whole("Line_001.Speed")),
        ("MyContainer.Pump.Samples[2]", "Pump_001", Ok(("Pump_001.Samples".to_owned(), Part::Element(1)))),
        ("MyContainer.Speed", "Line_001", Err(ReferenceError::NoSuchObject)),
        ("Pump_001.Running", "Line_001", whole("Pump_001.Running")),
        ("me.Speed", "Nowhere", Err(ReferenceError::NoSuchObject)),
    ];
    for (definition, context, expected) in cases {
        assert_eq!(name(definition, context), expected, "{definition:?} from {context:?}");
    }
}

#[test]
fn a_tag_is_described_the_same_however_it_is_spelled() {
    let galaxy = Galaxy::parse(
        &format!("{PLANT}\n[[object]]\nname = \"Host\"\narea = \"Plant\"\nsensors = \"host\"\n"),
        &no_recording,
    )
    .unwrap();
    let samples = TagDescription {
        reference: "Pump_001.Samples".to_owned(),
        contained_path: "Plant.Line_001.Pump".to_owned(),
        security: Some(Security::Operate),
    };
    for (definition, context) in [
        ("Pump_001.Samples[]", ""),
        (" pump_001.SAMPLES[2] ", ""),
        ("Pump_001.Samples", ""),
        ("Pump_001.Samples[99]", ""),
        ("Line_001.Pump.Samples[]", ""),
        ("me.Samples[]", "Pump_001"),
        ("me.Pump.Samples[]", "Line_001"),
        ("MyContainer.Pump.Samples[1]", "Pump_001"),
        ("Samples[]", "Pump_001"),
    ] {
        assert_eq!(galaxy.describe(definition, context).as_ref(), Ok(&samples), "{definition:?} {context:?}");
    }
    let line = galaxy.describe("line_001.speed.hilimit", "").unwrap();
    assert_eq!((&*line.reference, &*line.contained_path), ("Line_001.Speed.HiLimit", "Plant.Line_001"));
    for (definition, context) in [("host.Cpu.Load", ""), ("me.Cpu.Load", "Host"), ("Cpu.Load", "Host")] {
        let sensor = galaxy.describe(definition, context).unwrap();
        assert_eq!((&*sensor.reference, &*sensor.contained_path), ("Host.Cpu.Load", "Plant.Host"));
        assert_eq!(sensor.security, None);
    }
    assert_eq!(galaxy.describe("Pump_001.Cpu.Load", ""), Err(ReferenceError::NoSuchAttribute));
    assert_eq!(galaxy.describe("Speed", ""), Err(ReferenceError::Malformed));
    assert_eq!(galaxy.describe("me.Speed", "Nowhere"), Err(ReferenceError::NoSuchObject));
}

#[test]
fn all_problems_are_listed_at_once_with_their_place() {
    let found = problems(
        r#"
        surprise = 1
        [galaxy]
        scan_ms = 0
        [[area]]
        name = "Plant"
        parent = "Plant"
        [[object]]
        area = "Nowhere"
        [[object]]
        name = "Bad.Name"
        [[object]]
        name = "plant"
        colour = "red"
        [object.attributes]
        A = { type = "number" }
        B = { type = "integer", value = "five" }
        C = { type = "integer", array = 2, value = [1] }
        D = { type = "string", source = { kind = "sine" } }
        E = { type = "double", source = { kind = "ramp", low = 2, high = 1, speed = 3 }, security = "operate" }
        F = { type = "integer", source = { kind = "replay", file = "none.csv" } }
        G = 5
        "H[1]" = { type = "integer" }
        "#,
    );
    for expected in [
        "galaxy file: unknown key surprise",
        "galaxy: name is missing",
        "galaxy: scan_ms must be a whole number from 1 to 60000",
        "Plant: is its own area or parent",
        "object number 1: name is missing",
        "object number 1: area names Nowhere, but there is no such area",
        "object Bad.Name: the name must be",
        "object plant: there is an area or object of this name already",
        "object plant: unknown key colour",
        "plant.A: type is \"number\" but must be one of boolean, integer",
        "plant.B: value is no integer",
        "plant.C: value has 1 elements, but array says 2",
        "plant.D source: a sine cannot feed an attribute of type string",
        "plant.E source: low (2) must be less than high (1)",
        "plant.E source: unknown key speed",
        "plant.E: security is for attributes without a source",
        "recording none.csv: no such file",
        "plant.G: must be a table",
        "plant.H[1]: the name must be",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected} is not in {found:#?}");
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_place() {
    let error = Galaxy::parse("[galaxy\n", &no_recording).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn cycles_of_containers_are_found() {
    let found = problems(
        "[galaxy]\nname='x'\n[[object]]\nname='A'\ncontainer='B'\n[[object]]\nname='B'\ncontainer='A'\n\
         [[object]]\nname='C'\ncontainer='A'\n",
    );
    assert_eq!(found, ["A: is its own container", "B: is its own container"]);
}

#[test]
fn the_galaxy_that_comes_with_the_program_is_valid() {
    let galaxy = Galaxy::built_in().unwrap_or_else(|error| panic!("{error}"));
    assert!(galaxy.wants_host_sensors());
    for reference in ["Tank_001.Level", "Pump_001.Running", "TestMachine_001.Samples[]", "Fast_001.Count"] {
        galaxy.resolve(reference, "").unwrap_or_else(|error| panic!("{reference}: {error}"));
    }
    assert!(galaxy.summary().contains("sensors of this machine: Host"), "{}", galaxy.summary());
}

#[test]
fn a_missing_file_is_named() {
    let error = Galaxy::load(Path::new("does/not/exist.toml")).unwrap_err();
    assert!(error.to_string().contains("does/not/exist.toml"), "{error}");
}

#[test]
fn users_and_faults_are_read_and_passwords_do_not_show() {
    let galaxy = Galaxy::parse(
        "[galaxy]\nname='x'\n[security]\nmode='galaxy'\n\
         [[user]]\nname='Ada'\npassword='secret'\nguid='{11111111-2222-3333-4444-555555555555}'\n\
         [faults]\nrefuse_register=2\ncrash_on='Write'\nhang_ms=5\noff_scan=true\n\
         slow_command=[{kind='Ping',delay_ms=7}]\n",
        &no_recording,
    )
    .unwrap();
    assert!(galaxy.users().is_secured);
    assert_eq!(galaxy.users().authenticate("ADA", "secret").unwrap().name, "Ada");
    assert_eq!(galaxy.users().authenticate("Ada", "Secret"), None);
    assert_eq!(galaxy.users().by_guid("11111111222233334444555555555555").unwrap().name, "Ada");
    let debug = format!("{galaxy:?}");
    assert!(debug.contains("Ada") && !debug.contains("secret"), "{debug}");
    let milliseconds = Duration::from_millis;
    let expected = faults::Faults {
        refuse_register: 2,
        slow_commands: vec![("Ping".to_owned(), milliseconds(7))],
        crash_on: Some("Write".to_owned()),
        hang: Some(milliseconds(5)),
        off_scan: true,
    };
    assert_eq!(galaxy.faults(), &expected);

    let found = problems(
        "[galaxy]\nname='x'\n[security]\nmode='open'\n[[user]]\nname='A'\n[[user]]\nname='a'\n\
         password='x'\nguid='12'\n[faults]\nslow_command=[{kind='Ping'}]\noff_scan='yes'\nfire=1\n",
    );
    for expected in [
        "security: mode is \"open\" but must be one of off, galaxy",
        "user number 1: password is missing",
        "user number 2: there is a user of this name already",
        "user number 2: guid must be a GUID",
        "faults slow_command: delay_ms is needed",
        "faults: off_scan must be true or false",
        "faults: unknown key fire",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected} is not in {found:#?}");
    }
}
