//! `cargo xtask layers`: who may reach what, and rules that every crate keeps.

use std::fs;

use anyhow::{Context, bail};

use crate::process;
use crate::sizes;
use crate::workspace::{self, Member};

/// Packages that a package must not reach through normal dependencies; `*` at the end matches any rest.
struct Rule {
    packages: &'static [&'static str],
    forbidden: &'static [&'static str],
    /// Only dependencies of its own count.
    direct: bool,
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        packages: &["mxgateway-session-core"],
        forbidden: &["tokio*", "tonic*", "prost*", "axum*", "sqlx*", "windows*", "rand*", "getrandom"],
        direct: false,
        why: "the core is pure: no runtime, no I/O, no randomness",
    },
    Rule {
        packages: &["mxgateway-galaxy"],
        forbidden: &[
            "tokio*",
            "tonic*",
            "prost*",
            "axum*",
            "sqlx*",
            "windows",
            "windows-service",
            "sysinfo",
            "mxgateway-*",
        ],
        direct: false,
        why: "the gateway and the worker both read it, and neither brings its runtime along",
    },
    Rule {
        packages: &["mxgateway-auth"],
        forbidden: &[
            "tonic*",
            "hyper*",
            "axum*",
            "mxgateway-session*",
            "mxgateway-server",
            "mxgateway-supervisor",
        ],
        direct: false,
        why: "whoever has something to decide asks it, and not the other way round",
    },
    Rule {
        packages: &["mxgateway-directory"],
        forbidden: &["tonic*", "prost*", "hyper*", "axum*", "sqlx*", "mxgateway-*"],
        direct: false,
        why: "it asks a directory who somebody is, and knows nothing of what that is for",
    },
    Rule {
        packages: &["mxgateway-dashboard"],
        forbidden: &[
            "tonic*",
            "prost*",
            "sqlx*",
            "mxgateway-auth",
            "mxgateway-session*",
            "mxgateway-server",
            "mxgateway-supervisor",
        ],
        direct: false,
        why: "it shows and does what a trait offers, and does not know how the gateway is made",
    },
    Rule {
        packages: &["mxgateway-session"],
        forbidden: &["tonic*", "prost*", "axum*", "sqlx*", "windows", "windows-service", "mxgateway-win"],
        direct: false,
        why: "it is embedded in programs that have no gRPC",
    },
    Rule {
        packages: &["mxgateway-worker-ipc", "mxgateway-worker-host", "mxgateway-worker"],
        forbidden: &["tonic*", "hyper*", "h2", "http", "axum*", "sqlx*", "mxgateway-server"],
        direct: false,
        why: "a worker never serves a network; contracts without the feature grpc has the messages alone",
    },
    Rule {
        // Not sqlx: it keeps the list of workers that the next gateway takes over, and it alone knows them.
        packages: &["mxgateway-supervisor"],
        forbidden: &["tonic*", "hyper*", "h2", "http", "axum*", "mxgateway-server"],
        direct: false,
        why: "it speaks to workers only",
    },
    Rule {
        packages: &["mxgateway-worker-host", "mxgateway-worker"],
        forbidden: &["figment", "mxgateway-session", "mxgateway-supervisor"],
        direct: false,
        why: "a worker takes its settings from the gateway and knows none of its parts",
    },
    Rule {
        packages: &["mxgateway-win"],
        forbidden: &["tokio*", "tonic*", "mxgateway-*"],
        direct: false,
        why: "it is what Windows offers, and knows nothing of gateways",
    },
    Rule {
        packages: &["mxgateway-supervisor", "mxgateway-server", "mxgateway"],
        forbidden: &["mxgateway-lmxproxy", "mxgateway-worker-host"],
        direct: false,
        why: "the gateway never loads COM; what goes wrong there goes wrong in a worker",
    },
    Rule {
        packages: &["mxgateway-lmxproxy"],
        forbidden: &["tonic*", "hyper*", "h2", "http", "axum*", "sqlx*", "mxgateway-server"],
        direct: false,
        why: "it is part of a worker",
    },
    Rule {
        packages: &["mxgateway-client", "mxgw"],
        forbidden: &[
            "mxgateway-session*",
            "mxgateway-worker*",
            "mxgateway-supervisor",
            "mxgateway-server",
            "sqlx*",
        ],
        direct: false,
        why: "a client knows the contract only",
    },
    Rule {
        packages: &["mxgateway", "mxgateway-worker", "mxgw"],
        forbidden: &["sqlx*", "axum*"],
        direct: true,
        why: "programs are thin: storage and HTTP belong to the crates below",
    },
    Rule {
        packages: &["*"],
        forbidden: &["mxgateway-testkit", "mxgateway-e2e", "xtask*"],
        direct: false,
        why: "nothing that ships has tools or tests in it",
    },
];

/// What the dependencies of a package are depends on the system.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-gnu"];

/// Where unsafe code is: Win32 and COM cannot be called without, and each block says why it is sound.
const UNSAFE_PACKAGES: &[&str] = &["mxgateway-win", "mxgateway-lmxproxy", "mxgateway-com-standin"];

pub(crate) fn run() -> anyhow::Result<()> {
    let members = workspace::members()?;
    let mut problems = Vec::new();
    for member in &members {
        check_edges(member, &mut problems)?;
        check_rules_of_every_crate(member, &mut problems)?;
    }
    for rule in RULES {
        for package in rule.packages.iter().filter(|name| **name != "*") {
            if !members.iter().any(|member| member.name == *package) {
                problems.push(format!("the table of layers names {package}, which is not in the workspace"));
            }
        }
    }
    sizes::check(&members, &mut problems)?;
    if problems.is_empty() {
        println!("{} packages keep the rules", members.len());
        return Ok(());
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    bail!("{} broken rules", problems.len());
}

fn check_edges(member: &Member, problems: &mut Vec<String>) -> anyhow::Result<()> {
    for target in TARGETS {
        // Each package by itself: in one tree of the workspace the features of one would show up in another.
        let tree = process::output(&mut process::cargo(&[
            "tree",
            "--edges",
            "normal",
            "--prefix",
            "depth",
            "--format",
            " {p}",
            "--target",
            target,
            "--package",
            &member.name,
        ]))?;
        for broken in broken_edges(&member.name, &tree) {
            if !problems.contains(&broken) {
                problems.push(broken);
            }
        }
    }
    Ok(())
}

/// What the tree of a package has that its rules forbid.
fn broken_edges(package: &str, tree: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut path: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let (Some(depth), Some(name)) = (words.next().and_then(|word| word.parse().ok()), words.next())
        else {
            continue;
        };
        path.truncate(depth);
        path.push(name);
        if depth == 0 {
            continue;
        }
        for rule in RULES.iter().filter(|rule| rule.packages.iter().any(|of| matches(of, package))) {
            if (depth == 1 || !rule.direct) && rule.forbidden.iter().any(|pattern| matches(pattern, name)) {
                problems.push(format!(
                    "{package} must not reach {name}: {} ({})",
                    path.join(" > "),
                    rule.why
                ));
            }
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn check_rules_of_every_crate(member: &Member, problems: &mut Vec<String>) -> anyhow::Result<()> {
    let manifest = read(&member.manifest)?;
    if !manifest.replace(' ', "").contains("[lints]\nworkspace=true") {
        problems.push(format!("{} does not take the workspace's lints", member.manifest.display()));
    }
    for root in &member.roots {
        if UNSAFE_PACKAGES.contains(&member.name.as_str()) {
            continue;
        }
        if !read(root)?.contains("#![forbid(unsafe_code)]") {
            problems.push(format!("{} does not forbid unsafe code", root.display()));
        }
    }
    Ok(())
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_edge_is_shown_with_its_path() {
        let tree = "0 mxgateway-session v0.1.0 (/x)\n1 tokio v1.0.0\n2 mio v1.0.0\n1 tower v0.5.0\n2 tonic v0.14.0\n";
        let broken = broken_edges("mxgateway-session", tree);
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].contains("mxgateway-session > tower > tonic"), "{broken:?}");
        assert_eq!(broken_edges("mxgateway-session-core", tree).len(), 2);
    }

    #[test]
    fn programs_may_reach_axum_through_others_only() {
        assert_eq!(broken_edges("mxgateway", "0 mxgateway v0\n1 tonic v0\n2 axum v0\n").len(), 0);
        assert_eq!(broken_edges("mxgateway", "0 mxgateway v0\n1 axum v0\n").len(), 1);
    }

    #[test]
    fn tools_are_kept_out_of_everything() {
        assert_eq!(broken_edges("anything", "0 anything v0\n1 mxgateway-testkit v0\n").len(), 1);
        assert_eq!(broken_edges("xtask", "0 xtask v0\n1 anyhow v0\n").len(), 0);
    }
}
