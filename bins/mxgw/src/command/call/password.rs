//! Where a user's password comes from: never from the command line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;

use crate::exit::Failure;

/// Environment variable with the password.
const VARIABLE: &str = "MXGW_PASSWORD";

/// The password from a file (`-` is standard input), the environment, or the terminal. `ask` says whether
/// standard input is there to be asked.
pub(crate) fn read(file: Option<&Path>, ask: bool) -> Result<String, Failure> {
    if let Some(path) = file {
        return from_file(path, ask);
    }
    if let Some(password) = std::env::var_os(VARIABLE) {
        return password
            .into_string()
            .map_err(|_| Failure::Usage(format!("environment variable {VARIABLE} is not UTF-8")));
    }
    if !ask || !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "there is no terminal to ask for the password: use --password-file or set {VARIABLE}"
        )));
    }
    rpassword::prompt_password("Password: ")
        .map_err(|error| Failure::Usage(format!("cannot read the password from the terminal: {error}")))
}

fn from_file(path: &Path, ask: bool) -> Result<String, Failure> {
    let wrong = |error: io::Error| {
        Failure::Usage(format!("cannot read the password from {}: {error}", path.display()))
    };
    if path == Path::new("-") {
        if !ask {
            return Err(Failure::Usage(
                "standard input has the batch; keep the password in a file".to_owned(),
            ));
        }
        return first_line(io::stdin().lock()).map_err(wrong);
    }
    first_line(BufReader::new(File::open(path).map_err(wrong)?)).map_err(wrong)
}

/// The first line without its end.
fn first_line(mut source: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    source.read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_as_it_is() {
        for (text, password) in [(" a b \r\nsecond", " a b "), ("x", "x"), ("", ""), ("x\n", "x")] {
            assert_eq!(first_line(text.as_bytes()).unwrap(), password);
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_without_a_password() {
        let missing = read(Some(Path::new("/nonexistent/password")), true).unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/password"), "{missing}");
        let taken = read(Some(Path::new("-")), false).unwrap_err();
        assert!(taken.to_string().contains("batch"), "{taken}");
    }
}
