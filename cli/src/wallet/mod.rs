//! `farthing wallet …`: one file for each group of commands.
//!
//! A command talks to the library, and gives an [`Answer`](crate::output::Answer): fields for programs, lines for people.

pub(crate) mod account;
pub(crate) mod balance;
pub(crate) mod budget;
mod content;
mod deliver;
pub(crate) mod doctor;
pub(crate) mod fund;
pub(crate) mod get;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod mints;
mod open;
mod outlook;
pub(crate) mod passphrase;
pub(crate) mod pay;
pub(crate) mod receive;
pub(crate) mod recoup;
pub(crate) mod redeem;
pub(crate) mod refresh;
pub(crate) mod refund;
pub(crate) mod restore;
pub(crate) mod resume;
pub(crate) mod send;
pub(crate) mod stock;
pub(crate) mod text;
pub(crate) mod withdraw;

use anyhow::Result;

use crate::args::{WalletArgs, WalletCommand};
use crate::output::Screen;

pub(crate) use deliver::{Delivered, check as check_delivery, deliver};
pub(crate) use text::{Text, read_input};

pub(crate) async fn run(args: WalletArgs, screen: &Screen) -> Result<()> {
    let place = open::Place::new(args.common, screen);
    match args.command {
        WalletCommand::Init(args) => screen.answer(&init::init(&place, args).await?),
        WalletCommand::Restore(args) => restore::restore(&place, args).await,
        WalletCommand::Resync(args) => restore::resync(&place, args).await,
        WalletCommand::Balance => screen.answer(&balance::balance(&place).await?),
        WalletCommand::Account(args) => account::account(&place, args).await,
        WalletCommand::Withdraw(args) => withdraw::withdraw(&place, args).await,
        WalletCommand::Pay(args) => pay::pay(&place, args).await,
        WalletCommand::Follow(args) => screen.answer(&held::follow(&place, args).await?),
        WalletCommand::Request(args) => screen.answer(&receive::request(&place, args).await?),
        WalletCommand::Recipient(args) => screen.answer(&receive::recipient(&place, args).await?),
        WalletCommand::Send(args) => send::send(&place, args).await,
        WalletCommand::Get(args) => get::get(&place, args).await,
        WalletCommand::Budget(command) => budget::run(&place, command).await,
        WalletCommand::Sent(args) => send::sent(&place, args).await,
        WalletCommand::Receive(args) => screen.answer(&receive::receive(&place, args).await?),
        WalletCommand::Fund(args) => fund::fund(&place, args).await,
        WalletCommand::Redeem(args) => screen.answer(&redeem::redeem(&place, args).await?),
        WalletCommand::Stock(args) => screen.answer(&stock::stock(&place, args).await?),
        WalletCommand::Refresh(args) => refresh::refresh(&place, args).await,
        WalletCommand::History(args) => history::history(&place, args).await,
        WalletCommand::ReceiptIn(args) => screen.answer(&held::receipt_in(&place, args).await?),
        WalletCommand::Receipts => screen.answer(&history::receipts(&place).await?),
        WalletCommand::Mint(command) => mints::run(&place, command).await,
        WalletCommand::Resume => resume::resume(&place).await,
        WalletCommand::GiveUp(args) => screen.answer(&resume::give_up(&place, args).await?),
        WalletCommand::Recoup(args) => recoup::recoup(&place, args).await,
        WalletCommand::Passphrase(args) => screen.answer(&passphrase::passphrase(&place, args).await?),
        WalletCommand::Doctor => doctor::doctor(&place).await,
        WalletCommand::Export(args) => doctor::export(&place, args).await,
        WalletCommand::Forget(args) => screen.answer(&doctor::forget(&place, args).await?),
    }
}
