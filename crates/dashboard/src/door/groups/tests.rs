use super::*;

const ADMIN: &str = "cn=GwAdmin,ou=groups,dc=example";
const READER: &str = "cn=GwReader,ou=groups,dc=example";
const LINE_1: &str = "cn=Line 1,ou=groups,dc=example";
const SMITH: &str = "cn=Smith\\, Line 3,ou=groups,dc=example";

fn settings() -> Settings {
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<BTreeSet<_>>();
    Settings {
        group_to_role: [
            ("gwadmin".to_owned(), Role::Administrator),
            (READER.to_uppercase(), Role::Viewer),
            ("Smith, Line 3".to_owned(), Role::Viewer),
        ]
        .into(),
        group_to_session_tag: [
            ("GwReader".to_owned(), tags(&["common"])),
            ("line 1".to_owned(), tags(&["line-1", "line-1-test"])),
            (SMITH.to_owned(), tags(&["line-3"])),
        ]
        .into(),
        ..Settings::default()
    }
}

fn visitor_in(settings: &Settings, groups: &[&str]) -> Option<Visitor> {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    visitor(settings, &Person { name: "ann".to_owned(), display_name: "Ann".to_owned(), groups })
}

fn sees(groups: &[&str]) -> Option<(Role, Option<Vec<String>>)> {
    visitor_in(&settings(), groups).map(|visitor| {
        let tags = match visitor.sight {
            Sight::All => None,
            Sight::Tags(tags) => Some(tags.into_iter().collect()),
        };
        (visitor.role, tags)
    })
}

fn viewer(tags: &[&str]) -> Option<(Role, Option<Vec<String>>)> {
    Some((Role::Viewer, Some(tags.iter().map(|tag| (*tag).to_owned()).collect())))
}

#[test]
fn a_role_comes_from_groups_and_the_greater_counts() {
    assert_eq!(sees(&[]), None);
    assert_eq!(sees(&[LINE_1]), None, "tags alone let nobody in");
    assert_eq!(sees(&["cn=Others,dc=example", "cn=GwAdmins,ou=groups,dc=example"]), None);
    assert_eq!(sees(&[READER]), viewer(&["common"]));
    assert_eq!(sees(&[READER, LINE_1]), viewer(&["common", "line-1", "line-1-test"]));
    assert_eq!(sees(&[SMITH]), viewer(&["line-3"]));
    for groups in [&[ADMIN][..], &[ADMIN, READER], &[READER, LINE_1, ADMIN]] {
        assert_eq!(sees(groups), Some((Role::Administrator, None)), "{groups:?}");
    }
    // The role is that of the group by this whole name.
    assert_eq!(sees(&["cn=GwReader,ou=others,dc=example"]), None);
}

#[test]
fn viewers_may_be_kept_from_every_session() {
    let none = Settings { viewer_default: ViewerDefault::None, ..settings() };
    let visitor = visitor_in(&none, &[READER, LINE_1]).unwrap();
    assert_eq!(visitor.sight, Sight::Tags(BTreeSet::new()));
    assert!(!visitor.sees("line-1") && !visitor.sees(""));
    assert_eq!(visitor_in(&none, &[ADMIN]).unwrap().sight, Sight::All);
}

#[test]
fn without_settings_nobody_gets_in() {
    assert_eq!(visitor_in(&Settings::default(), &[ADMIN, READER]), None);
    let empty =
        Settings { group_to_role: [(String::new(), Role::Administrator)].into(), ..Settings::default() };
    assert_eq!(visitor_in(&empty, &["", "cn=,dc=example"]), None);
}
