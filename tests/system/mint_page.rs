//! The page for operators, typed as it stands: every command in it, in its order, by a shell.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Server, World};

/// Where the page's mint listens; here it is another port, for nobody knows what else runs on this machine.
const MINT: &str = "127.0.0.1:3338";

/// The commands of a page: its indented lines.
fn commands(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("    ")).collect()
}

/// A terminal in which `farthing` is on the path.
struct Shell<'a> {
    world: &'a World,
    path: PathBuf,
    servers: Vec<(String, Server)>,
}

impl<'a> Shell<'a> {
    fn new(world: &'a World) -> Self {
        let path = world.path("bin");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_farthing-under-test"), path.join("farthing")).unwrap();
        Self { world, path, servers: Vec::new() }
    }

    fn command(&self, line: &str) -> Command {
        // The program's own environment is that of its tests; the shell's path has one more folder. The key file is the page's.
        let mut command = self.world.farthing_under("bash", &["-c", line, "bash"], &[]);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.path.display())).env_remove("FARTHING_MINT_KEY_FILE");
        command.current_dir(self.world.path(""));
        command
    }

    /// Types a line, and gives what it wrote. What goes on for ever goes on until the end of the test.
    fn type_line(&mut self, line: &str) -> String {
        let mint = self.servers.iter().find(|(name, _)| name == "mint").map(|(_, server)| server.address());
        let line = mint.map_or_else(|| line.to_owned(), |mint| line.replace(MINT, &mint.to_string()));
        if let Some(name) = serves(&line) {
            let server = Server::start(self.command(&format!("exec {line} --listen 127.0.0.1:0")));
            self.servers.push((name.to_owned(), server));
            return String::new();
        }
        // Nobody sits here to write words down: they go into a file.
        let paper = self.world.path(&format!("paper {}", line.len()));
        let shows_words = line.contains(" init ") && !line.contains(" mint init ");
        let typed = if shows_words { format!("{line} --words-file '{}'", paper.display()) } else { line.clone() };
        let output = self.command(&typed).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}\n{out}{err}");
        out.into_owned()
    }
}

/// Who is served by a command that goes on for ever.
fn serves(line: &str) -> Option<&str> {
    let mut words = line.split(' ').skip(1);
    let name = words.next()?;
    (words.next()? == "run").then_some(name)
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mint.md")).unwrap();
    let lines = commands(&page);
    assert!(lines.iter().all(|line| line.starts_with("farthing ")), "{lines:?}");
    assert!(lines.len() > 15 && lines.iter().filter(|line| serves(line).is_some()).count() == 2);
    let world = World::new();
    let mut shell = Shell::new(&world);
    let mut said = Vec::new();
    for line in &lines {
        said.push((*line, shell.type_line(line)));
    }
    let of = |command: &str| -> &str { &said.iter().rfind(|(line, _)| line.starts_with(command)).unwrap().1 };
    // What the page promises.
    assert!(of("farthing wallet withdraw").contains("withdrew 81.90 EUR"), "{said:?}");
    assert!(of("farthing wallet pay").contains("paid 3.70 EUR"), "{said:?}");
    assert!(of("farthing verifier balance").contains("3.70 EUR"), "{said:?}");
    assert!(of("farthing mint payouts --paid").contains("3.70 EUR paid"), "{said:?}");
    assert!(of("farthing verifier payouts").contains("paid"), "{said:?}");
    assert!(of("farthing mint audit").contains("balanced"), "{said:?}");
    let backing = of("farthing mint backing");
    assert!(backing.contains("1000.00 EUR") && backing.contains("96.30 EUR"), "{backing}");
    // The reference that was used once credits nothing more.
    let credit = lines.iter().find(|line| line.starts_with("farthing mint credit")).unwrap();
    assert!(shell.type_line(credit).contains("was credited before"));
    assert!(world.path("mint.key").exists() && world.path(".farthing/mint/mint.toml").exists());
}
