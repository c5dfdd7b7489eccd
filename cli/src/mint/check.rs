//! `farthing mint check-config`

use anyhow::Result;
use farthing_issuer::{FindingCode, check_home};

use super::home::open;
use super::keysets::running;
use crate::args::MintCheckConfig;
use crate::output::Screen;
use crate::{check, hooks, place};

pub(super) async fn check(args: MintCheckConfig, screen: &Screen) -> Result<()> {
    let folder = place::folder(args.folder.dir.clone(), "mint")?;
    let running = match open(args.folder) {
        Ok(desk) => running(&desk).await?,
        // The check says why.
        Err(_) => None,
    };
    let findings = check_home(&folder, hooks::now(), running.as_ref().map(|report| report.keysets.as_slice()));
    check::answer(screen, &folder, &findings, FindingCode::as_str, |_| false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_documented() {
        let documented = include_str!("../../../docs/cli.md");
        let (_, documented) = documented.split_once("### `mint check-config`").unwrap();
        for code in FindingCode::ALL {
            assert!(documented.contains(&format!("| `{}` |", code.as_str())), "docs/cli.md lacks {}", code.as_str());
        }
    }
}
