//! A wallet whose clock is an hour wrong: what can work works, what cannot is refused before anything moves, and when the clock is
//! right again everything does.

use crate::stage::{Purse, Ran, Stage};

const HOUR: i64 = 3_600;

fn at(purse: &Purse<'_>, off: i64, arguments: &[&str]) -> Ran {
    purse.run_with(arguments, "FARTHING_TEST_CLOCK", &off.to_string())
}

#[test]
fn a_clock_an_hour_wrong_moves_nothing_and_blocks_nothing() {
    let stage = Stage::new();
    let mut held = Vec::new();
    for off in [HOUR, -HOUR] {
        let purse = stage.purse(500);
        purse.run(&["withdraw", "0.64"]).succeeded();
        let before = purse.assert_whole("before");
        // What needs no time works.
        for arguments in [&["balance"][..], &["account"], &["history"]] {
            at(&purse, off, arguments).succeeded();
        }
        // What is bound to a time is refused, and said to be about time.
        let (exact, other) = (stage.invoice(64), stage.invoice(37));
        for arguments in [&["withdraw", "1.05"][..], &["pay", &other, "--yes"]] {
            let refused = at(&purse, off, arguments);
            assert_ne!(refused.code, Some(0), "{refused:?}");
            let about_time = ["clock", "expired", "time", "at the moment"];
            assert!(about_time.iter().any(|word| refused.err.contains(word)), "{arguments:?} {off}: {}", refused.err);
            assert_eq!(purse.assert_whole(&refused.err), before);
        }
        // Who asks is told how wrong it is.
        let sick = at(&purse, off, &["doctor"]);
        let side = if off > 0 { "60 minutes ahead of" } else { "60 minutes behind" };
        assert!(sick.code == Some(1) && format!("{}{}", sick.out, sick.err).contains(side), "{sick:?}");
        let hinted = at(&purse, off, &["pay", &other, "--yes"]);
        assert!(hinted.err.contains("doctor`"), "{hinted:?}");
        // What was begun with a wrong clock is brought to its end with the right one.
        let begun = at(&purse, off, &["pay", &exact, "--yes"]);
        let after = purse.assert_whole(&begun.err);
        assert!(after.paid == 0 || after.paid == 64, "{after:?}");
        let again = if after.paid == 0 { stage.invoice(64) } else { exact };
        purse.run(&["pay", &again, "--yes"]).succeeded();
        held.push(purse.assert_whole("paid"));
        assert_eq!(held.last().unwrap().paid, 64);
    }
    stage.assert_conserved(&held);
}

#[test]
fn a_clock_that_is_a_little_wrong_changes_nothing() {
    let stage = Stage::new();
    let mut held = Vec::new();
    for off in [100, -100] {
        let purse = stage.purse(500);
        purse.run(&["withdraw", "0.64"]).succeeded();
        let invoice = stage.invoice(64);
        at(&purse, off, &["pay", &invoice, "--yes"]).succeeded();
        held.push(purse.assert_whole("paid"));
        assert_eq!(held.last().unwrap().paid, 64);
    }
    stage.assert_conserved(&held);
}
