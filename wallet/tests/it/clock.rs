//! A wallet whose clock is wrong, and who finds out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use farthing_protocol::amount::UnixTime;
use farthing_wallet::Wallet;

use crate::world::{World, protection};

#[tokio::test]
async fn a_wallet_finds_out_how_far_its_clock_is_off() {
    let (world, wallet) = World::new().await;
    let right = wallet.clock_difference(&world.double.id()).await.unwrap().unwrap();
    assert_eq!((right.seconds(), right.matters()), (0, false));
    drop(wallet);
    for (off, matters) in [(-3_600, true), (3_600, true), (-60, false), (60, false), (121, true)] {
        let clock = Arc::clone(&world.double.clock);
        let options = world
            .options()
            .clock(move || UnixTime::from_seconds(clock.load(Ordering::SeqCst).saturating_add_signed(off)));
        let wallet = Wallet::open(world.path(), protection().unlock(), options).await.unwrap();
        let found = wallet.clock_difference(&world.double.id()).await.unwrap().unwrap();
        assert_eq!((found.seconds(), found.matters()), (off, matters));
    }
}
