//! `farthing wallet redeem`

use anyhow::Result;
use serde::Serialize;

use super::open::Place;
use super::text::{Text, read_input};
use crate::args::WalletRedeem;
use crate::output::{Answer, Money, Progress, Screen};

/// A voucher's money arrived.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RedeemAnswer {
    operation: u64,
    mint: String,
    amount: Money,
    tokens: u64,
}

pub(super) async fn redeem(place: &Place, args: WalletRedeem) -> Result<RedeemAnswer> {
    let code = match read_input(&args.input, "voucher code")? {
        Text::Voucher(code) => *code,
        other => return Err(other.misplaced("a voucher").into()),
    };
    let wallet = place.open().await?;
    let progress = Progress::start(&place.screen, "redeeming");
    let redeemed = wallet.redeem(code).await;
    drop(progress);
    let redeemed = redeemed?;
    Ok(RedeemAnswer {
        operation: redeemed.op.get(),
        mint: redeemed.mint.to_text(),
        amount: Money::of(redeemed.amount, &redeemed.unit),
        tokens: u64::try_from(redeemed.tokens)?,
    })
}

impl Answer for RedeemAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("redeemed {} in {} tokens", self.amount.text, self.tokens));
    }
}
