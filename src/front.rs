//! Modules and type aliases for each built-in runtime. This is the only module that knows the client,
//! the built-in transports and the built-in runtimes.

#[cfg(feature = "polling")]
mod polling {
    use std::sync::Arc;

    use crate::client::Builder;
    use crate::http::HttpClient;
    use crate::runtime::Runtime;
    use crate::transports::Transports;

    /// Settings of the built-in polling.
    impl<R: Runtime, M> Builder<Transports, R, M> {
        /// Sets the HTTP client for polling, in place of the built-in one. Such a client makes its own
        /// connections, so `proxy`, `tls` and `dialer` then apply to WebSocket only.
        ///
        /// ```
        /// # #[cfg(feature = "tokio")] {
        /// use std::sync::Arc;
        ///
        /// use engineio_client::http::HttpClient;
        ///
        /// fn poll_with(my_client: impl HttpClient) {
        ///     let builder = engineio_client::tokio::Client::builder("http://localhost:3000")
        ///         .http_client(Arc::new(my_client));
        /// }
        /// # }
        /// ```
        pub fn http_client(self, client: Arc<dyn HttpClient>) -> Self {
            self.try_map_transport(|transports| Ok(transports.http_client(client)))
        }
    }
}

#[cfg(all(feature = "__dial", not(target_os = "unknown")))]
mod shortcuts {
    use crate::client::Builder;
    use crate::runtime::Runtime;
    #[cfg(all(feature = "websocket", feature = "compression"))]
    use crate::transports::Deflate;
    use crate::transports::{Dialer, Proxy, Transports};

    #[cfg(feature = "rustls")]
    use crate::transports::Tls;

    /// Settings of the built-in transports.
    ///
    /// They do not apply to transports that were added with
    /// [`Transports::with`](crate::transports::Transports::with), which keep their own settings.
    impl<R: Runtime, M> Builder<Transports, R, M> {
        /// Offers the server to compress messages over WebSocket: see [`Deflate`]. Default: they are not
        /// compressed.
        ///
        /// ```
        /// # #[cfg(feature = "tokio")] {
        /// use engineio_client::transports::Deflate;
        ///
        /// let builder = engineio_client::tokio::Client::builder("http://localhost:3000")
        ///     .deflate(Deflate::default());
        /// # let _ = builder;
        /// # }
        /// ```
        #[cfg(all(feature = "websocket", feature = "compression"))]
        pub fn deflate(self, deflate: Deflate) -> Self {
            self.try_map_transport(|transports| Ok(transports.deflate(deflate)))
        }

        /// Sets how connections are made: proxies, TLS, the local address.
        ///
        /// ```
        /// # #[cfg(feature = "tokio")] {
        /// use engineio_client::transports::Dialer;
        ///
        /// let dialer = Dialer::default().local_address([10, 0, 0, 7]);
        /// let builder = engineio_client::tokio::Client::builder("http://localhost:3000").dialer(dialer);
        /// # let _ = builder;
        /// # }
        /// ```
        pub fn dialer(self, dialer: Dialer) -> Self {
            self.try_map_transport(|transports| Ok(transports.map_dialer(|_| dialer)))
        }

        /// Sets up TLS for `https` and `wss`: the accepted CAs, and a client certificate. By default the
        /// CAs and the verifier of the operating system are used.
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

        /// Connects through a [`Proxy`]. An invalid proxy URL makes [`start`](Builder::start) and
        /// `connect` fail with [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
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

        /// Connects through the proxies that environment variables name at the time of this call: see
        /// [`Dialer::proxies_from_env`]. A [`proxy`](Builder::proxy) that is set takes precedence.
        ///
        /// ```
        /// # #[cfg(feature = "tokio")] {
        /// let builder =
        ///     engineio_client::tokio::Client::builder("https://chat.example").proxies_from_env();
        /// # let _ = builder;
        /// # }
        /// ```
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
#[cfg(all(feature = "tokio", not(target_os = "unknown")))]
pub mod tokio {
    use crate::error::Error;
    pub use crate::runtime::Tokio;
    use crate::transports::Transports;

    /// A [`Client`](crate::Client) on tokio with the built-in transports.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// use engineio_client::tokio::Client;
    ///
    /// let client: Client = Client::builder("http://localhost:3000")
    ///     .header("authorization", "Bearer 42")
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub type Client = crate::client::Client<Transports, Tokio>;

    /// Opens a session with the default settings, and returns when it is open. Call it within a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// The errors of [`Builder::connect`](crate::Builder::connect): for example
    /// [`Invalid`](crate::ErrorKind::Invalid) for the URL, [`Runtime`](crate::ErrorKind::Runtime)
    /// outside of a tokio runtime, [`Connect`](crate::ErrorKind::Connect) if no server answers. The page
    /// of [`ErrorKind`](crate::ErrorKind) says what to do.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future closes the session.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::tokio::connect("https://chat.example").await?;
    /// println!("{:?}", client.transport());
    /// # Ok(())
    /// # }
    /// ```
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
#[cfg(all(feature = "smol", not(target_os = "unknown")))]
pub mod smol {
    use crate::error::Error;
    pub use crate::runtime::Smol;
    use crate::transports::Transports;

    /// A [`Client`](crate::Client) on smol with the built-in transports.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// use engineio_client::smol::Client;
    ///
    /// let client: Client = Client::builder("http://localhost:3000")
    ///     .header("authorization", "Bearer 42")
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub type Client = crate::client::Client<Transports, Smol>;

    /// Opens a session with the default settings on smol's global executor, and returns when it is open.
    ///
    /// # Errors
    ///
    /// The errors of [`Builder::connect`](crate::Builder::connect): for example
    /// [`Invalid`](crate::ErrorKind::Invalid) for the URL, [`Connect`](crate::ErrorKind::Connect) if no
    /// server answers. The page of [`ErrorKind`](crate::ErrorKind) says what to do.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future closes the session.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::smol::connect("https://chat.example").await?;
    /// println!("{:?}", client.transport());
    /// # Ok(())
    /// # }
    /// ```
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
#[cfg(all(feature = "async-std", not(target_os = "unknown")))]
pub mod async_std {
    use crate::error::Error;
    pub use crate::runtime::AsyncStd;
    use crate::transports::Transports;

    /// A [`Client`](crate::Client) on async-std with the built-in transports.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// use engineio_client::async_std::Client;
    ///
    /// let client: Client = Client::builder("http://localhost:3000")
    ///     .header("authorization", "Bearer 42")
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub type Client = crate::client::Client<Transports, AsyncStd>;

    /// Opens a session with the default settings on async-std's global executor, and returns when it is
    /// open.
    ///
    /// # Errors
    ///
    /// The errors of [`Builder::connect`](crate::Builder::connect): for example
    /// [`Invalid`](crate::ErrorKind::Invalid) for the URL, [`Connect`](crate::ErrorKind::Connect) if no
    /// server answers. The page of [`ErrorKind`](crate::ErrorKind) says what to do.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future closes the session.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::async_std::connect("https://chat.example").await?;
    /// println!("{:?}", client.transport());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
        Client::connect(url).await
    }
}

/// The client in a browser, or on another JavaScript event loop.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::web::connect("http://localhost:3000").await?;
/// client.send("hello").await?;
/// web_sys::console::log_1(&format!("{:?}", client.recv().await).into());
/// client.disconnect().await;
/// # Ok(())
/// # }
/// ```
#[cfg(all(feature = "web", any(target_os = "unknown", document_web)))]
pub mod web {
    use crate::error::Error;
    pub use crate::runtime::Web;
    use crate::transports::Transports;

    /// A [`Client`](crate::Client) in a browser with the built-in transports.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// use engineio_client::web::Client;
    ///
    /// let client: Client = Client::builder("http://localhost:3000")
    ///     .query("token", "42")
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub type Client = crate::client::Client<Transports, Web>;

    /// Opens a session with the default settings, and returns when it is open.
    ///
    /// # Errors
    ///
    /// The errors of [`Builder::connect`](crate::Builder::connect): for example
    /// [`Invalid`](crate::ErrorKind::Invalid) for the URL, [`Connect`](crate::ErrorKind::Connect) if no server
    /// answers or the server does not allow the page's origin. The page of
    /// [`ErrorKind`](crate::ErrorKind) says what to do.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future closes the session.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::web::connect("https://chat.example").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
        Client::connect(url).await
    }
}
