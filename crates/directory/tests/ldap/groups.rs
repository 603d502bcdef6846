use mxgateway_directory::{LdapSettings, Person};
use mxgateway_testkit::slapd::{Membership, SlapdServer};

use super::{person, settings};

/// First parts of the groups' names, sorted.
fn groups(person: &Person) -> Vec<&str> {
    let mut groups: Vec<&str> =
        person.groups.iter().map(|dn| dn.strip_suffix(",ou=groups,dc=example,dc=com").unwrap()).collect();
    groups.sort_unstable();
    groups
}

/// Everybody's groups, with those of groups.
const ALL: [(&str, &[&str]); 6] = [
    ("alice", &["cn=GwAdmin"]),
    ("bob", &["cn=GwReader", "cn=Line 1"]),
    ("carol", &["cn=GwReader", "cn=Line 2", "cn=Night Shift"]),
    ("dave", &[]),
    ("erin(3*)", &["cn=GwReader", "cn=Smith\\2C Line 3"]),
    ("gina", &["cn=Circle A", "cn=Circle B"]),
];

async fn compare(settings: &LdapSettings, expected: [(&str, &[&str]); 6]) {
    for (name, expected) in expected {
        assert_eq!(groups(&person(settings, name).await), expected, "{name}");
    }
}

/// Everybody's groups, without those of groups.
fn direct() -> [(&'static str, &'static [&'static str]); 6] {
    ALL.map(|(name, groups)| match name {
        "carol" => (name, &["cn=Night Shift"][..]),
        "gina" => (name, &["cn=Circle A"][..]),
        _ => (name, groups),
    })
}

#[tokio::test]
async fn groups_come_from_the_persons_attribute() {
    let Some(server) = SlapdServer::shared_if_installed() else { return };
    let settings = settings(&server);
    compare(&settings, ALL).await;
    compare(&LdapSettings { nested_groups: false, ..settings.clone() }, direct()).await;
    // Names of attributes have no case.
    compare(&LdapSettings { group_attribute: "MEMBEROF".to_owned(), ..settings }, ALL).await;
}

#[tokio::test]
async fn groups_are_found_by_their_members_where_people_do_not_know_them() {
    let Some(server) = SlapdServer::start_if_installed(Membership::GroupsOnly) else { return };
    let settings = settings(&server);
    compare(&settings, ALL).await;
    compare(&LdapSettings { nested_groups: false, ..settings.clone() }, direct()).await;
    server
        .add(
            "dn: cn=Unique,ou=groups,dc=example,dc=com
objectClass: groupOfUniqueNames
cn: Unique
uniqueMember: uid=dave,ou=people,dc=example,dc=com
",
        )
        .unwrap();
    assert_eq!(groups(&person(&settings, "dave").await), ["cn=Unique"]);
}

#[tokio::test]
async fn groups_of_groups_have_an_end() {
    let Some(server) = SlapdServer::start_if_installed(Membership::MemberOf) else { return };
    let settings = settings(&server);
    // 15 groups, each in the next.
    let mut ldif = String::new();
    for number in 0..15 {
        let member = match number {
            0 => "uid=dave,ou=people,dc=example,dc=com".to_owned(),
            _ => format!("cn=Level {},ou=groups,dc=example,dc=com", number - 1),
        };
        ldif += &format!(
            "dn: cn=Level {number},ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: Level {number}
member: {member}

"
        );
    }
    server.add(&ldif).unwrap();
    let deep = person(&settings, "dave").await;
    assert_eq!(deep.groups.len(), 11, "the person's own and ten above");

    // More groups than anybody is in.
    let many: String = (0..600)
        .map(|number| {
            format!(
                "dn: cn=Many {number},ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: Many {number}
member: uid=alice,ou=people,dc=example,dc=com

"
            )
        })
        .collect();
    server.add(&many).unwrap();
    assert_eq!(person(&settings, "alice").await.groups.len(), 500);
}
