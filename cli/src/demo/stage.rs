//! Who takes part, and what they can be told to do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use farthing_http::client::{Answer, BaseUrl, HttpClient};
use farthing_issuer::{InitOptions, Mint, MintHome, Protection};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::{KeysetsAnswer, mint_path};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::request::Invoice;
use farthing_verifier::home::{HomeOptions, VerifierHome};
use farthing_verifier::merchant::Merchant;
use farthing_wallet::{Options, Unlock, Wallet, WordCount, Words};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use super::tap::{self, Call, Calls};
use super::{PAY, order};

pub(super) struct Stage {
    folder: PathBuf,
    pub(super) unit: Unit,
    pub(super) mint: Mint,
    pub(super) mint_address: SocketAddr,
    pub(super) merchant: Merchant,
    pub(super) shop_url: BaseUrl,
    pub(super) mint_saw: Calls,
    pub(super) shop_saw: Calls,
}

impl Stage {
    pub(super) async fn set(folder: &Path) -> Result<Self> {
        let unit = Unit::new("EUR", 2)?;
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = InitOptions::new(unit.clone(), Protection::KeyFile(folder.join("mint.key")));
        let unlock = options.protection.unlock();
        let home = MintHome::init(folder.join("mint"), &options)?;
        let mint = Mint::open(&home, unlock).await?;
        let running = farthing_issuer::run(mint.clone(), loopback, std::future::pending()).await?;
        let (mint_address, mint_saw) = tap::start(running.local_addr).await?;
        let mint_url = BaseUrl::parse(&format!("http://{mint_address}"))?;

        let (shop_tap, shop_address) = tap::reserve().await?;
        let shop_url = BaseUrl::parse(&format!("http://{shop_address}"))?;
        let options = HomeOptions { public_url: Some(shop_url.clone()), ..HomeOptions::default() };
        let home = VerifierHome::init(&folder.join("verifier"), &mint_url, mint.id(), &options)?;
        let shop = farthing_verifier::home::run(home, loopback, std::future::pending()).await?;
        let shop_saw = shop_tap.connect(shop.local_addr)?;
        let merchant = shop.merchant.clone();
        Ok(Self { folder: folder.to_owned(), unit, mint, mint_address, merchant, shop_url, mint_saw, shop_saw })
    }

    /// The mint's keyset.
    pub(super) fn keyset(&self) -> Result<Keyset> {
        let calls = self.mint_saw.to(mint_path::KEYSETS);
        let call = calls.first().context("nobody asked for the keysets")?;
        let answer: KeysetsAnswer = serde_json::from_slice(&call.answer)?;
        Ok(answer.keysets.into_iter().next().context("the mint has no keyset")?.verify()?)
    }

    /// Makes a wallet that trusts the mint.
    pub(super) async fn wallet(&self, name: &str) -> Result<Wallet> {
        let words = Words::generate(&mut UnwrapErr(SysRng), WordCount::Twelve)?;
        let wallet =
            Wallet::create(&self.folder.join(name), &words, farthing_wallet::Protection::NoPassphrase, Options::new())
                .await?;
        let mint = wallet.add_mint(&format!("http://{}", self.mint_address)).await?;
        wallet.pin_mint(&mint.id).await?;
        Ok(wallet)
    }

    /// Closes a wallet, copies its folder, and opens both.
    pub(super) async fn copied(&self, name: &str, wallet: Wallet) -> Result<(Wallet, Wallet)> {
        let (original, copy) = (self.folder.join(name), self.folder.join(format!("{name}-copy")));
        let (from, to) = (original.clone(), copy.clone());
        tokio::task::spawn_blocking(move || {
            drop(wallet);
            copy_folder(&from, &to)
        })
        .await??;
        let open = async |folder| Wallet::open(folder, Unlock::NoPassphrase, Options::new()).await;
        Ok((open(&original).await?, open(&copy).await?))
    }

    pub(super) async fn credit(&self, wallet: &Wallet, units: u64) -> Result<()> {
        let account = wallet.account(self.mint.id());
        self.mint.credit(account, Amount::new(units).context("too large")?, account.to_text()).await?;
        Ok(())
    }

    pub(super) async fn account_of(&self, wallet: &Wallet) -> Result<Amount> {
        self.balance(&wallet.account(self.mint.id())).await
    }

    pub(super) async fn balance(&self, account: &AccountKey) -> Result<Amount> {
        let answer = self.mint.account(account).await?;
        let held = answer.balances.iter().find(|held| held.unit == self.unit.code());
        Ok(held.map_or(Amount::ZERO, |held| held.balance))
    }

    pub(super) fn invoice(&self, memo: &str) -> Result<Invoice> {
        Ok(self.merchant.invoice(order(memo)?)?)
    }

    /// The last payment that the merchant saw.
    pub(super) fn last_payment(&self) -> Result<Call> {
        self.shop_saw.to(PAY).pop().context("the merchant saw no payment")
    }

    /// Sends the merchant the bytes of a payment.
    pub(super) async fn send_to_shop(&self, body: Bytes) -> Result<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let client = HttpClient::builder().build()?;
        Ok(client.request(Method::POST, &self.shop_url.join(PAY)?, headers, body).await?)
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
