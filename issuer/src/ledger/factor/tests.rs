#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use farthing_protocol::codec::{Decode, Encode};

use super::*;

const START: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// RFC 6238, appendix B: the secret `12345678901234567890`, and the last six of each code's eight digits.
#[test]
fn codes_are_those_of_the_standard() {
    let secret = FactorSecret::from_bytes(*b"12345678901234567890");
    let vectors = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];
    for (at, digits) in vectors {
        let code = TimeCode::parse(digits).unwrap();
        assert_eq!(step(&secret, &code, UnixTime::from_seconds(at)), Some(at / 30), "{digits}");
        assert_eq!(step(&secret, &code, UnixTime::from_seconds(at + 30)), Some(at / 30), "{digits}, a step later");
        assert_eq!(step(&secret, &code, UnixTime::from_seconds(at + 60)), None, "{digits}, two steps later");
    }
}

/// A row whose secret is at hand.
#[derive(Clone)]
struct Scene {
    row: FactorRow,
    secret: FactorSecret,
}

impl Scene {
    fn judge(&mut self, now: UnixTime, code: &SecondFactor) -> Verdict {
        self.row.judge(now, Some(&self.secret), code)
    }
}

fn row() -> (Scene, Vec<RecoveryCode>) {
    let (drawn, folder) = (Enrolment::generate(&mut crate::system_rng()), tempfile::tempdir().unwrap());
    let key = FactorKey::open(folder.path()).unwrap();
    let row = FactorRow {
        secret: Sealed(key.seal(&Holder::Administrator.key(), &drawn.secret).unwrap()),
        recovery: Recovery::of(&drawn.recovery_codes),
        last_step: 0,
        failures: 0,
        lockings: 0,
        locked_until: UnixTime::default(),
    };
    assert_eq!(row.secret.open(&key, &Holder::Administrator).as_ref(), Some(&drawn.secret));
    (Scene { row, secret: drawn.secret }, drawn.recovery_codes)
}

fn code(scene: &Scene, at: UnixTime) -> SecondFactor {
    let totp = Builder::new().with_secret(Secret::new_stack(*scene.secret.as_bytes())).build().unwrap();
    SecondFactor::Time(TimeCode::parse(&totp.generate(at.seconds()).to_string()).unwrap())
}

/// One that is no code of this minute.
fn wrong(row: &Scene, at: UnixTime) -> SecondFactor {
    let around: Vec<SecondFactor> = (0..3).map(|step| code(row, at.plus(30 * step).minus(30))).collect();
    let all = ["000000", "000001", "000002", "000003"].map(|text| SecondFactor::parse(text).unwrap());
    all.into_iter().find(|one| !around.contains(one)).unwrap()
}

#[test]
fn a_code_is_good_once_and_none_before_it() {
    let (mut row, _) = row();
    let (earlier, now) = (code(&row, START), code(&row, START.plus(30)));
    assert_eq!(row.judge(START.plus(30), &now), Verdict::Right(Means::Authenticator));
    assert_eq!(row.judge(START.plus(30), &now), Verdict::Refused(Refused::Wrong));
    assert_eq!(row.judge(START.plus(30), &earlier), Verdict::Refused(Refused::Wrong));
    let next = code(&row, START.plus(60));
    assert_eq!(row.judge(START.plus(60), &next), Verdict::Right(Means::Authenticator));
}

#[test]
fn five_wrong_codes_lock_and_each_time_for_twice_as_long() {
    let (mut row, _) = row();
    let mut now = START;
    for lasts in [900, 1800, 3600, 7200, 14_400, 28_800, 57_600, 57_600] {
        for _ in 0..4 {
            let wrong = wrong(&row, now);
            assert_eq!(row.judge(now, &wrong), Verdict::Refused(Refused::Wrong));
        }
        let until = now.plus(lasts);
        let last = wrong(&row, now);
        assert_eq!(row.judge(now, &last), Verdict::Refused(Refused::NowLocked(until)));
        let right = code(&row, until.minus(1));
        assert_eq!(row.judge(until.minus(1), &right), Verdict::Refused(Refused::Locked(until)));
        now = until;
    }
    let right = code(&row, now);
    assert_eq!(row.judge(now, &right), Verdict::Right(Means::Authenticator));
    for _ in 0..4 {
        let wrong = wrong(&row, now);
        assert_eq!(row.judge(now, &wrong), Verdict::Refused(Refused::Wrong));
    }
    let last = wrong(&row, now);
    assert_eq!(row.judge(now, &last), Verdict::Refused(Refused::NowLocked(now.plus(900))), "from the beginning");
}

#[test]
fn a_recovery_code_is_good_once_and_opens_a_lock() {
    let (mut row, codes) = row();
    let recovery = |place: usize| SecondFactor::Recovery(codes[place].clone());
    for _ in 0..5 {
        let wrong = wrong(&row, START);
        let _refused = row.judge(START, &wrong);
    }
    assert!(row.row.locked_until > START);
    assert_eq!(row.judge(START, &recovery(3)), Verdict::Right(Means::RecoveryCode));
    assert_eq!(row.row.recovery.hashes.len(), 9);
    let right = code(&row, START);
    assert_eq!(row.judge(START, &right), Verdict::Right(Means::Authenticator));
    assert_eq!(row.judge(START, &recovery(3)), Verdict::Refused(Refused::Wrong));
    let foreign = SecondFactor::Recovery(RecoveryCode::generate(&mut crate::system_rng()));
    assert_eq!(row.judge(START, &foreign), Verdict::Refused(Refused::Wrong));
}

#[test]
fn a_lock_that_is_made_longer_is_no_other_lock() {
    let (mut row, _) = row();
    let foreign = || SecondFactor::Recovery(RecoveryCode::generate(&mut crate::system_rng()));
    let mut verdicts = Vec::new();
    for _ in 0..15 {
        verdicts.push(row.judge(START, &foreign()));
    }
    let now_locked = |verdict: &&Verdict| matches!(verdict, Verdict::Refused(Refused::NowLocked(_)));
    assert_eq!(verdicts.iter().filter(now_locked).count(), 1);
    assert_eq!(verdicts[14], Verdict::Refused(Refused::Locked(START.plus(3600))));
    // When it is over, there is another one.
    for _ in 0..5 {
        verdicts.push(row.judge(START.plus(3600), &foreign()));
    }
    assert_eq!(verdicts.iter().filter(now_locked).count(), 2);
}

#[test]
fn a_lock_by_a_clock_that_was_ahead_ends_with_it() {
    let (mut row, _) = row();
    let ahead = START.plus(365 * 86_400);
    for _ in 0..5 {
        let wrong = SecondFactor::Recovery(RecoveryCode::generate(&mut crate::system_rng()));
        assert!(matches!(row.judge(ahead, &wrong), Verdict::Refused(_)));
    }
    assert!(row.row.locked(ahead).is_some());
    assert_eq!(row.row.locked(START), None);
    assert_eq!(row.row.fail(START), Refused::Wrong);
}

#[test]
fn of_a_factor_that_is_not_trusted_later_codes_of_the_authenticator_alone_are_good() {
    let (mut row, codes) = row();
    row.row.distrust(START);
    let recovery = SecondFactor::Recovery(codes[0].clone());
    assert_eq!(row.judge(START, &recovery), Verdict::Refused(Refused::Wrong));
    for at in [START, START.plus(30)] {
        let used = code(&row, at);
        assert_eq!(row.judge(at, &used), Verdict::Refused(Refused::Wrong));
    }
    let later = code(&row, START.plus(60));
    assert_eq!(row.judge(START.plus(60), &later), Verdict::Right(Means::Authenticator));
    // A clock that is behind what was accepted before revives nothing.
    row.row.distrust(START.minus(300));
    assert_eq!(row.judge(START.plus(60), &later), Verdict::Refused(Refused::Wrong));
}

#[test]
fn without_its_secret_no_code_is_right_or_counts_and_a_recovery_code_is_good() {
    let (mut row, codes) = row();
    let before = row.row.clone();
    for at in [START, START.plus(30)] {
        let right = code(&row, at);
        assert_eq!(row.row.judge(at, None, &right), Verdict::Refused(Refused::Lost));
    }
    assert_eq!(row.row, before);
    let recovery = SecondFactor::Recovery(codes[0].clone());
    assert_eq!(row.row.judge(START, None, &recovery), Verdict::Right(Means::RecoveryCode));
}

#[test]
fn rows_are_read_as_they_were_written_and_hold_and_show_no_secret() {
    let (Scene { mut row, secret }, codes) = row();
    row.failures = 3;
    let mut out = Writer::default();
    row.encode_to(&mut out);
    let bytes = out.finish();
    assert_eq!(FactorRow::decode_from(&mut Reader::new(&bytes)).unwrap(), row);
    assert!(!bytes.windows(FactorSecret::LENGTH).any(|part| part == secret.as_bytes()));
    assert!(!bytes.windows(RecoveryCode::LENGTH).any(|part| codes.iter().any(|code| code.as_bytes() == part)));
    assert!(format!("{row:?}").contains("<redacted>"));
}
