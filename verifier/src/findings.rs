//! What `check-config` finds out about a folder: one vocabulary, and one set of looks at a machine, for every service.
//!
//! Nothing here changes anything.

mod looks;

pub use looks::{addresses, is_open_to_others, permissions, public_address, room, tls, writable};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// It runs, and should not stay so.
    Warning,
    /// It does not run, or does not do what it is for.
    Fault,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<C> {
    /// About what.
    pub code: C,
    /// How bad it is.
    pub severity: Severity,
    /// A plain sentence.
    pub message: String,
}

/// Findings, in the order in which they were made.
#[derive(Clone, Debug)]
pub struct Report<C>(Vec<Finding<C>>);

impl<C> Default for Report<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Copy> Report<C> {
    fn add(&mut self, code: C, severity: Severity, message: impl Into<String>) {
        self.0.push(Finding { code, severity, message: message.into() });
    }

    /// Something is as it should be.
    pub fn fine(&mut self, code: C, message: impl Into<String>) {
        self.add(code, Severity::Fine, message);
    }

    /// Something should not stay as it is.
    pub fn warning(&mut self, code: C, message: impl Into<String>) {
        self.add(code, Severity::Warning, message);
    }

    /// Something keeps the service from its work.
    pub fn fault(&mut self, code: C, message: impl Into<String>) {
        self.add(code, Severity::Fault, message);
    }

    /// All of them.
    pub fn into_findings(self) -> Vec<Finding<C>> {
        self.0
    }
}

/// Declares what findings of a service are about, so that none lacks its code.
#[macro_export]
#[doc(hidden)]
macro_rules! finding_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a finding is about. Stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum FindingCode { $($(#[$doc])* $name,)* }

        impl FindingCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as programs know it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}
