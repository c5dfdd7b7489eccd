//! Text that is base64url or Bech32m only nearly.

use super::Case;
use crate::reference::payment::PAY;
use crate::reference::texts::{bech32m, groups, of_groups};
use crate::reference::world::world;

pub(super) fn cases() -> Vec<Case> {
    let base64url = |reason, refused| Case::of_text(reason, "read base64url", "-_8", refused);
    let payment = world().payment(PAY, world().coins(90, 3));
    let good = bech32m("farthingpayment", &payment);
    let text = |reason, refused: &str| Case::of_text(reason, "read payment text", &good, refused);
    let in_groups = groups(&payment);
    let padding = in_groups.len() * 5 - payment.len() * 8;
    assert!((1..5).contains(&padding), "the last group has padding");
    let mut padded = in_groups;
    *padded.last_mut().unwrap() |= 1;
    // These bytes fill their groups exactly; one more group would be all padding.
    let whole = world().payment(PAY, world().coins(91, 1));
    let longer = [groups(&whole), vec![0]].concat();
    let too_long = Case::of_text(
        "text-form-padding-too-long",
        "read payment text",
        &bech32m("farthingpayment", &whole),
        &of_groups("farthingpayment", &longer),
    );
    let mut damaged = good.clone().into_bytes();
    damaged[40] = if damaged[40] == b'q' { b'p' } else { b'q' };
    let mut half_upper = good.clone();
    half_upper.replace_range(..8, "FARTHING");
    let without_prefix = good.trim_start_matches("farthingpayment");
    vec![
        base64url("base64url-padded", "-_8="),
        base64url("base64url-trailing-bits", "-_9"),
        base64url("base64url-other-alphabet", "+/8"),
        base64url("base64url-impossible-length", "-_8-A"),
        base64url("base64url-with-space", "-_8 "),
        base64url("base64url-with-newline", "-_8\n"),
        text("text-form-wrong-prefix", &bech32m("farthingtoken", &payment)),
        text("text-form-longer-prefix", &bech32m("farthingpayments", &payment)),
        text("text-form-without-prefix", without_prefix),
        text("text-form-checksum", core::str::from_utf8(&damaged).unwrap()),
        text("text-form-mixed-case", &half_upper),
        text("text-form-padding-bits", &of_groups("farthingpayment", &padded)),
        too_long,
        text("text-form-with-space", &format!("{good} ")),
        text("text-form-empty", ""),
    ]
}
