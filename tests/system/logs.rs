//! Logs for programs: everything that a service writes to standard error is a JSON object in a line, and none of it names anybody.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use farthing_protocol::codec::to_base64url;
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use serde_json::Value;

use crate::harness::{Server, World};
use crate::raw::RawWallet;

/// Where a service's standard error goes.
fn log(world: &World, name: &str) -> PathBuf {
    world.path(&format!("{name}.log"))
}

/// A service that logs everything there is, as it is told by the command line, the environment, or its settings.
fn serve(world: &World, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Server {
    let script = "exec \"$0\" \"$@\" 2>>\"$LOG\"";
    let mut command = world.farthing_under("bash", &["-c", script], arguments);
    command.env("LOG", log(world, name)).env("FARTHING_LOG", "trace").envs(environment.iter().copied());
    Server::start_of(&mut command)
}

/// The lines of a log, each of which is an object.
fn lines(world: &World, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(log(world, name)).unwrap();
    let read = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error} in {line}"))
    };
    text.lines().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_service_is_an_object_that_names_nobody() {
    let world = World::new();
    world.run(&["mint", "init"]);
    world.run(&["mint", "signer", "init"]);
    let settings = world.path(".farthing/mint/mint.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let json = text.replace("log_format = \"text\"", "log_format = \"json\"");
    assert_ne!(text, json);
    std::fs::write(&settings, json).unwrap();
    let mut signer = serve(&world, "signer", &["mint", "signer", "run", "--log-format", "json"], &[]);
    let mut mint = serve(&world, "mint", &["mint", "run", "--listen", "127.0.0.1:0"], &[]);
    world.run(&["verifier", "init", "--mint", &mint.url]);
    let run = ["verifier", "run", "--listen", "127.0.0.1:0"];
    let mut merchant = serve(&world, "verifier", &run, &[("FARTHING_LOG_FORMAT", "json")]);

    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 100);
    let tokens = wallet.withdraw(5).await;
    let text = world.run(&["verifier", "request", "0.05", "--memo", "tea"]);
    let paid = wallet.answer(&tokens, &Invoice::from_text(&text).unwrap());
    for _ in 0..2 {
        wallet.pay(&merchant.url, &paid).await.unwrap();
    }
    // What fails is logged as well, and so is what is said to people meanwhile.
    let again = Invoice::from_text(&world.run(&["verifier", "request", "0.05"])).unwrap();
    wallet.pay(&merchant.url, &wallet.answer(&tokens, &again)).await.unwrap_err();
    signer.signal("TERM");
    signer.wait();
    wallet.open(farthing_protocol::shape::Shape::Withdrawal(crate::raw::amount(1))).await.unwrap_err();
    for service in [&mut mint, &mut merchant] {
        service.signal("HUP");
        service.signal("TERM");
        service.wait();
    }
    // One that cannot even start says so in the same way.
    let failed = world.farthing(&["mint", "run", "--log-format", "json"]).env("FARTHING_MINT_DIR", "none").output();
    let failed: Value = serde_json::from_slice(&failed.unwrap().stderr).unwrap();
    assert_eq!((&failed["level"], &failed["target"]), (&"ERROR".into(), &"farthing".into()), "{failed}");

    let serials: Vec<[u8; 32]> = tokens.iter().map(|(_, key)| *key.public().as_bytes()).collect();
    let mut secret: Vec<String> =
        vec!["127.0.0.1".to_owned(), text, farthing_protocol::identity::AccountKey::from(&wallet.account()).to_text()];
    for serial in serials {
        let list: Vec<String> = serial.iter().map(u8::to_string).collect();
        secret.extend([to_base64url(&serial), HEXLOWER.encode(&serial), list.join(", ")]);
    }
    for name in ["signer", "mint", "verifier"] {
        let lines = lines(&world, name);
        assert!(!lines.is_empty(), "{name} said nothing");
        for line in &lines {
            let level = line["level"].as_str().unwrap();
            assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line}");
            assert!(line["target"].is_string() && line["fields"]["message"].is_string(), "{line}");
            assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
            let line = line.to_string();
            assert!(!secret.iter().any(|secret| line.contains(secret)), "{name}: {line}");
        }
        // What is said to people at the end is a line like the others.
        let ended = lines.iter().any(|line| line["fields"]["message"].as_str().unwrap().starts_with("stopped;"));
        assert!(ended, "{name}: {lines:?}");
    }
}
