use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use tokio::sync::oneshot;

use crate::Unavailable;

type Answer<R> = Result<R, Unavailable>;

/// The answer to a submitted job, once everything it stands on is durable.
///
/// Await it, or call [`Pending::wait`] where there is no executor. Dropping it does not cancel the job.
#[must_use = "the job runs, but its outcome is only known from the answer"]
pub struct Pending<R> {
    receiver: oneshot::Receiver<Answer<R>>,
}

impl<R> Pending<R> {
    /// Blocks the calling thread until the answer is there. Not for use on an executor's threads, nor inside a
    /// job (the writer would wait for itself).
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when the engine stopped or the job panicked.
    pub fn wait(self) -> Result<R, Unavailable> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(self);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// The answer's two ends.
    pub(crate) fn channel() -> (Promise<R>, Self) {
        let (sender, receiver) = oneshot::channel();
        (Promise { sender }, Self { receiver })
    }
}

impl<R> Future for Pending<R> {
    type Output = Result<R, Unavailable>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(context).map(|answer| match answer {
            Ok(answer) => answer,
            // The job was thrown away before it ran.
            Err(_) => Err(Unavailable::NotStored),
        })
    }
}

impl<R> fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

/// The writer's end of a job that has not run: dropped, it means that nothing was stored.
pub(crate) struct Promise<R> {
    sender: oneshot::Sender<Answer<R>>,
}

impl<R> Promise<R> {
    pub(crate) fn fail(self, why: Unavailable) {
        // An asker who went away is no concern of the store.
        let _gone = self.sender.send(Err(why));
    }

    /// The job has run: from here on, an answer that gets lost means an unknown outcome.
    pub(crate) fn ran(self, result: Answer<R>) -> Held<R> {
        Held { inner: Some((self.sender, result)) }
    }
}

/// An answer held back until its group is durable.
pub(crate) struct Held<R> {
    inner: Option<(oneshot::Sender<Answer<R>>, Answer<R>)>,
}

impl<R> Held<R> {
    /// Sends the answer, or instead of it why there is none.
    pub(crate) fn release(mut self, fate: Result<(), Unavailable>) {
        if let Some((sender, result)) = self.inner.take() {
            let _gone = sender.send(fate.and(result));
        }
    }
}

impl<R> Drop for Held<R> {
    fn drop(&mut self) {
        if let Some((sender, _)) = self.inner.take() {
            let _gone = sender.send(Err(Unavailable::Unknown));
        }
    }
}
