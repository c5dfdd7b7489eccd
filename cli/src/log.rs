//! What is logged to standard error, as text or as JSON.

use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use farthing_verifier::home::LogFormat;
use serde::Serialize;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::output;

/// Libraries that would log addresses. Named one by one in `--log` they do.
const QUIET_LIBRARIES: &str = "hyper=off,hyper_util=off,reqwest=off,rustls=off,h2=off,sled=warn,mio=off,tokio=warn";

/// Whether lines are JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// Whether this process is a service: then everything on standard error is a line of its log.
static SERVICE: AtomicBool = AtomicBool::new(false);

/// Whether the command line says how it is.
static SAID: AtomicBool = AtomicBool::new(false);

/// Begins to log, as the command line says.
pub(crate) fn start(directives: &str, format: Option<LogFormat>, service: bool) -> anyhow::Result<()> {
    // What the libraries of the network say names addresses, and is of use to those only who build on them.
    let all = format!("{QUIET_LIBRARIES},{directives}");
    let filter = EnvFilter::try_new(all).with_context(|| format!("{directives:?} says not what to log"))?;
    SERVICE.store(service, Ordering::Relaxed);
    SAID.store(format.is_some(), Ordering::Relaxed);
    use_format(format.unwrap_or_default());
    let colour = std::io::stderr().is_terminal() && output::colours_wanted();
    tracing_subscriber::fmt()
        .with_ansi(colour)
        .event_format(Lines::default())
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// The format from now on is that of the settings, unless the command line says another.
pub(crate) fn settle(settings: LogFormat) {
    if !SAID.load(Ordering::Relaxed) {
        use_format(settings);
    }
}

/// Writes something that is said to people as a line of the log, where standard error is to be read by programs. Says whether it is.
pub(crate) fn take(level: Level, message: &str) -> bool {
    let taken = SERVICE.load(Ordering::Relaxed) && JSON.load(Ordering::Relaxed);
    if taken {
        let timestamp = jiff::Timestamp::now().to_string();
        let line = Line { timestamp, level, fields: Fields { message }, target: "farthing" };
        // Texts and a time always are JSON.
        if let Ok(line) = serde_json::to_string(&line) {
            output::to_standard_error(&output::plain_json(&line));
        }
    }
    taken
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

/// As the lines that [`Json`] writes.
#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: Level,
    fields: Fields<'a>,
    target: &'a str,
}

#[derive(Serialize)]
struct Fields<'a> {
    message: &'a str,
}

fn use_format(format: LogFormat) {
    JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

/// Lines in the format that is used now.
struct Lines {
    text: Format<Full>,
    json: Format<Json>,
}

impl Default for Lines {
    fn default() -> Self {
        let json = Format::default().json().with_current_span(false).with_span_list(false);
        Self { text: Format::default(), json }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if JSON.load(Ordering::Relaxed) {
            self.json.format_event(context, writer, event)
        } else {
            self.text.format_event(context, writer, event)
        }
    }
}
