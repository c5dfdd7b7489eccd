//! The gateway's settings and rules.

use farthing_protocol::amount::Unit;

use super::{FindingCode, Looked, PATIENCE, Report};
use crate::gateway::{Rules, Upstream, UpstreamOptions};
use crate::home::GatewaySettings;
use crate::sell::Origins;

pub(super) fn gateway(looked: &Looked<'_>, report: &mut Report) {
    let GatewaySettings { upstream, rules, origins, .. } = &looked.home.options().gateway;
    let mut faults = Vec::new();
    if let Some(address) = upstream {
        let options = UpstreamOptions { timeout: PATIENCE };
        faults.extend(Upstream::new(address, options).err().map(|error| format!("upstream: {error}")));
    }
    if !origins.is_empty() {
        let read = Origins::new(origins.iter().map(String::as_str));
        faults.extend(read.err().map(|error| format!("origins: {error}")));
    }
    faults.extend(rules_fault(looked, None));
    if faults.is_empty() && (upstream.is_some() || rules.is_some()) {
        report.fine(FindingCode::Gateway, "the gateway's settings and rules are in order");
    }
    for fault in faults {
        report.fault(FindingCode::Gateway, fault);
    }
}

/// Most tokens whose payment goes through proxies that take 8 KiB of headers, with room for others.
const MANY_TOKENS: usize = 16;

/// Prices whose payments are long: one token for each binary digit that is 1, each in a header.
pub(super) fn long_payments(looked: &Looked<'_>, unit: &Unit, report: &mut Report) {
    let Some(path) = looked.home.options().gateway.rules.as_ref() else { return };
    // What is wrong with the rules is said elsewhere.
    let Ok(text) = std::fs::read_to_string(looked.home.folder().join(path)) else { return };
    let own = unit.clone();
    let Ok(rules) = Rules::read(&text, move || Some(own.clone())) else { return };
    for (number, price) in rules.prices() {
        let tokens = price.digits().len();
        if tokens > MANY_TOKENS {
            let price = price.display(unit);
            let message =
                format!("rule {number}: {price} is paid with {tokens} tokens, which some proxies find too long");
            report.warning(FindingCode::Gateway, message);
        }
    }
}

/// What is wrong with the gateway's rules, as far as it shows without the unit or with it.
pub(super) fn rules_fault(looked: &Looked<'_>, unit: Option<Unit>) -> Option<String> {
    let path = looked.home.folder().join(looked.home.options().gateway.rules.as_ref()?);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Some(format!("{} cannot be read: {error}", path.display())),
    };
    let read = Rules::read(&text, move || unit.clone());
    read.err().map(|error| format!("the rules in {} cannot be used: {error}", path.display()))
}
