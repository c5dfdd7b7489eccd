//! Questions that somebody answers.

use super::Provoked;
use crate::harness::World;
use crate::terminal::Terminal;

/// Codes that nothing but a terminal provokes.
pub(super) const CODES: [&str; 3] = ["declined", "passphrases_differ", "wrong_answer"];

pub(super) fn where_somebody_answers(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let init = ["wallet", "--json", "init", "--mint", &mint.url];
    let unprotected = [&init[..], &["--no-passphrase"]].concat();
    // All of them at once.
    let [declined, wrong, differ] = [&unprotected[..], &unprotected, &init].map(|line| Terminal::run(&world, line));
    for (terminal, answer) in [(&declined, "n"), (&wrong, "y"), (&differ, "y")] {
        terminal.wait_for("Is that the mint you mean? [y/N]");
        terminal.type_line(answer);
    }
    seen.on_screen("declined", declined.end());
    for (question, answer) in [("New passphrase for the wallet:", "one"), ("Again:", "another")] {
        differ.wait_for(question);
        differ.type_line(answer);
    }
    seen.on_screen("passphrases_differ", differ.end());
    wrong.wait_for("From your paper");
    for attempt in 0..3 {
        wrong.wait("the question", |screen| screen.matches("  word ").count() > attempt);
        wrong.type_line("wrong");
    }
    seen.on_screen("wrong_answer", wrong.end());
    assert!(!world.path(".farthing/wallet").exists());
}
