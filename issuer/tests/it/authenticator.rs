//! What an owner or administrator has in his pocket.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Enrolment, FactorSecret, RecoveryCode, SecondFactor, TimeCode};
use totp_rs::{Builder, Secret};

pub(crate) struct Authenticator {
    secret: FactorSecret,
    pub(crate) recovery_codes: Vec<RecoveryCode>,
}

impl Authenticator {
    pub(crate) fn new(drawn: Enrolment) -> Self {
        let Enrolment { secret, recovery_codes } = drawn;
        Self { secret, recovery_codes }
    }

    pub(crate) fn secret(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    /// What it shows at a time.
    pub(crate) fn first(&self, at: UnixTime) -> TimeCode {
        let totp = Builder::new().with_secret(Secret::new_stack(*self.secret.as_bytes())).build().unwrap();
        TimeCode::parse(&totp.generate(at.seconds()).to_string()).unwrap()
    }

    pub(crate) fn code(&self, at: UnixTime) -> SecondFactor {
        SecondFactor::Time(self.first(at))
    }

    /// What it does not show around a time.
    pub(crate) fn wrong(&self, at: UnixTime) -> SecondFactor {
        let around = [at.minus(30), at, at.plus(30)].map(|at| self.code(at));
        let some = ["000000", "111111", "222222", "333333"].map(|digits| SecondFactor::parse(digits).unwrap());
        some.into_iter().find(|code| !around.contains(code)).unwrap()
    }

    pub(crate) fn recovery(&self, place: usize) -> SecondFactor {
        SecondFactor::Recovery(self.recovery_codes[place].clone())
    }
}
