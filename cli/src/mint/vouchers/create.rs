//! Codes are drawn and written to the sheet first, and then the mint gets their public keys: what is in the books is surely on paper.

use std::path::{Path, PathBuf};

use anyhow::Result;
use farthing_http::client::{BaseUrl, CallError};
use farthing_issuer::control::{CreateVouchersAnswer, CreateVouchersRequest, path};
use farthing_issuer::{LedgerError, NewBatch, VoucherError};
use farthing_protocol::codec::is_plain;
use farthing_protocol::identity::Keypair;
use farthing_protocol::text::TextForm;
use farthing_protocol::voucher::{VoucherCode, VoucherTerms};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use super::sheet::{self, Sheet};
use super::{BatchEntry, CreatedAnswer};
use crate::args::{MintVouchersCreate, MintVouchersRegister};
use crate::exit::{Advise, Trouble, fault};
use crate::mint::home::{Desk, ask_running, open};
use crate::mint::read_amount;
use crate::output::Screen;
use crate::qr::write_private;
use crate::verifier::read_url;
use crate::wallet::text::read_file;
use crate::{hooks, when};

pub(super) async fn create(args: MintVouchersCreate, screen: &Screen) -> Result<CreatedAnswer> {
    let home = open(args.folder)?;
    let format = sheet::Format::of(&args.sheet)?;
    if !is_plain(&args.title) || args.title.len() > sheet::MAX_TITLE {
        return Err(fault(Trouble::BadText, "the title must be plain text of at most 60 bytes").into());
    }
    let terms = VoucherTerms {
        mint: *home.mint_id(),
        amount: read_amount(&args.amount, home.unit())?,
        unit: home.unit().clone(),
        expires_at: when::ahead(&args.expires, hooks::now())?,
    };
    let mut rng = UnwrapErr(SysRng);
    let codes = (0..args.count).map(|_| VoucherCode::new(Keypair::generate(&mut rng), &terms));
    let codes: Vec<VoucherCode> = codes.collect::<Result<_, _>>()?;
    let mint_url = args.mint_url.as_deref().map(read_url).transpose()?;
    let mint_url = mint_url.as_ref().map(BaseUrl::as_str);
    if mint_url.is_some_and(|url| url.len() > sheet::MAX_ADDRESS) {
        return Err(fault(Trouble::BadText, "the mint's address must have at most 96 bytes to stand on a card").into());
    }
    let printed = Sheet { title: &args.title, mint_url, paper: args.paper, terms: &terms, codes: &codes };
    let mut sheets = Vec::new();
    for (path, text) in printed.files(&args.sheet, format)? {
        write_private(&path, text.as_bytes()).inspect_err(|_| remove(&sheets))?;
        sheets.push(path);
    }
    match put_into_books(&home, &terms, &codes, &args.title).await {
        Ok((batch, known)) => Ok(answer(batch, known, &sheets)),
        Err(error) if took_no_effect(&error) => {
            // They are worth nothing, and nobody has seen them.
            remove(&sheets);
            Err(error)
        }
        Err(error) => {
            screen.note("The sheet stays, for its vouchers may be worth something.");
            Err(error).advise(
                "whether the vouchers are in the mint's books is not known",
                format!("`farthing mint vouchers register {}` puts them there, once", args.sheet.display()),
            )
        }
    }
}

pub(super) async fn register(args: MintVouchersRegister) -> Result<CreatedAnswer> {
    let home = open(args.folder)?;
    let mut codes: Vec<VoucherCode> = Vec::new();
    for path in &args.sheet {
        for text in sheet::links(&read_file(path)?) {
            codes.push(
                VoucherCode::from_text(text)
                    .map_err(|_| fault(Trouble::BadText, format!("a code in {} is damaged", path.display())))?,
            );
        }
    }
    let Some(terms) = codes.first().map(VoucherCode::terms) else {
        return Err(fault(Trouble::BadText, "there are no voucher codes in this file").into());
    };
    if codes.iter().any(|code| code.terms() != terms) || terms.mint != *home.mint_id() || terms.unit != *home.unit() {
        let message = "the sheet's vouchers are not all of one batch of this mint";
        return Err(fault(Trouble::BadText, message).next("give the files of one sheet, and --dir of its mint").into());
    }
    let (batch, known) = put_into_books(&home, &terms, &codes, &args.title).await?;
    Ok(answer(batch, known, &args.sheet))
}

/// Gives the mint the public keys. The same batch again changes nothing.
async fn put_into_books(
    home: &Desk,
    terms: &VoucherTerms,
    codes: &[VoucherCode],
    title: &str,
) -> Result<(BatchEntry, bool)> {
    let vouchers = codes.iter().map(VoucherCode::public).collect();
    let VoucherTerms { amount, expires_at, .. } = *terms;
    let request = CreateVouchersRequest { vouchers, amount, expires_at, note: title.to_owned() };
    let asked = ask_running(home, async |client| client.post_json(path::VOUCHERS, &request).await).await?;
    let (batch, known) = match asked {
        Some(CreateVouchersAnswer { batch, known }) => (batch, known),
        None => {
            let CreateVouchersRequest { vouchers, amount, expires_at, note } = request;
            let batch = NewBatch { vouchers, amount, expires_at, note };
            let (books, authority) = home.books().await?;
            books.create_vouchers_by(authority, batch).await?
        }
    };
    Ok((BatchEntry::of(batch)?, known))
}

fn took_no_effect(error: &anyhow::Error) -> bool {
    match (error.downcast_ref::<CallError>(), error.downcast_ref::<VoucherError>()) {
        (Some(call), _) => !call.may_have_taken_effect(),
        (None, Some(refused)) => !matches!(refused, VoucherError::Ledger(LedgerError::Unavailable)),
        // The books could not even be opened.
        (None, None) => true,
    }
}

fn answer(batch: BatchEntry, known: bool, sheets: &[PathBuf]) -> CreatedAnswer {
    CreatedAnswer { batch, known, sheets: sheets.iter().map(|path| path.display().to_string()).collect() }
}

fn remove(sheets: &[impl AsRef<Path>]) {
    for sheet in sheets {
        // What cannot be removed is worth nothing.
        let _gone = std::fs::remove_file(sheet);
    }
}
