//! Manual pages and completions, made by the binary itself.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::process::Command;

fn farthing(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_farthing")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that a help text lists, without `help` itself.
fn commands(help: &str) -> Vec<String> {
    let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn pages(path: &[&str], found: &mut Vec<String>) {
    found.push(format!("{}.1", [&["farthing"], path].concat().join("-")));
    for command in commands(&farthing(&[path, &["-h"]].concat())) {
        pages(&[path, &[command.as_str()]].concat(), found);
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    farthing(&["man", folder.path().to_str().unwrap()]);
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    pages(&[], &mut expected);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert!(std::fs::read_to_string(&path).unwrap().contains(".SH SYNOPSIS"), "{}", path.display());
        found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert!(found.contains(&"farthing-wallet-pay.1".to_owned()));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = farthing(&["completions", shell]);
        assert!(["withdraw", "verifier", "bundle"].iter().all(|word| script.contains(word)), "{shell}");
    }
}
