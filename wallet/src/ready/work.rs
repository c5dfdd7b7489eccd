//! What there is to do for one chain of a mint.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, Denomination, UnixTime};
use farthing_protocol::keyset::{Chain, Keyset, Redemption};

use super::ending;
use super::holdings::{Holdings, Live, denominations};
use super::plan::{self, Swap};
use super::policy::StockPolicy;
use crate::issue::SwapWhat;
use crate::mints::Mint;
use crate::operation::{OpId, Operation};
use crate::plan::Counts;
use crate::stock::{TokenKey, TokenState};

/// One thing to do.
pub(crate) enum Work {
    /// Tokens of a keyset that ends soon.
    Renew { from: Arc<Keyset>, amount: Amount, urgent: bool },
    /// One of the tokens that came back from the words, by chance: their order must not show what was issued together.
    Check { tokens: Vec<(TokenKey, Denomination)>, urgent: bool },
    /// A swap that the plan asks for.
    Swap { from: Arc<Keyset>, what: SwapWhat },
    /// What was given out, nobody claimed, and will be worth nothing in days.
    Reclaim { op: OpId },
    /// A bundle of the keyset that issues now.
    Withdraw { bundle: u8 },
}

impl Work {
    /// Whether it must not wait for another time.
    pub(crate) fn is_urgent(&self) -> bool {
        matches!(self, Self::Renew { urgent: true, .. } | Self::Check { urgent: true, .. } | Self::Reclaim { .. })
    }
}

/// What there is to do now, of each kind the next one. Nothing while no keyset issues.
pub(crate) fn of_chain(mint: &Mint, chain: &Chain, policy: &StockPolicy, live: &Live, now: UnixTime) -> Vec<Work> {
    let holdings = Holdings::of(mint, chain, live, now);
    let Some(issuing) = &holdings.issuing else { return Vec::new() };
    let renewal = holdings.ending.iter().find_map(|(from, counts)| {
        let amount = renewable(counts, issuing)?;
        Some(Work::Renew { from: Arc::clone(from), amount, urgent: ending::is_urgent(from.terms(), now) })
    });
    let mut work: Vec<Work> = renewal.into_iter().chain(check(mint, chain, issuing, live, now)).collect();
    if chain.key().redemption == Redemption::Open {
        // What is still to be renewed will be there for the plan, and is for now as good as planned.
        if !work.iter().any(|work| matches!(work, Work::Renew { .. })) {
            work.extend(planned(&holdings, issuing, policy));
        }
        work.extend(withdrawal(&holdings, issuing, policy).map(|bundle| Work::Withdraw { bundle }));
    }
    work
}

/// What was given out of a chain's keysets and must be taken back while it is worth something.
pub(crate) fn reclaims(mint: &Mint, chain: &Chain, operations: &[Operation], now: UnixTime) -> Vec<Work> {
    let ends = |operation: &&Operation| {
        let keyset = operation.tokens().first().and_then(|token| chain.get(&token.keyset));
        let issuing = chain.active(now, mint.list.revocations());
        keyset.is_some_and(|keyset| mint.is_spendable(keyset, now) && ending::is_urgent(keyset.terms(), now))
            && issuing.is_some_and(|issuing| keyset.is_none_or(|keyset| issuing.id() != keyset.id()))
    };
    let out = operations.iter().filter(|operation| operation.mint == mint.id && operation.is_out());
    out.filter(ends).map(|operation| Work::Reclaim { op: operation.id }).collect()
}

/// How many swaps would renew what ends soon: each takes one token of each denomination.
pub(crate) fn renewals(holdings: &Holdings) -> u32 {
    let most = holdings.ending.iter().map(|(_, counts)| counts.values().copied().max().unwrap_or(0));
    most.fold(0, u32::saturating_add)
}

/// The bundle to withdraw, if less is there than the policy's floor: the smallest that reaches it, else the largest. It depends on
/// the stock and the policy only.
pub(crate) fn withdrawal(holdings: &Holdings, issuing: &Keyset, policy: &StockPolicy) -> Option<u8> {
    let lacking = policy.floor()?.checked_sub(holdings.worth()?).filter(|lacking| !lacking.is_zero())?;
    let bundles = || (0_u8..).zip(issuing.terms().bundles.iter().map(|bundle| bundle.amount()));
    let enough = bundles().filter(|(_, amount)| *amount >= lacking).min_by_key(|(_, amount)| *amount);
    enough.or_else(|| bundles().max_by_key(|(_, amount)| *amount)).map(|(bundle, _)| bundle)
}

fn planned(holdings: &Holdings, issuing: &Arc<Keyset>, policy: &StockPolicy) -> Option<Work> {
    let active = || Arc::clone(issuing);
    Some(match plan::next(&holdings.stock(), policy.wanted())? {
        Swap::Split(k) => Work::Swap { from: active(), what: SwapWhat::Split(k) },
        Swap::Merge(k) => Work::Swap { from: active(), what: SwapWhat::Merge(k) },
        Swap::Renew(place, amount) => {
            let (from, _) = holdings.older.get(place)?;
            Work::Swap { from: Arc::clone(from), what: SwapWhat::Renew(amount) }
        }
    })
}

/// One token of each denomination that the issuing keyset has too.
fn renewable(counts: &Counts, issuing: &Keyset) -> Option<Amount> {
    let top = denominations(issuing);
    plan::digits_of(counts.keys().copied().filter(|d| d.exponent() < top))
}

/// Tokens that came back from the words, to be renewed alone: one may be spent, and then must not hold others up. If some of them end
/// within days, only those.
fn check(mint: &Mint, chain: &Chain, issuing: &Keyset, live: &Live, now: UnixTime) -> Option<Work> {
    let restored = live.iter().filter(|(_, token)| token.restored && token.state == TokenState::Available);
    let restored = restored.filter_map(|(key, token)| {
        let keyset = chain.get(&key.keyset).filter(|keyset| mint.is_spendable(keyset, now))?;
        issuing.key(token.denomination)?;
        Some(((*key, token.denomination), ending::is_urgent(keyset.terms(), now)))
    });
    let (urgent, others): (Vec<_>, Vec<_>) = restored.partition(|(_, urgent)| *urgent);
    let (tokens, urgent) = if urgent.is_empty() { (others, false) } else { (urgent, true) };
    let tokens: Vec<_> = tokens.into_iter().map(|(token, _)| token).collect();
    (!tokens.is_empty()).then_some(Work::Check { tokens, urgent })
}

#[cfg(test)]
mod tests {
    use farthing_http::client::BaseUrl;
    use farthing_protocol::amount::{Fees, Unit};
    use farthing_protocol::api::KeysetsAnswer;
    use farthing_protocol::derive::IssuanceNumber;
    use farthing_protocol::identity::{Keypair, MintId};
    use farthing_protocol::keyset::{Bundle, KeysetList, KeysetTerms, ListedHead, SecretKeyset};

    use super::*;
    use crate::operation::{OpId, Used};
    use crate::stock::StoredToken;
    use crate::stock::sample;

    const DAY: u64 = 86_400;
    const NOW: u64 = 20_000 * DAY;

    fn time(day: u64) -> UnixTime {
        UnixTime::from_seconds(NOW).plus(day * DAY)
    }

    /// A mint with two keysets that issue for 100 days each. The first one ends on day 30, 180 days after it began; the second one issues
    /// until day 50 and ends on day 350.
    fn mint() -> Mint {
        let identity = Keypair::generate(&mut rand::rng());
        let mint = MintId::from(&identity);
        let mut keysets: Vec<Keyset> = Vec::new();
        for sequence in 0..2 {
            let active_from = UnixTime::from_seconds(NOW - 150 * DAY + sequence * 100 * DAY);
            let bundle = |count| Bundle::new((0..4).map(|d| (Denomination::new(d).unwrap(), count)).collect()).unwrap();
            let terms = KeysetTerms {
                mint,
                sequence,
                predecessor: keysets.last().map(|keyset| *keyset.id()),
                unit: Unit::new("EUR", 2).unwrap(),
                redemption: Redemption::Open,
                active_from,
                issue_until: active_from.plus(100 * DAY),
                spend_until: active_from.plus(if sequence == 0 { 180 * DAY } else { 400 * DAY }),
                deposit_until: active_from.plus(430 * DAY),
                fees: Fees::default(),
                bundles: vec![bundle(1), bundle(4), bundle(2)],
            };
            keysets.push(SecretKeyset::generate(&mut rand::rng(), terms, 8, &identity).unwrap().1);
        }
        let last = keysets.last().unwrap();
        let head = ListedHead { unit: last.terms().unit.clone(), redemption: Redemption::Open, head: last.head() };
        let list = KeysetList::sign(&identity, time(0), time(7), vec![head], Vec::new()).unwrap();
        let keysets = keysets.iter().map(|keyset| keyset.document().clone()).collect();
        let url = BaseUrl::parse("https://mint.example").unwrap();
        let accepted = Mint::accept(None, &url, KeysetsAnswer { list, keysets }, time(0));
        accepted.unwrap_or_else(|_| panic!("refused"))
    }

    /// Tokens of a mint's keysets, by sequence and exponent.
    fn held(mint: &Mint, tokens: &[(u64, u8)], change: impl Fn(&mut StoredToken)) -> Vec<(TokenKey, StoredToken)> {
        let token = |(position, (sequence, exponent)): (u32, &(u64, u8))| {
            let keyset = *mint.chains[0].at(*sequence).unwrap().id();
            let mut token = sample(*exponent, 1);
            change(&mut token);
            (TokenKey::new(&Used { keyset, number: IssuanceNumber::FIRST }, position), token)
        };
        (0..).zip(tokens).map(token).collect()
    }

    fn work(mint: &Mint, live: &Live, policy: StockPolicy, day: u64) -> Vec<Work> {
        of_chain(mint, &mint.chains[0], &policy, live, time(day))
    }

    fn policy(up_to: u64, ahead: u8) -> StockPolicy {
        StockPolicy::new(Amount::new(up_to).unwrap(), ahead).unwrap()
    }

    #[test]
    fn what_came_back_from_the_words_is_renewed_alone_and_used_for_nothing_else() {
        let mint = mint();
        // Some of it ends soon.
        let live = held(&mint, &[(0, 3), (0, 5), (1, 5)], |token| token.restored = true);
        // Nothing of it is split, though the policy wants small tokens.
        let checked = |day| match work(&mint, &live, policy(7, 3), day).as_slice() {
            [work @ Work::Check { tokens, .. }] => (tokens.len(), work.is_urgent()),
            other => panic!("{} things to do", other.len()),
        };
        assert_eq!([checked(0), checked(26), checked(27), checked(29)], [(3, false), (3, false), (2, true), (2, true)]);
        assert_eq!(checked(30), (1, false));
        // Not what an operation holds, nor what cannot be renewed any more.
        let reserved = held(&mint, &[(0, 3)], |token| {
            token.restored = true;
            token.state = TokenState::Reserved(OpId::new(1));
        });
        assert!(work(&mint, &reserved, policy(7, 3), 0).is_empty());
        let ended = held(&mint, &[(0, 3)], |token| token.restored = true);
        assert!(work(&mint, &ended, policy(7, 3), 30).is_empty());
        assert_eq!(work(&mint, &ended, policy(7, 3), 29).len(), 1);
    }

    #[test]
    fn one_token_of_each_denomination_of_what_ends_soon_is_renewed_at_once() {
        let mint = mint();
        let live = held(&mint, &[(0, 0), (0, 0), (0, 3), (1, 6)], |_| {});
        for (day, is_urgent) in [(0, false), (26, false), (27, true)] {
            // The plan, which would split, waits.
            match work(&mint, &live, policy(7, 3), day).as_slice() {
                [work @ Work::Renew { from, amount, .. }] => {
                    assert_eq!((from.terms().sequence, amount.units(), work.is_urgent()), (0, 9, is_urgent));
                }
                other => panic!("{} things to do on day {day}", other.len()),
            }
        }
        assert!(matches!(work(&mint, &live, policy(7, 3), 30).as_slice(), [Work::Swap { .. }]));
        // After day 50 nothing issues.
        assert!(work(&mint, &live, policy(7, 3), 50).is_empty());
    }

    #[test]
    fn renewing_begins_sixty_days_before_the_end_and_later_for_what_lives_shorter() {
        let mint = mint();
        let (first, second) = (mint.chains[0].at(0).unwrap().terms(), mint.chains[0].at(1).unwrap().terms());
        // A quarter of 180 days.
        let before = |seconds| first.spend_until.minus(seconds);
        assert!(ending::is_due(first, time(350), before(45 * DAY)));
        assert!(!ending::is_due(first, time(350), before(45 * DAY + 1)));
        assert!(ending::is_due(second, time(351), time(290)));
        assert!(!ending::is_due(second, time(351), time(289)));
        // Ten per cent of 1000 days.
        let long = KeysetTerms { active_from: second.spend_until.minus(1000 * DAY), ..second.clone() };
        assert!(ending::is_due(&long, time(351), time(250)));
        assert!(!ending::is_due(&long, time(351), time(249)));
        // Not into what ends no later.
        assert!(!ending::is_due(second, time(350), time(349)));
    }

    #[test]
    fn the_smallest_bundle_that_reaches_the_floor_is_withdrawn() {
        let mint = mint();
        let bundle = |floor: u64, live: &Live| {
            let policy = policy(0, 0).withdraw_below(Amount::new(floor));
            work(&mint, live, policy, 0).into_iter().find_map(|work| match work {
                Work::Withdraw { bundle } => Some(bundle),
                _ => None,
            })
        };
        // 15, 60 and 30.
        assert_eq!(bundle(0, &[]), None);
        assert_eq!(bundle(15, &[]), Some(0));
        assert_eq!(bundle(16, &[]), Some(2));
        assert_eq!(bundle(31, &[]), Some(1));
        assert_eq!(bundle(1000, &[]), Some(1));
        let live = held(&mint, &[(0, 4)], |_| {});
        assert_eq!(bundle(16, &live), None);
        assert_eq!(bundle(17, &live), Some(0));
    }
}
