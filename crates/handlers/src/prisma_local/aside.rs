//! Work that blocks, done aside so that signals are heard meanwhile.

use backup_core::Error;

/// Runs what blocks aside.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

/// Something that is worked with aside, and comes back after each work.
#[derive(Debug)]
pub(super) struct Lent<T>(Option<T>);

impl<T: Send + 'static> Lent<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Works with it aside.
    pub(super) async fn work<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut T) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let lost = || Error::internal("what was worked with before was lost");
        let mut value = self.0.take().ok_or_else(lost)?;
        let (value, done) = blocking(move || {
            let done = work(&mut value);
            Ok((value, done))
        })
        .await?;
        self.0 = Some(value);
        done
    }
}
