//! How programs of Farthing go to the network.

use crate::harness::World;

#[test]
fn proxies_named_in_the_environment_are_never_used() {
    let world = World::new();
    let mint = world.mint();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let proxy = format!("socks5h://{}", listener.local_addr().unwrap());
    let mut command = world.farthing(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    for name in ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        command.env(name, &proxy);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
