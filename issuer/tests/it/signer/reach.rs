//! Whether the signer is reached, as the operator sees it.

use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{SignerView, StatusReport, path};
use farthing_issuer::{Alarm, FindingCode, check_home, run};
use farthing_verifier::findings::Severity;
use serde_json::Value;

use super::{opens, socket};
use crate::common::World;

fn found(world: &World) -> Option<(Severity, String)> {
    let findings = check_home(world.home.folder(), world.now(), None);
    let signer = findings.into_iter().find(|finding| finding.code == FindingCode::Signer)?;
    Some((signer.severity, signer.message))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_is_away_is_an_alarm_until_it_is_back() {
    let mut world = World::apart(socket()).await;
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let control = UnixClient::new(world.home.control_socket()).unwrap();
    let status = async || -> StatusReport { control.get_json(path::STATUS).await.unwrap() };
    opens(&world).await.unwrap();
    assert_eq!((world.mint().alarms(), status().await.signer), (vec![], SignerView::Reached {}));
    let (severity, message) = found(&world).unwrap();
    assert!(severity == Severity::Fine && message.contains("signer.sock"), "{message}");
    world.stop_signer().await;
    let since = world.now();
    opens(&world).await.unwrap_err();
    world.clock.pass(40);
    opens(&world).await.unwrap_err();
    assert_eq!(world.mint().alarms(), [Alarm::SignerUnreached]);
    assert_eq!(world.mint().signer_unreached_since(), Some(since));
    let told = status().await;
    assert_eq!((told.signer, told.alarms[0].alarm.as_str()), (SignerView::Unreached { since }, "signer_unreached"));
    match control.get_json::<Value>("/ready").await {
        Err(farthing_http::client::CallError::Refused(problem, 503)) => {
            assert_eq!(problem.detail(), Some(Alarm::SignerUnreached.sentence()));
            assert_eq!(problem.extension("since"), Some(since.seconds().to_string().as_str()));
        }
        other => panic!("{other:?}"),
    }
    let figures = crate::watch::figures(&world).await;
    for line in ["signer_reached 0", "signer_unreached_seconds 40", "alarm{alarm=\"signer_unreached\"} 1"] {
        assert!(figures.contains(&format!("farthing_mint_{line}\n")), "{line} is not in\n{figures}");
    }
    let (severity, message) = found(&world).unwrap();
    assert!(severity == Severity::Warning && message.contains("nothing is issued until it is"), "{message}");
    // It is asked again and again by itself.
    world.start_signer().await;
    for _ in 0..600 {
        if world.mint().alarms().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!((world.mint().alarms(), status().await.signer), (vec![], SignerView::Reached {}));
    assert!(crate::watch::figures(&world).await.contains("farthing_mint_signer_unreached_seconds 0\n"));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_holds_its_keys_has_no_signer_to_be_reached() {
    let world = World::new().await;
    assert_eq!((found(&world), world.mint().status().signer), (None, SignerView::Here {}));
}
