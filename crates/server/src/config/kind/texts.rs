//! Texts of a form.

pub(super) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

pub(super) fn read_names(text: &str) -> Result<String, String> {
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let good = |c: char| c.is_ascii_alphanumeric() || "-._:*".contains(c);
    match names.iter().find(|name| !name.chars().all(good)) {
        Some(name) => Err(format!("{name:?} is neither a host name nor an IP address")),
        None => Ok(names.join(",")),
    }
}

/// `scheme://user:***@rest`.
pub(super) fn without_password(url: &str) -> String {
    let parts = url
        .split_once("://")
        .and_then(|(scheme, rest)| rest.rsplit_once('@').map(|(login, host)| (scheme, login, host)));
    let shown = match parts {
        Some((scheme, login, host)) => {
            let user = login.split_once(':').map_or(login, |(user, _)| user);
            format!("{scheme}://{user}:***@{host}")
        }
        None => url.to_owned(),
    };
    // A password may also be a parameter.
    match shown.split_once('?') {
        Some((before, _)) => format!("{before}?***"),
        None => shown,
    }
}

pub(super) fn read_filter(filter: &str) -> Result<String, String> {
    let parts: Vec<&str> = filter.split(',').map(str::trim).collect();
    for part in &parts {
        let (target, level) = part.rsplit_once('=').map_or((None, *part), |(t, l)| (Some(t), l));
        if !LEVELS.contains(&level) {
            return Err(format!("{level:?} is not a level"));
        }
        let good = |c: char| c.is_ascii_alphanumeric() || "_:-".contains(c);
        if target.is_some_and(|target| target.is_empty() || !target.chars().all(good)) {
            return Err(format!("{part:?} names no target before its ="));
        }
    }
    Ok(parts.join(","))
}

/// Name or address of one machine.
pub(super) fn read_host(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is neither a host name nor an IP address"))
    }
}

/// A name as RFC 4512 has it, without options.
pub(super) fn read_attribute(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no name of an attribute"))
    }
}
