//! Macros that turn a test case into one test per runtime and mode, so that a failure names the
//! combination.

/// Generates `CASE::RUNTIME_MODE` for cases that take a mode.
macro_rules! in_each_mode {
    ($attributes:tt $server:ident: $($from:ident::$case:ident)+) => {
        $( mod $case {
            use super::*;
            test!($attributes tokio_polling $from::$case $server Tokio (Mode::Polling));
            test!($attributes tokio_websocket $from::$case $server Tokio (Mode::WebSocket));
            test!($attributes tokio_upgraded $from::$case $server Tokio (Mode::Upgraded));
            test!($attributes smol_polling $from::$case $server Smol (Mode::Polling));
            test!($attributes smol_websocket $from::$case $server Smol (Mode::WebSocket));
            test!($attributes smol_upgraded $from::$case $server Smol (Mode::Upgraded));
            test!($attributes async_std_polling $from::$case $server AsyncStd (Mode::Polling));
            test!($attributes async_std_websocket $from::$case $server AsyncStd (Mode::WebSocket));
            test!($attributes async_std_upgraded $from::$case $server AsyncStd (Mode::Upgraded));
        } )+
    };
}

/// Generates `CASE::RUNTIME` for cases without a mode.
macro_rules! on_each_runtime {
    ($attributes:tt $server:ident: $($from:ident::$case:ident)+) => {
        $( mod $case {
            use super::*;
            test!($attributes tokio $from::$case $server Tokio ());
            test!($attributes smol $from::$case $server Smol ());
            test!($attributes async_std $from::$case $server AsyncStd ());
        } )+
    };
}

/// Generates one test: a case with a server, on a runtime.
macro_rules! test {
    (
        [$($attribute:tt)*] $name:ident
        $from:ident::$case:ident $server:ident $runtime:ident $arguments:tt
    ) => {
        #[test]
        $($attribute)*
        fn $name() {
            $runtime::run($from::$case::<$server, $runtime> $arguments);
        }
    };
}
