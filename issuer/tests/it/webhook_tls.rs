//! A payment processor that reports over TLS.

use data_encoding::BASE64;
use farthing_http::client::{CallError, Endpoint, HttpClient};
use farthing_http::server::Tls;
use farthing_issuer::{Authority, Serving, WEBHOOK, WebhookAnswer, serve};

use crate::common::World;

/// Certificates for `localhost` with their keys, known to nobody but tests.
const FIRST: (&[u8], &[u8]) = (
    include_bytes!("../../../verifier/http/tests/http/tls/localhost.cert.der"),
    include_bytes!("../../../verifier/http/tests/http/tls/localhost.key.der"),
);
const SECOND: (&[u8], &[u8]) = (
    include_bytes!("../../../verifier/http/tests/http/tls/second.cert.der"),
    include_bytes!("../../../verifier/http/tests/http/tls/second.key.der"),
);

fn write_pem(world: &World, (certificate, key): (&[u8], &[u8])) {
    let pem =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der));
    std::fs::write(world.home.folder().join("hook.pem"), pem("CERTIFICATE", certificate)).unwrap();
    std::fs::write(world.home.folder().join("hook.key"), pem("PRIVATE KEY", key)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_taken_over_tls_and_the_certificate_is_read_again() {
    let mut world = World::new().await;
    let lines =
        "[funding]\nwebhook_listen = \"127.0.0.1:0\"\nwebhook_certificate = \"hook.pem\"\nwebhook_key = \"hook.key\"\n";
    world.configure(|text| text.replace("[funding]\n", lines));
    world.reopen().await;
    world.mint().books().new_webhook_secret(Authority::local()).await.unwrap();
    write_pem(&world, FIRST);
    let files = world.home.webhook_tls_files().unwrap();
    let webhook_tls = Some(Tls::load(files.certificate, files.key).unwrap());
    let serving = Serving { listen: "127.0.0.1:0".parse().unwrap(), tls: None, webhook_tls, metrics: None };
    let running = serve(world.mint().clone(), serving, std::future::pending()).await.unwrap();
    let address = running.webhook.unwrap();
    let endpoint =
        |scheme: &str| Endpoint::parse(&format!("{scheme}://localhost:{}{WEBHOOK}", address.port())).unwrap();
    // Whoever is let in is asked for a signature; whoever is not does not get so far.
    let post = async |certificate: &[u8]| {
        let client = HttpClient::builder().root_certificate(certificate).build().unwrap();
        client.post_json::<_, WebhookAnswer>(&endpoint("https"), &serde_json::json!({})).await
    };
    let is_let_in = |answer: Result<WebhookAnswer, CallError>| matches!(answer, Err(CallError::Refused(_, 401)));
    assert!(is_let_in(post(FIRST.0).await) && !is_let_in(post(SECOND.0).await));
    let plain = HttpClient::builder().build().unwrap();
    let answer = plain.post_json::<_, WebhookAnswer>(&endpoint("http"), &serde_json::json!({})).await;
    assert!(!is_let_in(answer), "in the clear nothing is taken");

    write_pem(&world, SECOND);
    let certificates = running.tls();
    assert_eq!(certificates.len(), 1);
    certificates[0].reload().unwrap();
    assert!(is_let_in(post(SECOND.0).await) && !is_let_in(post(FIRST.0).await));
    running.stop().await.unwrap();
}
