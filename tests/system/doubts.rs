//! A mint whose clock says that it was off for long, and a keyset of which nobody has noticed anything: what its operator is told, and says.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farthing_issuer::{Books, Clock, MintHome};
use serde_json::Value;

use crate::harness::World;
use crate::schema::read;

/// A clock that is behind the machine's.
#[derive(Debug)]
struct Behind(Duration);

impl Clock for Behind {
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().saturating_sub(self.0)
    }

    fn since_boot(&self) -> Duration {
        Duration::ZERO
    }
}

fn json(world: &World, schema: &str, arguments: &[&str]) -> Value {
    let output = world.output(&[&["mint"], arguments, &["--json"]].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {out}{err}");
    read(schema, &out)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_was_off_for_long_is_served_on_its_operators_word() {
    let world = World::new();
    world.run(&["mint", "init"]);
    let home = MintHome::open(world.path(".farthing/mint")).unwrap();
    let long_ago = Arc::new(Behind(Duration::from_secs(40 * 86_400)));
    drop(Books::open_by(&home, long_ago).await.unwrap());
    let run = ["mint", "run", "--listen", "127.0.0.1:0"];
    for arguments in [&run[..], &["mint", "audit"], &["mint", "keysets"]] {
        let output = world.output(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains("off for 40 days") && told.contains("--clock-is-right"), "{told}");
    }
    let running = world.serve(&[&run[..], &["--clock-is-right"]].concat());
    let journal = json(&world, "mint-journal", &["journal"]);
    let newest = &journal["entries"][0];
    assert_eq!(
        (newest["act"].as_str(), newest["who"].as_str()),
        (Some("clock_believed"), Some("operator")),
        "{journal}"
    );

    let keysets = json(&world, "mint-keysets", &["keysets"]);
    let keyset = keysets["keysets"][0]["keyset"].as_str().unwrap();
    assert!(keysets["keysets"][0]["forged_at"].is_null());
    let dismiss = ["dismiss-forgery", keyset, "--yes"];
    assert_eq!(json(&world, "mint-dismiss-forgery", &dismiss)["dismissed"], false);
    drop(running);
    // It is not asked again, and what works while the mint runs works while it does not.
    assert_eq!(json(&world, "mint-dismiss-forgery", &dismiss)["dismissed"], false);
    drop(world.mint());
}
