//! `farthing mint credit`

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_issuer::control::{MoneyAnswer, MoneyRequest, path};
use farthing_protocol::codec::to_base64url;

use super::amount::{read_account, read_amount};
use super::home::{ask_running, open};
use crate::args::MintCredit;
use crate::output::say;

pub(super) async fn credit(args: MintCredit) -> Result<()> {
    let home = open(args.folder)?;
    let account = read_account(&args.account)?;
    let unit = home.unit();
    let amount = read_amount(&args.amount, unit)?;
    let reference = args.reference.unwrap_or_else(|| to_base64url(&rand::random::<[u8; 16]>()));
    let request = MoneyRequest { account, amount, reference: reference.clone() };
    let asked = ask_running(&home, async |client| client.post_json(path::CREDIT, &request).await).await;
    let answer: Option<MoneyAnswer> = asked.map_err(|error| match error.downcast_ref::<CallError>() {
        Some(call) if call.may_have_taken_effect() => error
            .context(format!("repeat it with --reference {reference}: it is then credited once, whatever happened")),
        _ => error,
    })?;
    let (balance, known) = match answer {
        Some(answer) => (answer.balance, answer.known),
        None => {
            let (books, authority) = home.books().await?;
            let credited = books.credit_by(authority, account, amount, reference).await?;
            (credited.balance, credited.known)
        }
    };
    let what = if known { "was credited before, under this reference" } else { "credited" };
    say(format!("{} {what}; the account holds {}", amount.display(unit), balance.display(unit)));
    Ok(())
}
