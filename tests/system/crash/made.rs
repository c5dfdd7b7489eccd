//! A wallet killed while it is made: it can be made again, or completed.

use crate::stage::{Purse, Stage, ran_for};

#[test]
fn a_wallet_killed_while_it_is_made_is_made_again_or_completed() {
    let stage = Stage::new();
    let (url, mut held, mut killed, mut completed) = (stage.to_mint.url(), Vec::new(), 0, 0);
    let init = ["init", "--mint", &url, "--yes", "--no-passphrase"];
    for moment in 1.. {
        let purse = stage.empty_purse();
        let ran = purse.run_killed_at(&init, &moment.to_string());
        if ran.killed.is_none() {
            assert_eq!(ran.code, Some(0), "{ran:?}");
            break;
        }
        killed += 1;
        completed += u32::from(complete(&purse, &init, &url));
        held.push(used(purse));
    }
    for micros in (0..24_000).step_by(2_000) {
        let purse = stage.empty_purse();
        ran_for(&mut purse.command(&init), std::time::Duration::from_micros(micros));
        complete(&purse, &init, &url);
        held.push(used(purse));
    }
    assert!(killed >= 9 && completed >= 3, "{killed} killed, {completed} completed");
    stage.assert_conserved(&held);
}

/// Does what whoever finds it does. Whether there was a wallet already.
fn complete(purse: &Purse<'_>, init: &[&str], url: &str) -> bool {
    let again = purse.run(init);
    if again.code == Some(0) {
        // Nor does it leave keys behind that nobody will use.
        assert_eq!(purse.files(), ["keys", "state"]);
        return false;
    }
    assert!(again.code == Some(1) && again.err.contains("already"), "{again:?}");
    purse.run(&["mint", "add", url, "--yes"]).succeeded();
    true
}

fn used(purse: Purse<'_>) -> crate::stage::Holdings {
    let purse = purse.credited(100);
    purse.run(&["withdraw", "0.50"]).succeeded();
    purse.assert_whole("made")
}
