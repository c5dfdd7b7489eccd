//! The JSON answers' schemas under `docs/schema`, made from the types that are written.
//!
//! After an intended change, `SCHEMA=overwrite cargo test -p farthing --lib schema` writes them anew. A field that is there may not go
//! away, nor change what it means.

use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::exit::FailureAnswer;
use crate::output::Envelope;
use crate::verifier;
use crate::verifier::{account as account_of_merchant, payments, receipt, refund, webhooks};
use crate::wallet::{
    account, balance, budget, doctor, fund, get, held, history, init, mints, passphrase, pay, receive, redeem, refresh,
    restore, resume, send, stock, withdraw,
};

fn answer<T: JsonSchema>() -> Value {
    schema::<Envelope<T>>()
}

fn schema<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    closed(generator.into_root_schema_for::<T>().to_value())
}

/// Says that an object has no other fields than those described, and leaves out what is only for Rust.
fn closed(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            // A schema's title is a text; an object is a field that is called so.
            if fields.get("title").is_some_and(Value::is_string) {
                fields.remove("title");
            }
            fields.values_mut().for_each(|field| *field = closed(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = closed(item.take())),
        _ => {}
    }
    value
}

fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("failure", schema::<FailureAnswer>()),
        ("verifier-check-config", answer::<crate::check::CheckAnswer>()),
        ("verifier-init", answer::<verifier::init::InitAnswer>()),
        ("verifier-keys", answer::<verifier::keys::KeysAnswer>()),
        ("verifier-request", answer::<verifier::request::RequestAnswer>()),
        ("mint-backing", answer::<crate::mint::backing::BackingAnswer>()),
        ("mint-check-config", answer::<crate::check::CheckAnswer>()),
        ("mint-keysets", answer::<crate::mint::keysets::KeysetsAnswer>()),
        ("mint-new-keyset", answer::<crate::mint::keysets::NewKeysetAnswer>()),
        ("mint-keys", answer::<crate::mint::keys::KeysAnswer>()),
        ("mint-passphrase-set", answer::<crate::mint::keys::ProtectionAnswer>()),
        ("mint-status", answer::<crate::mint::status::StatusAnswer>()),
        ("mint-signer", answer::<crate::mint::signer::SignerAnswer>()),
        ("mint-signer-report", answer::<crate::mint::signer::SignerReportAnswer>()),
        ("mint-backup", answer::<crate::mint::backup::BackupAnswer>()),
        ("mint-forget", answer::<crate::mint::forget::ForgottenAnswer>()),
        ("mint-restore", answer::<crate::mint::restore::RestoreAnswer>()),
        ("mint-restore-decided", answer::<crate::mint::restore::DecidedAnswer>()),
        ("mint-payouts", answer::<crate::mint::payouts::PayoutsAnswer>()),
        ("mint-dismiss-forgery", answer::<crate::mint::forgery::DismissedAnswer>()),
        ("mint-recoup", answer::<crate::mint::recoup::RecoupsAnswer>()),
        ("mint-recoup-cover", answer::<crate::mint::recoup::CoveredAnswer>()),
        ("mint-revoke", answer::<crate::mint::recoup::RevokedAnswer>()),
        ("mint-funding", answer::<crate::mint::funding::FundingAnswer>()),
        ("mint-funding-assign", answer::<crate::mint::funding::FundingEntry>()),
        ("mint-funding-secret", answer::<crate::mint::funding::SecretAnswer>()),
        ("mint-vouchers", answer::<crate::mint::vouchers::VouchersAnswer>()),
        ("mint-vouchers-create", answer::<crate::mint::vouchers::CreatedAnswer>()),
        ("mint-vouchers-revoke", answer::<crate::mint::vouchers::BatchEntry>()),
        ("mint-account", answer::<crate::mint::account::RegistrationEntry>()),
        ("mint-account-list", answer::<crate::mint::account::RegisteredAnswer>()),
        ("mint-admin", answer::<crate::mint::admin::AdminAnswer>()),
        ("mint-journal", answer::<crate::mint::journal::JournalAnswer>()),
        ("mint-journal-verify", answer::<crate::mint::journal::CheckAnswer>()),
        ("verifier-factor", answer::<crate::settings::AccountSettings>()),
        ("verifier-balance", answer::<account_of_merchant::BalanceAnswer>()),
        ("verifier-payout", answer::<account_of_merchant::PayoutEntry>()),
        ("verifier-payouts", answer::<account_of_merchant::PayoutsAnswer>()),
        ("verifier-payments", answer::<payments::PaymentsAnswer>()),
        ("verifier-receipt", answer::<receipt::ReceiptAnswer>()),
        ("verifier-recoup", answer::<verifier::recoup::FiledAnswer>()),
        ("verifier-refund", answer::<refund::RefundAnswer>()),
        ("verifier-webhooks", answer::<webhooks::WebhooksAnswer>()),
        ("verifier-webhooks-new-secret", answer::<webhooks::SecretAnswer>()),
        ("verifier-webhooks-retry", answer::<webhooks::RetriedAnswer>()),
        ("wallet-account", answer::<account::AccountAnswer>()),
        ("wallet-account-settings", answer::<crate::settings::AccountSettings>()),
        ("wallet-balance", answer::<balance::BalanceAnswer>()),
        ("wallet-budget", answer::<budget::BudgetAnswer>()),
        ("wallet-budget-list", answer::<budget::BudgetsAnswer>()),
        ("wallet-budget-remove", answer::<budget::RemovedAnswer>()),
        ("wallet-doctor", answer::<doctor::DoctorAnswer>()),
        ("wallet-export", answer::<doctor::ExportAnswer>()),
        ("wallet-forget", answer::<doctor::ForgetAnswer>()),
        ("wallet-fund", answer::<fund::FundAnswer>()),
        ("wallet-fund-list", answer::<fund::FundListAnswer>()),
        ("wallet-get", answer::<get::GetAnswer>()),
        ("wallet-give-up", answer::<resume::GiveUpAnswer>()),
        ("wallet-history", answer::<history::HistoryAnswer>()),
        ("wallet-history-show", answer::<history::HistoryEntryAnswer>()),
        ("wallet-init", answer::<init::InitAnswer>()),
        ("wallet-mint", answer::<mints::MintAnswer>()),
        ("wallet-mint-list", answer::<mints::MintsAnswer>()),
        ("wallet-mint-refresh", answer::<mints::MintRefreshAnswer>()),
        ("wallet-passphrase", answer::<passphrase::PassphraseAnswer>()),
        ("wallet-pay", answer::<pay::PayAnswer>()),
        ("wallet-pay-x402", answer::<pay::entry::EntryAnswer>()),
        ("wallet-pay-by-hand", answer::<held::HandedAnswer>()),
        ("wallet-follow", answer::<held::FollowAnswer>()),
        ("wallet-receipt-in", answer::<held::ReceiptInAnswer>()),
        ("wallet-receipts", answer::<history::ReceiptsAnswer>()),
        ("wallet-receive", answer::<receive::ReceiveAnswer>()),
        ("wallet-redeem", answer::<redeem::RedeemAnswer>()),
        ("wallet-recipient", answer::<receive::RecipientAnswer>()),
        ("wallet-recoup", answer::<crate::wallet::recoup::RecoupAnswer>()),
        ("wallet-refresh", answer::<refresh::RefreshAnswer>()),
        ("wallet-request", answer::<receive::RequestAnswer>()),
        ("wallet-restore", answer::<restore::RestoreAnswer>()),
        ("wallet-resume", answer::<resume::ResumeAnswer>()),
        ("wallet-send", answer::<send::SendAnswer>()),
        ("wallet-send-reclaim", answer::<send::ReclaimAnswer>()),
        ("wallet-sent", answer::<send::SentAnswer>()),
        ("wallet-stock", answer::<stock::StockAnswer>()),
        ("wallet-withdraw", answer::<withdraw::WithdrawAnswer>()),
        ("wallet-withdraw-bundles", answer::<withdraw::BundlesAnswer>()),
    ]
}

#[test]
fn schemas_are_those_in_the_documentation() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema"));
    let overwrite = std::env::var("SCHEMA").is_ok_and(|value| value == "overwrite");
    let mut expected: Vec<String> = Vec::new();
    for (name, schema) in schemas() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let path = folder.join(format!("{name}.json"));
        if overwrite {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stored, text, "{} is another than what is written", path.display());
        expected.push(format!("{name}.json"));
    }
    let mut there: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    expected.sort();
    assert_eq!(there, expected, "a schema of no command");
}
