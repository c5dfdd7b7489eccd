//! `farthing verifier check-config`

use anyhow::Result;
use farthing_verifier::home::{CheckOptions, FindingCode, check_home};

use crate::args::VerifierCheckConfig;
use crate::output::Screen;
use crate::{check, hooks, place};

pub(super) async fn check(args: VerifierCheckConfig, screen: &Screen) -> Result<()> {
    let folder = place::folder(args.folder.dir, "verifier")?;
    let options = CheckOptions { ask_mint: !args.offline, now: hooks::now() };
    let findings = check_home(&folder, options).await;
    check::answer(screen, &folder, &findings, FindingCode::as_str, |code| code == FindingCode::MintNotReached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_documented() {
        let documented = include_str!("../../../docs/cli.md");
        for code in FindingCode::ALL {
            assert!(documented.contains(&format!("| `{}` |", code.as_str())), "docs/cli.md lacks {}", code.as_str());
        }
    }
}
