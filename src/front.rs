//! The front doors: plain types for each runtime. The only place where the client meets the
//! transports and runtimes that are built in.

#[cfg(feature = "__dial")]
mod shortcuts {
    #[cfg(feature = "polling")]
    use std::sync::Arc;

    use crate::client::Builder;
    #[cfg(feature = "polling")]
    use crate::http::HttpClient;
    use crate::runtime::Runtime;
    use crate::transports::{Dialer, Proxy, Transports};

    #[cfg(feature = "rustls")]
    use crate::transports::Tls;

    /// Shortcuts to what is set about the built-in transports, as `Transports::default()` has them.
    ///
    /// Those that you have added to a list of your own
    /// ([`Transports::with`](crate::transports::Transports::with)) keep what you have set about them: no
    /// proxy and no CA that is set here holds for them.
    impl<R: Runtime, M> Builder<Transports, R, M> {
        /// Which HTTP client polling uses, in place of the built-in one. It connects as it likes: what
        /// is set by `proxy`, `tls` and `dialer` holds for the websocket alone then.
        ///
        /// ```no_run
        /// # fn with(mine: impl engineio_client::http::HttpClient) {
        /// use std::sync::Arc;
        ///
        /// let builder = engineio_client::tokio::Client::builder("http://localhost:3000")
        ///     .http_client(Arc::new(mine));
        /// # }
        /// ```
        #[cfg(feature = "polling")]
        pub fn http_client(self, client: Arc<dyn HttpClient>) -> Self {
            self.try_map_transport(|transports| Ok(transports.http_client(client)))
        }

        /// How connections are made.
        pub fn dialer(self, dialer: Dialer) -> Self {
            self.try_map_transport(|transports| Ok(transports.map_dialer(|_| dialer)))
        }

        /// How `https` and `wss` are spoken: with which CAs, with which client certificate. By
        /// default as the operating system does.
        ///
        /// ```no_run
        /// # #[cfg(feature = "tokio")]
        /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
        /// use engineio_client::transports::Tls;
        ///
        /// let ca = std::fs::read("our-ca.pem")?;
        /// let client = engineio_client::tokio::Client::builder("https://intranet.example")
        ///     .tls(Tls::default().ca_pem(&ca)?)
        ///     .connect()
        ///     .await?;
        /// # Ok(())
        /// # }
        /// ```
        #[cfg(feature = "rustls")]
        pub fn tls(self, tls: Tls) -> Self {
            self.try_map_transport(|transports| Ok(transports.map_dialer(|dialer| dialer.tls(tls))))
        }

        /// Connects through the [`Proxy`] of this URL, which [`start`](Builder::start) refuses when
        /// there can be no such proxy.
        ///
        /// ```
        /// # #[cfg(feature = "tokio")] {
        /// let builder = engineio_client::tokio::Client::builder("https://chat.example")
        ///     .proxy("socks5h://me:secret@localhost:1080");
        /// # let _ = builder;
        /// # }
        /// ```
        pub fn proxy(self, url: impl AsRef<str>) -> Self {
            self.try_map_transport(|transports| {
                let proxy = Proxy::new(url)?;
                Ok(transports.map_dialer(|dialer| dialer.proxy(proxy)))
            })
        }

        /// Connects through the proxies that the environment names, as it is now: see
        /// [`Dialer::proxies_from_env`]. A proxy of [`proxy`](Builder::proxy) wins.
        pub fn proxies_from_env(self) -> Self {
            self.try_map_transport(|transports| Ok(transports.map_dialer(Dialer::proxies_from_env)))
        }
    }
}

/// The client on tokio.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::tokio::connect("http://localhost:3000").await?;
/// client.send("hello").await?;
/// println!("{:?}", client.recv().await);
/// client.disconnect().await;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "tokio")]
pub mod tokio {
    use crate::error::Error;
    pub use crate::runtime::Tokio;
    use crate::transports::Transports;

    /// A [`Client`](crate::Client) on tokio with the built-in transports.
    pub type Client = crate::client::Client<Transports, Tokio>;

    /// Connects with the defaults, from within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::connect`](crate::Builder::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it closes what it has begun.
    pub async fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
        Client::connect(url).await
    }
}

/// The client on smol.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::smol::connect("http://localhost:3000").await?;
/// client.send("hello").await?;
/// println!("{:?}", client.recv().await);
/// client.disconnect().await;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "smol")]
pub mod smol {
    use crate::error::Error;
    pub use crate::runtime::Smol;
    use crate::transports::Transports;

    /// A [`Client`](crate::Client) on smol with the built-in transports.
    pub type Client = crate::client::Client<Transports, Smol>;

    /// Connects with the defaults, on smol's global executor.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::connect`](crate::Builder::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it closes what it has begun.
    pub async fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
        Client::connect(url).await
    }
}

/// The client on async-std.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::async_std::connect("http://localhost:3000").await?;
/// client.send("hello").await?;
/// println!("{:?}", client.recv().await);
/// client.disconnect().await;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "async-std")]
pub mod async_std {
    use crate::error::Error;
    pub use crate::runtime::AsyncStd;
    use crate::transports::Transports;

    /// A [`Client`](crate::Client) on async-std with the built-in transports.
    pub type Client = crate::client::Client<Transports, AsyncStd>;

    /// Connects with the defaults, on async-std's global executor.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::connect`](crate::Builder::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it closes what it has begun.
    pub async fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
        Client::connect(url).await
    }
}
