//! What the mint credited is kept, and filed when the mint says that it has forgotten it.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{CreditedCall, CreditedClaims, Forgotten, LockedClaim, RecoupWindow, verifier_path};
use farthing_protocol::ids::KeysetId;

use crate::common::{NOW, pay};
use crate::service::Shop;

const DAY: u64 = 86_400;

fn window(keyset: KeysetId, since: Option<UnixTime>) -> RecoupWindow {
    let until = NOW.plus(9 * DAY);
    RecoupWindow {
        keyset,
        revoked_at: until,
        leaked_since: until,
        claims_until: until,
        ends_at: until,
        forgotten: since.map(|since| Forgotten { since, until }),
    }
}

async fn claims(shop: &Shop, recoups: Vec<RecoupWindow>) -> Vec<LockedClaim> {
    let call = CreditedCall { recoups, after: None };
    let answer: CreditedClaims = shop.control().post_json(verifier_path::CREDITED_CLAIMS, &call).await.unwrap();
    assert_eq!(answer.next, None);
    answer.claims
}

#[tokio::test]
async fn what_was_credited_is_filed_as_it_was_paid_for_the_time_that_was_forgotten() {
    let mut shop = Shop::open().await;
    let keyset = *shop.mint().keyset().id();
    let invoice = shop.invoice(5).await;
    let payment = pay(shop.mint(), &invoice);
    shop.pay(&payment, &invoice).await.unwrap();
    shop.later(2).await;
    let [claim] = claims(&shop, vec![window(keyset, Some(NOW))]).await.try_into().unwrap();
    assert_eq!((claim.payment, claim.amount.units()), (payment.id(), 5));
    let filed = claim.claim.payment().unwrap();
    assert_eq!((filed, claim.claim.locked(), claim.claim.evidence().len()), (&payment, None, 0));
    // Of what the mint knows it is told nothing.
    for known in
        [window(keyset, Some(NOW.plus(DAY))), window(keyset, None), window(KeysetId::from_bytes([7; 32]), Some(NOW))]
    {
        assert_eq!(claims(&shop, vec![known]).await.len(), 0);
    }
    assert_eq!(claims(&shop, Vec::new()).await.len(), 0);
}

#[tokio::test]
async fn what_was_credited_goes_with_its_records_and_when_nothing_can_be_claimed() {
    for keep in [Some("1d"), None] {
        let mut shop = Shop::open().await;
        let keyset = *shop.mint().keyset().id();
        let invoice = shop.invoice(5).await;
        shop.pay(&pay(shop.mint(), &invoice), &invoice).await.unwrap();
        let ends = shop.mint().keyset().terms().deposit_until.seconds() - NOW.seconds();
        shop.later(if keep.is_some() { 2 * DAY } else { ends + 29 * DAY }).await;
        let merchant = &shop.verifier().merchant;
        merchant.drop_ended().await.unwrap();
        assert_eq!(claims(&shop, vec![window(keyset, Some(NOW))]).await.len(), 1);
        match keep {
            Some(keep) => assert_eq!(merchant.forget_older(keep.parse().unwrap()).await, Ok(1)),
            None => {
                shop.later(ends + 30 * DAY).await;
                shop.verifier().merchant.drop_ended().await.unwrap();
            }
        }
        assert_eq!(claims(&shop, vec![window(keyset, Some(NOW))]).await.len(), 0);
    }
}
