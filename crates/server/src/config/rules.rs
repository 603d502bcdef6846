//! Rules between keys. A key with a problem of its own is not judged by them.

use std::collections::BTreeMap;

use super::keys::{ADDRESSES, ORDERS};
use super::kind::Value;
use super::load::Checked;
use super::problem::Problem;

/// Adds a problem for each rule that is broken.
pub(super) fn check(values: &BTreeMap<&'static str, Checked>, problems: &mut Vec<Problem>) {
    check_orders(values, problems);
    let rules = Rules(values);
    problems.extend(rules.exposure());
    problems.extend(rules.certificate());
    problems.extend(rules.directory());
    problems.extend(rules.sign_in());
}

struct Rules<'a>(&'a BTreeMap<&'static str, Checked>);

impl Rules<'_> {
    fn is_text(&self, key: &str, text: &str) -> bool {
        self.0.get(key).is_some_and(|checked| matches!(&checked.value, Value::Text(value) if value == text))
    }

    fn is_on(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|checked| checked.value == Value::Flag(true))
    }

    /// False when the key has a problem of its own, too.
    fn is_off(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|checked| checked.value == Value::Flag(false))
    }

    /// False when the key has a problem of its own, too.
    fn is_empty(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|checked| match &checked.value {
            Value::Text(text) | Value::Url(text) | Value::Secret(text) => text.is_empty(),
            Value::Path(path) => path.as_os_str().is_empty(),
            Value::Groups(groups) => groups.words.is_empty(),
            Value::Flag(_) | Value::Count(_) | Value::Seconds(_) | Value::Bytes(_) | Value::Address(_) => {
                false
            }
        })
    }

    /// That value, when others reach it.
    fn exposed(&self, key: &str) -> Option<String> {
        match self.0.get(key)?.value {
            Value::Address(address) if !address.ip().is_loopback() => Some(address.to_string()),
            Value::Flag(_)
            | Value::Count(_)
            | Value::Seconds(_)
            | Value::Bytes(_)
            | Value::Text(_)
            | Value::Url(_)
            | Value::Secret(_)
            | Value::Groups(_)
            | Value::Address(_)
            | Value::Path(_) => None,
        }
    }

    fn problem(&self, key: &str, what: impl Into<String>, allowed: &str) -> Problem {
        let source = self.0.get(key).map_or_else(|| "default".to_owned(), |checked| checked.source.clone());
        Problem { key: key.to_owned(), source, what: what.into(), allowed: allowed.to_owned() }
    }

    /// Without keys nobody but this machine may reach the gateway.
    fn exposure(&self) -> Vec<Problem> {
        if !self.is_text("auth.mode", "disabled") {
            return Vec::new();
        }
        let exposed = ADDRESSES.iter().filter_map(|key| Some((*key, self.exposed(key)?)));
        exposed
            .map(|(key, address)| {
                let what = format!("{address} can be reached from other machines, and auth.mode is disabled");
                self.problem(key, what, "use a loopback address, or auth.mode = \"api_key\"")
            })
            .collect()
    }

    /// A certificate from files needs its files, and TLS a certificate.
    fn certificate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.is_text("tls.mode", "files") {
            let missing = ["tls.certificate_path", "tls.private_key_path"];
            let missing = missing.into_iter().filter(|key| self.is_empty(key));
            problems.extend(
                missing.map(|key| self.problem(key, "is empty, and tls.mode is files", "name a PEM file")),
            );
        }
        if self.is_on("http.tls") && self.is_text("tls.mode", "off") {
            let allowed = "set tls.mode to self_signed or files, too";
            problems.push(self.problem("http.tls", "needs a certificate, and tls.mode is off", allowed));
        }
        problems
    }

    /// A directory has to be found, searched and trusted, and somebody of it has to get in.
    fn directory(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !self.is_on("ldap.enabled") {
            return problems;
        }
        for (key, allowed) in [
            ("ldap.server", "name the directory's server"),
            ("ldap.search_base", "name where people are searched, such as dc=plant,dc=example"),
            ("ldap.service_account_dn", "name the account that searches for people"),
            ("dashboard.group_to_role", "name at least one group; nobody would get in"),
        ] {
            if self.is_empty(key) {
                problems.push(self.problem(key, "is empty, and ldap.enabled is true", allowed));
            }
        }
        if self.is_text("ldap.transport", "none") && self.is_off("ldap.allow_insecure") {
            let what = "sends passwords in the clear, and ldap.allow_insecure is false";
            let allowed = "use ldaps or start_tls, or set ldap.allow_insecure = true";
            problems.push(self.problem("ldap.transport", what, allowed));
        }
        let (password, path) = ("ldap.service_account_password", "ldap.service_account_password_path");
        let has_no_name = self.is_empty("ldap.service_account_dn");
        let given = [password, path].map(|key| self.0.contains_key(key) && !self.is_empty(key));
        match given {
            [true, true] => {
                let what = format!("is given, and {password}, too");
                problems.push(self.problem(path, what, "leave one of them empty"));
            }
            // Without a password a server takes anybody for nobody, and says that all is well.
            [false, false] if !has_no_name && self.0.contains_key("ldap.service_account_dn") => {
                let what = "is empty, and ldap.service_account_dn is not";
                problems.push(self.problem(password, what, &format!("give the password, or {path}")));
            }
            [true, false] | [false, true] | [false, false] => {}
        }
        problems
    }

    /// People's passwords must not cross the network in the clear.
    fn sign_in(&self) -> Option<Problem> {
        let is_open = self.is_on("ldap.enabled")
            && self.is_on("dashboard.enabled")
            && self.is_off("http.tls")
            && self.is_off("dashboard.allow_insecure");
        let address = self.exposed("http.listen").filter(|_| is_open)?;
        let what = format!(
            "{address} can be reached from other machines, and people's passwords are sent there in the clear"
        );
        let allowed =
            "set http.tls = true, or dashboard.allow_insecure = true behind a proxy that speaks TLS";
        Some(self.problem("http.listen", what, allowed))
    }
}

fn check_orders(values: &BTreeMap<&'static str, Checked>, problems: &mut Vec<Problem>) {
    for order in ORDERS {
        // A key with a problem of its own is not judged against another.
        let (Some(smaller), Some(larger)) = (values.get(order.smaller), values.get(order.larger)) else {
            continue;
        };
        let (low, high) = (smaller.value.quantity(), larger.value.quantity());
        if low > high || (low == high && !order.may_be_equal) {
            problems.push(Problem {
                key: order.larger.to_owned(),
                source: larger.source.clone(),
                what: format!(
                    "{} does not go with {} = {} (from {})",
                    larger.value.text(),
                    order.smaller,
                    smaller.value.text(),
                    smaller.source
                ),
                allowed: format!(
                    "it must be {}: {}",
                    if order.may_be_equal { "at least as large" } else { "larger" },
                    order.why
                ),
            });
        }
    }
}
