//! An axum service that is paid by the request.
//!
//! ```text
//! farthing verifier init --mint http://127.0.0.1:3338 --yes      # once
//! cargo run -p farthing-verifier --example axum            # sells http://127.0.0.1:8402/reports/…
//! farthing wallet get http://127.0.0.1:8402/reports/tea --max-amount 0.05
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::extract::Path;
use axum::http::request::Parts;
use axum::routing::get;
use farthing_protocol::amount::Amount;
use farthing_verifier::home::{VerifierHome, run};
use farthing_verifier::sell::{Cost, Origins, Price, PriceError, RequirePayment, SellOptions};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".farthing/verifier")));
    let home = VerifierHome::open(&folder.ok_or("name the verifier's folder")?)?;
    let stop = async {
        let _interrupted = tokio::signal::ctrl_c().await;
    };
    // Payments alone are taken at this address; what is sold here does not need it.
    let nowhere: SocketAddr = "127.0.0.1:0".parse()?;
    let verifier = run(home, nowhere, stop).await?;

    let listener = TcpListener::bind("127.0.0.1:8402").await?;
    let options = SellOptions::new(Origins::local(listener.local_addr()?));
    let sold = RequirePayment::new(verifier.merchant.clone(), price, options);
    let service = Router::new().route("/reports/{name}", get(report)).layer(sold);
    axum::serve(listener, service).await?;
    Ok(())
}

/// Five of the smallest unit for a report, and nothing else is for sale.
fn price(request: &Parts) -> Result<Price, PriceError> {
    if !request.uri.path().starts_with("/reports/") {
        return Err(PriceError::NotForSale);
    }
    let amount = Amount::new(5).ok_or(PriceError::Unavailable)?;
    Ok(Price::Costs(Cost { amount, description: Some("One report".to_owned()) }))
}

async fn report(Path(name): Path<String>) -> String {
    format!("All there is to know of {name}.\n")
}
