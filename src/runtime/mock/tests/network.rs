//! Name resolution. `tests/mock_network.rs` tests the rest of the network through the public API.

use super::*;

#[test]
fn localhost_and_addresses_resolve_and_unknown_names_do_not() {
    let runtime = MockRuntime::new();
    let resolve = |host: &str| runtime.block_on(runtime.resolve(host, 80));
    for (host, address) in [
        ("localhost", "127.0.0.1:80"),
        ("LocalHost", "127.0.0.1:80"),
        ("10.1.2.3", "10.1.2.3:80"),
        ("::1", "[::1]:80"),
    ] {
        assert_eq!(resolve(host).unwrap(), [address.parse().unwrap()]);
    }
    for host in ["example.com", "", "10.1.2.3:80"] {
        assert_eq!(resolve(host).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
