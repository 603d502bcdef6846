use super::*;

#[test]
fn names_and_bits_are_distinct() {
    for (at, scope) in Scope::ALL.into_iter().enumerate() {
        assert_eq!(scope.bit(), 1 << at);
        assert_eq!(scope.name().parse(), Ok(scope));
        assert!(!scope.meaning().is_empty());
        let json = serde_json::to_string(&scope).unwrap();
        assert_eq!(json, format!("\"{scope}\""));
        assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
    }
}

#[test]
fn no_scope_includes_another() {
    for scope in Scope::ALL {
        assert_eq!(Scopes::from_iter([scope]).iter().collect::<Vec<_>>(), [scope]);
    }
}

#[test]
fn an_unknown_scope_is_refused_with_the_list() {
    let error = "session:open,invoke:writ".parse::<Scopes>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no scope \"invoke:writ\"; the scopes are session:open,session:close,session:all,\
         invoke:read,invoke:write,invoke:secure,events:read,metadata:read,admin"
    );
    assert!("Admin".parse::<Scope>().is_err());
    assert!(serde_json::from_str::<Scopes>(r#"["admin", "root"]"#).is_err());
}

#[test]
fn sets_are_read_as_they_are_written() {
    let scopes: Scopes = " invoke:read, session:open  invoke:read,".parse().unwrap();
    assert_eq!(scopes.to_string(), "session:open,invoke:read");
    assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["session:open","invoke:read"]"#);
    for scopes in [Scopes::default(), scopes, Scopes::all()] {
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
        let json = serde_json::to_string(&scopes).unwrap();
        assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), scopes);
    }
    assert!(Scopes::default().is_empty());
    assert!(!Scopes::default().contains(Scope::Admin));
    assert_eq!(Scopes::all().iter().count(), Scope::ALL.len());
}
