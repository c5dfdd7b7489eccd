//! `farthing mint …`: one file for each command.

mod account;
mod admin;
mod backing;
mod backup;
mod check;
mod credit;
mod forgery;
mod forget;
mod funding;
mod init;
mod journal;
mod keys;
mod keysets;
mod payouts;
mod recoup;
mod reset_factor;
mod restore;
mod run;
mod signer;
mod status;
mod vouchers;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use farthing_protocol::api::SecondFactor;

use crate::factor::read_code;

pub(crate) use self::account::{MintAccountCommand, MintAccountList, MintAccountNamed};
pub(crate) use self::admin::{MintAdmin, MintAdminCommand};
pub(crate) use self::backing::MintBacking;
pub(crate) use self::backup::MintBackup;
pub(crate) use self::check::MintCheckConfig;
pub(crate) use self::credit::MintCredit;
pub(crate) use self::forgery::MintDismissForgery;
pub(crate) use self::forget::MintForget;
pub(crate) use self::funding::{MintFundingCommand, MintFundingList};
pub(crate) use self::init::{MintInit, Percent};
pub(crate) use self::journal::MintJournal;
pub(crate) use self::keys::{
    BackupSecret, KeysBackup, KeysFolder, KeysRestore, MintKeys, MintPassphrase, NewSecret, PassphraseSet,
};
pub(crate) use self::keysets::{MintKeysets, MintNewKeyset};
pub(crate) use self::payouts::MintPayouts;
pub(crate) use self::recoup::{MintRecoup, MintRecoupCommand, MintRevoke};
pub(crate) use self::reset_factor::MintResetFactor;
pub(crate) use self::restore::MintRestore;
pub(crate) use self::run::MintRun;
pub(crate) use self::signer::{MintSigner, SignerFolder, SignerInit, SignerReport, SignerRun};
pub(crate) use self::status::MintStatus;
pub(crate) use self::vouchers::{
    MintVouchersCommand, MintVouchersCreate, MintVouchersList, MintVouchersRegister, MintVouchersRevoke, Paper,
};

/// Where a mint lives, and what unlocks its keys.
#[derive(Debug, Args)]
pub(crate) struct MintFolder {
    /// The mint's folder [default: ~/.farthing/mint]
    #[arg(long, value_name = "DIR", env = "FARTHING_MINT_DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// A code of the administrator's second factor, for what changes something; asked for if it is needed and not given
    #[arg(long, value_name = "CODE", value_parser = read_code)]
    pub(crate) code: Option<SecondFactor>,
}

/// What protects the mint's keys on disk.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Unlocking {
    /// Read the passphrase from the first line of a file
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Use a 32-byte key file instead of a passphrase; `init` creates it
    ///
    /// Without either, the environment's FARTHING_MINT_KEY_FILE or FARTHING_MINT_PASSPHRASE is used, or the
    /// passphrase is asked for.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Commands of a mint's operator.
#[derive(Debug, Subcommand)]
pub(crate) enum MintCommand {
    /// Make a mint: its identity, its first keyset, its ledger
    ///
    /// At a terminal it asks for what the options do not say; elsewhere, and with --yes, that is as usual. All of it stands in
    /// mint.toml with comments, and can be changed there, but for the unit.
    ///
    /// The secret keys are encrypted under a passphrase, which is asked for, or under a key file.
    /// Without it nobody can issue, not even you: keep a copy of it in another place.
    Init(MintInit),
    /// Serve wallets and merchants until interrupted
    ///
    /// SIGHUP reads the certificate files again. SIGTERM or Ctrl-C ends it when what was begun is answered; a second one at once.
    Run(MintRun),
    /// Ask the running mint what is wrong, and whether its signer answers
    ///
    /// Exits with 1 if something is wrong, or if it does not run.
    Status(MintStatus),
    /// Look at settings, keys, ledger and machine, and change nothing
    ///
    /// Exits with 1 if something keeps the mint from running or issuing.
    CheckConfig(MintCheckConfig),
    /// Add money to an account, because its owner paid you for it
    ///
    /// Works while the mint runs, and also while it does not. With the same --reference the same credit is
    /// made once only, so a command whose outcome you do not know can be repeated.
    Credit(MintCredit),
    /// Say who may have an account, where you open accounts yourself
    #[command(subcommand)]
    Account(MintAccountCommand),
    /// Protect what you change here by a second factor
    Admin(MintAdmin),
    /// List who changed what and when, and verify that nothing was taken away
    Journal(MintJournal),
    /// Take an account's second factor away, because its owner lost it
    ///
    /// Make sure that it is the owner who asks: afterwards the account's key alone is enough.
    ResetFactor(MintResetFactor),
    /// Show the keysets, their windows, and what lapsed with those that ended
    ///
    /// Works while the mint runs, and also while it does not.
    Keysets(MintKeysets),
    /// Make the next keyset now
    ///
    /// A running mint makes it by itself, ahead_seconds before the last one ceases to issue. This is for after
    /// a revocation, and for settings in mint.toml that should hold sooner. It issues when the last one ends; or at
    /// once, if none issues now. Works while the mint runs, and also while it does not.
    NewKeyset(MintNewKeyset),
    /// Recompute the books from every record and compare
    ///
    /// funded − paid out = balances + fees + unused vouchers + pending payouts + (issued − redeemed), for each
    /// unit. Exits with 1 when a figure differs, and names it.
    Audit(MintFolder),
    /// Declare what you hold against what the mint owes, or show it
    ///
    /// While more is owed than you declared, the mint issues nothing and says so; deposits and swaps go on. Works while the mint
    /// runs, and also while it does not.
    Backing(MintBacking),
    /// List payouts that merchants asked for, and say which you paid
    ///
    /// Works while the mint runs, and also while it does not.
    Payouts(MintPayouts),
    /// Keep the secret keys in a process of their own
    #[command(subcommand)]
    Signer(MintSigner),
    /// Change what protects the secret keys on disk
    #[command(subcommand)]
    Passphrase(MintPassphrase),
    /// Back up and restore the secret keys, apart from the ledger
    #[command(subcommand)]
    Keys(MintKeys),
    /// Revoke a keyset whose key leaked, or may have leaked
    ///
    /// From then on nobody pays, swaps or deposits its tokens. Their honest holders claim them, and are paid. What cannot
    /// be undone: forged tokens that were swapped or paid before. Works while the mint runs, and also while it does not.
    Revoke(MintRevoke),
    /// Issue again, although more would have been redeemed of a keyset than was issued
    ///
    /// That shows that somebody else has its key, and then it is to be revoked. This is for when you know that it means nothing,
    /// such as after somebody put an older ledger back by hand. Works while the mint runs, and also while it does not.
    DismissForgery(MintDismissForgery),
    /// Show what is claimed of revoked keysets, or put money in that forged tokens took
    Recoup(MintRecoup),
    /// What your payment processor reports, and the secret that you share with it
    #[command(subcommand)]
    Funding(MintFundingCommand),
    /// Vouchers: printed codes that a wallet redeems without an account
    #[command(subcommand)]
    Vouchers(MintVouchersCommand),
    /// Copy the mint while it goes on, and check the copy
    ///
    /// Everything that was answered before is in it. The secret keys are not, unless you ask for them.
    Backup(MintBackup),
    /// Make a mint of a copy, and say what became of the original
    ///
    /// A copy does not know which tokens were spent after it was taken. So the mint is not served before you say
    /// whether anything was answered since, and if so, its keysets are revoked.
    Restore(MintRestore),
    /// Forget an account that holds nothing, with all that was kept about it
    ///
    /// What it moved stays in the sums. Payments to it name it until their keyset has ended.
    Forget(MintForget),
}

impl MintCommand {
    /// Whether the answer, or the failure, is one JSON object.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Payouts(args) => args.json,
            Self::Backup(args) => args.json,
            Self::Restore(args) => args.json,
            Self::Forget(args) => args.json,
            Self::Backing(args) => args.json,
            Self::CheckConfig(args) => args.json,
            Self::Status(args) => args.json,
            Self::Keysets(args) => args.json,
            Self::NewKeyset(args) => args.json,
            Self::Signer(MintSigner::Init(args)) => args.json,
            Self::Signer(MintSigner::Report(args)) => args.json,
            Self::Passphrase(MintPassphrase::Set(args)) => args.json,
            Self::Keys(MintKeys::Backup(args)) => args.json,
            Self::Keys(MintKeys::Restore(args)) => args.json,
            Self::Signer(MintSigner::Run(_)) => false,
            Self::Revoke(args) => args.json,
            Self::DismissForgery(args) => args.json,
            Self::Recoup(args) => args.json,
            Self::Vouchers(command) => command.wants_json(),
            Self::Funding(command) => command.wants_json(),
            Self::Account(command) => command.wants_json(),
            Self::Admin(args) => args.json,
            Self::Journal(args) => args.json,
            Self::ResetFactor(_) | Self::Init(_) | Self::Run(_) | Self::Credit(_) | Self::Audit(_) => false,
        }
    }
}
