//! Bounds that hold for everything in a browser, where there is one thread.

#[cfg(not(all(feature = "web", target_os = "unknown")))]
mod bounds {
    /// `Send`, except in a browser.
    ///
    /// With the feature `web` on `wasm32-unknown-unknown` every type implements this trait. So handlers and tasks may hold
    /// elements of the page and other JavaScript objects, which are not `Send`. They must stay on the thread of
    /// their client: used or dropped on another one, they panic.
    ///
    /// ```
    /// use engineio_client::runtime::MaybeSend;
    ///
    /// fn may_be_captured(_: impl MaybeSend) {}
    ///
    /// may_be_captured(42);
    /// ```
    pub trait MaybeSend: Send {}

    impl<T: Send + ?Sized> MaybeSend for T {}

    /// `Sync`, except in a browser: see [`MaybeSend`].
    ///
    /// ```
    /// use engineio_client::runtime::MaybeSync;
    ///
    /// fn may_be_shared(_: impl MaybeSync) {}
    ///
    /// may_be_shared("hello");
    /// ```
    pub trait MaybeSync: Sync {}

    impl<T: Sync + ?Sized> MaybeSync for T {}

    /// A value that is `Send` as far as the compiler is concerned.
    pub(crate) struct Local<T>(T);

    impl<T> Local<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(value)
        }

        pub(crate) fn get(&self) -> &T {
            &self.0
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    /// A future that is `Send` as far as the compiler is concerned.
    pub(crate) fn local<F: Future>(future: F) -> F {
        future
    }
}

#[cfg(all(feature = "web", target_os = "unknown"))]
mod bounds {
    use send_wrapper::SendWrapper;

    /// Nothing: see the documentation for other targets.
    pub trait MaybeSend {}

    impl<T: ?Sized> MaybeSend for T {}

    /// Nothing: see the documentation for other targets.
    pub trait MaybeSync {}

    impl<T: ?Sized> MaybeSync for T {}

    /// A value that panics when it is used on another thread than the one that created it.
    pub(crate) struct Local<T>(SendWrapper<T>);

    impl<T> Local<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(SendWrapper::new(value))
        }

        pub(crate) fn get(&self) -> &T {
            &self.0
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    /// A future that panics when it is polled on another thread than the one that created it.
    pub(crate) fn local<F: Future>(future: F) -> SendWrapper<F> {
        SendWrapper::new(future)
    }
}

pub(crate) use bounds::{Local, local};
pub use bounds::{MaybeSend, MaybeSync};
