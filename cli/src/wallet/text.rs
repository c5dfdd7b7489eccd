//! Texts that people hand to one another: invoices and the like, as a text, a link, a file, a picture, or in parts.

use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::Result;
use farthing_protocol::api::PayRequest;
use farthing_protocol::codec::DecodeError;
use farthing_protocol::locked::Recipient;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, TransferRequest};
use farthing_protocol::text::TextForm;
use farthing_protocol::token::TextToken;
use farthing_protocol::voucher::VoucherCode;
use zeroize::Zeroizing;

use crate::args::Input;
use crate::exit::{Fault, Trouble, fault};
use crate::qr;

/// More than any text has, parts included.
const MAX_INPUT: u64 = 1 << 20;

/// What a text is.
pub(crate) enum Text {
    /// To be paid over the network.
    Invoice(Box<Invoice>),
    /// Of another wallet, to be answered with a token.
    Transfer(Box<TransferRequest>),
    /// Money.
    Token(Box<TextToken>),
    /// To whom money can be locked.
    Recipient(Box<Recipient>),
    /// That somebody was paid.
    Receipt(Box<Receipt>),
    /// A payment that is handed over, with the invoice that it answers.
    Payment(Box<PayRequest>),
    /// Money at a mint, for whoever redeems it.
    Voucher(Box<VoucherCode>),
}

impl Text {
    /// Reads a text by its prefix.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        fn boxed<T: TextForm>(text: &str) -> Result<Box<T>, DecodeError> {
            T::from_text(text).map(Box::new)
        }
        let prefix = text.rsplit_once('1').map(|(prefix, _)| prefix.to_ascii_lowercase()).unwrap_or_default();
        let read = match prefix.as_str() {
            Invoice::PREFIX => boxed(text).map(Self::Invoice),
            TransferRequest::PREFIX => boxed(text).map(Self::Transfer),
            TextToken::PREFIX => boxed(text).map(Self::Token),
            Recipient::PREFIX => boxed(text).map(Self::Recipient),
            Receipt::PREFIX => boxed(text).map(Self::Receipt),
            PayRequest::PREFIX => boxed(text).map(Self::Payment),
            VoucherCode::PREFIX => boxed(text).map(Self::Voucher),
            prefix if prefix.starts_with("farthing") => {
                return Err(fault(Trouble::BadText, format!("this is a {prefix} text, which is of no use here")));
            }
            _ => {
                let message = "this is not a text of Farthing, or its beginning is missing";
                return Err(fault(Trouble::BadText, message).next("such texts begin with farthing"));
            }
        };
        read.map_err(|_| {
            fault(Trouble::BadText, "the text is damaged: a character is wrong or missing, or it is of another version")
                .next("copy it again, the whole of it")
        })
    }

    /// Says what this is, where something else is wanted.
    pub(crate) fn misplaced(&self, wanted: &str) -> Fault {
        let (is, hint) = match self {
            Self::Invoice(_) => ("an invoice", "`farthing wallet pay` pays it"),
            Self::Transfer(_) => ("a request for money", "`farthing wallet pay` answers it"),
            Self::Token(_) => ("money", "`farthing wallet receive` takes it"),
            Self::Recipient(_) => ("the record of a recipient", "`farthing wallet send AMOUNT --to` takes it"),
            Self::Receipt(_) => ("a receipt", "`farthing wallet receipt-in` takes it"),
            Self::Payment(_) => ("a payment", "the merchant's `farthing verifier accept` takes it"),
            Self::Voucher(_) => ("a voucher", "`farthing wallet redeem` takes it"),
        };
        fault(Trouble::BadText, format!("this is {is}, and not {wanted}")).next(hint)
    }
}

/// The one text that the input holds. `what` names it.
pub(crate) fn read_input(input: &Input, what: &str) -> Result<Text> {
    let raw = if !input.image.is_empty() {
        let mut raw = Vec::new();
        for image in &input.image {
            raw.extend(qr::read_image(image)?);
        }
        Zeroizing::new(raw.join("\n"))
    } else if let Some(file) = &input.file {
        if file.as_os_str() == "-" { read_stdin()? } else { read_file(file)? }
    } else if !input.text.is_empty() {
        Zeroizing::new(input.text.join("\n"))
    } else if !std::io::stdin().is_terminal() {
        read_stdin()?
    } else {
        return Err(fault(Trouble::BadText, format!("there is no {what}"))
            .next("give its text, or --file, or --image")
            .into());
    };
    if raw.trim().is_empty() {
        return Err(fault(Trouble::BadText, format!("there is no {what}: what was read is empty")).into());
    }
    Ok(Text::read(&Zeroizing::new(qr::join(&raw)?))?)
}

pub(crate) fn read_file(path: &Path) -> Result<Zeroizing<String>> {
    let unreadable =
        |error: std::io::Error| fault(Trouble::BadFile, format!("{} cannot be read: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    limited(file).map_err(|error| unreadable(error).into())
}

pub(crate) fn read_stdin() -> Result<Zeroizing<String>> {
    limited(std::io::stdin().lock())
        .map_err(|error| fault(Trouble::BadFile, format!("standard input cannot be read: {error}")).into())
}

fn limited(reader: impl Read) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    reader.take(MAX_INPUT).read_to_string(&mut text)?;
    Ok(text)
}
