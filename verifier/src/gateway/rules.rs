//! What requests cost: a file of rules, of which the first that fits counts.
//!
//! ```toml
//! [[rule]]
//! path = "/reports/**"           # * is one part of a path, ** is any number of them
//! methods = ["GET"]              # if not given, every method
//! host = "api.example.com"       # if not given, every host
//! price = "0.05"                 # or: free = true, or: price_from = "http://127.0.0.1:9000/price"
//! description = "One report"
//! ```

use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use axum::http::{Method, header};
use farthing_http::client::{BuildError, Endpoint};
use farthing_protocol::amount::{Amount, Unit};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use super::path;
use super::quote::{Question, Quotes};
use crate::sell::{Cost, Price, PriceError, PriceFuture, Pricing};

/// The longest description, in bytes.
const MAX_DESCRIPTION: usize = 200;

/// The most decimals that any unit has, for prices that are read before the unit is known.
const MOST_DECIMALS: u8 = 18;

/// Prices of requests.
///
/// Methods are matched as they are written, `HEAD` by the rule of `GET`; hosts and paths whatever their case, paths without doubled and
/// closing slashes. A pattern that ends in `/**` covers what stands before it too.
#[derive(Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    quotes: Quotes,
    unit: Arc<OnceLock<Unit>>,
    find_unit: Arc<dyn Fn() -> Option<Unit> + Send + Sync>,
}

struct RuleParts {
    paths: GlobSet,
    methods: Option<Vec<Method>>,
    host: Option<String>,
    price: Source,
    description: Option<String>,
}

type Rule = Arc<RuleParts>;

enum Source {
    Free,
    Fixed(String),
    From { endpoint: Endpoint, most: Option<String> },
}

/// Why rules cannot be used. Numbers count rules from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// It is not TOML, or has fields that are not known.
    #[error("the rules cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// There is not one.
    #[error("there is no rule: nothing would be served")]
    Empty,
    /// A pattern is none, or one that no path fits.
    #[error("rule {0}: the path is no pattern such as /reports/**")]
    Path(usize),
    /// A method is none.
    #[error("rule {0}: a method is not one, such as GET")]
    Method(usize),
    /// A host is none.
    #[error("rule {0}: the host is not one, such as api.example.com")]
    Host(usize),
    /// A rule needs exactly one of three.
    #[error("rule {0}: it needs one of price, free = true and price_from")]
    Price(usize),
    /// The price is not an amount of the unit, or zero.
    #[error("rule {0}: the price is no amount such as 0.05; what costs nothing is free = true")]
    Amount(usize),
    /// The address that prices come from is none.
    #[error("rule {0}: price_from is not an address such as http://127.0.0.1:9000/price")]
    From(usize),
    /// The description is too long, or holds control characters.
    #[error("rule {0}: the description has more than 200 bytes, or control characters")]
    Description(usize),
    /// No client for prices could be made.
    #[error("{0}")]
    Client(#[from] BuildError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    path: String,
    methods: Option<Vec<String>>,
    host: Option<String>,
    price: Option<String>,
    free: Option<bool>,
    price_from: Option<String>,
    max_price: Option<String>,
    description: Option<String>,
}

impl Rules {
    /// Reads rules. Prices are amounts of the unit that `find_unit` finds when it is known.
    ///
    /// # Errors
    /// A [`RulesError`], with the number of the rule.
    pub fn read(text: &str, find_unit: impl Fn() -> Option<Unit> + Send + Sync + 'static) -> Result<Self, RulesError> {
        let File { rule } = toml::from_str(text)?;
        if rule.is_empty() {
            return Err(RulesError::Empty);
        }
        let rules = rule.into_iter().zip(1..).map(|(rule, number)| rule.read(number).map(Arc::new));
        let rules = Self {
            rules: rules.collect::<Result<_, _>>()?,
            quotes: Quotes::new()?,
            unit: Arc::default(),
            find_unit: Arc::new(find_unit),
        };
        rules.check()?;
        Ok(rules)
    }

    /// Whether every price is an amount of the unit, if that is known.
    ///
    /// # Errors
    /// [`RulesError::Amount`].
    pub fn check(&self) -> Result<(), RulesError> {
        let Some(unit) = self.unit() else { return Ok(()) };
        for (rule, number) in self.rules.iter().zip(1..) {
            let prices = match &rule.price {
                Source::Free | Source::From { most: None, .. } => None,
                Source::Fixed(price) | Source::From { most: Some(price), .. } => Some(price),
            };
            if prices.is_some_and(|price| read_price(price, unit).is_none()) {
                return Err(RulesError::Amount(number));
            }
        }
        Ok(())
    }

    /// The fixed prices with their rules' numbers, as far as the unit is known.
    pub fn prices(&self) -> Vec<(usize, Amount)> {
        let Some(unit) = self.unit() else { return Vec::new() };
        let fixed = self.rules.iter().zip(1..).filter_map(|(rule, number)| match &rule.price {
            Source::Fixed(price) => Some((number, read_price(price, unit)?)),
            Source::Free | Source::From { .. } => None,
        });
        fixed.collect()
    }

    fn unit(&self) -> Option<&Unit> {
        if self.unit.get().is_none() {
            let found = (self.find_unit)()?;
            // Somebody else found the same.
            let _known = self.unit.set(found);
        }
        self.unit.get()
    }

    async fn cost(&self, request: &Parts) -> Result<Price, PriceError> {
        let host = host(request).ok_or(PriceError::NotForSale)?;
        let path = path::subject(request.uri.path()).ok_or(PriceError::Ambiguous)?;
        let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
        let rule = self.rules.iter().find(|rule| rule.fits(method, &host, &path)).ok_or(PriceError::NotForSale)?;
        let (price, description) = match &rule.price {
            Source::Free => return Ok(Price::Free),
            Source::Fixed(price) => (price.clone(), rule.description.clone()),
            Source::From { endpoint, .. } => {
                let query = request.uri.query();
                let question = Question { method: method.as_str(), host: &host, path: request.uri.path(), query };
                let quote = self.quotes.ask(endpoint, &question).await.ok_or(PriceError::Unavailable)?;
                let description = quote.description.filter(|text| is_description(text));
                (quote.price, description.or_else(|| rule.description.clone()))
            }
        };
        let unit = self.unit().ok_or(PriceError::Unavailable)?;
        let amount = read_price(&price, unit).ok_or(PriceError::Unavailable)?;
        if let Source::From { most: Some(most), .. } = &rule.price
            && read_price(most, unit).is_none_or(|most| amount > most)
        {
            return Err(PriceError::Unavailable);
        }
        Ok(Price::Costs(Cost { amount, description }))
    }
}

impl Pricing for Rules {
    fn price<'a>(&'a self, request: &'a Parts) -> PriceFuture<'a> {
        Box::pin(self.cost(request))
    }
}

impl RuleParts {
    fn fits(&self, method: &Method, host: &str, path: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
            && self.host.as_deref().is_none_or(|wanted| wanted == host || wanted == without_port(host))
            && self.paths.is_match(path)
    }
}

impl RuleText {
    fn read(self, number: usize) -> Result<RuleParts, RulesError> {
        let Self { path, methods, host, price, free, price_from, max_price, description } = self;
        let price = match (price, free, price_from) {
            (Some(price), None, None) => Source::Fixed(price),
            (None, Some(true), None) => Source::Free,
            (None, None, Some(from)) => {
                let endpoint = Endpoint::parse(&from).map_err(|_| RulesError::From(number))?;
                Source::From { endpoint, most: max_price.clone() }
            }
            _ => return Err(RulesError::Price(number)),
        };
        if max_price.is_some() && !matches!(price, Source::From { .. }) {
            return Err(RulesError::Price(number));
        }
        let anything = Unit::new("X", MOST_DECIMALS).ok();
        let legal = |text: &String| anything.as_ref().is_none_or(|unit| read_price(text, unit).is_some());
        match &price {
            Source::Fixed(text) | Source::From { most: Some(text), .. } if !legal(text) => {
                return Err(RulesError::Amount(number));
            }
            _ => {}
        }
        if description.as_deref().is_some_and(|text| !is_description(text)) {
            return Err(RulesError::Description(number));
        }
        let paths = patterns(&path).ok_or(RulesError::Path(number))?;
        let methods = methods.map(|methods| methods.iter().map(|method| read_method(method)).collect());
        let methods = methods.map(|methods: Option<Vec<_>>| methods.ok_or(RulesError::Method(number))).transpose()?;
        let host = host.map(|host| host.to_ascii_lowercase());
        if host.as_deref().is_some_and(|host| host.is_empty() || host.contains(['/', '@', '*', ' '])) {
            return Err(RulesError::Host(number));
        }
        Ok(RuleParts { paths, methods, host, price, description })
    }
}

/// A pattern in the form in which paths are matched.
fn patterns(pattern: &str) -> Option<GlobSet> {
    let parts: Vec<String> =
        pattern.strip_prefix('/')?.split('/').filter(|part| !part.is_empty()).map(str::to_lowercase).collect();
    if parts.iter().any(|part| matches!(part.as_str(), "." | "..")) || pattern.contains(['\\', '%', '?', '#']) {
        return None;
    }
    let whole = format!("/{}", parts.join("/"));
    let mut set = GlobSetBuilder::new();
    let mut add = |pattern: &str| {
        let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(false).build().ok()?;
        set.add(glob);
        Some(())
    };
    add(&whole)?;
    if let Some(before) = whole.strip_suffix("/**") {
        add(if before.is_empty() { "/" } else { before })?;
    }
    set.build().ok()
}

/// Methods are told apart by case, so that one in small letters is a mistake.
fn read_method(text: &str) -> Option<Method> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Method::from_bytes(text.as_bytes()).ok()
}

fn read_price(text: &str, unit: &Unit) -> Option<Amount> {
    Amount::parse(text, unit).ok().filter(|amount| !amount.is_zero())
}

fn is_description(text: &str) -> bool {
    text.len() <= MAX_DESCRIPTION && farthing_protocol::codec::is_plain(text)
}

fn host(request: &Parts) -> Option<String> {
    let host = match request.uri.authority() {
        Some(authority) => authority.as_str(),
        None => request.headers.get(header::HOST)?.to_str().ok()?,
    };
    Some(host.to_ascii_lowercase())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<Rules, RulesError> {
        Rules::read(text, || Unit::new("EUR", 2).ok())
    }

    fn price(rules: &Rules, method: &str, host: &str, path: &str) -> Result<Price, PriceError> {
        let request = axum::http::Request::builder().method(method).uri(path).header("host", host).body(()).unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(rules.cost(&request.into_parts().0))
    }

    fn costs(units: u64) -> Result<Price, PriceError> {
        Ok(Price::Costs(Cost { amount: Amount::new(units).unwrap(), description: None }))
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_without_one_nothing_is_sold() {
        let rules = rules(
            r#"
            [[rule]]
            path = "/reports/public"
            free = true
            [[rule]]
            path = "/Reports/**"
            methods = ["GET"]
            price = "0.05"
            [[rule]]
            path = "/reports/*/notes"
            methods = ["POST"]
            price = "1"
            [[rule]]
            path = "/**"
            host = "other.example"
            price = "0.01"
            "#,
        )
        .unwrap();
        assert_eq!(price(&rules, "GET", "a", "/reports/public/?q=1"), Ok(Price::Free));
        for path in ["/reports/x", "/REPORTS/x/y", "//reports//x/", "/reports", "/reports/", "/reports/%70ublic/x"] {
            assert_eq!(price(&rules, "GET", "a", path), costs(5), "{path}");
            assert_eq!(price(&rules, "HEAD", "a", path), costs(5), "{path}");
        }
        assert_eq!(price(&rules, "POST", "a", "/reports/x/notes"), costs(100));
        assert_eq!(price(&rules, "POST", "a", "/reports/x/y/notes"), Err(PriceError::NotForSale));
        assert_eq!(price(&rules, "get", "a", "/reports/x"), Err(PriceError::NotForSale));
        assert_eq!(price(&rules, "GET", "a", "/"), Err(PriceError::NotForSale));
        assert_eq!(price(&rules, "GET", "Other.example:8080", "/"), costs(1));
        assert_eq!(price(&rules, "GET", "a", "/reports/public/..%2fx"), Err(PriceError::Ambiguous));
    }

    #[test]
    fn what_is_not_a_rule_is_named() {
        let one = |rest: &str| rules(&format!("[[rule]]\n{rest}"));
        assert!(matches!(rules(""), Err(RulesError::Empty)));
        assert!(matches!(one("path = \"/a\"\nprise = \"1\""), Err(RulesError::Toml(_))));
        for path in ["a", "", "/a/../b", "/[", "/a%20b", "/a?b"] {
            assert!(matches!(one(&format!("path = {path:?}\nprice = \"1\"")), Err(RulesError::Path(1))), "{path}");
        }
        let neither = ["", "price = \"1\"\nfree = true", "free = false", "price = \"1\"\nmax_price = \"1\""];
        for rest in neither {
            assert!(matches!(one(&format!("path = \"/a\"\n{rest}")), Err(RulesError::Price(1))), "{rest}");
        }
        for amount in ["0", "0.00", "-1", "1,5", "0.001", "x", ""] {
            assert!(
                matches!(one(&format!("path = \"/a\"\nprice = {amount:?}")), Err(RulesError::Amount(1))),
                "{amount}"
            );
        }
        assert!(matches!(one("path = \"/a\"\nprice = \"1\"\nmethods = [\"get\"]"), Err(RulesError::Method(1))));
        assert!(matches!(one("path = \"/a\"\nprice = \"1\"\nhost = \"a/b\""), Err(RulesError::Host(1))));
        assert!(matches!(one("path = \"/a\"\nprice_from = \"nowhere\""), Err(RulesError::From(1))));
        assert!(matches!(
            one("path = \"/a\"\nprice = \"1\"\ndescription = \"a\\nb\""),
            Err(RulesError::Description(1))
        ));
        assert!(matches!(rules("[[rule]]\npath=\"/a\"\nfree=true\n[[rule]]\npath=\"/b\""), Err(RulesError::Price(2))));
    }
}
