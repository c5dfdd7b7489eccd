//! Frames that are lost between a mint and its signer, and a signer that is slow.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use farthing_issuer::FinishError;
use farthing_protocol::shape::Shape;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::{opens, socket};
use crate::common::{World, amount};
use crate::wallet::{Wallet, operation};

/// What becomes of frames of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Loss {
    Nothing = 0,
    /// It never arrives.
    Question = 1,
    /// It is done, and the answer never arrives.
    Answer = 2,
    /// It is done, and the answer never arrives, nor does the connection end.
    Silence = 3,
    /// The answer is cut in half.
    Half = 4,
    /// The answer is something else.
    Nonsense = 5,
}

const CLAIM: u8 = 4;
const DRAW: u8 = 6;
const SIGN: u8 = 7;

/// Stands between a mint and its signer, and loses what it is told to lose.
struct Wire {
    loss: Arc<AtomicU8>,
    kind: Arc<AtomicU8>,
}

impl Wire {
    async fn between(world: &mut World) -> Self {
        let real = world.signer.as_ref().unwrap().home.folder().join("signer.sock");
        let path = world.home.folder().join("wire.sock");
        let (loss, kind) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU8::new(0)));
        let wire = Self { loss: Arc::clone(&loss), kind: Arc::clone(&kind) };
        let listener = UnixListener::bind(&path).unwrap();
        let (from, to) = (real.display().to_string(), path.display().to_string());
        world.configure(|text| text.replace(&from, &to).replace("wait_seconds = 10", "wait_seconds = 1"));
        tokio::spawn(async move {
            loop {
                let (mint, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(mint, real.clone(), Arc::clone(&loss), Arc::clone(&kind)));
            }
        });
        world.reopen().await;
        wire
    }

    fn lose(&self, kind: u8, loss: Loss) {
        self.kind.store(kind, Ordering::SeqCst);
        self.loss.store(loss as u8, Ordering::SeqCst);
    }
}

async fn frame(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let length = stream.read_u32_le().await.ok()?;
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn put(stream: &mut UnixStream, bytes: &[u8]) {
    let framed = [&u32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
    let _gone = stream.write_all(&framed).await;
}

async fn carry(mut mint: UnixStream, real: PathBuf, loss: Arc<AtomicU8>, kind: Arc<AtomicU8>) {
    let Ok(mut signer) = UnixStream::connect(real).await else { return };
    while let Some(question) = frame(&mut mint).await {
        let is_it = question[1] == kind.load(Ordering::SeqCst);
        let lost = if is_it { loss.load(Ordering::SeqCst) } else { 0 };
        if lost == Loss::Question as u8 {
            return;
        }
        put(&mut signer, &question).await;
        let Some(answer) = frame(&mut signer).await else { return };
        if lost == Loss::Answer as u8 {
            return;
        } else if lost == Loss::Silence as u8 {
            std::future::pending::<()>().await;
        } else if lost == Loss::Half as u8 {
            let framed = [&u32::try_from(answer.len()).unwrap().to_le_bytes(), answer.as_slice()].concat();
            let _gone = mint.write_all(&framed[..framed.len() / 2]).await;
            return;
        } else if lost == Loss::Nonsense as u8 {
            // An answer to another question.
            put(&mut mint, &[1, 3]).await;
        } else {
            put(&mut mint, &answer).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_at_a_claim_there_is_one_answer_or_none() {
    let mut world = World::apart(socket()).await;
    let wire = Wire::between(&mut world).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    for loss in [Loss::Question, Loss::Answer, Loss::Silence, Loss::Half, Loss::Nonsense] {
        let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
        let same = operation();
        let request = draft.by_account(&wallet.account, same);
        wire.lose(CLAIM, loss);
        let held = world.balance(&wallet.key()).await;
        assert_eq!(world.mint().finish(request.clone()).await, Err(FinishError::SignerUnreached), "{loss:?}");
        wire.lose(CLAIM, Loss::Nothing);
        assert_eq!(world.balance(&wallet.key()).await, held);
        // The same bytes again: what never arrived is done now; what was done is lost for ever.
        match world.mint().finish(request.clone()).await {
            Ok(record) => {
                assert_eq!(loss, Loss::Question);
                wallet.adopt(&keyset, &draft, &record);
            }
            Err(error) => {
                assert_eq!(error, FinishError::SessionGone, "{loss:?}");
                let next = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
                let record = world.mint().finish(next.by_account(&wallet.account, same)).await.unwrap();
                wallet.adopt(&keyset, &next, &record);
                let late = world.mint().finish(request).await;
                assert_eq!(late, Err(FinishError::FundingUsed(record.issuance)));
            }
        }
        assert_eq!(world.balance(&wallet.key()).await, held - 5);
    }
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyset_whose_answer_was_lost_is_the_next_one_all_the_same() {
    let mut world = World::apart(socket()).await;
    let wire = Wire::between(&mut world).await;
    world.clock.pass(70 * 86_400);
    let _list = world.keysets().await;
    for loss in [Loss::Question, Loss::Answer, Loss::Half] {
        wire.lose(DRAW, loss);
        world.mint().new_keyset().await.unwrap_err();
    }
    wire.lose(DRAW, Loss::Nothing);
    let id = world.mint().new_keyset().await.unwrap();
    let keyset = world.keyset().await;
    assert_eq!((*keyset.id(), keyset.terms().sequence), (id, 1));
    world.reopen().await;
    world.start_signer().await;
    assert_eq!(*world.keyset().await.id(), id);
    world.clock.pass(21 * 86_400);
    opens(&world).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_answer_was_lost_contradicts_nothing() {
    let mut world = World::apart(socket()).await;
    let wire = Wire::between(&mut world).await;
    let first = world.keysets().await.list;
    for loss in [Loss::Question, Loss::Answer, Loss::Half, Loss::Nonsense] {
        world.clock.pass(601);
        wire.lose(SIGN, loss);
        world.mint().keysets_answer().await.unwrap_err();
        wire.lose(SIGN, Loss::Nothing);
        let next = world.keysets().await.list;
        next.accept(&world.id(), Some(&first), world.now()).unwrap();
        world.reopen().await;
    }
    world.clock.pass(601);
    let last = world.keysets().await.list;
    last.accept(&world.id(), Some(&first), world.now()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_killed_and_started_between_any_two_steps_costs_a_session_at_most() {
    let mut world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let (mut same, mut adopted) = (operation(), 0);
    for step in 0..4 {
        let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
        if step % 2 == 0 {
            world.start_signer().await;
        }
        let request = draft.by_account(&wallet.account, same);
        let finished = world.mint().finish(request.clone()).await;
        world.start_signer().await;
        match finished {
            Ok(record) => {
                assert_eq!(step % 2, 1);
                assert_eq!(world.mint().finish(request).await.unwrap(), record);
                wallet.adopt(&keyset, &draft, &record);
                (same, adopted) = (operation(), adopted + 5);
            }
            Err(error) => assert_eq!(error, FinishError::UnknownSession),
        }
        assert_eq!(world.balance(&wallet.key()).await, 1000 - adopted);
    }
    assert_eq!(adopted, 10);
    world.audit().await;
}
