//! What operations do.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::{DecodeError, Reader, Writer};
use farthing_protocol::derive::{IssuanceNumber, ReceivingIndex};
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::{KeysetId, OperationId};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::locked::{Recipient, RecipientKey};
use farthing_protocol::payment::{Payment, PaymentKind};
use farthing_protocol::request::{PaymentRequest, TransferRequest};
use farthing_protocol::shape::Shape;
use farthing_protocol::token::{CoinKey, Token};
use sha2::{Digest, Sha256};

use crate::recoup::Recouping;
use crate::stock::TokenKey;
use crate::x402::Settlement;

/// What an operation does.
pub(crate) enum Body {
    /// Tokens are issued: a withdrawal or a swap.
    Issue(Box<Issue>),
    /// A request is paid.
    Pay(Box<Pay>),
    /// Tokens are given out as a text that whoever has it can claim.
    Send(Box<Sending>),
    /// Tokens are swapped for ones that only their recipient can spend.
    Lock(Box<Locking>),
    /// Somebody else's tokens are swapped for own ones.
    Receive(Box<Receiving>),
    /// Tokens of a revoked keyset are claimed from their mint.
    Recoup(Box<Recouping>),
}

/// An issuance, until tokens are there.
pub(crate) struct Issue {
    pub(crate) shape: Shape,
    pub(crate) redemption: Redemption,
    pub(crate) source: Source,
    /// To whom the tokens are locked that it makes; own ones if to nobody.
    pub(crate) lock: Option<Lock>,
    /// Every number drawn for it; the last one may be unanswered.
    pub(crate) used: Vec<Used>,
    pub(crate) stage: IssueStage,
}

impl Issue {
    /// One that nothing was sent for yet, of own tokens.
    pub(crate) fn new(shape: Shape, redemption: Redemption, source: Source) -> Self {
        Self { shape, redemption, source, lock: None, used: Vec::new(), stage: IssueStage::Opening }
    }
}

/// To whom tokens are locked, and whether this wallet holds them to pay with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lock {
    /// Q.
    pub(crate) key: RecipientKey,
    /// The payee who is to be paid with them. Without one they are given away.
    pub(crate) held_for: Option<PayeeKey>,
}

impl Lock {
    /// Tokens to be given away.
    pub(crate) const fn given(key: RecipientKey) -> Self {
        Self { key, held_for: None }
    }

    /// `0`, or `1` ‖ Q of tokens that are given away, or `2` ‖ Q ‖ payee of tokens that are held.
    pub(crate) fn encode(lock: Option<&Self>, out: &mut Writer) {
        match lock {
            None => out.u8(0),
            Some(Self { key, held_for: None }) => {
                out.u8(1);
                out.part(key);
            }
            Some(Self { key, held_for: Some(payee) }) => {
                out.u8(2);
                out.part(key);
                out.part(payee);
            }
        }
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        match input.u8()? {
            0 => Ok(None),
            1 => Ok(Some(Self::given(input.part()?))),
            2 => Ok(Some(Self { key: input.part()?, held_for: Some(input.part()?) })),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// What pays for an issuance.
pub(crate) enum Source {
    /// The wallet's account at the mint.
    Account {
        /// Stays the same for all numbers.
        operation: OperationId,
        /// What was due when the withdrawal began: never is more signed away.
        max_debit: Amount,
    },
    /// Tokens reserved by the operation, in the order of the swap's payment.
    Tokens(Vec<TokenKey>),
    /// Tokens that were never in this wallet's stock.
    Foreign(Foreign),
    /// A voucher, by its code's key pair.
    Voucher(Box<Keypair>),
}

impl Source {
    /// Tokens of this wallet's stock.
    pub(crate) fn own(&self) -> &[TokenKey] {
        match self {
            Self::Tokens(tokens) => tokens,
            Self::Account { .. } | Self::Foreign(_) | Self::Voucher(_) => &[],
        }
    }

    /// The keyset of the tokens.
    pub(crate) fn keyset(&self) -> Option<KeysetId> {
        match self {
            Self::Account { .. } | Self::Voucher(_) => None,
            Self::Tokens(tokens) => tokens.first().map(|token| token.keyset),
            Self::Foreign(foreign) => Some(foreign.keyset),
        }
    }
}

/// Somebody else's tokens with their coin keys, in the order of a payment.
pub(crate) struct Foreign {
    pub(crate) keyset: KeysetId,
    pub(crate) tokens: Vec<(Token, CoinKey)>,
}

/// A number drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) keyset: KeysetId,
    pub(crate) number: IssuanceNumber,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IssueStage {
    /// No number is unanswered: the next step is to open a session.
    Opening,
    /// The request of the last number may have been sent: the next step is to send it (again).
    Sent,
    /// Another wallet uses the same seed: nothing more is done until it is gone on with, or given up.
    Stopped,
}

/// A payment, until it is known whether it was accepted.
pub(crate) struct Pay {
    pub(crate) request: PaymentRequest,
    pub(crate) payment: Payment,
    pub(crate) tokens: Vec<TokenKey>,
    /// How many swaps had to be made just before.
    pub(crate) swaps: u32,
    pub(crate) delivery: Delivery,
    /// The renewal that settles it, once it was given up. From then on it is never sent again.
    pub(crate) settling: Option<Issue>,
}

impl Pay {
    /// Whether it is of tokens that are locked to its payee: nobody but he can say what became of it.
    pub(crate) fn is_held(&self) -> bool {
        self.payment.kind() == PaymentKind::Locked
    }
}

/// How a payment gets to its payee.
pub(crate) enum Delivery {
    /// To the endpoint that the invoice names.
    Endpoint,
    /// With an HTTP request that is repeated for it.
    Http(Box<HttpExchange>),
    /// It was handed to somebody, who delivers it.
    Handed,
}

/// An HTTP request that is paid for, whole: it is sent again with the same bytes.
#[derive(Clone)]
pub(crate) struct HttpExchange {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// The value of the header that carries the payment.
    pub(crate) signature: String,
    /// The value of the header in which the server said what became of the payment, once it did.
    pub(crate) settled: Option<String>,
    /// What was asked for, while whoever asked was given no answer that decides. It outlives the content, so that a payment whose
    /// answer was lost is found when the same request is made again.
    pub(crate) unanswered: Option<RequestDigest>,
}

/// SHA-256 over method, URL, headers and body of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestDigest(pub(crate) [u8; 32]);

impl HttpExchange {
    /// Which request this is. Every part goes in with its length before it.
    pub(crate) fn digest(&self) -> RequestDigest {
        let mut digest = Sha256::new();
        let mut add = |part: &[u8]| {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        };
        add(self.method.as_bytes());
        add(self.url.as_bytes());
        add(&u64::try_from(self.headers.len()).unwrap_or(u64::MAX).to_be_bytes());
        for (name, value) in &self.headers {
            add(name.as_bytes());
            add(value);
        }
        add(&self.body);
        RequestDigest(digest.finalize().into())
    }

    /// What the server said became of the payment, if it made sense.
    pub(crate) fn settlement(&self) -> Option<Settlement> {
        self.settled.as_deref().and_then(|said| Settlement::read([said.as_bytes()]))
    }

    /// Whether both are the same request, whatever was paid for it.
    pub(crate) fn is_same_request(&self, other: &Self) -> bool {
        self.method == other.method && self.url == other.url && self.headers == other.headers && self.body == other.body
    }
}

/// Tokens that were given out as a text, until somebody claimed them or they were taken back.
pub(crate) struct Sending {
    pub(crate) tokens: Vec<TokenKey>,
    pub(crate) memo: Option<String>,
    /// How many swaps had to be made just before.
    pub(crate) swaps: u32,
    /// The renewal that takes them back, once that was begun.
    pub(crate) reclaiming: Option<Issue>,
}

/// For whom tokens are locked.
pub(crate) enum LockTo {
    /// For the owner of a published record.
    Recipient(Recipient),
    /// For whoever asked.
    Request(TransferRequest),
}

impl LockTo {
    /// Q.
    pub(crate) fn key(&self) -> &RecipientKey {
        match self {
            Self::Recipient(recipient) => recipient.key(),
            Self::Request(request) => &request.draft().key,
        }
    }

    /// Before when whoever asked takes it.
    pub(crate) fn expires_at(&self) -> Option<UnixTime> {
        match self {
            Self::Recipient(_) => None,
            Self::Request(request) => Some(request.draft().expires_at),
        }
    }

    /// Who signed.
    pub(crate) fn payee(&self) -> &PayeeKey {
        match self {
            Self::Recipient(recipient) => recipient.payee(),
            Self::Request(request) => &request.draft().payee,
        }
    }
}

/// A swap into tokens that are locked to somebody, until the text that holds them is there.
pub(crate) struct Locking {
    pub(crate) to: LockTo,
    pub(crate) memo: Option<String>,
    /// How many swaps had to be made just before.
    pub(crate) swaps: u32,
    pub(crate) issue: Issue,
    /// The text token's bytes, once its tokens were issued.
    pub(crate) made: Option<Vec<u8>>,
}

/// A swap of somebody else's tokens.
pub(crate) struct Receiving {
    pub(crate) memo: Option<String>,
    /// With which of this wallet's keys they were locked, and so which of its requests they answer.
    pub(crate) index: Option<ReceivingIndex>,
    pub(crate) issue: Issue,
}
