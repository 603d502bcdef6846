use super::*;

fn patterns<const N: usize>(texts: [&str; N]) -> Patterns {
    texts.map(|text| text.parse().unwrap()).to_vec().try_into().unwrap()
}

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

/// A tag of which everything is known.
fn level() -> Tag<'static> {
    Tag {
        reference: "Tank_001.Level",
        contained_path: Some("Plant.Line_001.Tank"),
        classification: Some(Classification::Operate),
    }
}

#[test]
fn patterns_match_whole_names_in_any_case() {
    let yes = [
        ("Tank_001.Level", "tank_001.LEVEL"),
        ("tank_*.level", "Tank_001.Level"),
        ("Tank_00?.*", "Tank_001.Level"),
        ("*", "a.b.c"),
        ("**.level", "Tank_001.Level"),
        ("*a*b*", "xxaxxbxx"),
        ("?", "ä"),
    ];
    for (text, name) in yes {
        assert!(pattern(text).matches(name), "{text} {name}");
    }
    let no = [
        ("Tank_001", "Tank_001.Level"),
        ("ank_*", "Tank_001.Level"),
        ("Tank_00?", "Tank_00"),
        ("Tank_00?", "Tank_0011"),
        ("Tank.Level", "TankxLevel"),
        ("K", "\u{212A}"),
        ("Ä", "ä"),
        ("?", ""),
    ];
    for (text, name) in no {
        assert!(!pattern(text).matches(name), "{text} {name}");
    }
}

#[test]
fn a_subtree_is_the_object_and_everything_below_it() {
    let yes = [
        ("Plant", "plant"),
        ("Plant", "Plant.Line_001.Tank"),
        ("Plant.Line_*", "Plant.Line_001"),
        ("Plant.Line_*", "Plant.Line_001.Tank"),
        ("Plant.Line_00?", "Plant.Line_001.Tank.Valve"),
        ("*.Tank", "Plant.Line_001.Tank.Valve"),
        ("*", "Plant"),
    ];
    for (text, path) in yes {
        assert!(pattern(text).covers(path), "{text} {path}");
    }
    let no = [
        ("Plant", "Plant2"),
        ("Plant", "Plant2.Line_001"),
        ("Plant.Line_001", "Plant"),
        ("Plant.Line_001", "Plant.Line_0011.Tank"),
        ("Line_001", "Plant.Line_001"),
        ("Plant.*", "Plant"),
        ("Plant.Line_00?", "Plant.Line_00.1x"),
    ];
    for (text, path) in no {
        assert!(!pattern(text).covers(path), "{text} {path}");
    }
}

#[test]
fn bad_patterns_are_refused() {
    let long = "ä".repeat(257);
    let bad = [
        ("", PatternError::Empty),
        (long.as_str(), PatternError::TooLong { length: 257 }),
        (" a", PatternError::Unprintable),
        ("a\t", PatternError::Unprintable),
        ("a\0b", PatternError::Unprintable),
    ];
    for (text, error) in bad {
        assert_eq!(text.parse::<Pattern>(), Err(error), "{text:?}");
    }
    assert!("ä".repeat(256).parse::<Pattern>().is_ok());
    assert!(Patterns::try_from(vec![pattern("a"); 256]).is_ok());
    assert_eq!(Patterns::try_from(vec![pattern("a"); 257]), Err(TooManyPatterns { count: 257 }));
}

/// Plainly, after the definition.
fn matches_plainly(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => {
            matches_plainly(rest, name)
                || name.split_first().is_some_and(|(_, name)| matches_plainly(pattern, name))
        }
        (Some((wanted, pattern)), Some((found, name))) => {
            (*wanted == '?' || wanted.eq_ignore_ascii_case(found)) && matches_plainly(pattern, name)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[test]
fn random_patterns_match_as_defined() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut text = |alphabet: &[char], shortest: usize| -> Vec<char> {
        (0..random.usize(shortest..8)).map(|_| random.choice(alphabet.iter().copied()).unwrap()).collect()
    };
    let mut covered = 0;
    for _ in 0..50_000 {
        let wanted = text(&['a', 'B', '.', '*', '?'], 1);
        let name = text(&['A', 'b', '.'], 0);
        let (pattern, path): (Pattern, String) =
            (pattern(&wanted.iter().collect::<String>()), name.iter().collect());
        assert_eq!(pattern.matches(&path), matches_plainly(&wanted, &name), "{pattern} {path} {seed}");
        let below: Vec<char> = wanted.iter().copied().chain(['.', '*']).collect();
        let expected = matches_plainly(&wanted, &name) || matches_plainly(&below, &name);
        assert_eq!(pattern.covers(&path), expected, "subtree {pattern} {path}, seed {seed}");
        // Whatever is covered can be walked down to, from every ancestor and the root. Names are not empty.
        if expected && path.split('.').all(|name| !name.is_empty()) {
            covered += 1;
            for ancestor in path.match_indices('.').map(|(dot, _)| &path[..dot]).chain([""]) {
                let leads = pattern.covers(ancestor) || pattern.may_cover_below(ancestor);
                assert!(leads, "{pattern} {path} from {ancestor:?}, seed {seed}");
            }
        }
    }
    assert!(covered > 1000, "{covered}, seed {seed}");
}

#[test]
fn without_constraints_everything_passes() {
    let constraints = Constraints::default();
    let unknown = Tag { reference: "x", contained_path: None, classification: None };
    for tag in [level(), unknown] {
        assert_eq!(constraints.read(&tag), Ok(()));
        assert_eq!(constraints.write(&tag), Ok(()));
    }
    assert_eq!(constraints.browse("Plant"), Ok(()));
    assert!(constraints.browse_leads_to(""));
    assert!(!constraints.is_constrained());
}

#[test]
fn one_match_in_either_read_list_is_enough() {
    let subtree = |text| Constraints { read_subtrees: patterns([text]), ..Constraints::default() };
    let glob = |text| Constraints { read_tag_globs: patterns([text]), ..Constraints::default() };
    let both = |tree, tag| Constraints {
        read_subtrees: patterns([tree]),
        read_tag_globs: patterns([tag]),
        ..Constraints::default()
    };
    assert_eq!(subtree("Plant").read(&level()), Ok(()));
    assert_eq!(subtree("Other").read(&level()), Err(ConstraintHit::ReadSubtrees));
    assert_eq!(glob("Tank_*").read(&level()), Ok(()));
    assert_eq!(glob("Mill_*").read(&level()), Err(ConstraintHit::ReadTagGlobs));
    assert_eq!(both("Plant", "Mill_*").read(&level()), Ok(()));
    assert_eq!(both("Other", "Tank_*").read(&level()), Ok(()));
    assert_eq!(both("Other", "Mill_*").read(&level()), Err(ConstraintHit::ReadLists));
    // Neither list is meant for the other's text.
    assert_eq!(subtree("Tank_001.Level").read(&level()), Err(ConstraintHit::ReadSubtrees));
    assert_eq!(glob("Plant.Line_001.Tank").read(&level()), Err(ConstraintHit::ReadTagGlobs));
    let nowhere = Tag { contained_path: None, ..level() };
    assert_eq!(subtree("*").read(&nowhere), Err(ConstraintHit::ReadSubtrees));
    for constraints in [subtree("Other"), glob("Mill_*"), both("Other", "Mill_*")] {
        assert!(constraints.is_read_constrained());
        assert!(!constraints.is_write_constrained());
        assert_eq!(constraints.write(&level()), Ok(()), "reading constrains no writing");
    }
}

#[test]
fn writing_needs_a_match_and_a_low_classification() {
    let lists = Constraints {
        write_subtrees: patterns(["Other", "plant.*.tank"]),
        write_tag_globs: patterns(["*.Setpoint"]),
        max_write_classification: Some(Classification::Operate),
        ..Constraints::default()
    };
    assert_eq!(lists.write(&level()), Ok(()));
    assert_eq!(lists.read(&level()), Ok(()), "writing constrains no reading");
    assert!(lists.is_write_constrained());
    assert!(!lists.is_read_constrained());
    let elsewhere = Tag { contained_path: Some("Plant"), ..level() };
    assert_eq!(lists.write(&elsewhere), Err(ConstraintHit::WriteLists));
    assert_eq!(lists.write(&Tag { reference: "Mill_001.Setpoint", ..elsewhere }), Ok(()));
    let subtrees = Constraints { write_tag_globs: Patterns::default(), ..lists.clone() };
    assert_eq!(subtrees.write(&elsewhere), Err(ConstraintHit::WriteSubtrees));
    let globs = Constraints { write_subtrees: Patterns::default(), ..lists.clone() };
    assert_eq!(globs.write(&elsewhere), Err(ConstraintHit::WriteTagGlobs));
    for classification in Classification::ALL {
        let tag = Tag { classification: Some(classification), ..level() };
        assert_eq!(lists.write(&tag).is_ok(), classification <= Classification::Operate, "{classification}");
    }
    let maximum = Classification::Operate;
    let error = lists.write(&Tag { classification: Some(Classification::Tune), ..level() }).unwrap_err();
    assert_eq!(
        error,
        ConstraintHit::MaxWriteClassification { classification: Some(Classification::Tune), maximum }
    );
    assert_eq!(
        error.to_string(),
        "the tag's security classification 4 (tune) is above the key's max_write_classification 1 (operate)"
    );
    let error = lists.write(&Tag { classification: None, ..level() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tag's security classification is not known and may be above the key's \
         max_write_classification 1 (operate)"
    );
    let only =
        Constraints { max_write_classification: Some(Classification::FreeAccess), ..Default::default() };
    assert!(only.is_write_constrained());
    assert!(only.write(&level()).is_err());
}

#[test]
fn a_tree_can_be_walked_down_to_what_may_be_browsed() {
    let of = |text| Constraints { browse_subtrees: patterns([text]), ..Constraints::default() };
    let line = of("Plant.Line_001");
    assert!(line.is_browse_constrained());
    assert_eq!(line.browse("plant.line_001.Tank"), Ok(()));
    assert_eq!(line.browse("Plant"), Err(ConstraintHit::BrowseSubtrees));
    assert_eq!(line.browse(""), Err(ConstraintHit::BrowseSubtrees));
    let leads = ["", "Plant", "PLANT", "Plant.Line_001", "Plant.Line_001.Tank"];
    let misses =
        ["Plan", "Plant2", "Plant.Line", "Plant.Line_002", "Plant.Line_0011", "Line_001", "P.Line_001"];
    for path in leads {
        assert!(line.browse_leads_to(path), "{path}");
    }
    for path in misses {
        assert!(!line.browse_leads_to(path), "{path}");
    }
    let wild = of("Plant.L*.Tank");
    assert!(wild.browse_leads_to("Plant.Line_002.Mixer"), "a star goes across dots");
    assert!(!wild.browse_leads_to("Plant.Mill"));
    assert!(of("?lant.x").browse_leads_to("Plant"));
    assert!(!of("Plant.").browse_leads_to("Plant"), "nothing below has an empty name");
}

#[test]
fn json_leaves_out_what_is_not_set() {
    assert_eq!(serde_json::to_string(&Constraints::default()).unwrap(), "{}");
    let constraints = Constraints {
        read_subtrees: patterns(["Plant", "Mill.*"]),
        write_tag_globs: patterns(["*.Setpoint"]),
        max_write_classification: Some(Classification::SecuredWrite),
        ..Constraints::default()
    };
    let json = serde_json::to_string(&constraints).unwrap();
    assert_eq!(
        json,
        r#"{"read_subtrees":["Plant","Mill.*"],"write_tag_globs":["*.Setpoint"],"max_write_classification":2}"#
    );
    assert_eq!(serde_json::from_str::<Constraints>(&json).unwrap(), constraints);
}

#[test]
fn json_that_says_something_else_is_refused() {
    let many = format!(r#"{{"read_subtrees":[{}"a"]}}"#, "\"a\",".repeat(256));
    let bad = [
        r#"{"read_subtree":["Plant"]}"#,
        r#"{"read_subtrees":[""]}"#,
        r#"{"read_subtrees":"Plant"}"#,
        r#"{"max_write_classification":7}"#,
        r#"{"max_write_classification":-1}"#,
        "[1]",
        &many,
    ];
    for json in bad {
        assert!(serde_json::from_str::<Constraints>(json).is_err(), "{json}");
    }
}

#[test]
fn classifications_are_read_by_number_and_name() {
    for (number, classification) in (0..).zip(Classification::ALL) {
        assert_eq!(classification.number(), number);
        assert_eq!(Classification::from_number(number), Some(classification));
        assert_eq!(number.to_string().parse(), Ok(classification));
        assert_eq!(classification.name().parse(), Ok(classification));
    }
    assert!(Classification::ALL.is_sorted());
    for number in [-1, 7, i32::MAX, i32::MIN] {
        assert_eq!(Classification::from_number(number), None);
    }
    let error = "operator".parse::<Classification>().unwrap_err().to_string();
    assert!(error.contains("\"operator\"") && error.contains("1 (operate)"), "{error}");
}
