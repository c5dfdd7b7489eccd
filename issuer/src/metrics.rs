//! Figures for Prometheus: counts, sums, and how the mint stands. No account, serial, id or address is in them: labels are units, and
//! the few words that stand here.

use std::fmt;
use std::time::Duration;

use farthing_http::problem::Code;
use farthing_protocol::amount::Amount;
use farthing_protocol::api::DepositOutcome;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::ledger::{AuditReport, Standing};
use crate::watchdog::Alarm;

type Label = [(&'static str, &'static str); 1];
type UnitLabel = [(&'static str, String); 1];

/// Which work took its time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    Open,
    Finish,
    Deposit,
}

impl Work {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finish => "finish",
            Self::Deposit => "deposit",
        }
    }
}

/// Who asked too often.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limited {
    All,
    Account,
}

/// The figures of one mint.
pub(crate) struct Metrics {
    registry: Registry,
    issuances: Family<Label, Counter>,
    refused: Family<[(&'static str, &'static str); 2], Counter>,
    deposits: Family<Label, Counter>,
    limited: Family<Label, Counter>,
    seconds: Family<Label, Histogram>,
    audits: Family<Label, Counter>,
    money: Money,
    alarms: Family<Label, Gauge>,
    at_work: Gauge,
    places: Gauge,
    writable: Gauge,
    keyset_seconds: Gauge,
    signer_reached: Gauge,
    signer_unreached_seconds: Gauge,
}

/// Sums of money, each for every unit, in its smallest parts.
struct Money {
    funded: Family<UnitLabel, Gauge>,
    paid_out: Family<UnitLabel, Gauge>,
    balances: Family<UnitLabel, Gauge>,
    fees: Family<UnitLabel, Gauge>,
    vouchers: Family<UnitLabel, Gauge>,
    pending: Family<UnitLabel, Gauge>,
    issued: Family<UnitLabel, Gauge>,
    redeemed: Family<UnitLabel, Gauge>,
    outstanding: Family<UnitLabel, Gauge>,
    owed: Family<UnitLabel, Gauge>,
    backing: Family<UnitLabel, Gauge>,
}

/// What is the case when figures are asked for.
pub(crate) struct Now<'a> {
    /// How the units stand; none if the ledger did not say.
    pub(crate) standings: &'a [Standing],
    pub(crate) alarms: &'a [Alarm],
    /// Requests that are being worked on.
    pub(crate) at_work: usize,
    /// How many there may be.
    pub(crate) places: usize,
    /// Whether the ledger takes jobs.
    pub(crate) writable: bool,
    /// For how many seconds more the keyset issues that issues now.
    pub(crate) keyset_seconds: Option<u64>,
    /// For how many seconds a signer that is a process of its own has not been reached; nothing while it is.
    pub(crate) signer_unreached_seconds: Option<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("farthing_mint");
        let issuances = Family::default();
        registry.register("issuances", "Issuances recorded, by what paid for them", issuances.clone());
        let refused = Family::default();
        registry.register("refused", "Requests refused, by what was asked and the code", refused.clone());
        let deposits = Family::default();
        registry.register("deposits", "Payments deposited, by what became of them", deposits.clone());
        let limited = Family::default();
        let help = "Requests answered with 429: too many of all together, or of one account";
        registry.register("requests_limited", help, limited.clone());
        // 1 ms to 32 s.
        let seconds =
            Family::<Label, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16)));
        registry.register("work_seconds", "Time until an answer was there, by what was asked", seconds.clone());
        let audits = Family::default();
        registry.register("audits", "Times that every record was read, by what was found", audits.clone());
        let money = Money::register(&mut registry);
        let alarms = Family::default();
        registry.register("alarm", "1 while this is wrong", alarms.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let at_work = gauge("requests_at_work", "Requests that are being worked on");
        let places = gauge("requests_at_work_limit", "Requests beyond which no more are begun");
        let writable = gauge("ledger_writable", "1 while the ledger takes jobs");
        let help = "Time for which the keyset still issues that issues now; -1 if none does";
        let keyset_seconds = gauge("keyset_issues_seconds", help);
        let signer_reached = gauge("signer_reached", "1 while the signer answers, or the mint holds its keys itself");
        let help = "Time for which the signer has not been reached; 0 while it is";
        let signer_unreached_seconds = gauge("signer_unreached_seconds", help);
        Self {
            registry,
            issuances,
            refused,
            deposits,
            limited,
            seconds,
            audits,
            money,
            alarms,
            at_work,
            places,
            writable,
            keyset_seconds,
            signer_reached,
            signer_unreached_seconds,
        }
    }
}

impl Money {
    fn register(registry: &mut Registry) -> Self {
        let mut sum = |name: &str, help: &str| {
            let family = Family::default();
            registry.register(format!("{name}_units"), format!("{help}, in the unit's smallest parts"), family.clone());
            family
        };
        Self {
            funded: sum("funded", "Money that came from outside"),
            paid_out: sum("paid_out", "Money that went outside"),
            balances: sum("balances", "Account balances"),
            fees: sum("fees", "Fee income"),
            vouchers: sum("vouchers", "Unused vouchers"),
            pending: sum("pending", "Payouts that were asked for and are not settled"),
            issued: sum("issued", "Tokens issued, swaps included"),
            redeemed: sum("redeemed", "Tokens deposited or swapped"),
            outstanding: sum("outstanding", "Tokens that are out: issued and not redeemed"),
            owed: sum("owed", "What is owed: tokens that are out, balances, vouchers and pending payouts"),
            backing: sum("backing", "What was declared to be held against what is owed; -1 if nothing was declared"),
        }
    }

    fn set(&self, Standing { books, backing }: &Standing) {
        let label = [("unit", books.unit.clone())];
        let set = |family: &Family<UnitLabel, Gauge>, amount: Amount| {
            family.get_or_create(&label).set(i64::try_from(amount.units()).unwrap_or(i64::MAX));
        };
        set(&self.funded, books.funded);
        set(&self.paid_out, books.paid_out);
        set(&self.balances, books.balances);
        set(&self.fees, books.fees);
        set(&self.vouchers, books.vouchers);
        set(&self.pending, books.pending);
        set(&self.issued, books.issued);
        set(&self.redeemed, books.redeemed);
        set(&self.outstanding, books.outstanding());
        set(&self.owed, books.owed());
        match backing {
            Some(backing) => set(&self.backing, backing.amount),
            None => {
                self.backing.get_or_create(&label).set(-1);
            }
        }
    }
}

impl Metrics {
    /// An issuance was recorded that this paid for.
    pub(crate) fn issued(&self, paid_by: &'static str) {
        self.issuances.get_or_create(&[("paid_by", paid_by)]).inc();
    }

    /// An answer is there.
    pub(crate) fn answered<T, E>(&self, work: Work, answer: &Result<T, E>, took: Duration)
    where
        E: Copy,
        farthing_http::problem::Problem: From<E>,
    {
        self.seconds.get_or_create(&[("work", work.as_str())]).observe(took.as_secs_f64());
        if let Err(error) = answer {
            let code: Code = farthing_http::problem::Problem::from(*error).code();
            self.refused.get_or_create(&[("work", work.as_str()), ("code", code.as_str())]).inc();
        }
    }

    /// Something became of each payment of a deposit.
    pub(crate) fn deposited(&self, outcomes: &[DepositOutcome]) {
        for outcome in outcomes {
            let outcome = match outcome {
                DepositOutcome::Accepted { .. } => "accepted",
                DepositOutcome::AlreadyAccepted { .. } => "already_accepted",
                DepositOutcome::DoubleSpend { .. } => "double_spend",
                DepositOutcome::Refused { .. } => "refused",
                DepositOutcome::Unavailable {} => "unavailable",
            };
            self.deposits.get_or_create(&[("outcome", outcome)]).inc();
        }
    }

    /// Every record was read; or not, for some fault.
    pub(crate) fn audited<E>(&self, report: &Result<AuditReport, E>) {
        let found = match report {
            Ok(report) if report.is_right() => "right",
            Ok(_) => "wrong",
            Err(_) => "nothing",
        };
        self.audits.get_or_create(&[("found", found)]).inc();
    }

    /// A request was too many.
    pub(crate) fn limited(&self, limited: Limited) {
        let by = match limited {
            Limited::All => "all",
            Limited::Account => "account",
        };
        self.limited.get_or_create(&[("limit", by)]).inc();
    }

    /// All figures, as Prometheus reads them.
    pub(crate) fn to_text(&self, now: &Now<'_>) -> Result<String, fmt::Error> {
        now.standings.iter().for_each(|standing| self.money.set(standing));
        for alarm in Alarm::ALL {
            self.alarms.get_or_create(&[("alarm", alarm.as_str())]).set(now.alarms.contains(&alarm).into());
        }
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.at_work.set(number(now.at_work));
        self.places.set(number(now.places));
        self.writable.set(now.writable.into());
        self.keyset_seconds.set(now.keyset_seconds.map_or(-1, |seconds| i64::try_from(seconds).unwrap_or(i64::MAX)));
        self.signer_reached.set(now.signer_unreached_seconds.is_none().into());
        let away = now.signer_unreached_seconds.unwrap_or_default();
        self.signer_unreached_seconds.set(i64::try_from(away).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
