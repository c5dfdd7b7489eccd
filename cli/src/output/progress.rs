//! Progress of work that takes more than half a second, on a terminal only.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use super::Screen;

/// How long work may take before it is shown.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(120);

/// The bar of the work in progress, if there is some: whoever writes a line steps it aside.
#[derive(Default)]
pub(super) struct Current(Mutex<Option<ProgressBar>>);

impl Current {
    pub(super) fn aside(&self, write: impl FnOnce()) {
        match self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Says how much of the work is done.
    pub(super) fn set(&self, done: usize, total: usize, what: String) {
        let Some(bar) = self.bar() else { return };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        bar.set_length(count(total));
        bar.set_position(count(done));
        bar.set_message(what);
    }

    fn bar(&self) -> Option<ProgressBar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn begin(&self, bar: &ProgressBar) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    }

    /// Shows a bar, unless its work has ended meanwhile.
    fn show(&self, bar: &ProgressBar) {
        let _alone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !bar.is_finished() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
        }
    }

    fn end(&self, bar: &ProgressBar) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bar.finish_and_clear();
        *current = None;
    }
}

/// Work in progress; gone from the screen when dropped.
pub(crate) struct Progress {
    screen: Screen,
    bar: ProgressBar,
    showing: JoinHandle<()>,
}

impl Progress {
    /// Begins to wait for something whose length is not known. Questions must not be asked meanwhile.
    pub(crate) fn start(screen: &Screen, what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        screen.inner.progress.begin(&bar);
        let visible = screen.inner.terminal && !screen.inner.quiet;
        let (shown, on) = (bar.clone(), screen.clone());
        let showing = tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            if visible {
                on.inner.progress.show(&shown);
            }
        });
        Self { screen: screen.clone(), bar, showing }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.showing.abort();
        self.screen.inner.progress.end(&self.bar);
    }
}
