//! The page for operators, typed as it stands: every command in it, in its order, by a shell.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accounts::Paper;
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
    mint: Option<SocketAddr>,
    codes: Option<Paper>,
}

impl<'a> Shell<'a> {
    fn new(world: &'a World) -> Self {
        let path = world.path("bin");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_farthing-under-test"), path.join("farthing")).unwrap();
        Self { world, path, servers: Vec::new(), mint: None, codes: None }
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
        let line = self.mint.map_or_else(|| line.to_owned(), |mint| line.replace(MINT, &mint.to_string()));
        let line = line.replace("farthingvoucher1…", &self.card());
        if let Some(name) = serves(&line) {
            self.serve(name, &line);
            return String::new();
        }
        if line.contains(" signer init ") {
            // As Ctrl-C does.
            let at = self.servers.iter().position(|(name, _)| name == "mint").unwrap();
            let (_, mut mint) = self.servers.remove(at);
            mint.signal("INT");
            mint.wait();
        }
        if line.contains(" admin init") {
            return self.enrol(&line);
        }
        let line = match &mut self.codes {
            Some(codes) if line.contains("123456") => line.replace("123456", &codes.recovery()),
            _ => line,
        };
        // Nobody sits here to write words down: they go into a file.
        let paper = self.world.path(&format!("paper {}", line.len()));
        let shows_words = line.contains(" init ") && !line.starts_with("farthing mint ");
        let typed = if shows_words { format!("{line} --words-file '{}'", paper.display()) } else { line.clone() };
        let output = self.command(&typed).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}\n{out}{err}");
        out.into_owned()
    }

    /// Starts what goes on for ever. A mint that is started again is where it was.
    fn serve(&mut self, name: &str, line: &str) {
        let listen = match (name, self.mint) {
            ("signer", _) => String::new(),
            ("mint", Some(mint)) => format!(" --listen {mint}"),
            _ => " --listen 127.0.0.1:0".to_owned(),
        };
        let server = Server::start(self.command(&format!("exec {line}{listen}")));
        if name == "mint" {
            self.mint = Some(server.address());
        }
        self.servers.push((name.to_owned(), server));
    }

    /// What somebody reads off the first card of the sheet.
    fn card(&self) -> String {
        let sheet = std::fs::read_to_string(self.world.path("cards.html")).unwrap_or_default();
        sheet.split("\"farthing:").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    }

    /// Nobody sits here to read a secret and to type a code: it goes into a file, and the code is computed.
    fn enrol(&mut self, line: &str) -> String {
        let run = |line: &str| self.command(line).output().unwrap();
        let file = self.world.path("factor");
        let drawn = run(&format!("{line} --secret-file '{}'", file.display()));
        assert!(drawn.status.success(), "{line}\n{}", String::from_utf8_lossy(&drawn.stderr));
        let paper = Paper::read(self.world, "factor");
        let confirmed = run(&format!("farthing mint admin confirm {}", paper.now()));
        assert!(confirmed.status.success(), "{}", String::from_utf8_lossy(&confirmed.stderr));
        self.codes = Some(paper);
        String::new()
    }
}

/// Who is served by a command that goes on for ever.
fn serves(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    match words[..] {
        [name, "run", ..] | [_, name, "run", ..] => Some(name),
        _ => None,
    }
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mint.md")).unwrap();
    let lines = commands(&page);
    assert!(lines.iter().all(|line| line.starts_with("farthing ")), "{lines:?}");
    assert!(lines.len() > 15 && lines.iter().filter(|line| serves(line).is_some()).count() == 4);
    let world = World::new();
    let mut shell = Shell::new(&world);
    let mut said = Vec::new();
    for line in &lines {
        said.push((*line, shell.type_line(line)));
    }
    let of = |command: &str| -> &str { &said.iter().rfind(|(line, _)| line.starts_with(command)).unwrap().1 };
    // What the page promises.
    assert!(of("farthing wallet withdraw --bundle").contains("withdrew 81.90 EUR"), "{said:?}");
    assert!(of("farthing wallet pay").contains("paid 3.70 EUR"), "{said:?}");
    assert!(of("farthing verifier balance").contains("3.70 EUR"), "{said:?}");
    assert!(of("farthing mint payouts --paid").contains("3.70 EUR paid"), "{said:?}");
    assert!(of("farthing verifier payouts").contains("paid"), "{said:?}");
    assert!(of("farthing mint audit").contains("balanced"), "{said:?}");
    let backing = of("farthing mint backing");
    assert!(backing.contains("1000.00 EUR") && backing.contains("146.30 EUR"), "{backing}");
    assert!(of("farthing wallet redeem").contains("redeemed 5.00 EUR"), "{said:?}");
    assert!(of("farthing mint vouchers list").contains("1 of 10"), "{said:?}");
    assert!(of("farthing wallet withdraw 1.00").contains("withdrew 1.00 EUR"), "{said:?}");
    assert!(of("farthing mint signer report").contains("EUR"), "{said:?}");
    assert!(of("farthing mint journal").contains("vouchers_revoked"), "{said:?}");
    // The reference that was used once credits nothing more, and needs a code now.
    let credit = lines.iter().find(|line| line.starts_with("farthing mint credit")).unwrap();
    assert!(shell.type_line(&format!("{credit} --code 123456")).contains("was credited before"));
    assert!(world.path("mint.key").exists() && world.path(".farthing/mint/mint.toml").exists());
}
